# SPDX-License-Identifier: Apache-2.0
"""The toolkit side of a modem: announces itself, fetches what the card asks for, resets it when the card wants that.

It stands between whoever talks to the card and the link, as a CardTransport: commands pass through unchanged, and the
status words that announce a proactive command (91xx) are remembered until somebody deals with them (TS 102 223 6.1).
Who carries the commands out is a `Terminal`: without another one the modem resets the card and grants it time,
and does nothing else; `emulator.device.device.Device` is a whole phone.
"""

from __future__ import annotations

from typing import Final, Protocol

from apdu.cat.codes import CommandType, GeneralResult, RefreshMode
from apdu.cat.comprehension import Result
from apdu.cat.proactive import ProactiveCommand, TerminalResponse
from apdu.cat.terminal import TerminalProfile
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.exchange import exchange
from apdu.errors import LocalProtocolError, RemoteProtocolError, StatusError
from emulator.device.link import CardLink

__all__ = ["MAX_ROUNDS", "Modem", "Terminal"]

_PROFILE: Final = TerminalProfile.of(CommandType.REFRESH, CommandType.MORE_TIME)
_CLA, _TERMINAL_PROFILE, _FETCH, _TERMINAL_RESPONSE, _ENVELOPE = 0x80, 0x10, 0x12, 0x14, 0xC2
_PENDING: Final = 0x91
_ANY_LENGTH: Final = 256
MAX_ROUNDS: Final = 32
"""Proactive commands in a row, after which a card is taken to be out of order."""


class Terminal(Protocol):
    """Who carries out what the card asks for."""

    @property
    def profile(self) -> TerminalProfile:
        """What it announces."""
        ...

    def carry_out(self, modem: Modem, raw: bytes) -> ProactiveCommand:
        """Deal with a command that was fetched: answer it, reset the card, or keep it for later."""
        ...


class _Resetter:
    """The least that a terminal can do."""

    profile: Final = _PROFILE

    def carry_out(self, modem: Modem, raw: bytes) -> ProactiveCommand:
        """Reset the card when it asks for that; more time is granted, and nothing else is known here."""
        command = ProactiveCommand.from_tlv(raw)
        details = command.details
        if details.type == CommandType.REFRESH and details.qualifier == RefreshMode.UICC_RESET:
            modem.restart()  # the reset is the answer: no TERMINAL RESPONSE (TS 102 223 6.4.7)
            return command
        known = details.type in (CommandType.MORE_TIME, CommandType.REFRESH)
        modem.respond(
            TerminalResponse.to(command, Result(GeneralResult.DONE if known else GeneralResult.BEYOND_CAPABILITIES))
        )
        return command


class Modem:
    """One card's place in a device."""

    def __init__(self, link: CardLink, terminal: Terminal | None = None) -> None:
        self._link = link
        self._terminal: Terminal = _Resetter() if terminal is None else terminal
        self.pending = 0
        """Length of the proactive command that waits to be fetched."""
        self.outstanding = False
        """Whether one was fetched and not yet answered."""
        self.resets = 0
        """How often the card was reset because it asked for it."""

    def start(self) -> bytes:
        """Reset the card and announce the terminal's facilities; returns the ATR."""
        atr = self._link.reset()
        self.pending, self.outstanding = 0, False
        self._expect("TERMINAL PROFILE", CommandApdu(_CLA, _TERMINAL_PROFILE, 0, 0, bytes(self._terminal.profile)))
        return atr

    def restart(self) -> bytes:
        """Reset the card because it asked for it."""
        self.resets += 1
        return self.start()

    def transmit(self, command: bytes) -> bytes:
        """Pass a command through; a proactive command that its status word announces is remembered."""
        answer = self._link.transmit(command)
        if len(answer) >= 2 and answer[-2] == _PENDING:
            self.pending = answer[-1] or 256
        return answer

    def send(self, command: CommandApdu) -> ResponseApdu:
        """A command with its whole response."""
        return exchange(self, command)

    def refresh(self) -> None:
        """Let the card have the reset that it asks for; reset it anyway where it asks for none."""
        before = self.resets
        self.settle()
        if self.resets == before:
            self.start()

    def settle(self) -> list[ProactiveCommand]:
        """Fetch and carry out proactive commands until none waits; returns them. A REFRESH may reset the card."""
        done: list[ProactiveCommand] = []
        while self.pending and not self.outstanding:
            if len(done) >= MAX_ROUNDS:
                raise RemoteProtocolError("the card goes on asking without end")
            done.append(self._terminal.carry_out(self, self.fetch()))
        return done

    def fetch(self) -> bytes:
        """The command that waits, as it came."""
        length, self.pending = self.pending, 0
        response = self.send(CommandApdu(_CLA, _FETCH, 0, 0, le=length))
        if response.sw != 0x9000:
            raise StatusError("FETCH", response.sw)
        self.outstanding = True
        return response.data

    def respond(self, response: TerminalResponse) -> None:
        """Answer the command that was fetched."""
        if not self.outstanding:
            raise LocalProtocolError("no proactive command waits for an answer")
        self.outstanding = False
        self._expect("TERMINAL RESPONSE", CommandApdu(_CLA, _TERMINAL_RESPONSE, 0, 0, response.value()))

    def envelope(self, data: bytes, *, answer: bool = False) -> ResponseApdu:
        """Tell the card something, whatever it says; where an answer is expected, with the data of it."""
        return self.send(CommandApdu(_CLA, _ENVELOPE, 0, 0, data, _ANY_LENGTH if answer else None))

    def _expect(self, name: str, command: CommandApdu) -> None:
        response = self.send(command)
        if response.sw != 0x9000 and response.sw >> 8 != _PENDING:
            raise StatusError(name, response.sw)
