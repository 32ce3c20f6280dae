# SPDX-License-Identifier: Apache-2.0
"""SCP03 on one logical channel of a card, followed through a trace (GPCS Amendment D v1.2 5.6, 6.2, 7.1).

With or without keys: what can be checked without them is. The state is None while the trace has not shown it, as in
a trace that starts in the middle, and after a session of a protocol that is not followed here.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from apdu.channel.scp03 import (
    C_MAC,
    INS_EXTERNAL_AUTHENTICATE,
    INS_INITIALIZE_UPDATE,
    IS_SECURE,
    LEVELS,
    SCP_IDENTIFIER,
    State,
    block_length,
    mac_header,
    needs,
)
from apdu.command.apdu import CommandApdu
from apdu.command.cla import CLASSES, INTERINDUSTRY, PROPRIETARY
from apdu.trace.events import Layer
from apdu.trace.rules.table import Rules
from apdu.trace.unwrap.keys import KeyRing
from apdu.trace.unwrap.opening import Counters, Opening, open_with, read_answer
from apdu.trace.unwrap.outcome import Found, Outcome, covered
from apdu.trace.unwrap.session import SECURE_MESSAGING_ERRORS, OpenSession, accepted

__all__ = ["Scp03"]

_MIDDLE: Final = "the beginning of the session is not in the trace"
_OUTSIDE: Final = "no session is open"
_OTHER_KEYS: Final = "these are other keys than those of the session"
_HIDDEN: Final = "a protected command before it is hidden or broken in the trace"
_INTERNAL_AUTHENTICATE: Final = 0x88
_COMMON: Final = frozenset(
    (
        INTERINDUSTRY << 8 | 0x70,  # MANAGE CHANNEL
        INTERINDUSTRY << 8 | 0xA4,  # SELECT
        INTERINDUSTRY << 8 | 0xC0,  # GET RESPONSE
        PROPRIETARY << 8 | 0x10,  # TERMINAL PROFILE
        PROPRIETARY << 8 | 0x12,  # FETCH
        PROPRIETARY << 8 | 0x14,  # TERMINAL RESPONSE
        PROPRIETARY << 8 | 0xAA,  # TERMINAL CAPABILITY
        PROPRIETARY << 8 | 0xC2,  # ENVELOPE
        PROPRIETARY << 8 | 0xF2,  # STATUS, which has class and instruction of GET STATUS
    )
)
"""Commands of the card itself, which no application's session protects."""


