# SPDX-License-Identifier: Apache-2.0
"""SCP03, the card's end (GPCS Amendment D v1.2 6.2 and 7.1; state machine in apdu.channel.scp03)."""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from typing import Final, NoReturn

from apdu.channel.errors import ChannelError
from apdu.channel.scp03 import (
    C_DECRYPTION,
    C_MAC,
    INS_EXTERNAL_AUTHENTICATE,
    IS_SECURE,
    LEVELS,
    PLAIN_CLASS,
    R_ENCRYPTION,
    R_MAC,
    SCP_IDENTIFIER,
    TRANSITIONS,
    Event,
    Parameter,
    SecurityLevel,
    State,
    block_length,
    mac_header,
    needs,
    protected_status,
)
from apdu.channel.session import RESPONSE, Handshake, Session, card_challenge, shake_hands
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import SecurityError
from apdu.keys.entropy import Entropy
from apdu.keys.secret import KeySet

__all__ = ["CardConfiguration", "Scp03Card"]

_OPEN: Final = State.OPEN  # looking up an Enum's member costs as much as a call
_new: Final = tuple.__new__  # a NamedTuple's own constructor takes twice as long; both count in every command


@dataclass(frozen=True, slots=True)
class CardConfiguration:
    """How a security domain runs SCP03: its AID, the parameter i, which levels it accepts."""

    aid: bytes
    parameter: int = Parameter.PSEUDO_RANDOM | Parameter.R_MAC | Parameter.R_ENCRYPTION
    levels: frozenset[SecurityLevel] = LEVELS
    diversification: bytes = bytes(10)

    def serves(self, level: int) -> bool:
        """Whether a security level is accepted and supported by i."""
        return level in self.levels and self.parameter & needs(level) == needs(level)


