# SPDX-License-Identifier: Apache-2.0
"""Commands of GlobalPlatform but for STORE DATA: registry, keys, secure channel, load (GPCS 11, Amendment D 7.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.channel.scp03 import Parameter, SecurityLevel, block_length
from apdu.command.apdu import CommandApdu
from apdu.command.cla import PROPRIETARY
from apdu.errors import DecodeError
from apdu.gp.codes import LifeCycle
from apdu.gp.delete import DeleteKeys, DeleteObject, KeepKeys
from apdu.gp.lv import read_lv
from apdu.gp.status import RegistryEntry, StatusScope, decode_tag_list
from apdu.keys.secret import KeyType
from apdu.tlv.declare import Template
from apdu.tlv.scan import read_header, split
from apdu.trace.decode.model import Node, hidden, part, visible
from apdu.trace.decode.objects import FORMATS, NAMES, object_nodes
from apdu.trace.decode.rows.es import within
from apdu.trace.decode.table import Command, View, plain_node, register
from apdu.trace.decode.words import aid_name, coded, words
from apdu.trace.events import Octets

__all__ = ["initialize_answer"]


def _life_cycle(value: object) -> str:
    assert isinstance(value, int)
    return f"{value:02X} ({LifeCycle.describe(value).lower()})" if value in _STATES else f"{value:02X}"


def _two_digits(value: object) -> str:
    return f"{value:02X}"


_STATES: Final = frozenset(LifeCycle)
NAMES.update(
    {
        (RegistryEntry, "aid"): "AID",
        (RegistryEntry, "state"): "life cycle state",
        (RegistryEntry, "granted_memory"): "cumulative granted non-volatile memory",
        (RegistryEntry, "remaining_memory"): "cumulative remaining non-volatile memory",
        (DeleteObject, "aid"): "AID",
        (DeleteKeys, "kid"): "key identifier",
        (DeleteKeys, "kvn"): "key version number",
        (KeepKeys, "keep"): "keys that stay",
    }
)
FORMATS.update(
    {
        (RegistryEntry, "state"): _life_cycle,
        (DeleteKeys, "kid"): _two_digits,
        (DeleteKeys, "kvn"): _two_digits,
    }
)

# --- GET STATUS, SET STATUS

_SCOPES: Final = {
    StatusScope.ISSUER_SECURITY_DOMAIN: "issuer security domain",
    StatusScope.APPLICATIONS: "applications",
    StatusScope.LOAD_FILES: "load files",
    StatusScope.LOAD_FILES_AND_MODULES: "load files and modules",
}


def _is_get_status(command: CommandApdu) -> bool:
    return command.p1 > 0x02


def _scope(command: CommandApdu) -> str:
    return _SCOPES.get(StatusScope(command.p1), "") if command.p1 in _SCOPES else f"{command.p1:02X}"


def _get_status(view: View) -> str:
    data = view.command.data
    aid = data[2 : 2 + data[1]] if data[:1] == b"\x4f" and len(data) > 1 else b""
    following = ", next" if view.command.p2 & 1 else ""
    return f"GET STATUS {_scope(view.command)}{f' {aid_name(aid)}' if aid else ''}{following}"


def _get_status_detail(view: View) -> Iterator[Node]:
    yield from within(view, "ES5.eUICCCapabilityAudit", tuple(_registry(view)))


def _registry(view: View) -> Iterator[Node]:
    command = view.command
    yield Node("scope", _scope(command))
    yield Node("occurrence", "next" if command.p2 & 1 else "first or all")
    for tag, value in split(command.data):
        if tag == 0x4F:
            yield Node("AID", aid_name(value) if value else "any", value)
        elif tag == 0x5C:
            yield Node("objects asked for", " ".join(f"{each:X}" for each in decode_tag_list(value)), value)
        else:
            yield plain_node(f"criterion {tag:X}", value)
    yield from _entries(view.answer)


def _entries(octets: Octets) -> Iterator[Node]:
    raw = visible(octets) or b""
    at = 0
    while at < len(raw):
        tag, start, end = read_header(raw, at, len(raw))
        if tag != RegistryEntry.TAG:
            raise DecodeError(f"object {tag:X} among the registry entries", offset=at)
        inside = object_nodes(RegistryEntry, part(octets, start, end - start))
        named = next((node.value for node in inside if node.name == "AID"), "")
        yield Node("registry entry", named, part(octets, at, end - at), inside, clause=RegistryEntry.CLAUSE)
        at = end


_STATUS_TYPES: Final = {0x80: "issuer security domain", 0x40: "application", 0x60: "security domain and applications"}
_CARD_STATES: Final = {0x01: "OP_READY", 0x07: "INITIALIZED", 0x0F: "SECURED", 0x7F: "CARD_LOCKED", 0xFF: "TERMINATED"}


def _target_state(command: CommandApdu) -> str:
    if command.p1 == 0x80:
        return _CARD_STATES.get(command.p2, f"{command.p2:02X}")
    return "locked" if command.p2 & 0x80 else _life_cycle(command.p2) if command.p2 else "unlocked"


def _set_status(view: View) -> str:
    whom = aid_name(view.command.data) if view.command.data else _STATUS_TYPES.get(view.command.p1, "")
    return f"SET STATUS {whom}: {_target_state(view.command)}"


def _set_status_detail(view: View) -> Iterator[Node]:
    yield Node("status type", _STATUS_TYPES.get(view.command.p1, f"{view.command.p1:02X}"))
    yield Node("state", _target_state(view.command))
    if len(view.data):
        yield Node("AID", aid_name(view.command.data), view.data)


# --- DELETE

_DELETED: Final[dict[int, tuple[str, type[Template]]]] = {
    0x4F: ("object", DeleteObject),
    0xD0: ("keys", DeleteKeys),
    0xD2: ("keys", DeleteKeys),
    0xF2: ("keys", KeepKeys),
}
_ISD_P: Final = 0x40


def _delete_function(command: CommandApdu) -> str:
    first = command.data[:1]
    if first == b"\xf2":
        return "ES5.FinaliseISDRhandover"
    if command.p2 & _ISD_P and first == b"\x4f":
        tags = [tag for tag, _ in split(command.data)]
        return "ES5.MasterDelete" if 0x9E in tags else "ES5.DeleteProfile"
    return ""


def _delete(view: View) -> str:
    function = _delete_function(view.command)
    aids = [aid_name(value) for tag, value in split(view.command.data) if tag == 0x4F]
    keys = [f"{'KID' if tag == 0xD0 else 'KVN'} {words(value)}" for tag, value in split(view.command.data)
            if tag in (0xD0, 0xD2)]  # fmt: skip
    return " ".join(filter(None, ("DELETE", function, *aids, *keys)))


def _delete_detail(view: View) -> Iterator[Node]:
    command = view.command
    what, kind = _DELETED.get(command.data[0] if command.data else 0, ("object", DeleteObject))
    related = ", and related objects" if command.p2 & 0x80 else ""
    nodes = (Node("deletes", what + related), *object_nodes(kind, view.data), *_confirmation(view))
    yield from within(view, _delete_function(command), nodes)


def _confirmation(view: View) -> Iterator[Node]:
    answer = visible(view.answer)
    if answer:
        yield Node("confirmation", "none" if answer == b"\x00" else answer.hex().upper(), view.answer)


# --- PUT KEY


def _put_key(view: View) -> str:
    command = view.command
    kvn = f"{command.data[0]:02X}" if command.data else "?"
    replaced = command.p1 & 0x7F
    return f"PUT KEY KVN {kvn}{f', replaces {replaced:02X}' if replaced else ''}"


def _put_key_detail(view: View) -> Iterator[Node]:
    command = view.command
    replaced = command.p1 & 0x7F
    yield Node("replaces", f"key version number {replaced:02X}" if replaced else "nothing")
    yield Node("first key identifier", f"{command.p2 & 0x7F:02X}")
    yield Node("several keys", "yes" if command.p2 & 0x80 else "no")
    if command.data:
        yield Node("key version number", f"{command.data[0]:02X}", part(view.data, 0, 1))
    if hidden(view.data):
        yield Node("keys", f"{len(view.data) - 1} bytes, not shown")
    else:
        yield from _keys(command.data)
    answer = visible(view.answer)
    if answer:
        yield Node("version number now", f"{answer[0]:02X}", answer[:1])
        for at in range(1, len(answer), 3):
            yield plain_node("key check value", answer[at : at + 3])


def _keys(data: bytes) -> Iterator[Node]:
    """Type and check value of each key; the key itself, encrypted or not, is not shown."""
    at, number = 1, 0
    while at < len(data):
        number += 1
        start, types = at, []
        while True:
            types.append(f"{coded(KeyType, data[at])}")
            block, at = read_lv(data, at + 1)
            types[-1] += f", {len(block)} bytes, not shown"
            if at >= len(data):
                raise DecodeError("the data end before a check value", offset=start)
            if data[at] < 0x80:  # as in apdu.gp.keys: types are 80 and above
                break
        kcv, at = read_lv(data, at)
        check = (plain_node("key check value", kcv),) if kcv else ()
        yield Node(f"key {number}", "; ".join(types), children=check)


# --- the secure channel


def _initialize(view: View) -> str:
    return f"INITIALIZE UPDATE KVN {view.command.p1:02X}"


def _initialize_detail(view: View) -> Iterator[Node]:
    yield Node("key version number", f"{view.command.p1:02X}" if view.command.p1 else "any")
    yield Node("key identifier", f"{view.command.p2:02X}")
    yield plain_node("host challenge", view.data)
    if len(view.answer):
        yield from initialize_answer(view.answer)


def initialize_answer(octets: Octets) -> Iterator[Node]:
    """The fields of the answer to INITIALIZE UPDATE (Amendment D 7.1.1.6; SCP02: GPCS E.5.1.6)."""
    raw = visible(octets)
    if raw is None or len(raw) < 13:
        yield plain_node("answer", octets)
        return
    yield plain_node("key diversification data", part(octets, 0, 10))
    yield Node("key version number", f"{raw[10]:02X}", raw[10:11])
    yield Node("secure channel protocol", f"{raw[11]:02X}", raw[11:12])
    if raw[11] != 0x03:
        yield from _slices(octets, 12, (("sequence counter", 2), ("card challenge", 6), ("card cryptogram", 8)))
        return
    parameter = Parameter(raw[12])
    yield Node("protocol parameter i", f"{raw[12]:02X} ({words(parameter)})", raw[12:13])
    size = block_length(raw[12])
    yield from _slices(octets, 13, (("card challenge", size), ("card cryptogram", size), ("sequence counter", 3)))


def _slices(octets: Octets, at: int, fields: tuple[tuple[str, int], ...]) -> Iterator[Node]:
    for name, size in fields:
        if at >= len(octets):
            return
        yield plain_node(name, part(octets, at, size))
        at += size


_LEVELS: Final = frozenset(SecurityLevel)


def _level(value: int) -> str:
    known = value in _LEVELS
    return f"{value:02X} ({words(SecurityLevel(value))})" if known else f"reserved {value:02X}"


def _authenticate(view: View) -> str:
    return f"EXTERNAL AUTHENTICATE level {view.command.p1:02X}"


def _authenticate_detail(view: View) -> Iterator[Node]:
    yield Node("security level", _level(view.command.p1))
    size = len(view.data)
    half = 16 if size == 32 else 8
    yield plain_node("host cryptogram", part(view.data, 0, half))
    if size > half:
        yield plain_node("C-MAC", part(view.data, half, size - half))


def _load(view: View) -> str:
    last = ", last" if view.command.p1 & 0x80 else ""
    return f"LOAD block {view.command.p2}{last}"


def _load_detail(view: View) -> Iterator[Node]:
    yield Node("block", f"{view.command.p2}{', the last' if view.command.p1 & 0x80 else ''}")
    yield plain_node("load file data", view.data)
    yield from _confirmation(view)


_ROWS: Final = (
    (0xF0, Command("SET STATUS", _set_status, _set_status_detail, "GPCS 11.10")),
    (0xF2, Command("GET STATUS", _get_status, _get_status_detail, "GPCS 11.4", _is_get_status)),
    (0xE4, Command("DELETE", _delete, _delete_detail, "GPCS 11.2")),
    (0xD8, Command("PUT KEY", _put_key, _put_key_detail, "GPCS 11.8")),
    (0x50, Command("INITIALIZE UPDATE", _initialize, _initialize_detail, "GPCS Amendment D 7.1.1")),
    (0xE8, Command("LOAD", _load, _load_detail, "GPCS 11.6")),
)
for _ins, _row in _ROWS:
    register(PROPRIETARY, _ins, _row)
register(PROPRIETARY, 0x82, Command("EXTERNAL AUTHENTICATE", _authenticate, _authenticate_detail,
                                    "GPCS Amendment D 7.1.2"))  # fmt: skip