class Scp03:
    """What is known about the secure channel of what is selected on one logical channel."""

    __slots__ = ("_counters", "_opening", "_ring", "_selected_since", "_session", "aid", "state")

    def __init__(self, ring: KeyRing, counters: Counters, state: State | None) -> None:
        self._ring = ring
        self._counters = counters
        self.state = state
        self.aid = b""
        """AID of what is selected, as far as it is known."""
        self._opening: Opening | None = None
        self._session: OpenSession | None = None
        self._selected_since = False

    @property
    def watched(self) -> bool:
        """Whether the next plain command matters to it."""
        return self.state is not None and self.state is not State.NONE

    def select(self, aid: bytes) -> None:
        """Something was selected: a session is over."""
        self._selected_since = self.state is State.OPEN or (self._selected_since and self.state is State.NONE)
        self.aid = aid
        self.state = State.NONE

    def lose(self) -> None:
        """The trace does not show a protected command: the MACs that follow cannot be checked."""
        if self._session is not None and self._session.crypt is not None:
            self._session.crypt, self._session.why = None, _HIDDEN

    def malformed(self, raw: bytes, response: bytes, reason: str) -> Outcome | None:
        """Take a command that is none; the MACs after a protected one cannot be checked."""
        if not IS_SECURE[raw[0]] or self._session is None:
            return None
        found = Found()
        if accepted(response):
            found.add(Rules.LENGTH, reason)
        self.lose()
        session = self._session
        return self._outcome(raw, response, None, found, session.kvn, session.why, session.level)

    def exchange(self, raw: bytes, command: CommandApdu, response: bytes) -> Outcome | None:
        """Take one exchange; None when no secure channel had to do with it."""
        secure = IS_SECURE[command.cla]
        kind = CLASSES[command.cla]
        proprietary = kind is not None and kind.kind == PROPRIETARY
        if proprietary and command.ins == INS_INITIALIZE_UPDATE and not secure:
            return self._initialize_update(raw, command, response)
        if proprietary and command.ins == INS_EXTERNAL_AUTHENTICATE:
            return self._external_authenticate(raw, command, response)
        if secure:
            return self._protected(raw, command, response)
        if proprietary and command.ins == _INTERNAL_AUTHENTICATE and accepted(response):
            self.state = None  # another protocol opens its session
        return self._plain(raw, command, response)

    # --- opening

    def _initialize_update(self, raw: bytes, command: CommandApdu, response: bytes) -> Outcome | None:
        self.state = State.NONE
        self._session = self._opening = None
        self._selected_since = False
        if not accepted(response):
            return None
        found = Found()
        answer = read_answer(response[:-2], len(command.data))
        if answer is None:
            found.add(Rules.INITIALIZE_UPDATE, f"{len(response) - 2} bytes for a challenge of {len(command.data)}")
            return self._outcome(raw, response, None, found, command.p1, "the answer cannot be read")
        if answer.scp != SCP_IDENTIFIER:
            self.state = None
            return None
        if command.p1 not in (0, answer.kvn):
            found.add(Rules.INITIALIZE_UPDATE, f"key set {answer.kvn:02X} instead of {command.p1:02X}")
        before = self._counters.take(self.aid, answer)
        if before is not None:
            found.add(Rules.SEQUENCE_COUNTER, f"{answer.counter} after {before}")
        opening = open_with(self._ring, self.aid, command.data, answer, found)
        self._opening = opening
        self.state = State.INITIATED
        verified = None if opening.handshake is None else opening.genuine and not found
        return self._outcome(raw, response, verified, found, answer.kvn, opening.why)

    def _external_authenticate(self, raw: bytes, command: CommandApdu, response: bytes) -> Outcome | None:
        opening, self._opening = self._opening, None
        found = Found()
        if self.state is not State.INITIATED or opening is None:
            return self._unexpected(raw, command, response, found)
        length = block_length(opening.answer.parameter)
        level, good = command.p1, accepted(response)
        if len(command.data) != 2 * length or not IS_SECURE[command.cla]:
            if good:
                found.add(Rules.EXTERNAL_AUTHENTICATE, f"{len(command.data)} bytes of data, CLA {command.cla:02X}")
            self.state = State.NONE if not good else None
            return self._outcome(raw, response, None, found, opening.kvn, "the command cannot be read")
        if good and (level not in LEVELS or opening.answer.parameter & needs(level) != needs(level)):
            found.add(Rules.LEVEL, f"{level:02X} with i {opening.answer.parameter:02X}")
        session, verified = _authenticate(opening, command, length, found)
        self._session = session if good else None
        self.state = State.OPEN if good else State.NONE
        why = opening.why or session.why
        return self._outcome(raw, response, verified, found, opening.kvn, why, level)

    def _unexpected(self, raw: bytes, command: CommandApdu, response: bytes, found: Found) -> Outcome | None:
        """EXTERNAL AUTHENTICATE without INITIALIZE UPDATE."""
        if not accepted(response):
            return None
        if self.state is None or len(command.data) not in (16, 32):
            self.state = None  # MUTUAL AUTHENTICATE of SCP11 has the same instruction
            return None
        found.add(Rules.EXTERNAL_AUTHENTICATE, "no INITIALIZE UPDATE came before")
        self.state = None
        return self._outcome(raw, response, None, found, None, _MIDDLE)

    # --- in a session

    def _protected(self, raw: bytes, command: CommandApdu, response: bytes) -> Outcome | None:
        session, found = self._session, Found()
        good = accepted(response)
        if session is None or self.state in (None, State.INITIATED):
            if good and self.state is not None:
                found.add(Rules.NO_SESSION)
            why = _MIDDLE if self.state is None else _OUTSIDE
            plain = covered(raw[:5], len(raw) - 5, b"")
            answer = covered(b"", len(response) - 2, response[-2:]) if len(response) > 2 else response
            return Outcome(
                layer=Layer.SCP03, target=self.aid, protected=raw, response_protected=response, plain=plain,
                response_plain=answer, verified=None, why=why, found=found,
            )  # fmt: skip
        if good and self.state is not State.OPEN:
            rule = Rules.SURVIVES_ERROR if self.state is State.ABORTED else None
            found.add(rule or (Rules.SURVIVES_SELECT if self._selected_since else Rules.NO_SESSION))
            self.state = State.OPEN
        if not session.level & C_MAC and good:
            found.add(Rules.LEVEL, f"a protected command at level {session.level:02X}")
            return self._outcome(raw, response, None, found, session.kvn, session.why, session.level)
        shown = session.unwrap(raw, command, response, found)
        if shown.wrong and response and not good and _status(response) in SECURE_MESSAGING_ERRORS:
            self.state = State.ABORTED
        return Outcome(
            layer=Layer.SCP03, target=self.aid, protected=raw, response_protected=response, plain=shown.plain,
            response_plain=shown.response, verified=shown.verified, why=session.why, kvn=session.kvn,
            level=session.level, found=found,
        )  # fmt: skip

    def _plain(self, raw: bytes, command: CommandApdu, response: bytes) -> Outcome | None:
        """A command without protection: refused in a session that protects commands, and then the session is over."""
        session = self._session
        if self.state is not State.OPEN or session is None or not session.level & C_MAC:
            return None
        kind = CLASSES[command.cla]
        if kind is None or kind.kind << 8 | command.ins in _COMMON:
            return None
        if not accepted(response):
            if len(response) >= 2 and _status(response) in SECURE_MESSAGING_ERRORS:
                self.state = State.ABORTED
            return None
        found = Found()
        found.add(Rules.PLAIN_ACCEPTED)
        return self._outcome(raw, response, False, found, session.kvn, "", session.level)

    def _outcome(
        self,
        raw: bytes,
        response: bytes,
        verified: bool | None,
        found: Found,
        kvn: int | None,
        why: str,
        level: int | None = None,
    ) -> Outcome:
        """The outcome of an exchange that is not encrypted."""
        return Outcome(
            layer=Layer.SCP03, target=self.aid, protected=raw, response_protected=response, plain=raw,
            response_plain=response, verified=verified, why=why, kvn=kvn, level=level, found=found,
        )  # fmt: skip