class Scp03Card:
    """The sessions of one security domain on one logical channel.

    INITIALIZE UPDATE and EXTERNAL AUTHENTICATE have a method each; every other command of a session passes `unwrap`,
    and its answer `wrap`, before the transport puts 61xx or 91xx in the place of 9000. What is refused is a
    `ChannelError`, which knows the status word.
    """

    __slots__ = ("_configuration", "_handshake", "_keys", "_length", "_level", "_session", "_state")

    def __init__(self, configuration: CardConfiguration) -> None:
        self._configuration = configuration
        self._length = block_length(configuration.parameter)
        self._state = State.NONE
        self._level = 0
        self._keys: KeySet | None = None
        self._handshake: Handshake | None = None
        self._session: Session | None = None

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def level(self) -> SecurityLevel | None:
        """The level of the open session; None when there is none."""
        return SecurityLevel(self._level) if self._state is State.OPEN else None

    @property
    def keys(self) -> KeySet | None:
        """The key set of the present session: its DEK protects keys in commands (6.2.8)."""
        return self._keys

    def initialize_update(
        self, keys: KeySet, host_challenge: bytes, *, counter: int | None = None, entropy: Entropy | None = None
    ) -> bytes:
        """Begin a session and answer INITIALIZE UPDATE (7.1.1).

        With pseudo-random challenges `counter` is the key set's sequence counter, already incremented and stored
        (`next_sequence_counter`); with random ones the challenge comes from `entropy`.
        """
        self.end()
        if len(host_challenge) != self._length:
            raise ChannelError(f"the host challenge has {len(host_challenge)} bytes", SW.WRONG_LENGTH)
        configuration = self._configuration
        if configuration.parameter & Parameter.PSEUDO_RANDOM:
            if counter is None:
                raise ValueError("pseudo-random challenges need the sequence counter")
            challenge = card_challenge(keys.enc, counter, configuration.aid, self._length)
            tail = counter.to_bytes(3, "big")
        else:
            if entropy is None:
                raise ValueError("random challenges need entropy")
            challenge = entropy.draw(self._length)
            tail = b""
        self._handshake = shake_hands(keys, host_challenge, challenge)
        self._keys = keys
        self._move(Event.INITIALIZE_UPDATE)
        information = bytes((keys.kvn, SCP_IDENTIFIER, configuration.parameter))
        return configuration.diversification + information + challenge + self._handshake.card_cryptogram + tail

    def external_authenticate(self, command: CommandApdu) -> SecurityLevel:
        """Verify the host and open the session at the level that P1 names (7.1.2). Its answer is never protected."""
        handshake = self._handshake
        if self._state is not State.INITIATED or handshake is None:
            self._refuse(Event.AUTHENTICATION_BAD, "EXTERNAL AUTHENTICATE without INITIALIZE UPDATE")
        cla, ins, p1, p2, data, _, extended = command
        if ins != INS_EXTERNAL_AUTHENTICATE or not IS_SECURE[cla]:
            self._drop("EXTERNAL AUTHENTICATE without secure messaging", SW.SECURITY_STATUS)
        if p2 or not self._configuration.serves(p1):
            self._drop(f"security level {p1:02X} is not supported", SW.WRONG_P1P2)
        if len(data) != 2 * self._length:
            self._drop("EXTERNAL AUTHENTICATE of a wrong length", SW.WRONG_LENGTH)
        cryptogram, mac = data[: self._length], data[self._length :]
        session = handshake.session
        full = session.command_mac(mac_header(cla, ins, p1, p2, len(data), extended) + cryptogram)
        # both are compared before anything is said
        if not compare_digest(cryptogram, handshake.host_cryptogram) & compare_digest(mac, full[: self._length]):
            self._refuse(Event.AUTHENTICATION_BAD, "the host's cryptogram or MAC does not verify")
        session.chain = full
        self._session = session
        self._level = p1
        self._move(Event.AUTHENTICATION_GOOD)
        return SecurityLevel(p1)

    def unwrap(self, command: CommandApdu) -> CommandApdu:
        """Check a command as the session demands and return it without its protection (6.2.4, 6.2.6)."""
        cla = command.cla
        secure = IS_SECURE[cla]
        if self._state is not _OPEN:
            transition = TRANSITIONS[self._state, Event.COMMAND_BAD if secure else Event.COMMAND_GOOD]
            if transition.refused is None:
                return command
            self._refuse(Event.COMMAND_BAD if secure else Event.COMMAND_GOOD, "a command outside a session")
        level = self._level
        if secure != bool(level & C_MAC):
            self._refuse(Event.COMMAND_BAD, _NOT_PROTECTED)
        if not level:
            return command
        _, ins, p1, p2, data, le, extended = command
        session = self._session
        assert session is not None
        size = len(data) - self._length
        if size < 0:
            self._refuse(Event.COMMAND_BAD, _NOT_PROTECTED)
        body = data[:size]
        mac = session.command_mac(mac_header(cla, ins, p1, p2, len(data), extended) + body)
        if not compare_digest(mac[: self._length], data[size:]):
            self._refuse(Event.COMMAND_BAD, _NOT_PROTECTED)
        session.chain = mac
        try:
            counter = session.count()
            if body and level & C_DECRYPTION:
                body = session.decrypt(counter, body)
        except SecurityError:
            self._refuse(Event.COMMAND_BAD, _NOT_PROTECTED)
        return _new(CommandApdu, (PLAIN_CLASS[cla], ins, p1, p2, body, le, extended))

    def wrap(self, response: ResponseApdu) -> ResponseApdu:
        """Protect the answer to the command that was unwrapped last (6.2.5, 6.2.7); errors lose their data."""
        level = self._level
        if self._state is not _OPEN or not level & R_MAC:
            return response
        session = self._session
        assert session is not None
        data, sw = response
        status = protected_status(sw)
        if status is None:
            return ResponseApdu(b"", sw)
        if data and level & R_ENCRYPTION:
            data = session.encrypt(session.counter | RESPONSE, data)
        mac = session.response_mac(session.chain + data + status)
        return _new(ResponseApdu, (data + mac[: self._length], sw))

    def end(self) -> None:
        """End the session: selection, closed channel, reset, or the next INITIALIZE UPDATE (5.6)."""
        self._move(Event.END)

    # --- state

    def _move(self, event: Event) -> None:
        state, _ = TRANSITIONS[self._state, event]
        if state in (State.NONE, State.ABORTED):
            self._session = self._handshake = self._keys = None
            self._level = 0
        self._state = state

    def _refuse(self, event: Event, message: str) -> NoReturn:
        sw = TRANSITIONS[self._state, event].refused
        self._move(event)
        assert sw is not None
        raise ChannelError(message, sw)

    def _drop(self, message: str, sw: SW) -> NoReturn:
        """Refuse EXTERNAL AUTHENTICATE for what is wrong before its cryptogram: the session is gone all the same."""
        self._move(Event.AUTHENTICATION_BAD)
        raise ChannelError(message, sw)


_NOT_PROTECTED: Final = "the command is not protected as the session demands"
"""One text for wrong MAC, missing MAC, wrong padding and wrong level."""
