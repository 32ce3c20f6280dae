# SPDX-License-Identifier: Apache-2.0
"""SCP03t, the card's end (SGP.02 v4.2 4.1.3.3; state machine in apdu.channel.scp03t)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final, NamedTuple, NoReturn

from apdu.channel.errors import ChannelError
from apdu.channel.scp03 import SCP_IDENTIFIER
from apdu.channel.scp03t import (
    BLOCK_LIMIT,
    CHALLENGE_LENGTH,
    LEVEL,
    MAC_LENGTH,
    MAX_CLEAR,
    PARAMETER,
    TRANSITIONS,
    Block,
    ErrorCode,
    Event,
    KeyReplacement,
    Scp03tError,
    State,
    Tag,
    header,
    read_block,
)
from apdu.channel.session import BLOCK, RESPONSE, Handshake, Session, card_challenge, shake_hands
from apdu.errors import DecodeError, EncodeError, LocalProtocolError, SecurityError
from apdu.keys.secret import KeySet

__all__ = ["Authenticated", "CardKeys", "Data", "KeysReplaced", "Opened", "Scp03tCard"]

_SHORTEST: Final = BLOCK + MAC_LENGTH


class CardKeys(NamedTuple):
    """A key set and its sequence counter for this session, already incremented and stored."""

    keys: KeySet
    counter: int


@dataclass(frozen=True, slots=True)
class Opened:
    """84 was right: the answer goes back."""

    kvn: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class Authenticated:
    """85 was right: the answer goes back."""

    answer: bytes = b"\x85\x00"


@dataclass(frozen=True, slots=True)
class Data:
    """86 was right: its clear data; `Scp03tCard.respond` makes the answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class KeysReplaced:
    """87 was right: the answer goes back."""

    answer: bytes = b"\x87\x00"


