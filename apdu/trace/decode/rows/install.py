# SPDX-License-Identifier: Apache-2.0
"""INSTALL in all its variants, and ES5.CreateISDP (GPCS 11.5, TS 102 226 8.2.1.3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.cla import PROPRIETARY
from apdu.errors import DecodeError
from apdu.gp.codes import Privilege
from apdu.gp.install import InstallParameters, SystemParameters
from apdu.gp.lv import read_lv
from apdu.trace.decode.model import Node, part, visible
from apdu.trace.decode.objects import NAMES, object_nodes
from apdu.trace.decode.rows.es import is_isd_p, within
from apdu.trace.decode.table import Command, View, plain_node, register
from apdu.trace.decode.words import aid_name, words
from apdu.trace.events import Octets

__all__: list[str] = []

_INS: Final = 0xE6
_AID, _PRIVILEGES, _PARAMETERS, _PLAIN, _VOID = range(5)
_Fields = tuple[tuple[str, int], ...]

_LOAD: Final[_Fields] = (
    ("load file", _AID), ("security domain", _AID), ("load file data block hash", _PLAIN), ("load parameters", _PLAIN),
    ("load token", _PLAIN),
)  # fmt: skip
_INSTALL: Final[_Fields] = (
    ("load file", _AID), ("module", _AID), ("application", _AID), ("privileges", _PRIVILEGES),
    ("install parameters", _PARAMETERS), ("install token", _PLAIN),
)  # fmt: skip
_EXTRADITION: Final[_Fields] = (
    ("security domain", _AID), ("void", _VOID), ("application", _AID), ("void", _VOID),
    ("extradition parameters", _PLAIN), ("extradition token", _PLAIN),
)  # fmt: skip
_PERSONALIZATION: Final[_Fields] = (
    ("void", _VOID), ("void", _VOID), ("application", _AID), ("void", _VOID), ("void", _VOID), ("void", _VOID),
)  # fmt: skip
_REGISTRY: Final[_Fields] = (
    ("security domain", _AID), ("void", _VOID), ("application", _AID), ("privileges", _PRIVILEGES),
    ("registry update parameters", _PLAIN), ("registry update token", _PLAIN),
)  # fmt: skip
_VARIANTS: Final[dict[int, tuple[str, _Fields]]] = {
    0x02: ("load", _LOAD),
    0x04: ("install", _INSTALL),
    0x08: ("make selectable", _INSTALL),
    0x0C: ("install and make selectable", _INSTALL),
    0x0E: ("load, install and make selectable", _INSTALL),
    0x10: ("extradition", _EXTRADITION),
    0x20: ("personalization", _PERSONALIZATION),
    0x40: ("registry update", _REGISTRY),
}
_CREATE: Final = "ES5.CreateISDP"
_MORE: Final = 0x80

NAMES.update(
    {
        (InstallParameters, "application"): "application specific parameters",
        (InstallParameters, "system"): "system specific parameters",
        (InstallParameters, "uicc"): "UICC system specific parameters",
        (InstallParameters, "control_reference"): "control reference template for tokens",
        (SystemParameters, "volatile_quota"): "volatile memory quota",
        (SystemParameters, "nonvolatile_quota"): "non-volatile memory quota",
        (SystemParameters, "global_services"): "global service parameters",
        (SystemParameters, "volatile_reserved"): "volatile reserved memory",
        (SystemParameters, "nonvolatile_reserved"): "non-volatile reserved memory",
        (SystemParameters, "sim_parameters"): "SIM file access and toolkit parameters",
        (SystemParameters, "granted_memory"): "cumulative granted non-volatile memory",
    }
)


def _variant(command: CommandApdu) -> tuple[str, _Fields | None]:
    name, fields = _VARIANTS.get(command.p1 & ~_MORE, (f"{command.p1:02X}", None))
    return f"INSTALL [for {name}]", fields


def _named_aid(data: bytes, fields: _Fields) -> bytes:
    """The application that an INSTALL is about: the last AID that it names."""
    at, found = 0, b""
    for _, kind in fields[:3]:
        value, at = read_lv(data, at)
        if kind == _AID and value:
            found = value
    return found


def _title(view: View) -> str:
    name, fields = _variant(view.command)
    if fields is None:
        return name
    try:
        aid = _named_aid(view.command.data, fields)
    except DecodeError:  # the tree says what is wrong
        return name
    function = f" {_CREATE}" if fields is _INSTALL and is_isd_p(aid) else ""
    return f"{name}{function} {aid_name(aid)}" if aid else name


def _detail(view: View) -> Iterator[Node]:
    _, fields = _variant(view.command)
    if fields is None:
        yield plain_node("data", view.data)
        return
    nodes = tuple(_nodes(view.data, fields))
    creates = fields is _INSTALL and is_isd_p(_named_aid(view.command.data, fields))
    answer = visible(view.answer)
    if answer:
        confirmation = "none" if answer == b"\x00" else answer.hex().upper()
        nodes = (*nodes, Node("confirmation", confirmation, view.answer))
    yield from within(view, _CREATE if creates else "", nodes)


def _nodes(octets: Octets, fields: _Fields) -> Iterator[Node]:
    raw = visible(octets) or b""
    at = 0
    for name, kind in fields:
        value, end = read_lv(raw, at)
        if kind != _VOID or value:
            yield _field(name, kind, part(octets, end - len(value), len(value)), value)
        at = end
    if at != len(raw):
        yield plain_node("more", part(octets, at, len(raw) - at))


def _field(name: str, kind: int, octets: Octets, value: bytes) -> Node:
    if not value:
        return Node(name, "none")
    if kind == _AID:
        return Node(name, aid_name(value), octets)
    if kind == _PRIVILEGES:
        return Node(name, words(Privilege.from_bytes_field(value)), octets)
    if kind == _PARAMETERS:
        return Node(name, "", octets, object_nodes(InstallParameters, octets), clause=InstallParameters.CLAUSE)
    return plain_node(name, octets)


register(PROPRIETARY, _INS, Command("INSTALL", _title, _detail, "GPCS 11.5"))
