# SPDX-License-Identifier: Apache-2.0
"""`euicc trace replay`: a recorded session sent to another card, and where its answers differ.

Secure sessions are opened anew with the keys of the card in the reader, and what was inside them is protected again; so
the trace must show what was inside, by itself or with --keys. What cannot be repeated is not sent and said: commands
with hidden bytes (a zero in the place of a PIN would cost a try), protected ones whose content is not known, and what
followed in such a session. Challenges of a network and signatures over a card's challenge are sent as they are; a card
that refuses them answers differently, as it should.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from apdu.channel.scp03 import LEVELS, SecurityLevel
from apdu.channel.scp03_host import HostState, Scp03Host
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.cla import CLASSES, INTERINDUSTRY, PROPRIETARY, key
from apdu.command.exchange import exchange
from apdu.errors import DecodeError, RemoteProtocolError, SecurityError
from apdu.keys.entropy import Entropy
from apdu.keys.secret import KeySet
from apdu.trace.decode import Entry, Exchange, Happening
from apdu.trace.decode.detail import detail
from apdu.trace.decode.model import hidden, visible
from apdu.trace.decode.table import title
from apdu.trace.diff import Difference, Kind
from apdu.trace.events import Layer, LinkEvent, LinkKind, Octets
from apdu.trace.unwrap import KeyRing
from apdu.trace.volatile import Compared, response_parts, same
from emulator.device.link import CardLink

__all__ = ["Outcome", "Replayed", "Replayer"]

_SELECT: Final = key(INTERINDUSTRY, 0xA4)
_INITIALIZE_UPDATE: Final = key(PROPRIETARY, 0x50)
_EXTERNAL_AUTHENTICATE: Final = key(PROPRIETARY, 0x82)
_BY_AID: Final = 0x04
_R_MAC: Final = 0x10


@unique
class Outcome(StrEnum):
    """What became of one recorded exchange."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded exchange and what the other card answered."""

    recorded: Exchange
    outcome: Outcome
    answer: bytes = b""
    """Without protection."""
    reason: str = ""

    def difference(self) -> Difference:
        """The recorded exchange beside the one with the other card."""
        kind = Kind.STATUS if self.answer[-2:] != (visible(self.recorded.answer) or b"")[-2:] else Kind.RESPONSE
        return Difference(kind, self.recorded, _answered(self.recorded, self.answer))


def _answered(recorded: Exchange, answer: bytes) -> Exchange:
    """The recorded exchange with another answer."""
    return Exchange(
        number=recorded.number, time=recorded.time, layer=recorded.layer, command=recorded.plain, response=answer,
        place=recorded.place, assembled=recorded.assembled, _summarise=title, _detail=detail,
    )  # fmt: skip


class _Session:
    """The secure session of one logical channel with the card in the reader; None inside: it could not be opened."""

    def __init__(self, host: Scp03Host | None, recorded_level: int) -> None:
        self.host = host
        self.level = recorded_level


