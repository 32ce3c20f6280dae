# SPDX-License-Identifier: Apache-2.0
"""What an AKA algorithm is: the functions f1 to f5* of TS 33.102 6.3, and the conversions c2 and c3 to GSM.

`AkaAlgorithm` is the seam. An implementation holds the subscriber's key and never shows it; it has no other
state, so the same object serves a card and an AuC. It is not for several threads: a cipher context is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import ClassVar, Final, Protocol

from apdu.errors import DecodeError

__all__ = ["RES_BITS", "AkaAlgorithm", "AlgorithmId", "ResponseKeys", "c2", "c3", "sized", "xor"]


@unique
class AlgorithmId(IntEnum):
    """algorithmID of AlgoParameter (SAIP 8.4.2)."""

    MILENAGE = 1
    TUAK = 2
    TEST = 3


RES_BITS: Final = {0: 32, 1: 64, 2: 128, 3: 256}
"""Length of RES by b3-b1 of algorithmOptions; only 02 = 128 bits is certain, the other codes are (U)."""


@dataclass(frozen=True, slots=True)
class ResponseKeys:
    """What f2 to f5 make of one RAND."""

    res: bytes = field(repr=False)
    ck: bytes = field(repr=False)
    ik: bytes = field(repr=False)
    ak: bytes = field(repr=False)


class AkaAlgorithm(Protocol):
    """The functions of TS 33.102 6.3.2 and 6.3.3 under one subscriber key."""

    identifier: ClassVar[AlgorithmId]

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A, 8 bytes: authenticates the network."""
        ...

    def f1s(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S, 8 bytes: authenticates a resynchronisation (f1*)."""
        ...

    def f2345(self, rand: bytes) -> ResponseKeys:
        """RES, CK, IK and the anonymity key of the challenge."""
        ...

    def f5s(self, rand: bytes) -> bytes:
        """The anonymity key of a resynchronisation (f5*)."""
        ...


def sized(value: bytes, size: int, name: str) -> bytes:
    """The value, if it has that size; the message shows sizes only, because the value may be a key."""
    if len(value) != size:
        raise DecodeError(f"{name} has {size} bytes, not {len(value)}")
    return value


def xor(a: bytes, b: bytes) -> bytes:
    """Exclusive or of two strings of one length."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


def c2(res: bytes) -> bytes:
    """SRES: exclusive or of the four 32-bit words of RES, padded to 128 bits (TS 33.102 6.8.1.2)."""
    padded = res.ljust(16, b"\x00")
    return xor(xor(padded[:4], padded[4:8]), xor(padded[8:12], padded[12:16]))


def c3(ck: bytes, ik: bytes) -> bytes:
    """Kc: the exclusive or of the halves of CK and IK (TS 33.102 6.8.1.2)."""
    return xor(xor(ck[:8], ck[8:]), xor(ik[:8], ik[8:]))
