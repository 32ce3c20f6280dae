# SPDX-License-Identifier: Apache-2.0
"""Data field and response of AUTHENTICATE (INS 88), for both ends (TS 31.102 7.1, TS 31.103 7.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final, Self

from apdu.aka.algorithm import sized
from apdu.errors import DecodeError

__all__ = [
    "INS_AUTHENTICATE",
    "GsmAnswer",
    "GsmChallenge",
    "SecurityContext",
    "SyncFailureAnswer",
    "UmtsAnswer",
    "UmtsChallenge",
    "parse_umts_answer",
]

INS_AUTHENTICATE: Final = 0x88
_SUCCESS: Final = 0xDB
_SYNC_FAILURE: Final = 0xDC


@unique
class SecurityContext(IntEnum):
    """P2 of AUTHENTICATE: specific reference data and the context."""

    GSM = 0x80
    UMTS = 0x81
    VGCS = 0x82
    GBA = 0x84
    MBMS = 0x85
    LOCAL_KEY = 0x86


def _fields(data: bytes, start: int, count: range) -> list[bytes]:
    """The fields, each behind one byte of length, from `start` to the end of the data."""
    found: list[bytes] = []
    at = start
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise DecodeError("a field is longer than the data", offset=at)
        found.append(bytes(data[at + 1 : end]))
        at = end
        if len(found) > count.stop:
            break
    if len(found) not in count:
        raise DecodeError(f"{len(found)} fields where {count.start} to {count.stop - 1} stand", offset=start)
    return found


def _prefixed(*values: bytes) -> bytes:
    return b"".join(bytes((len(value),)) + value for value in values)


@dataclass(frozen=True, slots=True)
class UmtsChallenge:
    """`10 RAND 10 AUTN`: the data field in the 3G security context, also of the EPS and 5G ones."""

    rand: bytes
    autn: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the data field."""
        rand, autn = _fields(data, 0, range(2, 3))
        return cls(sized(rand, 16, "RAND"), sized(autn, 16, "AUTN"))

    def encode(self) -> bytes:
        """Build the data field."""
        return _prefixed(self.rand, self.autn)


@dataclass(frozen=True, slots=True)
class GsmChallenge:
    """`10 RAND`: the data field in the GSM security context."""

    rand: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the data field."""
        (rand,) = _fields(data, 0, range(1, 2))
        return cls(sized(rand, 16, "RAND"))

    def encode(self) -> bytes:
        """Build the data field."""
        return _prefixed(self.rand)


@dataclass(frozen=True, slots=True)
class UmtsAnswer:
    """`DB len RES 10 CK 10 IK [08 Kc]`; Kc where the service "GSM access" is available."""

    res: bytes = field(repr=False)
    ck: bytes = field(repr=False)
    ik: bytes = field(repr=False)
    kc: bytes | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """Build the response."""
        parts = (self.res, self.ck, self.ik) if self.kc is None else (self.res, self.ck, self.ik, self.kc)
        return bytes((_SUCCESS,)) + _prefixed(*parts)


@dataclass(frozen=True, slots=True)
class SyncFailureAnswer:
    """`DC 0E AUTS`."""

    auts: bytes

    def encode(self) -> bytes:
        """Build the response."""
        return bytes((_SYNC_FAILURE,)) + _prefixed(self.auts)


def parse_umts_answer(data: bytes) -> UmtsAnswer | SyncFailureAnswer:
    """Read a response in the 3G security context."""
    match data[:1]:
        case b"\xdb":
            res, ck, ik, *kc = _fields(data, 1, range(3, 5))
            if not 4 <= len(res) <= 16:
                raise DecodeError(f"RES has 4 to 16 bytes, not {len(res)}", offset=1)
            key = sized(kc[0], 8, "Kc") if kc else None
            return UmtsAnswer(res, sized(ck, 16, "CK"), sized(ik, 16, "IK"), key)
        case b"\xdc":
            (auts,) = _fields(data, 1, range(1, 2))
            return SyncFailureAnswer(sized(auts, 14, "AUTS"))
    raise DecodeError("an answer to AUTHENTICATE starts with DB or DC")


@dataclass(frozen=True, slots=True)
class GsmAnswer:
    """`04 SRES 08 Kc`."""

    sres: bytes = field(repr=False)
    kc: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the response."""
        sres, kc = _fields(data, 0, range(2, 3))
        return cls(sized(sres, 4, "SRES"), sized(kc, 8, "Kc"))

    def encode(self) -> bytes:
        """Build the response."""
        return _prefixed(self.sres, self.kc)
