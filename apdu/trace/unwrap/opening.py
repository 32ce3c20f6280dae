# SPDX-License-Identifier: Apache-2.0
"""How a session of SCP03 or SCP03t begins: the answer to INITIALIZE UPDATE, read and held against the keys.

GPCS Amendment D v1.2 6.2.2 and 7.1.1.6; SGP.02 v4.2 4.1.3.3 for SCP03t, whose 84 answers the same content.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from apdu.channel.scp03 import SCP_IDENTIFIER, Parameter, block_length
from apdu.channel.session import Handshake, card_challenge, shake_hands
from apdu.trace.rules.table import Rules
from apdu.trace.unwrap.keys import DomainKeys, KeyRing
from apdu.trace.unwrap.outcome import Found

__all__ = ["Answer", "Counters", "Opening", "open_with", "read_answer"]

_HEAD: Final = 13
"""Diversification data 10, key version number, SCP identifier, i."""
_MAX_COUNTERS: Final = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to INITIALIZE UPDATE."""

    diversification: bytes
    kvn: int
    scp: int
    parameter: int
    challenge: bytes
    cryptogram: bytes
    counter: int | None
    """Sequence counter; with pseudo-random challenges only."""


def read_answer(data: bytes, length: int) -> Answer | None:
    """Take it apart, for host challenges of `length` bytes; None when its form is another."""
    if len(data) < _HEAD:
        return None
    kvn, scp, parameter = data[10:_HEAD]
    counted = 3 if parameter & Parameter.PSEUDO_RANDOM else 0
    if scp == SCP_IDENTIFIER and (len(data) != _HEAD + 2 * length + counted or block_length(parameter) != length):
        return None
    challenge, cryptogram = data[_HEAD : _HEAD + length], data[_HEAD + length : _HEAD + 2 * length]
    counter = int.from_bytes(data[-3:], "big") if counted else None
    return Answer(data[:10], kvn, scp, parameter, challenge, cryptogram, counter)


class Counters:
    """The sequence counters that a card showed, by security domain and key set."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[tuple[bytes, bytes, int], int] = {}

    def take(self, aid: bytes, answer: Answer) -> int | None:
        """Remember the counter of an answer; the one before, when that was not smaller."""
        if answer.counter is None:
            return None
        key = (aid, answer.diversification, answer.kvn)
        before = self._last.pop(key, -1)
        self._last[key] = answer.counter
        if len(self._last) > _MAX_COUNTERS:
            del self._last[next(iter(self._last))]
        return before if before >= answer.counter else None

    def clear(self) -> None:
        """Keys were changed, or the card is another one: counters may start again."""
        self._last.clear()


@dataclass(slots=True)
class Opening:
    """A session that INITIALIZE UPDATE has begun."""

    answer: Answer
    keys: DomainKeys | None
    handshake: Handshake | None
    genuine: bool
    """The card's cryptogram verifies: these are the keys."""
    why: str

    @property
    def kvn(self) -> int:
        """Its key version number."""
        return self.answer.kvn


def open_with(ring: KeyRing, aid: bytes, host_challenge: bytes, answer: Answer, found: Found) -> Opening:
    """Find the keys of a session and check the card's cryptogram and challenge (6.2.2)."""
    candidates = ring.find(aid, answer.kvn)
    if not candidates:
        whose = f"of {aid.hex().upper()}" if aid else "of any security domain"
        return Opening(answer, None, None, False, f"no key set {answer.kvn:02X} {whose}")
    first: Opening | None = None
    for keys in candidates:
        handshake = shake_hands(keys.keys, host_challenge, answer.challenge)
        genuine = compare_digest(answer.cryptogram, handshake.card_cryptogram)
        opening = Opening(answer, keys, handshake, genuine, "")
        if genuine:
            _check_challenge(keys, answer, found)
            return opening
        first = first or opening
    assert first is not None
    found.add(Rules.CARD_CRYPTOGRAM, f"key set {answer.kvn:02X}")
    return first


def _check_challenge(keys: DomainKeys, answer: Answer, found: Found) -> None:
    if answer.counter is not None:
        expected = card_challenge(keys.keys.enc, answer.counter, keys.aid, len(answer.challenge))
        if not compare_digest(expected, answer.challenge):
            found.add(Rules.CARD_CHALLENGE, f"counter {answer.counter}")
