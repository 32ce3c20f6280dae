# SPDX-License-Identifier: Apache-2.0
"""A command and its response in one string of bytes, as sniffers give them, taken apart again.

On the wire P3 says how many bytes follow but not in which direction (ISO 7816-3 12.2): the instruction tells. T=0 has
no Le behind a data field; tools that write whole APDUs have it, and the response data behind.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["CLAUSE", "Exchange", "split_exchange"]

CLAUSE: Final = "ISO 7816-3 12.2"
_HEADER: Final = 4
_STATUS: Final = 2
_SHORT: Final = 256

_FROM_CARD: Final = frozenset(
    (
        0x12,  # FETCH
        0x84,  # GET CHALLENGE
        0xB0, 0xB1, 0xB2, 0xB3,  # READ BINARY, READ RECORD
        0xC0,  # GET RESPONSE
        0xCA, 0xCB,  # GET DATA, RETRIEVE DATA
    )
)  # fmt: skip
"""Instructions whose P3 is Le (TS 102 221 10.1.2, TS 51.011 9.2, GPCS 11)."""
_STATUS_INS: Final = 0xF2
_GET_STATUS_P1: Final = frozenset((0x80, 0x40, 0x20, 0x10))
"""80F2 is STATUS with Le, or GET STATUS of GlobalPlatform with a data field (GPCS 11.4.2)."""
_MANAGE_CHANNEL: Final = 0x70
_RETRIEVE_DATA: Final = 0xCB
_TAG_LISTS: Final = frozenset((0x4D, 0x5C))
"""What a GET DATA of the odd instruction asks with (ISO 7816-4 11.4.3): no answer in a file begins like this."""


class Exchange(NamedTuple):
    """Both halves; the response is never shorter than its status word."""

    command: bytes
    response: bytes


def split_exchange(data: bytes) -> Exchange | str:
    """The two halves of a string, or why it cannot be one."""
    if len(data) < _HEADER + _STATUS:
        return "is shorter than a command and a status word"
    if data[-_STATUS] >> 4 not in (0x6, 0x9):
        return f"does not end with a status word but with {data[-_STATUS:].hex().upper()}"
    if len(data) <= _HEADER + 1 + _STATUS:
        return _at(data, len(data) - _STATUS)
    return _with_le(data) if _reads(data) else _with_data(data)


def _at(data: bytes, place: int) -> Exchange:
    return Exchange(data[:place], data[place:])


def _reads(data: bytes) -> bool:
    """Whether P3 is the length of what the card sends."""
    cla, ins, p1 = data[0], data[1], data[2]
    if ins == _STATUS_INS:
        return not (cla & 0x80 and p1 in _GET_STATUS_P1) or data[4] == 0
    if ins == _MANAGE_CHANNEL:
        return p1 == 0
    if ins == _RETRIEVE_DATA and data[5] in _TAG_LISTS:
        return False
    return ins in _FROM_CARD


def _with_le(data: bytes) -> Exchange | str:
    body = len(data) - _HEADER - 1 - _STATUS
    if body <= (data[4] or _SHORT):
        return _at(data, _HEADER + 1)
    if data[4] == 0 and body - 2 <= (int.from_bytes(data[5:7], "big") or 1 << 16):
        return _at(data, _HEADER + 3)  # Le of three bytes
    return f"has {body} bytes of response data where {data[4] or _SHORT} were asked for"


def _with_data(data: bytes) -> Exchange | str:
    lc, start = data[4], _HEADER + 1
    if lc == 0 and len(data) > start + 2 + _STATUS:  # Lc of three bytes
        lc, start = int.from_bytes(data[5:7], "big"), start + 2
    rest = len(data) - start - lc - _STATUS
    if rest < 0:
        return f"has {rest + lc} of {lc} bytes of command data"
    return _at(data, start + lc + _le_size(data[start + lc : -_STATUS], 2 if start > _HEADER + 1 else 1))


def _le_size(tail: bytes, size: int) -> int:
    """How long Le is in what stands before the status word: nothing, Le, response data, or both."""
    if len(tail) < size:
        return 0
    le = int.from_bytes(tail[:size], "big")
    return size if le in (0, len(tail) - size) else 0
