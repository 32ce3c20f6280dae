# SPDX-License-Identifier: Apache-2.0
"""Contents of one file: read, shown, checked before they are written."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from apdu.command.fcp import FcpTemplate
from apdu.errors import DecodeError
from apdu.files.contents import content_of
from apdu.files.contents import read_contents as read_items
from apdu.files.item import Item
from apdu.tlv.scan import read_header
from apdu.trace.decode.text import printable
from apdu.trace.events import Json
from tools.errors import ToolError
from tools.reader.fcptext import as_json, kind, summary
from tools.reader.filecommands import objects, set_object
from tools.reader.files import Files, Place

__all__ = ["Contents", "check_fit", "dump", "read_contents", "require_kind", "write"]

_ROW: Final = 16
_WIDTH: Final = 80


@dataclass(frozen=True, slots=True)
class Contents:
    """A file with its body, or its records."""

    path: str
    name: str
    fcp: FcpTemplate
    parts: tuple[bytes, ...]

    def lines(self) -> Iterator[str]:
        """Parameters, bytes, and what they mean where that is known."""
        fcp = self.fcp
        yield f"{self.path}  {fcp.fid or 0:04X}  {' '.join(summary(fcp).split())}"
        if fcp.security is not None:
            yield f"access rule: record {fcp.security.record} of {fcp.security.fid:04X}"
        for number, part in enumerate(self.parts, 1):
            yield from dump(part, number if kind(fcp) != "transparent" else None)
        yield from self._meaning()

    def json(self) -> Json:
        """The same as an object."""
        body: list[Json] = [part.hex().upper() for part in self.parts]
        described = as_json(self.fcp.fid or 0, self.fcp)
        return {"path": self.path, **described, "content": body, "meaning": list(self._said())}

    def _said(self) -> Iterator[Json]:
        """What each part says, as far as its file is known; None for contents that are not what they should be."""
        content = content_of("adf-csim" if "/ADF.CSIM/" in self.path else "", self.name)
        if content is None or kind(self.fcp) == "BER-TLV":
            return
        for part in self.parts:
            try:
                yield _members(read_items(content, part))
            except DecodeError:
                yield None

    def _meaning(self) -> Iterator[str]:
        """The same in lines, with the number of a record in front."""
        for number, said in enumerate(self._said(), 1):
            head = "" if kind(self.fcp) == "transparent" else f"{number:3} "
            if said is None:
                yield f"{head}the contents are not what the specification says"
                continue
            for name, value in _flat(said):
                text = f"{head}{name}: {value}"
                yield from textwrap.wrap(text, _WIDTH, subsequent_indent="    ", break_long_words=False)


def _members(items: Iterable[Item]) -> dict[str, Json]:
    return {printable(item.name): _members(item.parts) or printable(item.value) for item in items}


def _flat(said: Json) -> Iterator[tuple[str, str]]:
    assert isinstance(said, dict)
    for name, value in said.items():
        if isinstance(value, dict):
            for inner, text in _flat(value):
                yield f"{name}, {inner}", text
        else:
            yield name, str(value)


def dump(data: bytes, number: int | None = None, start: int = 0) -> Iterator[str]:
    """Bytes as digits and characters; with the number of a record in front, or from an offset on."""
    head = "" if number is None else f"{number:3} "
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        yield f"{head}{start + at:04X}  {row.hex(' ').upper():<47}  {_printed(row)}"


def _printed(data: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)


def read_contents(files: Files, place: Place) -> Contents:
    """All of the selected file."""
    read = _READERS.get(kind(place.fcp))
    if read is None:
        raise ToolError(f"{place.path} is of an unknown kind: it is read with `euicc apdu`")
    return Contents(place.path, place.name, place.fcp, tuple(read(files, place.fcp)))


_READERS: Final[Mapping[str, Callable[[Files, FcpTemplate], Iterable[bytes]]]] = {
    "transparent": lambda files, fcp: (files.read(fcp),),
    "linear": Files.records,
    "cyclic": Files.records,
    "BER-TLV": lambda files, _: objects(files),
}


def require_kind(place: Place, *kinds: str) -> str:
    """The kind of a file, which must be one of those."""
    found = kind(place.fcp)
    if found not in kinds:
        raise ToolError(f"{place.path} is a {found}{'' if found == 'directory' else ' file'}, not {' or '.join(kinds)}")
    return found


def write(files: Files, place: Place, data: bytes, record: int | None, offset: int) -> None:
    """Write to the selected file what `check_fit` has found to fit."""
    found = kind(place.fcp)
    if found == "transparent":
        files.update(data, offset)
    elif found == "BER-TLV":
        set_object(files, data)
    else:
        whole = data.ljust(place.fcp.descriptor.record_length or 0, b"\xff")
        files.update_record(record or 0, whole, found == "cyclic")


def check_fit(place: Place, data: bytes, record: int | None, offset: int) -> None:
    """Refuse what cannot fit before anything is written."""
    size, found = len(data), kind(place.fcp)
    if found not in _READERS:
        raise ToolError(f"{place.path} is a {found}, which is not written this way")
    if not size:
        raise ToolError("there is nothing to write")
    if found == "BER-TLV":
        if record is not None or offset:
            raise ToolError(f"{place.path} has objects: they are written as a whole")
        _check_object(data)
    elif found == "transparent":
        if record is not None:
            raise ToolError(f"{place.path} has no records: bytes are written from an offset on")
        if offset + size > (place.fcp.size or 0):
            raise ToolError(f"{place.path} has {place.fcp.size} bytes: {size} from {offset} on do not fit")
    else:
        _check_record(place, size, record, offset)


def _check_object(data: bytes) -> None:
    """Refuse what is not one object; only its value may be of any form."""
    try:
        whole = len(data) == read_header(data, 0, len(data))[2]
    except DecodeError:
        whole = False
    if not whole:
        raise ToolError("an object is its tag, its length and its value; length 00 deletes the one with the tag")


def _check_record(place: Place, size: int, record: int | None, offset: int) -> None:
    descriptor, found = place.fcp.descriptor, kind(place.fcp)
    if offset:
        raise ToolError(f"{place.path} has records: they are written as a whole")
    if found == "linear" and (record is None or not 1 <= record <= (descriptor.records or 0)):
        raise ToolError(f"{place.path} has records 1 to {descriptor.records}: name one of them (--record)")
    if found == "cyclic" and record is not None:
        raise ToolError(f"{place.path} is cyclic: what is written becomes record 1")
    if size > (descriptor.record_length or 0):
        raise ToolError(f"a record of {place.path} has {descriptor.record_length} bytes, not {size}")
