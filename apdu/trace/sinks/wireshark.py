# SPDX-License-Identifier: Apache-2.0
"""Which exchanges Wireshark's dissector of SIM frames takes apart without an error.

It reads as many bytes as P3 says wherever the instruction has data in one direction, also when the card refused and
sent none, and then calls the packet malformed (seen with 4.0.17). What it would trip over is written in another form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

__all__ = ["is_dissected"]


class _Frame(NamedTuple):
    """Header and what stands behind P3, status word included."""

    p1: int
    p2: int
    p3: int
    body: bytes

    @property
    def announced(self) -> bool:
        """P3 bytes are there."""
        return self.p3 <= len(self.body)


_STATUS: Final = 2
_HEADER: Final = 5


def is_dissected(payload: bytes) -> bool:
    """Whether a SIM frame of command and response can be shown."""
    if len(payload) < _HEADER + _STATUS:
        return False
    rule = _RULES.get(payload[1])
    return rule is None or rule(_Frame(payload[2], payload[3], payload[4], payload[_HEADER:]))


def _select(frame: _Frame) -> bool:
    if frame.p3 < 2 or frame.p1 == 0x03:
        return True
    if frame.p1 == 0x04:
        return frame.announced
    return frame.announced and (frame.p3 % 2 == 0 if frame.p1 in (0x08, 0x09) else frame.p3 == 2)


def _search(frame: _Frame) -> bool:
    return frame.p3 + (frame.p2 & 0xF0 == 0x20) <= len(frame.body)


def _authenticate(frame: _Frame) -> bool:
    return len(frame.body) >= 16 + 4 + 8  # RAND, SRES and Kc of the GSM algorithm, whatever it is


def _fetch(frame: _Frame) -> bool:
    return (frame.p3 or 256) <= len(frame.body) and _is_wrapped(frame.body[: frame.p3 or 256])


def _envelope(frame: _Frame) -> bool:
    return frame.announced and _is_wrapped(frame.body[: frame.p3])


def _terminal_response(frame: _Frame) -> bool:
    return frame.announced and _are_objects(frame.body[: frame.p3])


_RULES: Final[Mapping[int, Callable[[_Frame], bool]]] = {
    0x10: lambda frame: frame.announced,
    0x12: _fetch,
    0x14: _terminal_response,
    0x78: lambda frame: frame.announced,
    0x88: _authenticate,
    0x89: _authenticate,
    0xA2: _search,
    0xA4: _select,
    0xB0: lambda frame: frame.announced,
    0xB1: lambda frame: frame.announced,
    0xB2: lambda frame: frame.announced,
    0xB3: lambda frame: frame.announced,
    0xC0: lambda frame: frame.announced,
    0xC2: _envelope,
    0xCA: lambda frame: frame.announced,
    0xCB: lambda frame: frame.announced,
    0xD6: lambda frame: frame.announced,
    0xDC: lambda frame: frame.announced,
}

_TOOLKIT: Final = (0xD0, 0xD1, 0xD6, 0xD7)
"""Proactive command, SMS-PP download, event download, timer expiration: what is inside is shown."""
_RESULTS_WITH_MORE: Final = (0x20, 0x26, 0x38, 0x39, 0x3A, 0x3C)
_Check = Callable[[bytes], bool]


def _sized(low: int, high: int = 255) -> _Check:
    return lambda value: low <= len(value) <= high


_OBJECTS: Final[Mapping[int, _Check]] = {
    0x01: _sized(3, 3),  # command details
    0x02: _sized(2, 2),  # device identities
    0x03: lambda value: len(value) > 1 or (len(value) == 1 and value[0] not in _RESULTS_WITH_MORE),
    0x04: _sized(2, 2),  # duration
    0x05: lambda value: len(value) > 0 and value[0] < 0x80,  # alpha identifier
    0x06: lambda value: len(value) > 1 and value[1] < 0x80,  # address
    0x0D: lambda value: len(value) > 1 and value[0] in (0x00, 0x04),  # text string
    0x0E: _sized(1, 1),  # tone
    0x0F: lambda value: len(value) > 1 and value[1] < 0x80,  # item
    0x10: _sized(1, 1),  # item identifier
    0x11: _sized(2, 2),  # response length
    0x12: _sized(1),  # file list
    0x19: _sized(1),  # event list
    0x1B: _sized(1, 1),  # location status
    0x24: _sized(1, 1),  # timer identifier
    0x25: _sized(3, 3),  # timer value
    0x26: _sized(7, 7),  # date, time and time zone
    0x35: lambda value: len(value) > 0 and value[0] == 0x03,  # bearer description: the default one
    0x36: _sized(1),  # channel data
    0x37: _sized(1, 1),  # channel data length
    0x38: _sized(2, 2),  # channel status
    0x39: _sized(2, 2),  # buffer size
    0x3C: _sized(3, 3),  # transport level
    0x3E: lambda value: (value[:1], len(value)) in ((b"\x21", 5), (b"\x57", 17)),  # other address
    0x3F: _sized(1),  # access technology
}
"""By tag without its comprehension bit (TS 102 223 9.3): values that are shown."""


def _is_wrapped(data: bytes) -> bool:
    """BER objects without a rest, and inside those of the toolkit whole data objects."""
    at = 0
    while at < len(data):
        found = _value(data, at)
        if found is None or (data[at] in _TOOLKIT and not _are_objects(data[slice(*found)])):
            return False
        at = found[1]
    return True


def _are_objects(data: bytes) -> bool:
    at = 0
    while at < len(data):
        found = _value(data, at)
        check = _OBJECTS.get(data[at] & 0x7F)
        if found is None or check is None or not check(data[slice(*found)]):
            return False
        at = found[1]
    return True


def _value(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the value of an object begins and ends; None when it is not whole."""
    size, start = data[at + 1 : at + 2], at + 2
    if size == b"\x81":
        size, start = data[start : start + 1], start + 1
    elif size[:1] > b"\x81":
        return None
    return (start, start + size[0]) if size and start + size[0] <= len(data) else None
