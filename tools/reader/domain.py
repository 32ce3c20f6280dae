# SPDX-License-Identifier: Apache-2.0
"""A security domain that is selected, with SCP03 around its commands where keys were given."""

from __future__ import annotations

from typing import Final, TypeVar

from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03_host import Scp03Host
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW, StatusWord
from apdu.errors import LocalProtocolError, SecurityError, StatusError
from apdu.gp.codes import Ins
from apdu.keys.secret import KeySet
from apdu.script import ApduScript, Done, Run
from apdu.trace import ChannelEvent
from apdu.trace.events import Layer, Side
from tools.errors import ToolError
from tools.reader.channel import CardAccess

__all__ = ["MAX_CLEAR", "SecurityDomain", "select_application"]

T = TypeVar("T")

MAX_CLEAR: Final = 239
"""Data bytes of a command that fit at every level with 8-byte MACs."""
_CHALLENGE: Final = 8
_GOES_ON: Final = (0x90, 0x91, 0x61, 0x62, 0x63)
"""SW1 of answers after which the rest of a batch is sent."""


def select_application(card: CardAccess, aid: bytes) -> bytes:
    """SELECT by AID; the response data. StatusError when the card has no such application."""
    response = card.send(CommandApdu(0x00, Ins.SELECT, 0x04, 0x00, bytes(aid), 256))
    if not response.status.is_success:
        raise StatusError(f"SELECT {bytes(aid).hex().upper()}", response.sw)
    return response.data


class SecurityDomain:
    """One security domain of the card in the reader."""

    def __init__(self, card: CardAccess, aid: bytes, keys: KeySet | None = None, level: int = 0x33) -> None:
        self._card = card
        self._aid = bytes(aid)
        self._session: Scp03Host | None = None
        self.keys = keys
        select_application(card, aid)
        if keys is not None:
            self._session = self._open(keys, SecurityLevel(level))

    @property
    def aid(self) -> bytes:
        """Its AID."""
        return self._aid

    def send(self, command: CommandApdu) -> ResponseApdu:
        """One command, protected when keys were given."""
        session = self._session
        if session is None:
            return self._card.send(command)
        if command.le is None and session.level & 0x10:  # the answer carries an R-MAC
            command = command._replace(le=256)
        wrapped = session.wrap(command)
        answer = self._card.send(wrapped)
        response = session.unwrap(answer)
        self._card.event(
            ChannelEvent(
                time=self._card.source.clock(),
                layer=Layer.SCP03,
                side=Side.READER,
                protected=wrapped.encode(),
                plain=command.encode(),
                response_protected=answer.encode(),
                response_plain=response.encode(),
                target=self._aid.hex().upper(),
            )
        )
        return response

    def expect(self, command: CommandApdu, what: str) -> bytes:
        """The data of a successful answer; StatusError for any other."""
        return self.accept(self.send(command), what)

    def accept(self, response: ResponseApdu, what: str) -> bytes:
        """The data of a successful answer; StatusError for any other."""
        if not response.status.is_success:
            raise self._refused(what, response.status)
        return response.data

    def run(self, script: ApduScript[T]) -> T:
        """Run a script whose commands are for this domain."""
        steps = Run(script)
        step = steps.start()
        while not isinstance(step, Done):
            if step.target != self._aid:
                raise LocalProtocolError(f"a script for {step.target} at {self._aid.hex().upper()}")
            answers: list[ResponseApdu] = []
            for command in step.commands:
                answers.append(self.send(command))
                if answers[-1].sw >> 8 not in _GOES_ON:
                    break
            step = steps.feed(answers)
        return step.result

    def _refused(self, what: str, status: StatusWord) -> Exception:
        if int(status) == SW.SECURITY_STATUS and self._session is None:
            return ToolError(f"{what}: {status}; {self._card.hints.keys}")
        return StatusError(what, status)

    def _open(self, keys: KeySet, level: SecurityLevel) -> Scp03Host:
        session = Scp03Host(keys, level, self._card.source.entropy("challenge").draw(_CHALLENGE), self._aid)
        answer = self._card.send(session.initialize_update())
        if answer.sw == SW.REFERENCED_DATA_NOT_FOUND:
            raise ToolError(
                f"the security domain has no SCP03 keys of version {keys.kvn:02X}: "
                "--key-ver names another (the ISD-R has some on lab cards only)"
            )
        try:
            external = session.external_authenticate(answer)
        except SecurityError as error:
            asked = f"are these the keys of version {keys.kvn:02X} ({self._card.hints.version})?"
            raise ToolError(f"{error}: {asked}") from None
        authenticated = self._card.send(external)
        if authenticated.sw == SW.WRONG_P1P2:
            raise ToolError(f"the security domain does not take level {level:02X}: {self._card.hints.level}")
        session.authenticated(authenticated)
        return session
