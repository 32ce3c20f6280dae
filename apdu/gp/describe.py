# SPDX-License-Identifier: Apache-2.0
"""Commands and batches in words, for people who read scripts and traces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.gp.codes import Ins
from apdu.gp.sgp02 import Dgi
from apdu.ids import ECASD, ISD_R, Aid
from apdu.script import Batch
from apdu.tlv.scan import split, split_dgi

__all__ = ["describe", "lines"]

_INSTALL: Final = {
    0x02: "load",
    0x04: "install",
    0x08: "make selectable",
    0x0C: "install and make selectable",
    0x10: "extradition",
    0x20: "personalization",
    0x40: "registry update",
}
_FUNCTIONS: Final = {
    Dgi.CERTIFICATE: "certificate",
    Dgi.KEY_ESTABLISHMENT: "key establishment",
    Dgi.ENABLE: "enable profile",
    Dgi.DISABLE: "disable profile",
    Dgi.SET_FALL_BACK: "set fall-back attribute",
    Dgi.POL1: "update POL1",
    Dgi.PARAMETERS: "update parameters",
    Dgi.CONFIRMATION: "notification confirmation",
}
_SCP03T: Final = {
    0x84: "initialize update",
    0x85: "external authenticate",
    0x86: "protected data",
    0x87: "replace session keys",
}
_NAMES: Final = {ISD_R: "ISD-R", ECASD: "ECASD"}
_ROW: Final = 32
"""Bytes in a line of digits."""
_SHOWN: Final = 4
"""Lines of digits that a long one is cut to."""


def describe(command: CommandApdu) -> str:
    """What a command is, as the specification calls it."""
    try:
        name = Ins(command.ins).name.replace("_", " ")
    except ValueError:
        return f"command {command.ins:02X}"
    if command.cla & 0x04 and not command.cla & 0x40:
        return f"{name}, protected"
    if command.ins == Ins.INSTALL:
        return f"{name} [for {_INSTALL.get(command.p1, f'{command.p1:02X}')}]"
    if command.ins == Ins.GET_DATA:
        return f"{name} {command.p1 << 8 | command.p2:04X}"
    if command.ins == Ins.STORE_DATA:
        return f"{name} block {command.p2:02X}{_stored(command)}"
    if command.ins == Ins.DELETE:
        return f"{name}{_deleted(command.data)}"
    return name


def _stored(command: CommandApdu) -> str:
    if command.p1 & 0x18 != 0x08:
        return ""
    try:
        tags = [group.tag for group in split_dgi(command.data)]
    except DecodeError:  # a part of a longer chain
        return ""
    return "".join(f", {_FUNCTIONS[Dgi(tag)]}" for tag in tags if tag in _FUNCTIONS)


def _deleted(data: bytes) -> str:
    try:
        aids = [value for tag, value in split(data) if tag == 0x4F]
    except DecodeError:
        return ""
    return "".join(f" {aid.hex().upper()}" for aid in aids)


def lines(batch: Batch[CommandApdu] | Batch[bytes]) -> Iterator[str]:
    """A batch as text: whom it is for, then each command with its name and its bytes."""
    yield f"to {_name(batch.target)}"
    for command in batch.commands:
        if isinstance(command, CommandApdu):
            yield f"  {describe(command)}"
            yield from _digits(command.encode())
        else:
            name = _SCP03T.get(command[0] if command else 0, "unknown")
            yield f"  SCP03t {name} ({len(command)})"
            yield from _digits(command)


def _name(target: Aid) -> str:
    if target.is_isd_p:
        return f"ISD-P {target.tar}"
    return _NAMES.get(target, str(target))


def _digits(data: bytes) -> Iterator[str]:
    rows = [data[at : at + _ROW] for at in range(0, len(data), _ROW)]
    cut = len(rows) > _SHOWN
    for row in rows[: _SHOWN - 1] if cut else rows:
        yield f"    {row.hex().upper()}"
    if cut:
        yield f"    ... {len(data) - (_SHOWN - 1) * _ROW} more bytes"
