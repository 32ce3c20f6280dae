# SPDX-License-Identifier: Apache-2.0
"""The seam for the bearer independent protocol: who opens channels for the card (TS 102 223 6.4.27 to 6.4.31)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from apdu.cat.codes import CommandType
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility

__all__ = ["BIP_COMMANDS", "BipHandler"]

BIP_COMMANDS: Final = (
    CommandType.OPEN_CHANNEL,
    CommandType.CLOSE_CHANNEL,
    CommandType.RECEIVE_DATA,
    CommandType.SEND_DATA,
    CommandType.GET_CHANNEL_STATUS,
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

    def carry_out(self, command: ProactiveCommand) -> TerminalAnswer:
        """Answer one command, which is of the class of its type."""
        ...

    def events(self) -> Sequence[EventDownload]:
        """What happened on channels since the last call: data available, channel status."""
        ...

    def reset(self) -> None:
        """The card was reset: close every channel."""
        ...
