# SPDX-License-Identifier: Apache-2.0
"""TLVs that travel to an ISD-P inside STORE DATA, and for whom they are (GPCS 11.11, SGP.02 4.1.3).

INSTALL [for personalization] names the ISD-P; without it the application that is selected is meant. A chain of STORE
DATA blocks in BER-TLV structure carries one TLV, and the answer to its last block is the ISD-P's.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, NamedTuple

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.gp.install import InstallForPersonalization
from apdu.gp.store_data import MAX_CHAIN

__all__ = ["Carried", "Personalisation"]

_INSTALL: Final = 0xE6
_STORE_DATA: Final = 0xE2
_LAST: Final = 0x80
_STRUCTURE: Final = 0x18
_BER_TLV: Final = 0x10


class Carried(NamedTuple):
    """One TLV, whole, and the answer to it."""

    target: bytes
    tlv: bytes
    answer: bytes


class Personalisation:
    """What one logical channel carries for others."""

    __slots__ = ("_data", "_next", "_target")

    def __init__(self) -> None:
        self._target = b""
        self._data = bytearray()
        self._next = 0

    def reset(self) -> None:
        """Something else is selected, or the session ended."""
        self._target = b""
        self._drop()

    def _drop(self) -> None:
        self._data.clear()
        self._next = 0

    def take(self, selected: bytes, command: CommandApdu, response: bytes, done: bool) -> Carried | None:
        """Take a plain command and its plain response; a TLV when this command completes one."""
        if command.ins == _INSTALL:
            self._drop()
            self._target = b""
            if command.p1 == InstallForPersonalization.P1 and done:
                with suppress(DecodeError):
                    self._target = InstallForPersonalization.decode(command.data).application
            return None
        if command.ins != _STORE_DATA or command.p1 & _STRUCTURE != _BER_TLV:
            return None
        return self._block(selected, command, response)

    def _block(self, selected: bytes, command: CommandApdu, response: bytes) -> Carried | None:
        if command.p2 == 0:
            self._drop()
        if command.p2 != self._next or len(self._data) > MAX_CHAIN:
            self._drop()
            return None
        self._data += command.data
        self._next += 1
        if not command.p1 & _LAST:
            return None
        carried = Carried(self._target or selected, bytes(self._data), response[:-2])
        self._drop()
        self._target = b""
        return carried
