# SPDX-License-Identifier: Apache-2.0
"""SCP03t of one ISD-P, followed through a trace (SGP.02 v4.2 4.1.3.3)."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from apdu.channel.scp03 import SCP_IDENTIFIER, needs
from apdu.channel.scp03t import CHALLENGE_LENGTH, LEVEL, MAC_LENGTH, Block, KeyReplacement, State, Tag, read_block
from apdu.channel.session import BLOCK, RESPONSE, Session
from apdu.errors import DecodeError, SecurityError
from apdu.trace.events import Layer, Octets, Withheld
from apdu.trace.rules.table import Rules
from apdu.trace.unwrap.keys import KeyRing
from apdu.trace.unwrap.opening import Counters, Opening, open_with, read_answer
from apdu.trace.unwrap.outcome import Found, Outcome

__all__ = ["Scp03t"]

_MIDDLE: Final = "the beginning of the session is not in the trace"
_OTHER_KEYS: Final = "these are other keys than those of the session"
_SHORTEST: Final = BLOCK + MAC_LENGTH


class Scp03t:
    """What is known about the SCP03t sessions of one ISD-P."""

    __slots__ = ("_aid", "_counters", "_lost", "_opening", "_ring", "_session", "_state", "_why")

    def __init__(self, ring: KeyRing, counters: Counters, aid: bytes) -> None:
        self._ring = ring
        self._counters = counters
        self._aid = aid
        self._state: State | None = None
        self._opening: Opening | None = None
        self._session: Session | None = None
        self._lost = False
        self._why = _MIDDLE

    def exchange(self, tlv: bytes, answer: bytes) -> Outcome | None:
        """Take one command TLV and its answer, which is empty where the trace has none; None when it is no SCP03t."""
        if not tlv or tlv[0] not in tuple(Tag):
            return None
        found = Found()
        refused = not answer or answer[0] != tlv[0]
        try:
            block = read_block(tlv)
        except DecodeError as error:
            if not refused:
                found.add(Rules.T_LENGTH, error.message)
            return self._outcome(tlv, answer, None, found)
        if block.tag == Tag.INITIALIZE_UPDATE:
            outcome = self._initialize_update(block, answer, refused, found)
        elif block.tag == Tag.EXTERNAL_AUTHENTICATE:
            outcome = self._external_authenticate(block, answer, refused, found)
        else:
            outcome = self._protected(block, answer, refused, found)
        if answer and refused:  # an error ends the session
            self._state = State.NONE
        return outcome

    # --- opening

    def _initialize_update(self, block: Block, answer: bytes, refused: bool, found: Found) -> Outcome:
        self._state, self._session, self._opening, self._lost = State.NONE, None, None, False
        value = block.data[block.start :]
        if refused:
            self._why = ""
            return self._outcome(block.data, answer, None, found)
        content = _value(answer)
        read = None if content is None or len(value) < 2 else read_answer(content, len(value) - 2)
        if read is None or read.scp != SCP_IDENTIFIER or len(value) != 2 + CHALLENGE_LENGTH:
            found.add(Rules.T_ANSWER, "84")
            self._why = "the answer to 84 cannot be read"
            return self._outcome(block.data, answer, None, found)
        if read.parameter & needs(LEVEL) != needs(LEVEL):
            found.add(Rules.LEVEL, f"{LEVEL:02X} with i {read.parameter:02X}")
        if value[0] not in (0, read.kvn):
            found.add(Rules.T_ANSWER, f"key set {read.kvn:02X} instead of {value[0]:02X}")
        before = self._counters.take(self._aid, read)
        if before is not None:
            found.add(Rules.SEQUENCE_COUNTER, f"{read.counter} after {before}")
        opening = open_with(self._ring, self._aid, value[2:], read, found)
        self._opening, self._why, self._state = opening, opening.why, State.INITIATED
        verified = None if opening.handshake is None else opening.genuine and not found
        return self._outcome(block.data, answer, verified, found)

    def _external_authenticate(self, block: Block, answer: bytes, refused: bool, found: Found) -> Outcome:
        opening = self._opening
        value = block.data[block.start :]
        if self._state is not State.INITIATED or opening is None or len(value) != 1 + 2 * CHALLENGE_LENGTH:
            if not refused and self._state is not None:
                found.add(Rules.T_NO_SESSION, "85 without 84")
            return self._outcome(block.data, answer, None, found)
        self._state = State.OPEN
        handshake = opening.handshake
        if handshake is None:
            return self._outcome(block.data, answer, None, found)
        crypt = handshake.session
        full = crypt.command_mac(block.data[:-MAC_LENGTH])
        cryptogram_good = compare_digest(value[1:-MAC_LENGTH], handshake.host_cryptogram)
        mac_good = compare_digest(value[-MAC_LENGTH:], full[:MAC_LENGTH])
        if not cryptogram_good:
            found.add(Rules.HOST_CRYPTOGRAM, f"key set {opening.kvn:02X}")
        if not (opening.genuine or cryptogram_good or mac_good):
            self._why = _OTHER_KEYS
            return self._outcome(block.data, answer, False, found)
        if not mac_good:
            found.add(Rules.T_MAC, "85")
        crypt.chain = full
        self._session = crypt
        return self._outcome(block.data, answer, cryptogram_good and mac_good, found)

    # --- data

    def _protected(self, block: Block, answer: bytes, refused: bool, found: Found) -> Outcome:
        data, session = block.data, self._session
        size = len(data) - block.start
        if not refused and self._state in (State.NONE, State.INITIATED):
            found.add(Rules.T_NO_SESSION)
        if size < _SHORTEST or (size - MAC_LENGTH) % BLOCK:
            if not refused:
                found.add(Rules.T_LENGTH, f"{size} bytes")
            return self._outcome(data, answer, None, found)
        hidden = Withheld(size - MAC_LENGTH)
        if session is None:
            self._why = self._why or _MIDDLE
            return self._outcome(data, answer, None, found, hidden, _covered_answer(answer))
        counter = session.count()
        mac = session.command_mac(data[:-MAC_LENGTH])
        good = compare_digest(mac[:MAC_LENGTH], data[-MAC_LENGTH:])
        session.chain = mac
        answer_good = self._answer_mac(session, answer, refused, found, quiet=not good)
        if not (good or answer_good):
            if not self._lost:
                found.add(Rules.T_MAC_REFUSED if answer and refused else Rules.T_MAC)
            self._lost = True
            return self._outcome(data, answer, False, found, hidden, _covered_answer(answer))
        if not good:
            found.add(Rules.T_MAC, "the answer belongs to another one")
        self._lost = False
        plain = self._decrypt(session, counter, data[block.start : -MAC_LENGTH], found)
        shown: Octets = answer
        if answer_good:
            content = _value(answer) or b""
            shown = self._decrypt(session, counter | RESPONSE, content[:-MAC_LENGTH], found)
        elif answer_good is False:
            shown = _covered_answer(answer)
        if block.tag == Tag.REPLACE_KEYS and isinstance(plain, bytes) and not refused:
            self._replace(session, plain, found)
        return self._outcome(data, answer, good and answer_good is not False, found, plain, shown)

    def _answer_mac(self, session: Session, answer: bytes, refused: bool, found: Found, *, quiet: bool) -> bool | None:
        """Whether the R-MAC verifies; None where there is none: `86 00`, `87 00`, an error."""
        content = None if refused else _value(answer)
        if not content:
            if content is None and not refused:
                found.add(Rules.T_ANSWER, f"{len(answer)} bytes")
            return None
        if len(content) < _SHORTEST or (len(content) - MAC_LENGTH) % BLOCK:
            found.add(Rules.T_ANSWER, f"{len(content)} bytes")
            return False
        mac = session.response_mac(session.chain + answer[:-MAC_LENGTH])
        if compare_digest(mac[:MAC_LENGTH], answer[-MAC_LENGTH:]):
            return True
        if not quiet:
            found.add(Rules.T_R_MAC)
        return False

    def _decrypt(self, session: Session, counter: int, body: bytes, found: Found) -> Octets:
        try:
            return session.decrypt(counter, body)
        except SecurityError:
            found.add(Rules.T_PADDING)
            return Withheld(len(body))

    def _replace(self, session: Session, plain: bytes, found: Found) -> None:
        """87: what follows is protected by other session keys."""
        try:
            replacement = KeyReplacement.decode(plain)
            self._session = Session(replacement.keys(session.keys), replacement.chain)
        except DecodeError as error:
            found.add(Rules.T_LENGTH, f"87: {error}")

    def _outcome(
        self,
        tlv: bytes,
        answer: bytes,
        verified: bool | None,
        found: Found,
        plain: Octets | None = None,
        shown: Octets | None = None,
    ) -> Outcome:
        kvn = None if self._opening is None else self._opening.kvn
        return Outcome(
            layer=Layer.SCP03T,
            target=self._aid,
            protected=tlv,
            response_protected=answer,
            plain=tlv if plain is None else plain,
            response_plain=answer if shown is None else shown,
            verified=verified,
            why=self._why if verified is None or self._why == _OTHER_KEYS else "",
            kvn=kvn,
            level=LEVEL,
            found=found,
        )


def _value(answer: bytes) -> bytes | None:
    """The value of an answer TLV; None when it is not one."""
    try:
        block = read_block(answer)
    except DecodeError:
        return None
    return block.data[block.start :]


def _covered_answer(answer: bytes) -> Octets:
    """An answer whose content cannot be read: only status codes are short."""
    return answer if len(answer) <= 4 else Withheld(len(answer))
