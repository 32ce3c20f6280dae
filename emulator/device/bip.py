# SPDX-License-Identifier: Apache-2.0
"""The seam for the bearer independent protocol: who opens channels for the card (TS 102 223 6.4.27 to 6.4.31)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from apdu.cat.codes import CommandType, GeneralResult, LocationStatus
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility
from emulator.device.answers import Refusal

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = ["BIP_COMMANDS", "BipHandler", "carry_out"]

_NORMAL: Final = LocationStatus.NORMAL
_OPEN_CHANNEL: Final = CommandType.OPEN_CHANNEL
BIP_COMMANDS: Final = frozenset(
    (
        CommandType.OPEN_CHANNEL,
        CommandType.CLOSE_CHANNEL,
        CommandType.RECEIVE_DATA,
        CommandType.SEND_DATA,
        CommandType.GET_CHANNEL_STATUS,
    )
)


class BipHandler(Protocol):
    """Carries the commands of BIP_COMMANDS out; without one a device has no channels and says so."""

    @property
    def channels(self) -> int:
        """How many channels it can hold, 1 to 7."""
        ...

    @property
    def facilities(self) -> Sequence[Facility]:
        """Bearers and transport levels that the terminal profile announces."""
        ...

    @property
    def linked(self) -> bool:
        """Whether a channel has a link, or is about to get one: there is something to wait for."""
        ...

    @property
    def wake(self) -> float | None:
        """When something of its own is due, whatever happens on its links."""
        ...

    def serve(self, available: bool) -> None:
        """Whether there is service now; without it no link goes on."""
        ...

    def carry_out(self, command: ProactiveCommand) -> TerminalAnswer | None:
        """Answer one command, which is of the class of its type. None: it takes time, `finished` has the answer."""
        ...

    def finished(self) -> TerminalAnswer | None:
        """The answer that took time, as soon as there is one."""
        ...

    def events(self) -> Sequence[EventDownload]:
        """What happened on channels since the last call: data available, channel status."""
        ...

    def reset(self) -> None:
        """The card was reset: close every channel."""
        ...


def carry_out(device: Device, bip: BipHandler, command: ProactiveCommand) -> TerminalAnswer | None:
    """Hand a command to the handler; the user can decline a channel (TS 102 223 6.4.27)."""
    if command.details.type == _OPEN_CHANNEL and not device.user.confirms(command):
        raise Refusal(GeneralResult.USER_DECLINED)
    bip.serve(device.registration.service is _NORMAL)
    return bip.carry_out(command)
