# SPDX-License-Identifier: Apache-2.0
"""The authentication centre: vectors, resynchronisation, and the check of RES (TS 33.102 6.3, annex C.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from apdu.aka.algorithm import AkaAlgorithm, sized
from apdu.aka.parameters import AlgorithmParameters, make_algorithm
from apdu.aka.tokens import IND_COUNT, MAX_SEQ, Auts, join_sqn, make_autn, open_auts, split_sqn
from apdu.errors import LocalProtocolError, M2mError, SecurityError
from apdu.ids import Imsi
from apdu.keys.entropy import Entropy

__all__ = ["AMF_SEPARATION", "AuC", "SequenceExhausted", "Subscriber", "UnknownSubscriber", "Vector"]

AMF_SEPARATION: Final = b"\x80\x00"
"""AMF with the separation bit, as EPS and 5GS use it (TS 33.401 6.1.2)."""
_MAX_OUTSTANDING: Final = 32
"""Challenges of one subscriber that wait for an answer; the oldest is forgotten."""


class UnknownSubscriber(M2mError):
    """The AuC has no subscriber with this IMSI."""


class SequenceExhausted(M2mError):
    """A subscriber's sequence numbers are used up."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What the AuC is told about one subscription; `seq` is the last SEQ that was used."""

    imsi: Imsi
    parameters: AlgorithmParameters
    seq: int = 0
    amf: bytes = AMF_SEPARATION


@dataclass(frozen=True, slots=True)
class Vector:
    """One authentication vector."""

    rand: bytes
    autn: bytes
    xres: bytes = field(repr=False)
    ck: bytes = field(repr=False)
    ik: bytes = field(repr=False)


class _Account:
    """A subscriber's algorithm and what moves: sequence number and open challenges."""

    __slots__ = ("algorithm", "amf", "ind", "outstanding", "seq")

    def __init__(self, subscriber: Subscriber) -> None:
        self.algorithm: AkaAlgorithm = make_algorithm(subscriber.parameters)
        self.amf = sized(subscriber.amf, 2, "AMF")
        self.seq = subscriber.seq
        self.ind = 0
        self.outstanding: dict[bytes, Vector] = {}

    def next_sqn(self) -> bytes:
        """SEQ above all that were used, in the next of the 32 places of the card's array."""
        if self.seq >= MAX_SEQ:
            raise SequenceExhausted("the sequence numbers of this subscriber are used up: give it a new key")
        self.seq += 1
        self.ind = (self.ind + 1) % IND_COUNT
        return join_sqn(self.seq, self.ind)


class AuC:
    """The subscribers of one network. RAND comes from the entropy that is passed in."""

    __slots__ = ("_accounts", "_entropy")

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._accounts: dict[str, _Account] = {}

    def __repr__(self) -> str:
        return f"AuC({len(self._accounts)} subscribers)"

    def __contains__(self, imsi: object) -> bool:
        return imsi in self._accounts

    def add(self, subscriber: Subscriber) -> None:
        """Register a subscriber, or replace one with the same IMSI."""
        self._accounts[subscriber.imsi] = _Account(subscriber)

    def remove(self, imsi: Imsi) -> None:
        """Forget a subscriber."""
        self._account(imsi)
        del self._accounts[imsi]

    def vector(self, imsi: Imsi, *, amf: bytes | None = None) -> Vector:
        """A fresh authentication vector; another AMF than the subscriber's can be asked for."""
        account = self._account(imsi)
        used_amf = account.amf if amf is None else sized(amf, 2, "AMF")
        rand = self._entropy.draw(16)
        autn = make_autn(account.algorithm, rand, account.next_sqn(), used_amf)
        keys = account.algorithm.f2345(rand)
        vector = Vector(rand, autn.encode(), keys.res, keys.ck, keys.ik)
        while len(account.outstanding) >= _MAX_OUTSTANDING:
            del account.outstanding[next(iter(account.outstanding))]
        account.outstanding[rand] = vector
        return vector

    def check(self, imsi: Imsi, rand: bytes, res: bytes) -> Vector:
        """The vector of a challenge that was answered rightly; SecurityError otherwise. A challenge counts once."""
        vector = self._take(imsi, rand)
        if not compare_digest(vector.xres, res):
            raise SecurityError("RES is not the one expected: the card's key, OPc or algorithm is another one")
        return vector

    def resynchronise(self, imsi: Imsi, rand: bytes, auts: bytes) -> None:
        """Set SQN to the card's, proven by an AUTS for a challenge of ours (TS 33.102 6.3.5)."""
        account = self._account(imsi)
        token = Auts.parse(auts)
        self._take(imsi, rand)  # an unsolicited AUTS, or a second one for a challenge, does not move SQN
        account.seq, account.ind = split_sqn(open_auts(account.algorithm, rand, token))

    def _account(self, imsi: str) -> _Account:
        account = self._accounts.get(imsi)
        if account is None:
            raise UnknownSubscriber(f"the AuC has no subscriber {imsi}: add it with its key")
        return account

    def _take(self, imsi: Imsi, rand: bytes) -> Vector:
        vector = self._account(imsi).outstanding.pop(rand, None)
        if vector is None:
            raise LocalProtocolError("no challenge with this RAND waits for an answer")
        return vector
