# SPDX-License-Identifier: Apache-2.0
"""Numbers in swapped BCD, and addresses of short messages and calls (TS 23.040 9.1.2, TS 24.008 10.5.4.7)."""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from apdu.errors import DecodeError, EncodeError
from apdu.sms.alphabet import from_septets, pack, to_septets, unpack

__all__ = ["ALPHANUMERIC", "INTERNATIONAL", "UNKNOWN", "Address", "join_digits", "split_digits", "swap"]

INTERNATIONAL: Final = 0x91
"""Type of number international, numbering plan E.164."""
UNKNOWN: Final = 0x81
"""Type of number unknown, numbering plan E.164: a number as it is dialled."""
ALPHANUMERIC: Final = 0xD0
_DIGITS: Final = "0123456789*#abc"
"""Half bytes 0 to E; F fills the last byte."""
_FROM_HALVES: Final = str.maketrans("abcde", _DIGITS[10:])
_TO_HALVES: Final = str.maketrans(_DIGITS[10:], "abcde")
_SWAPPED: Final = bytes(byte >> 4 | (byte & 0x0F) << 4 for byte in range(256))
_TYPE_OF_NUMBER: Final = 0x70
_MAX_DIGITS: Final = 20
"""Address value of a TPDU: ten bytes (TS 23.040 9.1.2.5)."""


def swap(raw: bytes) -> bytes:
    """The half bytes of each byte exchanged."""
    return raw.translate(_SWAPPED)


def split_digits(raw: bytes) -> str:
    """The digits of swapped BCD up to the filler F."""
    digits, _, rest = swap(raw).hex().partition("f")
    if rest.strip("f"):
        raise DecodeError(f"digits {raw.hex().upper()} go on behind their filler")
    return digits.translate(_FROM_HALVES)


def join_digits(digits: str) -> bytes:
    """Swapped BCD, filled with F."""
    small = digits.lower()
    if not set(small) <= set(_DIGITS):
        raise EncodeError(f"{digits!r} is no number: digits, * and # are")
    halves = small.translate(_TO_HALVES)
    return swap(bytes.fromhex(halves + "f" * (len(halves) % 2)))


class Address(NamedTuple):
    """Type of number with numbering plan, and the number; of an alphanumeric address the text."""

    type: int
    number: str

    @classmethod
    def of(cls, number: str) -> Self:
        """+ and digits is international, other digits are as dialled, anything else is alphanumeric."""
        if number.startswith("+"):
            return cls(INTERNATIONAL, number[1:])
        if number and all(digit in _DIGITS[:12] for digit in number):
            return cls(UNKNOWN, number)
        return cls(ALPHANUMERIC, number)

    @property
    def is_alphanumeric(self) -> bool:
        """Whether the number is a text (TS 23.040 9.1.2.5)."""
        return self.type & _TYPE_OF_NUMBER == ALPHANUMERIC & _TYPE_OF_NUMBER

    def __str__(self) -> str:
        international = self.type & _TYPE_OF_NUMBER == INTERNATIONAL & _TYPE_OF_NUMBER
        return ("+" if international else "") + self.number

    # --- as a toolkit object and service centre: type, then digits to the end (TS 102 223 8.1, TS 24.011 8.2.5)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read type and digits."""
        if not raw:
            raise DecodeError("an address has at least its type")
        return cls(raw[0], split_digits(raw[1:]))

    def to_bytes(self) -> bytes:
        """Build type and digits."""
        return bytes((self.type,)) + join_digits(self.number)

    # --- inside a TPDU: number of digits first (TS 23.040 9.1.2.5)

    @classmethod
    def from_tpdu(cls, raw: bytes, at: int) -> tuple[Self, int]:
        """Read an address field at an offset; returns it and the offset behind it."""
        if at + 2 > len(raw):
            raise DecodeError("the data end inside an address", offset=at)
        length, type = raw[at], raw[at + 1]
        end = at + 2 + (length + 1) // 2
        if length > _MAX_DIGITS or end > len(raw):
            raise DecodeError(f"an address of {length} digits does not fit", offset=at)
        body = raw[at + 2 : end]
        if type & _TYPE_OF_NUMBER == ALPHANUMERIC & _TYPE_OF_NUMBER:
            return cls(type, from_septets(unpack(body, length * 4 // 7))), end
        number = split_digits(body)
        if len(number) != length:
            raise DecodeError(f"an address of {length} digits has {len(number)}", offset=at)
        return cls(type, number), end

    def to_tpdu(self) -> bytes:
        """Build an address field."""
        if self.is_alphanumeric:
            septets = to_septets(self.number)
            body, length = pack(septets), (len(septets) * 7 + 3) // 4
        else:
            body, length = join_digits(self.number), len(self.number)
        if length > _MAX_DIGITS:
            raise EncodeError("an address has at most 20 digits or 11 characters")
        return bytes((length, self.type)) + body
