# SPDX-License-Identifier: Apache-2.0
"""`euicc fs`: the files of a card as a tree, read and written by path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import click

from apdu.command.fcp import FcpTemplate
from apdu.files import catalogue
from apdu.trace.events import Json
from tools.errors import ToolError
from tools.reader.channel import CardAccess
from tools.reader.connection import open_card
from tools.reader.content import check_fit, read_contents, write
from tools.reader.fcptext import as_json, summary
from tools.reader.files import Files, Place
from tools.reader.options import ReaderOptions
from tools.reader.output import show
from tools.reader.pins import ADM, PIN1, Pins, code_bytes

__all__ = ["Codes", "Tree", "read_file", "read_tree", "show_tree", "update_file"]

_MAX_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class Codes:
    """PIN1 and ADM as they were given."""

    pin: str | None = None
    adm: str | None = None

    def verify(self, card: CardAccess) -> None:
        """Present them to the card in the directory that is selected."""
        for reference, code in ((PIN1, self.pin), (ADM, self.adm)):
            if code is not None:
                Pins(card).verify(reference, code_bytes(code))


# --- tree


@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    depth: int
    fid: int
    fcp: FcpTemplate


@dataclass(frozen=True, slots=True)
class Tree:
    """The files that were found, each behind the directory that it lies in."""

    found: tuple[_Found, ...]

    def lines(self) -> Iterator[str]:
        """A row for each."""
        for each in self.found:
            name = f"{'  ' * each.depth}{each.path.rpartition('/')[2]}"
            yield f"{name:<30}  {each.fid:04X}  {summary(each.fcp)}".rstrip()

    def json(self) -> Json:
        """An object for each."""
        return [{"path": each.path, **as_json(each.fid, each.fcp)} for each in self.found]


def read_tree(files: Files, place: Place, depth: int | None = None) -> Tree:
    """What lies in a directory that is selected, so many levels deep or all."""
    if not place.fcp.descriptor.is_directory:
        raise ToolError(f"{place.path} is a file: `euicc fs read` shows it")
    return Tree(tuple(_walk(files, place, 0, _MAX_DEPTH + 1 if depth is None else depth)))


def show_tree(options: ReaderOptions, path: str) -> None:
    """Every file below a path whose identifier is known."""
    with open_card(options) as card:
        files = Files(card)
        tree = read_tree(files, files.go(path))
    show(tree, as_json=options.as_json)


def _walk(files: Files, place: Place, depth: int, limit: int) -> Iterator[_Found]:
    """Depth first; the directory is selected again after each file, since that may have changed it."""
    if depth > _MAX_DEPTH:
        raise ToolError("the directories do not end")
    yield _Found(place.path, depth, place.fcp.fid or 0, place.fcp)
    if depth >= limit:
        return
    for entry in catalogue.children(place.name):
        fcp = files.select(entry.fid)
        if fcp is None:
            continue
        path = f"{place.path}/{catalogue.label(entry.name)}"
        if fcp.descriptor.is_directory:
            yield from _walk(files, Place(path, entry.name, fcp), depth + 1, limit)
            files.go(place.path)
        else:
            yield _Found(path, depth + 1, entry.fid, fcp)
    if place.name == catalogue.MF:
        for name, aid in catalogue.ADFS.items():
            fcp = files.select_adf(aid)
            if fcp is not None:
                yield from _walk(files, Place(f"MF/{catalogue.label(name)}", name, fcp), depth + 1, limit)
                files.go(place.path)


# --- read


def read_file(options: ReaderOptions, path: str, codes: Codes) -> None:
    """Parameters and contents of one file."""
    with open_card(options) as card:
        files = Files(card)
        place = files.go(path)
        if place.fcp.descriptor.is_directory:
            raise ToolError(f"{place.path} is a directory: `euicc fs tree` shows what is in it")
        codes.verify(card)
        contents = read_contents(files, place)
    show(contents, as_json=options.as_json)


# --- update


def update_file(options: ReaderOptions, path: str, data: bytes, position: tuple[int | None, int], codes: Codes) -> None:
    """Write a record, or bytes from an offset on."""
    record, offset = position
    with open_card(options) as card:
        files = Files(card)
        place = files.go(path)
        check_fit(place, data, record, offset)
        codes.verify(card)
        write(files, place, data, record, offset)
    click.echo(json.dumps({"path": place.path, "written": len(data)}) if options.as_json else "written")
