# SPDX-License-Identifier: Apache-2.0
"""Where the objects of a remote script stand in its bytes, also when some of them are hidden (TS 102 226 5.2)."""

from __future__ import annotations

from typing import Final, NamedTuple

from apdu.errors import DecodeError
from apdu.ota.remote import ScriptTag
from apdu.tlv.scan import read_header

__all__ = ["PROOF_OF_RECEIPT", "Part", "is_command_script", "parts_of"]

PROOF_OF_RECEIPT: Final = "SCP80 proof of receipt"
"""Name of the event of a response packet."""

_INDEFINITE: Final = (ScriptTag.COMMANDS_INDEFINITE, ScriptTag.RESPONSES_INDEFINITE)
_COMMANDS: Final = (ScriptTag.COMMANDS, ScriptTag.COMMANDS_INDEFINITE)
_SCRIPTS: Final = tuple(ScriptTag)
_END: Final = b"\x00\x00"
_MAX_PARTS: Final = 1000


class Part(NamedTuple):
    """One object: its tag, and where its value begins and ends."""

    tag: int
    start: int
    end: int


def is_command_script(script: bytes) -> bool:
    """Whether it goes to the card."""
    return script[:1] != b"" and script[0] in _COMMANDS


def parts_of(script: bytes) -> list[Part]:
    """The objects in order; DecodeError where the script is not whole."""
    if not script or script[0] not in _SCRIPTS:
        raise DecodeError("this is no remote script", offset=0)
    if script[0] in _INDEFINITE:
        at, end = 2, len(script) - len(_END)
        if script[1:2] != b"\x80" or end < at or script[end:] != _END:
            raise DecodeError("a script of indefinite length without its beginning or its end", offset=1)
    else:
        _, at, end = read_header(script, 0, len(script))
        if end != len(script):
            raise DecodeError("a script that goes on behind its end", offset=end)
    parts: list[Part] = []
    while at < end:
        tag, start, stop = read_header(script, at, end)
        if len(parts) >= _MAX_PARTS:
            raise DecodeError(f"a script of more than {_MAX_PARTS} objects", offset=at)
        parts.append(Part(tag, start, stop))
        at = stop
    return parts
