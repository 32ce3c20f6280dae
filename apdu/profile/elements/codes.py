# SPDX-License-Identifier: Apache-2.0
"""PIN and PUK codes (SAIP 8.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from apdu.profile.choice import Alternative, Choice, SequenceOf
from apdu.profile.compound import Extensions, Nested, Sequence, component
from apdu.profile.der import UINT8, Integer, Octets, Wrapped
from apdu.profile.elements.files import FilePath, PeHeader

__all__ = ["PePinCodes", "PePukCodes", "PinConfiguration", "PukConfiguration"]

DEFAULT_PIN_ATTRIBUTES: Final = 7
DEFAULT_PIN_TRIES: Final = 0x33
DEFAULT_PUK_TRIES: Final = 0xAA

_REFERENCE: Final = Integer(1, 0xFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinConfiguration(Sequence):
    """One PIN or administrative key."""

    reference: int = component("keyReference", 0x80, _REFERENCE)
    code: bytes = component("pinValue", 0x81, Octets(8, 8), secret=True)
    puk: int | None = component("unblockingPINReference", 0x82, _REFERENCE, optional=True)
    attributes: int | None = component("pinAttributes", 0x83, UINT8, optional=True)
    """b1 enabled, b2 may be changed, b3 may be disabled and enabled."""
    tries: int | None = component("maxNumOfAttemps-retryNumLeft", 0x84, UINT8, optional=True)
    """High nibble: maximum, low nibble: left."""
    extensions: Extensions = ()


_CODES: Final[Choice[tuple[PinConfiguration, ...] | FilePath]] = Choice(
    Alternative("pinconfig", 0xA0, SequenceOf(0x30, Nested(PinConfiguration), 1, 26), tuple),
    Alternative("filePath", 0x81, Wrapped(0, 8, FilePath), FilePath),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PePinCodes(Sequence):
    """The PINs of a directory, or the path of the directory whose PINs it shares."""

    KIND: ClassVar = "pinCodes"
    TAG: ClassVar = 0xA2
    header: PeHeader = component("pin-Header", 0xA0, Nested(PeHeader))
    codes: tuple[PinConfiguration, ...] | FilePath = component("pinCodes", 0xA1, _CODES)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PukConfiguration(Sequence):
    """One unblocking key."""

    reference: int = component("keyReference", 0x80, _REFERENCE)
    code: bytes = component("pukValue", 0x81, Octets(8, 8), secret=True)
    tries: int | None = component("maxNumOfAttemps-retryNumLeft", 0x82, UINT8, optional=True)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PePukCodes(Sequence):
    """All unblocking keys of the profile."""

    KIND: ClassVar = "pukCodes"
    TAG: ClassVar = 0xA3
    header: PeHeader = component("puk-Header", 0xA0, Nested(PeHeader))
    codes: tuple[PukConfiguration, ...] = component("pukCodes", 0xA1, SequenceOf(0x30, Nested(PukConfiguration), 1, 16))
    extensions: Extensions = ()
