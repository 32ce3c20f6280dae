# SPDX-License-Identifier: Apache-2.0
"""SCP03, the host's end (GPCS Amendment D v1.2 6.2 and 7.1)."""

from __future__ import annotations

from collections import deque
from enum import Enum, unique
from hmac import compare_digest
from typing import Final, NoReturn

from apdu.channel.scp03 import (
    C_DECRYPTION,
    INS_EXTERNAL_AUTHENTICATE,
    INS_INITIALIZE_UPDATE,
    R_ENCRYPTION,
    R_MAC,
    SCP_IDENTIFIER,
    SECURE_CLASS,
    Parameter,
    SecurityLevel,
    block_length,
    mac_header,
    needs,
    protected_status,
)
from apdu.channel.session import RESPONSE, Handshake, Session, card_challenge, shake_hands
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.cla import PROPRIETARY, class_byte
from apdu.command.status import SW
from apdu.errors import DecodeError, LocalProtocolError, SecurityError, StatusError
from apdu.keys.secret import KeySet

__all__ = ["HostState", "Scp03Host", "check_answer"]

_HEAD: Final = 13  # diversification data 10, key version, SCP identifier, i


@unique
class HostState(Enum):
    """Where the host stands; it steps forward only, and to FAILED at the first fault."""

    NEW = "INITIALIZE UPDATE not answered"
    AUTHENTICATING = "EXTERNAL AUTHENTICATE not answered"
    OPEN = "session open"
    FAILED = "session over"


_OPEN: Final = HostState.OPEN  # looking up an Enum's member costs as much as a call
_new: Final = tuple.__new__  # a NamedTuple's own constructor takes twice as long; both count in every command


def check_answer(answer: bytes, keys: KeySet, host_challenge: bytes, aid: bytes, level: int) -> Handshake:
    """Read the answer to INITIALIZE UPDATE and verify the card (7.1.1.6, 6.2.2).

    SecurityError when the card does not know the keys, when its pseudo-random challenge is not the one of its counter
    and AID (6.2.2.1), or when it cannot serve the level.
    """
    if len(answer) < _HEAD:
        raise DecodeError(f"the answer to INITIALIZE UPDATE has {len(answer)} bytes", offset=len(answer))
    kvn, scp, parameter = answer[10:_HEAD]
    length = len(host_challenge)
    pseudo_random = bool(parameter & Parameter.PSEUDO_RANDOM)
    if len(answer) != _HEAD + 2 * length + (3 if pseudo_random else 0) or block_length(parameter) != length:
        raise DecodeError(
            f"the answer to INITIALIZE UPDATE has {len(answer)} bytes, i is {parameter:02X}", offset=_HEAD
        )
    if scp != SCP_IDENTIFIER or kvn != keys.kvn:
        raise SecurityError(f"the card answered with SCP{scp:02X} and key version {kvn:02X}")
    if parameter & needs(level) != needs(level):
        raise SecurityError(f"the card's i = {parameter:02X} does not serve level {level:02X}")
    challenge = answer[_HEAD : _HEAD + length]
    cryptogram = answer[_HEAD + length : _HEAD + 2 * length]
    handshake = shake_hands(keys, host_challenge, challenge)
    genuine = compare_digest(cryptogram, handshake.card_cryptogram)
    if pseudo_random:
        counter = int.from_bytes(answer[-3:], "big")
        genuine &= compare_digest(challenge, card_challenge(keys.enc, counter, aid, length))
    if not genuine:
        raise SecurityError("the card's cryptogram or challenge does not verify")
    return handshake


