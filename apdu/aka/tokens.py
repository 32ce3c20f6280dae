# SPDX-License-Identifier: Apache-2.0
"""AUTN, AUTS and the sequence number in them: SQN = SEQ (43 bits) || IND (5 bits) (TS 33.102 annex C)."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final, NamedTuple, Self

from apdu.aka.algorithm import AkaAlgorithm, sized, xor
from apdu.errors import DecodeError, SecurityError

__all__ = [
    "AMF_RESYNCHRONISATION",
    "IND_COUNT",
    "MAX_SEQ",
    "Autn",
    "Auts",
    "join_sqn",
    "make_autn",
    "make_auts",
    "open_auts",
    "split_sqn",
]

IND_BITS: Final = 5
IND_COUNT: Final = 1 << IND_BITS
MAX_SEQ: Final = (1 << (48 - IND_BITS)) - 1
AMF_RESYNCHRONISATION: Final = bytes(2)
"""AMF* in MAC-S is a dummy of zeros (TS 33.102 6.3.3)."""


def split_sqn(sqn: bytes) -> tuple[int, int]:
    """SEQ and IND of a sequence number."""
    value = int.from_bytes(sized(sqn, 6, "SQN"), "big")
    return value >> IND_BITS, value & (IND_COUNT - 1)


def join_sqn(seq: int, ind: int) -> bytes:
    """The sequence number of SEQ and IND."""
    if not (0 <= seq <= MAX_SEQ and 0 <= ind < IND_COUNT):
        raise DecodeError(f"SEQ {seq} or IND {ind} is outside its range")
    return (seq << IND_BITS | ind).to_bytes(6, "big")


class Autn(NamedTuple):
    """The network's token: (SQN xor AK) || AMF || MAC-A."""

    concealed_sqn: bytes
    amf: bytes
    mac: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the 16 bytes."""
        sized(raw, 16, "AUTN")
        return cls(raw[:6], raw[6:8], raw[8:])

    def encode(self) -> bytes:
        """The 16 bytes."""
        return self.concealed_sqn + self.amf + self.mac


class Auts(NamedTuple):
    """The USIM's token of a synchronisation failure: (SQNms xor AK*) || MAC-S."""

    concealed_sqn: bytes
    mac: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the 14 bytes."""
        sized(raw, 14, "AUTS")
        return cls(raw[:6], raw[6:])

    def encode(self) -> bytes:
        """The 14 bytes."""
        return self.concealed_sqn + self.mac


def make_autn(algorithm: AkaAlgorithm, rand: bytes, sqn: bytes, amf: bytes) -> Autn:
    """The token that the home network sends with RAND."""
    mac = algorithm.f1(rand, sqn, amf)
    return Autn(xor(sqn, algorithm.f2345(rand).ak), amf, mac)


def make_auts(algorithm: AkaAlgorithm, rand: bytes, sqn_ms: bytes) -> Auts:
    """The token with which a USIM tells its own sequence number."""
    return Auts(xor(sqn_ms, algorithm.f5s(rand)), algorithm.f1s(rand, sqn_ms, AMF_RESYNCHRONISATION))


def open_auts(algorithm: AkaAlgorithm, rand: bytes, auts: Auts) -> bytes:
    """SQNms of a token that belongs to RAND; SecurityError when MAC-S is wrong."""
    sqn_ms = xor(auts.concealed_sqn, algorithm.f5s(rand))
    if not compare_digest(algorithm.f1s(rand, sqn_ms, AMF_RESYNCHRONISATION), auts.mac):
        raise SecurityError("MAC-S of the AUTS is wrong: the card's key, OPc or RAND is another one")
    return sqn_ms
