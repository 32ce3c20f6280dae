# SPDX-License-Identifier: Apache-2.0
"""The payload of ES3.SendData: commands in 22 and responses in 23, or SCP03t TLVs as they are (SGP.02 v4.2 5.3.3).

22 and 23 are the objects of the expanded remote format (TS 102 226 5.2.1); the SM-SR puts the scripting template around
them that its bearer needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import DecodeError
from apdu.tlv.scan import ber, read_header

__all__ = [
    "SCP03T",
    "SCP03T_ANSWERS",
    "decode_commands",
    "decode_responses",
    "decode_tlvs",
    "encode_commands",
    "encode_responses",
    "holds_commands",
]

_COMMAND: Final = 0x22
_RESPONSE: Final = 0x23
SCP03T: Final = frozenset((0x84, 0x85, 0x86, 0x87))
SCP03T_ANSWERS: Final = SCP03T | {0x9F44, 0x9F45, 0x9F46, 0x9F47, 0x90}


def holds_commands(data: bytes) -> bool:
    """Whether a payload holds commands; SCP03t TLVs otherwise."""
    return data[:1] == bytes((_COMMAND,))


def encode_commands(commands: Sequence[CommandApdu]) -> bytes:
    """Commands as a payload."""
    return b"".join(ber(_COMMAND, command.encode()) for command in commands)


def decode_commands(data: bytes) -> tuple[CommandApdu, ...]:
    """Read a payload of commands; at least one."""
    objects = decode_tlvs(data, frozenset((_COMMAND,)))
    return tuple(CommandApdu.parse(_value(each)) for each in objects)


def encode_responses(responses: Sequence[ResponseApdu]) -> bytes:
    """Responses as a payload."""
    return b"".join(ber(_RESPONSE, response.encode()) for response in responses)


def decode_responses(data: bytes) -> tuple[ResponseApdu, ...]:
    """Read a payload of responses; none at all is one too."""
    objects = decode_tlvs(data, frozenset((_RESPONSE,))) if data else ()
    return tuple(ResponseApdu.parse(_value(each)) for each in objects)


def decode_tlvs(data: bytes, tags: frozenset[int] = SCP03T) -> tuple[bytes, ...]:
    """Cut a payload into whole objects; at least one, and none with another tag."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        tag, _, end = read_header(data, at, len(data))
        if tag not in tags:
            raise DecodeError(f"object {tag:X} in the data to send", offset=at)
        found.append(bytes(data[at:end]))
        at = end
    if not found:
        raise DecodeError("no data to send")
    return tuple(found)


def _value(tlv: bytes) -> bytes:
    _, start, end = read_header(tlv, 0, len(tlv))
    return tlv[start:end]