class Scp03tCard:
    """The sessions of one ISD-P.

    `find` is asked once in each 84 that is well formed, with a key version number: it returns the key set and counts,
    or None when there is none. It may raise `Scp03tError` itself where the ISD-P takes no profile, or `ChannelError`
    where the counter is used up. What `receive` refuses is a `Scp03tError`: its `tlv` is the answer, and the session is
    gone.
    """

    __slots__ = ("_aid", "_diversification", "_find", "_handshake", "_session", "_state")

    def __init__(
        self,
        aid: bytes,
        find: Callable[[int], CardKeys | tuple[KeySet, int] | None],
        diversification: bytes = bytes(10),
    ) -> None:
        self._aid = aid
        self._find = find
        self._diversification = diversification
        self._state = State.NONE
        self._handshake: Handshake | None = None
        self._session: Session | None = None

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    def receive(self, tlv: bytes) -> Opened | Authenticated | Data | KeysReplaced:
        """Take one command TLV."""
        try:
            block = read_block(tlv)
        except DecodeError as error:
            self._refuse(Event.MALFORMED, tlv[0] if tlv else 0, error.message)
        if block.tag == Tag.PROTECTED:
            return Data(self._clear(block, Event.DATA_BAD))
        if block.tag == Tag.INITIALIZE_UPDATE:
            return self._initialize_update(block)
        if block.tag == Tag.EXTERNAL_AUTHENTICATE:
            return self._external_authenticate(block)
        if block.tag == Tag.REPLACE_KEYS:
            return self._replace_keys(block)
        return self._refuse(Event.MALFORMED, block.tag, "not a command")

    def respond(self, data: bytes) -> bytes:
        """The answer to the 86 that was received last: protected data, or 86 00 when there is nothing to say."""
        session = self._session
        if session is None:
            raise LocalProtocolError("an answer outside a session")
        if not data:
            return b"\x86\x00"
        if len(data) > MAX_CLEAR:
            raise EncodeError(f"an answer has {MAX_CLEAR} bytes at most, not {len(data)}")
        body = session.encrypt(session.counter | RESPONSE, data)
        sent = header(Tag.PROTECTED, len(body) + MAC_LENGTH) + body
        # (U) no status word goes into the R-MAC, unlike SCP03
        return sent + session.response_mac(session.chain + sent)[:MAC_LENGTH]

    def end(self) -> None:
        """End the session: selection, deletion of the ISD-P, reset."""
        self._move(Event.END)

    # --- commands

    def _initialize_update(self, block: Block) -> Opened:
        self._move(Event.END)
        value = block.data[block.start :]
        if len(value) != 2 + CHALLENGE_LENGTH:
            self._refuse(Event.MALFORMED, block.tag, "wrong length")
        kvn, kid, challenge = value[0], value[1], value[2:]
        try:
            found = None if kid else self._find(kvn)
        except ChannelError as error:
            raise Scp03tError(block.tag, ErrorCode.SECURITY, str(error)) from None
        if found is None:
            self._refuse(Event.INITIALIZE_BAD, block.tag, f"no key set {kvn:02X}")
        keys, counter = found
        answer = card_challenge(keys.enc, counter, self._aid, CHALLENGE_LENGTH)
        self._handshake = shake_hands(keys, challenge, answer)
        self._move(Event.INITIALIZE_GOOD)
        content = self._diversification + bytes((keys.kvn, SCP_IDENTIFIER, PARAMETER)) + answer
        content += self._handshake.card_cryptogram + counter.to_bytes(3, "big")
        return Opened(keys.kvn, header(Tag.INITIALIZE_UPDATE, len(content)) + content)

    def _external_authenticate(self, block: Block) -> Authenticated:
        handshake = self._handshake
        if self._state is not State.INITIATED or handshake is None:
            self._refuse(Event.AUTHENTICATE_BAD, block.tag, "85 without 84")
        value = block.data[block.start :]
        if len(value) != 1 + 2 * CHALLENGE_LENGTH:
            self._refuse(Event.MALFORMED, block.tag, "wrong length")
        cryptogram, mac = value[1:-MAC_LENGTH], value[-MAC_LENGTH:]
        session = handshake.session
        full = session.command_mac(block.data[:-MAC_LENGTH])
        good = compare_digest(cryptogram, handshake.host_cryptogram) & compare_digest(mac, full[:MAC_LENGTH])
        if not good or value[0] != LEVEL:
            self._refuse(Event.AUTHENTICATE_BAD, block.tag, "the host's cryptogram, MAC or level is wrong")
        session.chain = full
        self._move(Event.AUTHENTICATE_GOOD)
        self._session = session
        return Authenticated()

    def _clear(self, block: Block, bad: Event) -> bytes:
        """Verify and decrypt an 86 or 87."""
        session = self._session
        if session is None:
            self._refuse(bad, block.tag, "outside a session")
        data = block.data
        size = len(data) - block.start
        if size < _SHORTEST or (size - MAC_LENGTH) % BLOCK or len(data) > BLOCK_LIMIT:
            self._refuse(Event.MALFORMED, block.tag, "wrong length")
        mac = session.command_mac(data[:-MAC_LENGTH])
        if not compare_digest(mac[:MAC_LENGTH], data[-MAC_LENGTH:]):
            self._refuse(bad, block.tag, _NOT_PROTECTED)
        session.chain = mac
        try:
            return session.decrypt(session.count(), data[block.start : -MAC_LENGTH])
        except SecurityError:
            self._refuse(bad, block.tag, _NOT_PROTECTED)

    def _replace_keys(self, block: Block) -> KeysReplaced:
        clear = self._clear(block, Event.KEYS_BAD)
        session = self._session
        assert session is not None
        try:
            replacement = KeyReplacement.decode(clear)
            keys = replacement.keys(session.keys)
        except DecodeError as error:
            self._refuse(Event.MALFORMED, block.tag, error.message)
        self._session = Session(keys, replacement.chain)
        return KeysReplaced()

    # --- state

    def _move(self, event: Event) -> None:
        self._state, _ = TRANSITIONS[self._state, event]
        if self._state is State.NONE:
            self._handshake = self._session = None

    def _refuse(self, event: Event, tag: int, reason: str) -> NoReturn:
        code = TRANSITIONS[self._state, event].refused
        self._move(event)
        assert code is not None
        raise Scp03tError(tag, code, reason)


_NOT_PROTECTED: Final = "the command is not protected as agreed"
"""One text for wrong MAC and wrong padding."""
