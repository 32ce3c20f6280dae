# SPDX-License-Identifier: Apache-2.0
"""The expanded remote command format: scripts of commands in one message, and their answers (TS 102 226 5.2).

    AA length ...          a script of definite length       AB length 80 01 nn ...
    AE 80 ... 00 00        of indefinite length (HTTP)       AF 80 ... 00 00
       83 01 vv               script chaining                   83 01 vv     what is wrong with it
       22 length C-APDU       a command                         23 length R-APDU
       81 length              immediate action                  81 length    its response
       82 length              error action
       84 85 86 87            SCP03t, placed directly           84 85 86 87 9F4x
                                                                90 01 vv     a TLV that cannot be read

A script is read as it is carried out: what stands before a TLV that cannot be read is done, what follows is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, NamedTuple

from apdu.errors import DecodeError
from apdu.tlv.scan import ber

__all__ = [
    "BadFormat",
    "Chaining",
    "ChainingError",
    "ImmediateAction",
    "Item",
    "ResponseItem",
    "ResponseScript",
    "ResponseTag",
    "ScriptTag",
    "Tag",
    "build_response_script",
    "build_script",
    "command_item",
    "is_indefinite",
    "parse_response_script",
    "read_script",
]


@unique
class ScriptTag(IntEnum):
    """What a command script or a response script begins with."""

    COMMANDS = 0xAA
    RESPONSES = 0xAB
    COMMANDS_INDEFINITE = 0xAE
    RESPONSES_INDEFINITE = 0xAF


@unique
class Tag(IntEnum):
    """TLVs of a command script."""

    C_APDU = 0x22
    IMMEDIATE_ACTION = 0x81
    ERROR_ACTION = 0x82
    CHAINING = 0x83
    INITIALIZE_UPDATE = 0x84
    EXTERNAL_AUTHENTICATE = 0x85
    PROTECTED = 0x86
    REPLACE_KEYS = 0x87


@unique
class ResponseTag(IntEnum):
    """TLVs of a response script; those of SCP03t stand beside them."""

    R_APDU = 0x23
    EXECUTED = 0x80
    IMMEDIATE_ACTION = 0x81
    CHAINING = 0x83
    BAD_FORMAT = 0x90


@unique
class BadFormat(IntEnum):
    """Why a TLV cannot be read."""

    UNKNOWN_TAG = 0x01
    WRONG_LENGTH = 0x02
    LENGTH_NOT_FOUND = 0x03


@unique
class ImmediateAction(IntEnum):
    """What an immediate action asks for where it names no record of EF_RMA (TS 102 226 5.2.1.2, K)."""

    PROACTIVE_SESSION = 0x81
    """What follows wants the toolkit session for itself."""
    EARLY_RESPONSE = 0x82
    """Answer before what follows is carried out."""


@unique
class Chaining(IntEnum):
    """Where a script stands in a chain of scripts."""

    FIRST = 0x01
    """The context goes at a reset."""
    FIRST_KEPT = 0x11
    """The context outlives a reset."""
    MORE = 0x02
    LAST = 0x03


@unique
class ChainingError(IntEnum):
    """Why a script of a chain is not carried out."""

    NO_PREVIOUS = 0x01
    NOT_SUPPORTED = 0x02
    UNABLE = 0x03


class Item(NamedTuple):
    """One TLV of a command script; `bad` says why it is none, and then ends the script."""

    tag: int
    value: bytes
    bad: BadFormat | None = None

    def encode(self) -> bytes:
        """The TLV."""
        return ber(self.tag, self.value)


class ResponseItem(NamedTuple):
    """One TLV of a response script, whole: an SCP03t answer has a tag of one or two bytes."""

    tag: int
    value: bytes

    def encode(self) -> bytes:
        """The TLV."""
        return ber(self.tag, self.value)


_COMMAND_TAGS: Final = frozenset(Tag)
_END: Final = b"\x00\x00"
_MAX_ITEMS: Final = 1000
"""TLVs of one script, after which it is taken to be made to keep a card busy."""
_MAX_LENGTH_BYTES: Final = 3


def command_item(apdu: bytes) -> Item:
    """A command APDU in a script."""
    return Item(Tag.C_APDU, apdu)


def build_script(items: Iterable[Item], *, indefinite: bool = False) -> bytes:
    """A command script."""
    body = b"".join(item.encode() for item in items)
    if indefinite:
        return bytes((ScriptTag.COMMANDS_INDEFINITE, 0x80)) + body + _END
    return ber(ScriptTag.COMMANDS, body)


def build_response_script(executed: int, items: Iterable[ResponseItem], *, indefinite: bool = False) -> bytes:
    """A response script; the number of executed commands stands in one of definite length only."""
    body = b"".join(item.encode() for item in items)
    if indefinite:
        return bytes((ScriptTag.RESPONSES_INDEFINITE, 0x80)) + body + _END
    count = executed.to_bytes((executed.bit_length() + 7) // 8 or 1, "big")
    return ber(ScriptTag.RESPONSES, ber(ResponseTag.EXECUTED, count) + body)


def is_indefinite(data: bytes) -> bool:
    """Whether a command script asks for an answer of indefinite length."""
    return data[:1] == bytes((ScriptTag.COMMANDS_INDEFINITE,))


def read_script(data: bytes) -> Iterator[Item]:
    """The TLVs of a command script, one by one; the last one is bad where the script cannot be read further."""
    at, end, bad = _body(data, ScriptTag.COMMANDS, ScriptTag.COMMANDS_INDEFINITE)
    if bad is not None:
        yield Item(0, b"", bad)
        return
    closed = data[0] == ScriptTag.COMMANDS
    for _ in range(_MAX_ITEMS):
        if not closed and data[at : at + 2] == _END:
            if at + 2 != end:
                yield Item(0, b"", BadFormat.WRONG_LENGTH)
            return
        if at == end:
            if not closed:
                yield Item(0, b"", BadFormat.LENGTH_NOT_FOUND)
            return
        item, at = _next(data, at, end)
        yield item
        if item.bad is not None:
            return
    yield Item(0, b"", BadFormat.WRONG_LENGTH)


def _body(data: bytes, definite: int, indefinite: int) -> tuple[int, int, BadFormat | None]:
    """Where the content of a script begins and ends."""
    if not data or data[0] not in (definite, indefinite):
        return 0, 0, BadFormat.UNKNOWN_TAG
    if data[0] == indefinite:
        return 2, len(data), None if data[1:2] == b"\x80" else BadFormat.WRONG_LENGTH
    length, start = _length(data, 1, len(data))
    if length is None:
        return 0, 0, BadFormat.LENGTH_NOT_FOUND
    return start, start + length, None if start + length == len(data) else BadFormat.WRONG_LENGTH


def _next(data: bytes, at: int, end: int) -> tuple[Item, int]:
    tag = data[at]
    if tag not in _COMMAND_TAGS:
        return Item(tag, b"", BadFormat.UNKNOWN_TAG), at
    length, start = _length(data, at + 1, end)
    if length is None:
        return Item(tag, b"", BadFormat.LENGTH_NOT_FOUND), at
    if start + length > end:
        return Item(tag, b"", BadFormat.WRONG_LENGTH), at
    return Item(tag, data[start : start + length]), start + length


def _length(data: bytes, at: int, end: int) -> tuple[int | None, int]:
    """A BER length and the offset behind it; None where there is none."""
    if at >= end:
        return None, at
    first = data[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if not 1 <= size <= _MAX_LENGTH_BYTES or at + 1 + size > end:
        return None, at
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


# --- the other end


@dataclass(frozen=True, slots=True)
class ResponseScript:
    """What a card answered to a script."""

    executed: int | None
    """How many commands it carried out, where it says so."""
    items: tuple[ResponseItem, ...]

    @property
    def bad_format(self) -> int | None:
        """Why the card could not read a TLV of the script, if so."""
        return next((item.value[0] for item in self.items if item.tag == ResponseTag.BAD_FORMAT and item.value), None)

    @property
    def responses(self) -> tuple[bytes, ...]:
        """The response APDUs, in order."""
        return tuple(item.value for item in self.items if item.tag == ResponseTag.R_APDU)

    @property
    def tlvs(self) -> tuple[bytes, ...]:
        """The answers of SCP03t, whole, in order; a bad format among them is an answer too."""
        return tuple(item.encode() for item in self.items if item.tag not in _NOT_SCP03T)


_NOT_SCP03T: Final = frozenset(
    (ResponseTag.R_APDU, ResponseTag.EXECUTED, ResponseTag.IMMEDIATE_ACTION, ResponseTag.CHAINING)
)


def parse_response_script(data: bytes) -> ResponseScript:
    """Read a response script, strictly: DecodeError for anything that is none."""
    start, end, bad = _body(data, ScriptTag.RESPONSES, ScriptTag.RESPONSES_INDEFINITE)
    if bad is not None:
        raise DecodeError(f"no response script: {bad.name.lower().replace('_', ' ')}")
    if data[0] == ScriptTag.RESPONSES_INDEFINITE:
        if data[-2:] != _END or end < start + 2:
            raise DecodeError("a response script without its end", offset=len(data))
        end -= 2
    items: list[ResponseItem] = []
    executed = None
    at = start
    while at < end:
        wide = data[at] & 0x1F == 0x1F
        tag = int.from_bytes(data[at : at + 1 + wide], "big")
        length, begin = _length(data, at + 1 + wide, end)
        if length is None or begin + length > end or len(items) >= _MAX_ITEMS:
            raise DecodeError("a TLV of the response script does not fit", offset=at)
        value = data[begin : begin + length]
        at = begin + length
        if tag == ResponseTag.EXECUTED and not items and executed is None and value:
            executed = int.from_bytes(value, "big")
        else:
            items.append(ResponseItem(tag, value))
    return ResponseScript(executed, tuple(items))
