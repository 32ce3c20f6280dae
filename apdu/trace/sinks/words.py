# SPDX-License-Identifier: Apache-2.0
"""One printable line for an event, for people who look at a capture."""

from __future__ import annotations

from typing import Final

import apdu.trace.decode  # noqa: F401  -- brings the rows of the table
from apdu.command.apdu import CommandApdu
from apdu.command.status import StatusWord
from apdu.errors import DecodeError
from apdu.gp.describe import describe
from apdu.trace.decode.table import find
from apdu.trace.decode.text import digits, printable
from apdu.trace.events import (
    AnyEvent,
    BearerEvent,
    ChannelEvent,
    ForeignEvent,
    FunctionEvent,
    LinkEvent,
    LinkKind,
    Octets,
    Withheld,
)

__all__ = ["says"]

_LONGEST: Final = 400


def says(event: AnyEvent) -> str:
    """The line: what crossed, and what it was for."""
    text = printable(_words(event))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _words(event: AnyEvent) -> str:
    match event:
        case LinkEvent(kind=LinkKind.COMMAND):
            return f"> {_named(event.data)}{digits(event.data)}"
        case LinkEvent(kind=LinkKind.RESPONSE):
            return f"< {_status(event.data)}{digits(event.data)}"
        case LinkEvent():
            return f"{event.kind} {digits(event.data)}".rstrip()
        case BearerEvent():
            return f"{event.layer} {event.direction} {event.name}: {digits(event.data)}"
        case ChannelEvent():
            inside = f"{_named(event.plain)}{digits(event.plain)} -> {digits(event.response_plain)}"
            return f"{event.layer} at the {event.side}: {inside}"
        case FunctionEvent():
            return f"{event.name} {event.outcome or 'begins'}"
        case ForeignEvent():
            return f"{event.layer}: {event.event}"
        case _:
            return event.layer


def _plain(octets: Octets) -> bytes:
    return octets if isinstance(octets, bytes) else b"" if isinstance(octets, Withheld) else octets.data


def _named(octets: Octets) -> str:
    try:
        command = CommandApdu.parse(_plain(octets))
    except DecodeError:
        return ""
    row = find(command)
    said = describe(command)
    return f"{said if row is None or said.startswith(row.name) else row.name}: "


def _status(octets: Octets) -> str:
    data = _plain(octets)
    return StatusWord(int.from_bytes(data[-2:], "big")).meaning + ": " if len(data) > 1 else ""
