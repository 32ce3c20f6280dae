# SPDX-License-Identifier: Apache-2.0
"""The toolkit side of a modem: announces itself, fetches what the card asks for, resets it when the card wants that.

It stands between whoever talks to the card and the link, as a CardTransport: commands pass through unchanged, and the
status words that announce a proactive command (91xx) are remembered until `settle` deals with them (TS 102 223 6.1).
"""

from __future__ import annotations

from typing import Final

from apdu.cat.comprehension import GeneralResult, Result
from apdu.cat.proactive import CommandType, ProactiveCommand, RefreshMode, TerminalResponse
from apdu.cat.terminal import TerminalProfile
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.exchange import exchange
from apdu.errors import RemoteProtocolError, StatusError
from emulator.device.link import CardLink

__all__ = ["Modem"]

_PROFILE: Final = TerminalProfile.of(
    CommandType.REFRESH, CommandType.MORE_TIME, CommandType.POLL_INTERVAL, CommandType.PROVIDE_LOCAL_INFORMATION
)
_CLA, _TERMINAL_PROFILE, _FETCH, _TERMINAL_RESPONSE = 0x80, 0x10, 0x12, 0x14
_PENDING: Final = 0x91
_ROUNDS: Final = 32
"""Proactive commands in a row, after which a card is taken to be out of order."""


class Modem:
    """One device with one card in it."""

    def __init__(self, link: CardLink) -> None:
        self._link = link
        self._pending = 0
        self.resets = 0
        """How often the card was reset because it asked for it."""

    def start(self) -> bytes:
        """Reset the card and announce the terminal's facilities; returns the ATR."""
        atr = self._link.reset()
        self._pending = 0
        response = self._send(CommandApdu(_CLA, _TERMINAL_PROFILE, 0, 0, bytes(_PROFILE)))
        if response.sw != 0x9000 and response.sw >> 8 != _PENDING:
            raise StatusError("TERMINAL PROFILE", response.sw)
        return atr

    def transmit(self, command: bytes) -> bytes:
        """Pass a command through; a proactive command that its status word announces is remembered."""
        answer = self._link.transmit(command)
        if len(answer) >= 2 and answer[-2] == _PENDING:
            self._pending = answer[-1] or 256
        return answer

    def settle(self) -> list[ProactiveCommand]:
        """Fetch and carry out proactive commands until none waits; returns them. A REFRESH may reset the card."""
        done: list[ProactiveCommand] = []
        while self._pending:
            if len(done) >= _ROUNDS:
                raise RemoteProtocolError("the card goes on asking without end")
            done.append(self._carry_out())
        return done

    def _carry_out(self) -> ProactiveCommand:
        length, self._pending = self._pending, 0
        response = self._send(CommandApdu(_CLA, _FETCH, 0, 0, le=length))
        if response.sw != 0x9000:
            raise StatusError("FETCH", response.sw)
        command = ProactiveCommand.from_tlv(response.data)
        details = command.details
        if details.type == CommandType.REFRESH and details.qualifier == RefreshMode.UICC_RESET:
            self.resets += 1
            self.start()  # the reset is the answer: no TERMINAL RESPONSE (TS 102 223 6.4.7)
            return command
        known = details.type in (CommandType.MORE_TIME, CommandType.REFRESH)
        result = Result(GeneralResult.DONE if known else GeneralResult.BEYOND_CAPABILITIES)
        answer = self._send(CommandApdu(_CLA, _TERMINAL_RESPONSE, 0, 0, TerminalResponse.to(command, result).value()))
        if answer.sw != 0x9000 and answer.sw >> 8 != _PENDING:
            raise StatusError("TERMINAL RESPONSE", answer.sw)
        return command

    def _send(self, command: CommandApdu) -> ResponseApdu:
        return exchange(self, command)
