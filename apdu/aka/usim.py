# SPDX-License-Identifier: Apache-2.0
"""What a USIM or ISIM decides on a challenge (TS 33.102 6.3.3, annex C): pure functions, immutable state.

The caller stores the state of a `Success` before the answer leaves the card; a failure changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from hmac import compare_digest
from typing import Final, Self

from apdu.aka.algorithm import AkaAlgorithm, AlgorithmId, c2, c3, sized, xor
from apdu.aka.tokens import IND_COUNT, MAX_SEQ, Autn, join_sqn, make_auts, split_sqn
from apdu.errors import DecodeError

__all__ = [
    "AMF_TEST_RESYNCHRONISE",
    "OPTION_AGE_LIMIT",
    "OPTION_DELTA",
    "Freshness",
    "GsmSuccess",
    "MacFailure",
    "SqnState",
    "Success",
    "SyncFailure",
    "authenticate_3g",
    "authenticate_gsm",
]

OPTION_DELTA: Final = 0x02
"""sqnOptions: protection against wrap around with sqnDelta (SAIP 8.4.2)."""
OPTION_AGE_LIMIT: Final = 0x04
"""sqnOptions: age limit with sqnAgeLimit (U)."""
AMF_TEST_RESYNCHRONISE: Final = b"\xff\xff"
"""AMFRESYNCH: this AMF makes the test algorithm answer a synchronisation failure (TS 34.108 8.1.2.2)."""


class Freshness(Enum):
    """The verdict on a sequence number; all but ACCEPTED lead to a synchronisation failure."""

    ACCEPTED = "accepted"
    TOO_FAR = "SEQ jumps further than sqnDelta"
    TOO_OLD = "SEQ is older than sqnAgeLimit allows"
    USED = "SEQ is not above the last one of its index"
    REQUESTED = "the test network asked for a resynchronisation"


@dataclass(frozen=True, slots=True)
class SqnState:
    """The 32 accepted SEQ by IND, and the rules for the next one; the defaults are those of SAIP 8.4.2."""

    accepted: tuple[int, ...] = (0,) * IND_COUNT
    options: int = OPTION_DELTA
    delta: int = 1 << 28
    age_limit: int = 1 << 28

    def __post_init__(self) -> None:
        if len(self.accepted) != IND_COUNT:
            raise DecodeError(f"{IND_COUNT} sequence numbers are kept, not {len(self.accepted)}")
        if not all(0 <= value <= MAX_SEQ for value in (*self.accepted, self.delta, self.age_limit)):
            raise DecodeError("a sequence number, sqnDelta or sqnAgeLimit has more than 43 bits")

    @property
    def newest(self) -> tuple[int, int]:
        """SEQ_MS and its IND: the largest SEQ, of equal ones the first."""
        seq = max(self.accepted)
        return seq, self.accepted.index(seq)

    def check(self, seq: int, ind: int) -> Freshness:
        """Judge a sequence number (TS 33.102 C.2.1, C.2.2)."""
        newest = max(self.accepted)
        if self.options & OPTION_DELTA and seq - newest > self.delta:
            return Freshness.TOO_FAR
        if self.options & OPTION_AGE_LIMIT and newest - seq >= self.age_limit:
            return Freshness.TOO_OLD
        if seq <= self.accepted[ind]:
            return Freshness.USED
        return Freshness.ACCEPTED

    def accept(self, seq: int, ind: int) -> Self:
        """The state after a sequence number that `check` accepted."""
        return replace(self, accepted=(*self.accepted[:ind], seq, *self.accepted[ind + 1 :]))

    def encode(self) -> bytes:
        """The accepted SEQ, 6 bytes each in the order of IND: what a card stores."""
        return b"".join(seq.to_bytes(6, "big") for seq in self.accepted)

    def with_accepted(self, raw: bytes) -> Self:
        """The same rules with the SEQ that `encode` wrote."""
        sized(raw, 6 * IND_COUNT, "the array of sequence numbers")
        values = (int.from_bytes(raw[at : at + 6], "big") for at in range(0, len(raw), 6))
        return replace(self, accepted=tuple(values))


@dataclass(frozen=True, slots=True)
class Success:
    """The network is genuine and the challenge fresh."""

    res: bytes = field(repr=False)
    ck: bytes = field(repr=False)
    ik: bytes = field(repr=False)
    state: SqnState

    @property
    def kc(self) -> bytes:
        """The GSM key of the same challenge, for service 27."""
        return c3(self.ck, self.ik)


@dataclass(frozen=True, slots=True)
class SyncFailure:
    """The network is genuine, its sequence number is not acceptable."""

    auts: bytes
    reason: Freshness


@dataclass(frozen=True, slots=True)
class MacFailure:
    """Whoever made the challenge does not know the key: status word 9862."""


@dataclass(frozen=True, slots=True)
class GsmSuccess:
    """The answer in the GSM security context."""

    sres: bytes = field(repr=False)
    kc: bytes = field(repr=False)


def authenticate_3g(
    algorithm: AkaAlgorithm, state: SqnState, rand: bytes, autn: bytes
) -> Success | SyncFailure | MacFailure:
    """Decide on a challenge: first the MAC, then the sequence number.

    The test algorithm checks no freshness (TS 34.108 8.1.2): it accepts any sequence number and stores none.
    """
    token = Autn.parse(autn)
    keys = algorithm.f2345(rand)
    sqn = xor(token.concealed_sqn, keys.ak)
    if not compare_digest(algorithm.f1(rand, sqn, token.amf), token.mac):
        return MacFailure()
    if algorithm.identifier is AlgorithmId.TEST:
        if token.amf == AMF_TEST_RESYNCHRONISE:
            return SyncFailure(make_auts(algorithm, rand, sqn).encode(), Freshness.REQUESTED)
        return Success(keys.res, keys.ck, keys.ik, state)
    seq, ind = split_sqn(sqn)
    verdict = state.check(seq, ind)
    if verdict is not Freshness.ACCEPTED:
        return SyncFailure(make_auts(algorithm, rand, join_sqn(*state.newest)).encode(), verdict)
    return Success(keys.res, keys.ck, keys.ik, state.accept(seq, ind))


def authenticate_gsm(algorithm: AkaAlgorithm, rand: bytes) -> GsmSuccess:
    """Answer in the GSM security context (TS 31.102 7.1.1.2), which authenticates no network."""
    keys = algorithm.f2345(rand)
    return GsmSuccess(c2(keys.res), c3(keys.ck, keys.ik))