def _status(response: bytes) -> int:
    return response[-2] << 8 | response[-1]


def _authenticate(opening: Opening, command: CommandApdu, length: int, found: Found) -> tuple[OpenSession, bool | None]:
    """Check the host's cryptogram and MAC; the session that they open. Where all are wrong, it has other keys."""
    level, handshake = command.p1, opening.handshake
    session = OpenSession(opening.kvn, level, length, None, opening.why)
    if handshake is None:
        return session, None
    crypt = handshake.session
    cryptogram, mac = command.data[:length], command.data[length:]
    cla, ins, p1, p2, data, _, extended = command
    full = crypt.command_mac(mac_header(cla, ins, p1, p2, len(data), extended) + cryptogram)
    cryptogram_good = compare_digest(cryptogram, handshake.host_cryptogram)
    mac_good = compare_digest(mac, full[:length])
    if not cryptogram_good:
        found.add(Rules.HOST_CRYPTOGRAM, f"key set {opening.kvn:02X}")
    if not (opening.genuine or cryptogram_good or mac_good):
        session.why = _OTHER_KEYS
        return session, False
    if not mac_good:
        found.add(Rules.C_MAC, "EXTERNAL AUTHENTICATE")
    session.crypt = crypt
    session.chains = [full, mac] if length == 16 and not mac_good else [full]
    return session, cryptogram_good and mac_good