class Scp03Host:
    """One session with a security domain.

        host = Scp03Host(keys, SecurityLevel.ALL, host_challenge, aid)
        answer = send(host.initialize_update())
        answer = send(host.external_authenticate(answer))
        host.authenticated(answer)
        answer = host.unwrap(send(host.wrap(command)))

    Several commands may be wrapped before their answers are unwrapped, in the same order.
    """

    __slots__ = ("_aid", "_challenge", "_channel", "_expected", "_keys", "_length", "_level", "_session", "_state")

    def __init__(
        self, keys: KeySet, level: SecurityLevel, host_challenge: bytes, aid: bytes, *, channel: int = 0
    ) -> None:
        if len(host_challenge) not in (8, 16):
            raise ValueError(f"a host challenge has 8 bytes (S8) or 16 (S16), not {len(host_challenge)}")
        self._keys = keys
        self._level = int(level)
        self._challenge = host_challenge
        self._aid = aid
        self._channel = channel
        self._length = len(host_challenge)
        self._state = HostState.NEW
        self._session: Session | None = None
        # what the answers under way need: chaining value and counter of their commands
        self._expected: deque[tuple[bytes, int]] = deque()

    @property
    def state(self) -> HostState:
        """Where the session stands."""
        return self._state

    @property
    def level(self) -> SecurityLevel:
        """The level that was asked for."""
        return SecurityLevel(self._level)

    @property
    def keys(self) -> KeySet:
        """The static keys: their DEK protects keys in commands (6.2.8)."""
        return self._keys

    def choose(self, level: SecurityLevel) -> None:
        """Ask for another level than at first: INITIALIZE UPDATE is the same at each."""
        self._demand(HostState.NEW)
        self._level = int(level)

    def initialize_update(self) -> CommandApdu:
        """The command that begins the session."""
        cla = class_byte(PROPRIETARY, self._channel)
        return CommandApdu(cla, INS_INITIALIZE_UPDATE, self._keys.kvn, 0, self._challenge, 256)

    def external_authenticate(self, answer: ResponseApdu) -> CommandApdu:
        """Check the answer to INITIALIZE UPDATE and build the command that authenticates the host."""
        self._demand(HostState.NEW)
        self._state = HostState.FAILED
        if answer.sw != SW.OK:
            raise StatusError("INITIALIZE UPDATE", answer.sw)
        session, _, cryptogram = check_answer(answer.data, self._keys, self._challenge, self._aid, self._level)
        cla = class_byte(PROPRIETARY, self._channel, secure=True)
        header = mac_header(cla, INS_EXTERNAL_AUTHENTICATE, self._level, 0, 2 * self._length, False)
        session.chain = session.command_mac(header + cryptogram)
        self._session = session
        self._state = HostState.AUTHENTICATING
        data = cryptogram + session.chain[: self._length]
        return CommandApdu(cla, INS_EXTERNAL_AUTHENTICATE, self._level, 0, data)

    def authenticated(self, answer: ResponseApdu) -> None:
        """Take the answer to EXTERNAL AUTHENTICATE: from here on commands are wrapped."""
        self._demand(HostState.AUTHENTICATING)
        if answer.sw != SW.OK or answer.data:
            self._state = HostState.FAILED
            raise StatusError("EXTERNAL AUTHENTICATE", answer.sw)
        self._state = HostState.OPEN

    def wrap(self, command: CommandApdu) -> CommandApdu:
        """Protect a command (6.2.4, 6.2.6)."""
        if self._state is not _OPEN:
            self._demand(HostState.OPEN)
        level = self._level
        if not level:
            return command
        session = self._session
        assert session is not None
        cla, ins, p1, p2, data, le, extended = command
        counter = session.count()
        if data and level & C_DECRYPTION:
            data = session.encrypt(counter, data)
        size = len(data) + self._length
        extended = extended or size > 255 or (le is not None and le > 256)
        mac = session.command_mac(mac_header(cla, ins, p1, p2, size, extended) + data)
        session.chain = mac
        if level & R_MAC:
            self._expected.append((mac, counter))
        data += mac[: self._length]
        return _new(CommandApdu, (SECURE_CLASS[cla], ins, p1, p2, data, le, extended))

    def unwrap(self, response: ResponseApdu) -> ResponseApdu:
        """Check the next answer and return it without its protection (6.2.5, 6.2.7); SecurityError ends the session."""
        if self._state is not _OPEN:
            self._demand(HostState.OPEN)
        level = self._level
        if not level & R_MAC:
            return response
        if not self._expected:
            raise LocalProtocolError("an answer without a command")
        chain, counter = self._expected.popleft()
        session = self._session
        assert session is not None
        data, sw = response
        status = protected_status(sw)
        if status is None:
            if data:
                self._fail("an error with data")
            return response
        size = len(data) - self._length
        if size < 0:
            self._fail("the answer carries no R-MAC")
        body = data[:size]
        if not compare_digest(data[size:], session.response_mac(chain + body + status)[: self._length]):
            self._fail("the R-MAC does not verify")
        if body and level & R_ENCRYPTION:
            try:
                body = session.decrypt(counter | RESPONSE, body)
            except SecurityError:
                self._fail("the answer is not padded")
        return _new(ResponseApdu, (body, sw))

    def _demand(self, state: HostState) -> None:
        if self._state is not state:
            raise LocalProtocolError(f"SCP03 {self._state.value}: this step needs {state.name}")

    def _fail(self, message: str) -> NoReturn:
        self._state = HostState.FAILED
        raise SecurityError(message)
