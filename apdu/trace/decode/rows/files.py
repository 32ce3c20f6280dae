# SPDX-License-Identifier: Apache-2.0
"""Commands for elementary files: which file, which part of it, and what its contents say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.errors import DecodeError
from apdu.files.catalogue import by_short_identifier, label
from apdu.files.contents import brief, content_of, read_contents
from apdu.files.item import Item
from apdu.trace.decode.model import Finding, Node, Severity, visible
from apdu.trace.decode.objects import tree_nodes
from apdu.trace.decode.table import GSM, Command, View, plain_node, register
from apdu.trace.decode.where import short_identifier
from apdu.trace.events import Octets

__all__ = ["CARRIED", "content_nodes", "file_of"]

CARRIED: Final[dict[str, Callable[[bytes], Iterable[Node]]]] = {}
"""By name of an item of contents: who decodes what is carried there, as `TPDU` in EF.SMS."""

_RECORD_MODES: Final = {2: "next", 3: "previous", 4: "absolute or current"}
_SEARCH_MODES: Final = {4: "forward", 5: "backward", 6: "enhanced"}


def file_of(view: View) -> str:
    """The file that a command is for, as the catalogue names it; empty where nothing tells."""
    command, place = view.command, view.exchange.place
    sfi = short_identifier(command.ins, command.p1, command.p2)
    if sfi:
        return by_short_identifier(place.directory, sfi) or f"sfi-{sfi:02x}"
    return place.file


def _file_name(file: str) -> str:
    if file.startswith("sfi-"):
        return f"SFI {file[4:].upper()}"
    return label(file) if file else "no file"


# --- contents


def content_nodes(view: View, octets: Octets, *, whole: bool) -> tuple[Node, ...]:
    """What the contents of the file, or of one of its records, say; a part of it is shown as it is."""
    if not len(octets):
        return ()
    file = file_of(view)
    content = content_of(view.exchange.place.directory, file)
    shown = plain_node("contents", octets)
    if content is None or not whole or not isinstance(octets, bytes):
        return (shown,)
    try:
        return tuple(_item_node(item, content.clause) for item in read_contents(content, octets))
    except DecodeError as error:
        finding = Finding(Severity.WARNING, f"contents of {_file_name(file)}: {error}", content.clause)
        return (Node("contents", f"malformed: {error}", octets, clause=content.clause, findings=(finding,)),)


def _item_node(item: Item, clause: str = "") -> Node:
    inside = tuple(_item_node(each) for each in item.parts)
    decode = CARRIED.get(item.name)
    if decode is not None:
        inside = (*inside, *decode(item.raw))
    return Node(item.name, item.value, b"" if item.secret else item.raw, inside, clause=clause)


def _in_short(view: View, octets: Octets) -> str:
    """The contents in a few words, for the files that everybody asks for."""
    content = content_of(view.exchange.place.directory, file_of(view))
    if content is None or not content.brief or not octets or not isinstance(octets, bytes):
        return ""
    text = brief(content, octets)
    return f": {text[:60]}" if text else ""


def _title(view: View, name: str, position: str, octets: Octets, whole: bool) -> str:
    text = f"{name} {_file_name(file_of(view))}{position}"
    if not whole:
        return text
    try:
        return text + _in_short(view, octets)
    except DecodeError:
        return text


# --- transparent files


def _offset(command: CommandApdu) -> int:
    return command.p2 if command.p1 & 0x80 else command.p1 << 8 | command.p2


def _read_binary(view: View) -> str:
    at = _offset(view.command)
    return _title(view, "READ BINARY", f" from {at}" if at else "", view.answer, whole=not at)


def _read_binary_detail(view: View) -> Iterator[Node]:
    yield from _binary_head(view)
    yield from content_nodes(view, view.answer, whole=_offset(view.command) == 0)


def _update_binary(view: View) -> str:
    at = _offset(view.command)
    return _title(view, "UPDATE BINARY", f" from {at}" if at else "", view.data, whole=not at)


def _update_binary_detail(view: View) -> Iterator[Node]:
    yield from _binary_head(view)
    yield from content_nodes(view, view.data, whole=_offset(view.command) == 0)


def _binary_head(view: View) -> Iterator[Node]:
    yield Node("file", _file_name(file_of(view)))
    yield Node("offset", str(_offset(view.command)))


# --- records


def _record(command: CommandApdu) -> str:
    mode = command.p2 & 7
    if mode == 4:
        return f" record {command.p1}" if command.p1 else " current record"
    return f" {_RECORD_MODES.get(mode, f'mode {mode}')} record"


def _read_record(view: View) -> str:
    return _title(view, "READ RECORD", _record(view.command), view.answer, whole=True)


def _read_record_detail(view: View) -> Iterator[Node]:
    yield from _record_head(view)
    yield from content_nodes(view, view.answer, whole=True)


def _update_record(view: View) -> str:
    return _title(view, "UPDATE RECORD", _record(view.command), view.data, whole=True)


def _update_record_detail(view: View) -> Iterator[Node]:
    yield from _record_head(view)
    yield from content_nodes(view, view.data, whole=True)


def _record_head(view: View) -> Iterator[Node]:
    yield Node("file", _file_name(file_of(view)))
    yield Node("record", _record(view.command).strip())


def _search(view: View) -> str:
    found = visible(view.answer) or b""
    numbers = f": records {' '.join(map(str, found))}" if found else ""
    return f"SEARCH RECORD {_file_name(file_of(view))}{numbers}"


def _search_detail(view: View) -> Iterator[Node]:
    command = view.command
    mode = command.p2 & 7
    yield Node("file", _file_name(file_of(view)))
    yield Node("mode", f"{_SEARCH_MODES.get(mode, f'mode {mode}')} from record {command.p1 or 'current'}")
    yield plain_node("search string", view.data)
    found = visible(view.answer)
    if found:
        yield Node("records found", " ".join(map(str, found)), view.answer)


def _increase(view: View) -> str:
    return f"INCREASE {_file_name(file_of(view))}"


def _increase_detail(view: View) -> Iterator[Node]:
    yield Node("file", _file_name(file_of(view)))
    yield Node("value added", str(int.from_bytes(view.command.data, "big")), view.data)
    answer = visible(view.answer)
    size = len(view.command.data)
    if answer and len(answer) > size:
        yield Node("new value", str(int.from_bytes(answer[:-size], "big")), answer[:-size])


# --- BER-TLV files

_BLOCKS: Final = {0x80: "first block", 0x00: "next block", 0xC0: "current tag, first block", 0x40: "current tag"}


def _object(view: View) -> str:
    data = view.command.data
    return f" object {data[:1].hex().upper()}" if data and view.command.p2 & 0x80 else ""


def _retrieve(view: View) -> str:
    return f"RETRIEVE DATA {_file_name(file_of(view))}{_object(view)}"


def _set(view: View) -> str:
    return f"SET DATA {_file_name(file_of(view))}{_object(view)}"


def _blocks_detail(view: View) -> Iterator[Node]:
    yield Node("file", _file_name(file_of(view)))
    yield Node("block", _BLOCKS.get(view.command.p2 & 0xC0, ""))
    for name, octets in (("data", view.data), ("object", view.answer)):
        if len(octets):
            yield Node(name, plain_node(name, octets).value, octets, tree_nodes(octets))


_ROWS: Final = (
    (0xB0, "READ BINARY", _read_binary, _read_binary_detail, "11.1.3", "9.2.3"),
    (0xD6, "UPDATE BINARY", _update_binary, _update_binary_detail, "11.1.4", "9.2.4"),
    (0xB2, "READ RECORD", _read_record, _read_record_detail, "11.1.5", "9.2.5"),
    (0xDC, "UPDATE RECORD", _update_record, _update_record_detail, "11.1.6", "9.2.6"),
    (0xA2, "SEARCH RECORD", _search, _search_detail, "11.1.7", "9.2.7"),
    (0x32, "INCREASE", _increase, _increase_detail, "11.1.8", "9.2.8"),
)
for _ins, _name, _row_title, _detail, _clause, _gsm_clause in _ROWS:
    _kind = PROPRIETARY if _ins == 0x32 else INTERINDUSTRY
    register(_kind, _ins, Command(_name, _row_title, _detail, f"TS 102 221 {_clause}"))
    register(GSM, _ins, Command(_name, _row_title, _detail, f"TS 51.011 {_gsm_clause}"))
register(PROPRIETARY, 0xCB, Command("RETRIEVE DATA", _retrieve, _blocks_detail, "TS 102 221 11.3.1"))
register(PROPRIETARY, 0xDB, Command("SET DATA", _set, _blocks_detail, "TS 102 221 11.3.2"))
