# SPDX-License-Identifier: Apache-2.0
"""PINs and ADM codes of a card: verify, change, enable, disable, unblock (TS 102 221 11.1.9 to 11.1.13)."""

from __future__ import annotations

from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW, StatusWord
from tools.errors import ToolError
from tools.reader.channel import CardAccess

__all__ = ["ADM", "PIN1", "Pins", "code_bytes"]

PIN1: Final = 0x01
ADM: Final = 0x0A
_SIZE: Final = 8
_VERIFY, _CHANGE, _DISABLE, _ENABLE, _UNBLOCK = 0x20, 0x24, 0x26, 0x28, 0x2C
_NAMES: Final = {
    _VERIFY: "VERIFY",
    _CHANGE: "CHANGE PIN",
    _DISABLE: "DISABLE PIN",
    _ENABLE: "ENABLE PIN",
    _UNBLOCK: "UNBLOCK PIN",
}
_NOT_ASKED: Final = {
    _ENABLE: "the code is enabled already",
    _VERIFY: "the code is disabled, so it is not asked for: leave it out",
}


def code_bytes(code: str) -> bytes:
    """Up to eight characters as they are, or sixteen hexadecimal digits."""
    try:
        return bytes.fromhex(code) if len(code) == 2 * _SIZE else code.encode("ascii")
    except ValueError:
        raise ToolError("a code is up to 8 characters of ASCII, or 16 hexadecimal digits") from None


class Pins:
    """The codes that the selected directory knows, each by its key reference."""

    def __init__(self, card: CardAccess) -> None:
        self._card = card

    def verify(self, reference: int, code: bytes) -> None:
        """Present a code."""
        self._send(_VERIFY, reference, code)

    def change(self, reference: int, old: bytes, new: bytes) -> None:
        """Replace a PIN."""
        self._send(_CHANGE, reference, old, new)

    def enable(self, reference: int, code: bytes) -> None:
        """Ask for a PIN from now on."""
        self._send(_ENABLE, reference, code)

    def disable(self, reference: int, code: bytes) -> None:
        """Do without a PIN."""
        self._send(_DISABLE, reference, code)

    def unblock(self, reference: int, puk: bytes, new: bytes) -> None:
        """Give a blocked PIN a new value with its unblocking code."""
        self._send(_UNBLOCK, reference, puk, new)

    def _send(self, ins: int, reference: int, *codes: bytes) -> None:
        data = b"".join(self._padded(code) for code in codes)
        response = self._card.send(CommandApdu(0x00, ins, 0x00, reference, data))
        if not response.status.is_success:
            raise ToolError(f"{_NAMES[ins]} of key reference {reference:02X}: {_verdict(ins, response.status)}")

    def _padded(self, code: bytes) -> bytes:
        """Eight bytes as they go to the card; these are what a trace could show."""
        if not 1 <= len(code) <= _SIZE:
            raise ToolError(f"a PIN has 1 to {_SIZE} bytes, not {len(code)}")
        padded = code.ljust(_SIZE, b"\xff")
        self._card.keep_secret(padded)
        return padded


def _verdict(ins: int, status: StatusWord) -> str:
    match int(status):
        case SW.AUTHENTICATION_BLOCKED:
            return f"{status}: it has to be unblocked first" if ins != _UNBLOCK else f"{status}: for good"
        case SW.DATA_INVALIDATED:
            return _NOT_ASKED.get(ins, "the code is disabled")
        case SW.REFERENCED_DATA_NOT_FOUND:
            return f"{status}: the selected directory has no such code"
    return f"wrong code, {status.meaning}" if status.name == "TRIES_LEFT" else str(status)
