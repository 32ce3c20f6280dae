# SPDX-License-Identifier: Apache-2.0
"""`euicc fs`: the files of a card as a tree, read and written by path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from apdu.command.fcp import FcpTemplate
from apdu.errors import DecodeError
from apdu.files import catalogue
from apdu.ids import Iccid, Imsi
from apdu.tlv.scan import read_header
from tools.errors import ToolError
from tools.reader.connection import open_card
from tools.reader.files import ADM, PIN1, Files, Place
from tools.reader.options import ReaderOptions

__all__ = ["Codes", "read_file", "show_tree", "update_file"]

_TYPES: Final = {1: "transparent", 2: "linear", 6: "cyclic"}
_BER_TLV: Final = 0x39
_ROW: Final = 16
_MAX_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class Codes:
    """PIN1 and ADM as they were given."""

    pin: str | None = None
    adm: str | None = None

    def verify(self, files: Files) -> None:
        """Present them to the card in the directory that is selected."""
        for reference, code in ((PIN1, self.pin), (ADM, self.adm)):
            if code is not None:
                files.verify(reference, _code_bytes(code))


def _code_bytes(code: str) -> bytes:
    """Up to eight characters as they are, or sixteen hexadecimal digits."""
    try:
        return bytes.fromhex(code) if len(code) == 16 else code.encode("ascii")
    except ValueError:
        raise ToolError("a code is up to 8 characters of ASCII, or 16 hexadecimal digits") from None


# --- tree


@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    depth: int
    fid: int
    fcp: FcpTemplate


def show_tree(options: ReaderOptions, path: str) -> None:
    """Every file below a path whose identifier is known."""
    with open_card(options) as card:
        files = Files(card)
        place = files.go(path)
        if not place.fcp.descriptor.is_directory:
            raise ToolError(f"{place.path} is a file: `euicc fs read` shows it")
        found = list(_walk(files, place, 0))
    if options.as_json:
        click.echo(json.dumps([{"path": each.path, **_as_json(each.fid, each.fcp)} for each in found], indent=2))
        return
    for each in found:
        name = f"{'  ' * each.depth}{each.path.rpartition('/')[2]}"
        click.echo(f"{name:<30}  {each.fid:04X}  {_summary(each.fcp)}".rstrip())


def _walk(files: Files, place: Place, depth: int) -> Iterator[_Found]:
    """Depth first; the directory is selected again after each file, since that may have changed it."""
    if depth > _MAX_DEPTH:
        raise ToolError("the directories do not end")
    yield _Found(place.path, depth, place.fcp.fid or 0, place.fcp)
    for entry in catalogue.children(place.name):
        fcp = files.select(entry.fid)
        if fcp is None:
            continue
        path = f"{place.path}/{catalogue.label(entry.name)}"
        if fcp.descriptor.is_directory:
            yield from _walk(files, Place(path, entry.name, fcp), depth + 1)
            files.go(place.path)
        else:
            yield _Found(path, depth + 1, entry.fid, fcp)
    if place.name == catalogue.MF:
        for name, aid in catalogue.ADFS.items():
            fcp = files.select_adf(aid)
            if fcp is not None:
                yield from _walk(files, Place(f"MF/{catalogue.label(name)}", name, fcp), depth + 1)
                files.go(place.path)


def _kind(fcp: FcpTemplate) -> str:
    if fcp.descriptor.is_directory:
        return "directory"
    if fcp.descriptor.descriptor & 0x3F == _BER_TLV:
        return "BER-TLV"
    return _TYPES.get(fcp.descriptor.descriptor & 0x07, "unknown")


def _summary(fcp: FcpTemplate) -> str:
    if fcp.descriptor.is_directory:
        return ""
    records = fcp.descriptor.records
    size = f"{records} x {fcp.descriptor.record_length}" if records is not None else f"{fcp.size or 0}"
    sfi = f"  SFI {fcp.sfi:02X}" if fcp.sfi else ""
    return f"{_kind(fcp):<11}  {size:>8}{sfi}{'  deactivated' if not fcp.lcs & 1 else ''}"


def _as_json(fid: int, fcp: FcpTemplate) -> dict[str, Any]:
    return {
        "fid": f"{fid:04X}",
        "type": _kind(fcp),
        "size": fcp.size,
        "record_length": fcp.descriptor.record_length,
        "records": fcp.descriptor.records,
        "sfi": fcp.sfi or None,
        "aid": None if fcp.name is None else str(fcp.name),
        "life_cycle": fcp.lcs,
        "access_rule": None
        if fcp.security is None
        else {"file": f"{fcp.security.fid:04X}", "record": fcp.security.record},
    }


# --- read


_READERS: Final[Mapping[str, Callable[[Files, FcpTemplate], Iterable[bytes]]]] = {
    "transparent": lambda files, fcp: (files.read(fcp),),
    "linear": Files.records,
    "cyclic": Files.records,
    "BER-TLV": lambda files, _: files.objects(),
}


def read_file(options: ReaderOptions, path: str, codes: Codes) -> None:
    """Parameters and contents of one file."""
    with open_card(options) as card:
        files = Files(card)
        place = files.go(path)
        fcp = place.fcp
        if fcp.descriptor.is_directory:
            raise ToolError(f"{place.path} is a directory: `euicc fs tree` shows what is in it")
        read = _READERS.get(_kind(fcp))
        if read is None:
            raise ToolError(f"{place.path} is of an unknown kind: it is read with `euicc apdu`")
        codes.verify(files)
        content = list(read(files, fcp))
    meaning = _meaning(place.name, content[0]) if content else None
    if options.as_json:
        body = [part.hex().upper() for part in content]
        described = {"path": place.path, **_as_json(fcp.fid or 0, fcp), "content": body, "meaning": meaning}
        click.echo(json.dumps(described, indent=2))
        return
    click.echo(f"{place.path}  {fcp.fid or 0:04X}  {' '.join(_summary(fcp).split())}")
    if fcp.security is not None:
        click.echo(f"access rule: record {fcp.security.record} of {fcp.security.fid:04X}")
    for number, part in enumerate(content, 1):
        for at in range(0, len(part), _ROW):
            head = f"{number:3} " if _kind(fcp) != "transparent" else ""
            click.echo(f"{head}{at:04X}  {part[at : at + _ROW].hex(' ').upper():<47}  {_printed(part[at : at + _ROW])}")
    if meaning is not None:
        click.echo(meaning)


def _printed(data: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)


def _meaning(name: str, content: bytes) -> str | None:
    """What the few files say that everybody asks for."""
    try:
        if name == "ef-iccid":
            return f"ICCID {Iccid.from_ef(content)}"
        if name == "ef-imsi":
            return f"IMSI {Imsi.from_ef(content)}"
        if name == "ef-spn":
            return f"name {content[1:].rstrip(bytes((0xFF,))).decode('ascii')!r}"
    except (DecodeError, UnicodeDecodeError):
        return "the contents are not what the specification says"
    return None


# --- update


def update_file(options: ReaderOptions, path: str, data: bytes, position: tuple[int | None, int], codes: Codes) -> None:
    """Write a record, or bytes from an offset on."""
    record, offset = position
    with open_card(options) as card:
        files = Files(card)
        place = files.go(path)
        fcp = place.fcp
        kind = _kind(fcp)
        if kind not in _READERS:
            raise ToolError(f"{place.path} is a {kind}, which is not written this way")
        _check_fit(place, kind, len(data), record, offset)
        if kind == "BER-TLV":
            _check_object(data)
        codes.verify(files)
        if kind == "transparent":
            files.update(data, offset)
        elif kind == "BER-TLV":
            files.set_object(data)
        else:
            files.update_record(record or 0, data.ljust(fcp.descriptor.record_length or 0, b"\xff"), kind == "cyclic")
    click.echo(json.dumps({"path": place.path, "written": len(data)}) if options.as_json else "written")


def _check_object(data: bytes) -> None:
    """Refuse what is not one object; only its value may be of any form."""
    try:
        whole = len(data) == read_header(data, 0, len(data))[2]
    except DecodeError:
        whole = False
    if not whole:
        raise ToolError("an object is its tag, its length and its value; length 00 deletes the one with the tag")


def _check_fit(place: Place, kind: str, size: int, record: int | None, offset: int) -> None:
    """Refuse what cannot fit before anything is written."""
    descriptor = place.fcp.descriptor
    if not size:
        raise ToolError("there is nothing to write")
    if kind == "BER-TLV":
        if record is not None or offset:
            raise ToolError(f"{place.path} has objects: they are written as a whole")
        return
    if kind == "transparent":
        if record is not None:
            raise ToolError(f"{place.path} has no records: use --offset")
        if offset + size > (place.fcp.size or 0):
            raise ToolError(f"{place.path} has {place.fcp.size} bytes: {size} from {offset} on do not fit")
        return
    if offset:
        raise ToolError(f"{place.path} has records: they are written as a whole")
    if kind == "linear" and (record is None or not 1 <= record <= (descriptor.records or 0)):
        raise ToolError(f"{place.path} has records 1 to {descriptor.records}: name one with --record")
    if kind == "cyclic" and record is not None:
        raise ToolError(f"{place.path} is cyclic: what is written becomes record 1")
    if size > (descriptor.record_length or 0):
        raise ToolError(f"a record of {place.path} has {descriptor.record_length} bytes, not {size}")
