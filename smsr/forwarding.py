# SPDX-License-Identifier: Apache-2.0
"""What an SM-DP may send to a card's ISD-R through ES3.SendData.

Key establishment reaches an ISD-P through the ISD-R, which forwards STORE DATA after INSTALL [for personalization]. The
same commands without that INSTALL would be the ISD-R's own functions: an SM-DP could enable or delete what is not its
own. So the SM-SR lets pass INSTALL for the ISD-P that was named, and STORE DATA with the data groupings of key
establishment; the ISD-R itself takes those from an SM-SR's certificate only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

from apdu.command.apdu import CommandApdu
from apdu.command.cla import PROPRIETARY, class_byte
from apdu.errors import DecodeError
from apdu.gp.codes import Ins
from apdu.gp.install import InstallForPersonalization
from apdu.gp.sgp02 import Dgi
from apdu.gp.store_data import StoreDataChain, StoreDataError, Structure
from apdu.ids import Aid
from smsr.api.send_data import decode_commands, encode_commands
from smsr.api.status import Code
from smsr.errors import Refused

__all__ = ["Forwarding"]

_CLA: Final = class_byte(PROPRIETARY)
_ALLOWED: Final = frozenset((Dgi.CERTIFICATE, Dgi.KEY_ESTABLISHMENT, Dgi.EPHEMERAL_KEY, Dgi.SIGNATURE))


class Forwarding:
    """The chain of STORE DATA to one card, across calls of SendData, which different processes may run."""

    __slots__ = ("_chain", "_commands", "_target")

    def __init__(self) -> None:
        self._chain = StoreDataChain()
        self._target: Aid | None = None
        self._commands: list[CommandApdu] = []
        """Of the chain that is open, from its INSTALL on."""

    @classmethod
    def resumed(cls, chain: bytes, target: Aid) -> Self:
        """As it was when it gave this `chain`."""
        made = cls()
        if chain:
            made.check(decode_commands(chain), target)
        return made

    @property
    def chain(self) -> bytes:
        """What the next call goes on with; empty when it has to begin."""
        return encode_commands(self._commands) if self._target is not None else b""

    def check(self, commands: Sequence[CommandApdu], target: Aid) -> None:
        """Refuse commands that are not key establishment of this ISD-P."""
        for command in commands:
            self._check(command, target)
            self._commands.append(command)

    def _check(self, command: CommandApdu, target: Aid) -> None:
        if command.cla == _CLA and command.ins == Ins.INSTALL and command.p1 == InstallForPersonalization.P1:
            self._install(command.data, target)
        elif command.cla == _CLA and command.ins == Ins.STORE_DATA and self._target == target:
            self._store_data(command)
        else:
            raise Refused(Code.SD_NOT_ALLOWED, f"command {command.cla:02X} {command.ins:02X}", target)

    def _install(self, data: bytes, target: Aid) -> None:
        try:
            install = InstallForPersonalization.decode(data)
        except DecodeError as error:
            raise Refused(Code.SD_NOT_ALLOWED, str(error), target) from None
        if install.application != target:
            raise Refused(Code.SD_NOT_ALLOWED, f"INSTALL names {install.application}", target)
        self._chain.reset()
        self._commands.clear()
        self._target = target

    def _store_data(self, command: CommandApdu) -> None:
        try:
            block = self._chain.receive(command.p1, command.p2, command.data)
        except StoreDataError as error:
            raise Refused(Code.SD_NOT_ALLOWED, str(error), self._target) from None
        foreign = not all(group.tag in _ALLOWED for group in block.groups)
        if foreign or block.mode.structure is not Structure.DGI:
            raise Refused(Code.SD_NOT_ALLOWED, "data groupings that are not of key establishment", self._target)
        if block.last:
            self._target = None
