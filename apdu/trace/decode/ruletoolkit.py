# SPDX-License-Identifier: Apache-2.0
"""The proactive session of a link: announced by 91xx, fetched, answered (TS 102 221 7.4.2, TS 102 223 6)."""

from __future__ import annotations

from typing import Final

from apdu.errors import DecodeError
from apdu.tlv.scan import read_header
from apdu.trace.decode.finding import finding
from apdu.trace.decode.model import Finding
from apdu.trace.rules.table import Rules

__all__ = ["Toolkit"]

_NONE: Final[tuple[Finding, ...]] = ()
_PROACTIVE: Final = 0xD0
_DETAILS: Final = (0x01, 0x81)
_PATIENCE: Final = 32
"""Commands that may come before FETCH: a terminal ends first what it has begun."""
_FETCH: Final = 0x12


class Toolkit:
    """What is announced and what is open."""

    __slots__ = ("_details", "_length", "waits")

    def __init__(self) -> None:
        self._length = 0
        self._details = b""
        """Number, type and qualifier of the command that waits for its TERMINAL RESPONSE."""
        self.waits = 0
        """Commands since the announcement, counted from 1; 0 when nothing waits."""

    def announced(self, length: int) -> None:
        """91xx came."""
        if not self.waits or length != self._length:
            self.waits = 1
        self._length = length

    def waited(self, command: bytes) -> tuple[Finding, ...]:
        """One more command while a proactive command waits."""
        if command[1] == _FETCH and command[0] & 0x80:
            return _NONE
        self.waits += 1
        if self.waits <= _PATIENCE:
            return _NONE
        self.waits = 0
        return (finding(Rules.NOT_FETCHED, f"{_PATIENCE} commands since it was announced"),)

    def fetched(self, command: bytes, response: bytes) -> tuple[Finding, ...]:
        """FETCH and its answer."""
        waited, self.waits = self.waits, 0
        data = response[:-2]
        if response[-2] not in (0x90, 0x91) or not data:
            self.waits = waited
            return _NONE
        found = _NONE
        asked = (command[4] if len(command) > 4 else 0) or 256
        if waited and (asked != self._length or len(data) != self._length):
            detail = f"{asked} asked for, {len(data)} came, {self._length} announced"
            found = (finding(Rules.FETCH_LENGTH, detail),)
        try:
            self._details = _details(data)
        except DecodeError as error:
            self._details = b""
            found += (finding(Rules.PROACTIVE, error.message),)
        return found

    def answered(self, command: bytes) -> tuple[Finding, ...]:
        """TERMINAL RESPONSE."""
        open_, self._details = self._details, b""
        data = command[5:]
        if not open_ or len(data) < 5 or data[0] not in _DETAILS or data[1] != 3:
            return _NONE
        if data[2:4] == open_[:2]:
            return _NONE
        detail = f"number {data[2]:02X}, type {data[3]:02X} instead of {open_[0]:02X}, {open_[1]:02X}"
        return (finding(Rules.TERMINAL_RESPONSE, detail),)


def _details(data: bytes) -> bytes:
    """The command details of a proactive command (TS 102 223 6.6, 8.6)."""
    tag, start, end = read_header(data, 0, len(data))
    if tag != _PROACTIVE or end != len(data):
        raise DecodeError(f"tag {tag:02X} with {end - start} of {len(data)} bytes")
    if end - start < 5 or data[start] not in _DETAILS or data[start + 1] != 3:
        raise DecodeError("it does not begin with command details")
    return data[start + 2 : start + 5]
