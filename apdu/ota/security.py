# SPDX-License-Identifier: Apache-2.0
"""What a secured packet says about its protection: SPI, KIc, KID, and the checks that they name (TS 102 225 5.1).

A set of SCP80 keys is a `KeySet`: KIc ciphers, KID makes cryptographic checksums, KIK protects keys in commands. SGP.02
uses AES alone: CBC with IV zero, CMAC cut to 8 bytes (SGP.02 v4.2 2.4.3); 3DES is there for cards of operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from hmac import compare_digest
from typing import Final, Self
from zlib import crc32

from apdu.errors import DecodeError
from apdu.keys.secret import KeyType, SecretKey

__all__ = [
    "NO_SECURITY",
    "Algorithm",
    "Check",
    "CounterMode",
    "Por",
    "Spi",
    "algorithm_of",
    "check_length",
    "checksum",
    "indicator",
    "suits",
    "verifies",
]


@unique
class Check(IntEnum):
    """What protects a packet's integrity."""

    NONE = 0
    RC = 1
    """Redundancy check: a CRC, which protects from accidents only."""
    CC = 2
    """Cryptographic checksum."""
    DS = 3
    """Digital signature; no specification at hand says how."""


@unique
class CounterMode(IntEnum):
    """What the counter is for."""

    NONE = 0
    INFORMATIVE = 1
    HIGHER = 2
    """Processed only if higher than the last."""
    NEXT = 3
    """Processed only if one higher than the last."""


@unique
class Por(IntEnum):
    """When the receiver answers with a proof of receipt."""

    NONE = 0
    ALWAYS = 1
    ON_ERROR = 2


@unique
class Algorithm(IntEnum):
    """Low half of KIc and KID: which cipher, in which mode."""

    IMPLICIT = 0x0
    DES_CBC = 0x1
    AES = 0x2
    """CBC as KIc, CMAC as KID."""
    PROPRIETARY = 0x3
    TDES_2 = 0x5
    TDES_3 = 0x9
    DES_ECB = 0xD


CRC_16: Final = 0x1
CRC_32: Final = 0x5
"""Low half of KID where it names a redundancy check."""
_CHECKSUM: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Spi:
    """Security parameter indicator: protection of the command, and of the proof of receipt."""

    check: Check = Check.NONE
    ciphered: bool = False
    counter: CounterMode = CounterMode.NONE
    por: Por = Por.NONE
    por_check: Check = Check.NONE
    por_ciphered: bool = False
    por_by_submit: bool = False
    """In a short message of its own; otherwise in the report of the delivery."""

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read two bytes; bits that are reserved do not matter, a reserved value does."""
        if len(raw) != 2:
            raise DecodeError(f"an SPI has 2 bytes, not {len(raw)}")
        first, second = raw
        if second & 0x03 == 0x03:
            raise DecodeError("the value of the proof of receipt is reserved", offset=1)
        return cls(
            check=Check(first & 0x03),
            ciphered=bool(first & 0x04),
            counter=CounterMode(first >> 3 & 0x03),
            por=Por(second & 0x03),
            por_check=Check(second >> 2 & 0x03),
            por_ciphered=bool(second & 0x10),
            por_by_submit=bool(second & 0x20),
        )

    def to_bytes(self) -> bytes:
        """Build the two bytes."""
        first = self.check | self.ciphered << 2 | self.counter << 3
        second = self.por | self.por_check << 2 | self.por_ciphered << 4 | self.por_by_submit << 5
        return bytes((first, second))

    def reaches(self, minimum: Spi) -> bool:
        """Whether the command is protected at least so much; each field counts for itself (TS 102 225 4.1)."""
        return self.check >= minimum.check and self.ciphered >= minimum.ciphered and self.counter >= minimum.counter


NO_SECURITY: Final = Spi()


def indicator(kvn: int, algorithm: int) -> int:
    """KIc or KID: key version number 0 to 15 above, algorithm below."""
    if not 0 <= kvn <= 0x0F:
        raise ValueError(f"an SCP80 key version number is 0 to 15, not {kvn}")
    return kvn << 4 | algorithm


def algorithm_of(key: SecretKey) -> Algorithm:
    """How KIc and KID name the algorithm of a key."""
    if key.type is KeyType.AES:
        return Algorithm.AES
    if key.type is KeyType.DES:
        return {8: Algorithm.DES_CBC, 16: Algorithm.TDES_2}.get(len(key), Algorithm.TDES_3)
    raise DecodeError(f"a key of type {key.type.name} secures no packets")


def suits(named: int, key: SecretKey) -> bool:
    """Whether the low half of KIc or KID names the algorithm of a key; IMPLICIT leaves it to the key."""
    algorithm = named & 0x0F
    return algorithm == Algorithm.IMPLICIT or algorithm == algorithm_of(key)


def check_length(check: Check, kid: int) -> int:
    """Bytes of the check in a packet; DecodeError for what no one at hand can make."""
    if check is Check.NONE:
        return 0
    if check is Check.CC:
        return _CHECKSUM
    sizes = {CRC_16: 2, CRC_32: 4}
    if check is Check.RC and kid & 0x0F in sizes:
        return sizes[kid & 0x0F]
    raise DecodeError(f"{check.name} with KID {kid:02X} is not known")


def checksum(check: Check, kid: int, key: SecretKey, message: bytes) -> bytes:
    """The check over a message; `key` is used for a CC only."""
    size = check_length(check, kid)
    if check is Check.NONE:
        return b""
    if check is Check.RC:
        return (_crc_16(message) if size == 2 else crc32(message)).to_bytes(size, "big")
    if key.type is KeyType.AES:
        context = key.cmac()
        context.update(message)
        return context.finalize()[:_CHECKSUM]
    padded = message + bytes(-len(message) % key.block_size)
    return key.encrypt_cbc(padded)[-_CHECKSUM:]


def verifies(expected: bytes, given: bytes) -> bool:
    """Whether a check is the one expected, in a time that does not tell how much of it was."""
    return compare_digest(expected, given)


def _crc_16(message: bytes) -> int:
    """CRC of ISO/IEC 13239 with 16 bits (TS 102 225 annex B)."""
    crc = 0xFFFF
    for byte in message:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc ^ 0xFFFF