class Replayer:
    """Sends the exchanges of a trace to a card, one after the other."""

    def __init__(self, link: CardLink, keys: KeyRing, entropy: Entropy) -> None:
        self._link = link
        self._keys = keys
        self._entropy = entropy
        self._selected: dict[int, bytes] = {}
        self._sessions: dict[int, _Session] = {}
        self._opening: dict[int, tuple[Scp03Host, ResponseApdu] | None] = {}

    def run(self, entries: Iterable[Entry]) -> Iterator[Replayed]:
        """What became of each exchange, as it is sent."""
        for entry in entries:
            if isinstance(entry, Exchange) and entry.layer == Layer.APDU:  # what came from afar is inside those
                yield self._exchange(entry)
            elif isinstance(entry, Happening) and _is_reset(entry):
                self._reset()

    def _reset(self) -> None:
        self._link.reset()
        self._selected.clear()
        self._sessions.clear()
        self._opening.clear()

    def _exchange(self, entry: Exchange) -> Replayed:
        try:
            return self._repeat(entry)
        except (SecurityError, RemoteProtocolError, DecodeError) as error:
            self._sessions.pop(entry.channel, None)
            return Replayed(entry, Outcome.DIFFERENT, b"", f"the secure session broke: {error}")

    def _repeat(self, entry: Exchange) -> Replayed:
        raw = visible(entry.command)
        if raw is None or len(raw) < 4:
            return Replayed(entry, Outcome.NOT_SENT, reason="the trace does not hold the command")
        known = CLASSES[raw[0]]
        number = -1 if known is None else key(known.kind, raw[1])
        if number == _INITIALIZE_UPDATE:
            return self._initialize_update(entry)
        if number == _EXTERNAL_AUTHENTICATE and entry.channel in self._opening:
            return self._authenticate(entry, raw[2])
        if known is not None and known.secure:
            return self._protected(entry)
        if hidden(entry.command):
            return Replayed(entry, Outcome.NOT_SENT, reason="some of its bytes are hidden in the trace")
        answer = self._send(raw)
        if number == _SELECT and raw[2] == _BY_AID and answer[-2:-1] in (b"\x90", b"\x91"):
            self._selected[entry.channel] = raw[5 : 5 + raw[4]]
            self._sessions.pop(entry.channel, None)
            self._opening.pop(entry.channel, None)
        return self._compared(entry, answer)

    # --- secure sessions

    def _initialize_update(self, entry: Exchange) -> Replayed:
        """A session of our own in the place of the recorded one; without keys the recorded command is sent."""
        raw = visible(entry.command) or b""
        self._sessions.pop(entry.channel, None)
        keys = self._find_keys(entry, raw[2])
        if keys is None or hidden(entry.command) or len(raw) < 5 or raw[4] not in (8, 16):
            self._opening[entry.channel] = None
            return self._compared(entry, self._send(raw))
        aid = self._selected.get(entry.channel, entry.place.application)
        # the level is known when EXTERNAL AUTHENTICATE comes; INITIALIZE UPDATE is the same at each
        host = Scp03Host(keys, SecurityLevel.ALL, self._entropy.draw(raw[4]), aid, channel=entry.channel)
        answer = self._send(host.initialize_update().encode())
        self._opening[entry.channel] = (host, ResponseApdu.parse(answer))
        return self._compared(entry, answer)

    def _find_keys(self, entry: Exchange, kvn: int) -> KeySet | None:
        aid = self._selected.get(entry.channel, entry.place.application)
        if not kvn:  # the card chooses: what it chose then
            answer = visible(entry.response) or b""
            kvn = answer[10] if len(answer) > 12 else 0
        own = self._keys.find(aid, kvn)
        anyone = (each for each in self._keys if not each.aid and each.keys.kvn == kvn)
        found = own[0] if own else next(anyone, None)
        return None if found is None else found.keys

    def _authenticate(self, entry: Exchange, level: int) -> Replayed:
        opening = self._opening.pop(entry.channel)
        if opening is None or level not in LEVELS:
            self._sessions[entry.channel] = _Session(None, level)
            return Replayed(entry, Outcome.NOT_SENT, reason="the keys of this card's security domain are not given")
        host, answer = opening
        host.choose(SecurityLevel(level))
        command = host.external_authenticate(answer)
        response = ResponseApdu.parse(self._send(command.encode()))
        host.authenticated(response)
        self._sessions[entry.channel] = _Session(host, level)
        return self._compared(entry, response.encode())

    def _protected(self, entry: Exchange) -> Replayed:
        session = self._sessions.get(entry.channel)
        if session is None or session.host is None or session.host.state is not HostState.OPEN:
            return Replayed(entry, Outcome.NOT_SENT, reason="it belongs to a secure session that is not open here")
        plain: Octets = b"" if entry.protected is None else entry.protected.plain
        raw = visible(plain)
        if not raw or hidden(plain):
            return Replayed(entry, Outcome.NOT_SENT, reason="what it protected is not in the trace")
        command = CommandApdu.parse(raw)
        if command.le is None and session.level & _R_MAC:
            command = command._replace(le=256)
        wrapped = session.host.wrap(command)
        answer = ResponseApdu.parse(self._send(wrapped.encode()))
        return self._compared(entry, session.host.unwrap(answer).encode())

    # ---

    def _send(self, command: bytes) -> bytes:
        """The whole response; what cannot be parsed as a command goes as it is."""
        try:
            parsed = CommandApdu.parse(command)
        except DecodeError:
            return self._link.transmit(command)
        return exchange(self._link, parsed).encode()

    @staticmethod
    def _compared(entry: Exchange, answer: bytes) -> Replayed:
        recorded = visible(entry.answer)
        if recorded is None or len(recorded) < 2:
            return Replayed(entry, Outcome.SAME, answer)
        expected = response_parts(entry)
        other = _answered(entry, answer)
        given = [Compared(answer[:-2], expected[0].spans)] if len(expected) == 1 else response_parts(other)
        equal = recorded[-2:] == answer[-2:] and same(expected, given)
        return Replayed(entry, Outcome.SAME if equal else Outcome.DIFFERENT, answer)


def _is_reset(entry: Happening) -> bool:
    return any(isinstance(event, LinkEvent) and event.kind == LinkKind.ATR for event in entry.events)
