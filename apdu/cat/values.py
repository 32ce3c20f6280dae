# SPDX-License-Identifier: Apache-2.0
"""Values inside the toolkit's objects (TS 102 223 8, TS 31.111 8): numbers, texts, times, places, channels."""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import Address, swap
from apdu.sms.alphabet import alpha_text, from_septets, pack, to_alpha, to_septets, unpack
from apdu.tlv.declare import Leaf

__all__ = [
    "ADDRESS",
    "ALPHA",
    "DURATION",
    "FILES",
    "IMEI",
    "ITEM",
    "LOCATION",
    "PLMN",
    "RESPONSE_LENGTH",
    "TEXT_STRING",
    "TIMER_VALUE",
    "Alpha",
    "Duration",
    "Item",
    "LocationInformation",
    "ResponseLength",
    "TextString",
    "decode_imei",
    "encode_imei",
]


def _sized(raw: bytes, size: int, what: str) -> bytes:
    if len(raw) != size:
        raise DecodeError(f"{what}: {size} bytes expected, not {len(raw)}")
    return raw


class Duration(NamedTuple):
    """A time span: unit 00 minutes, 01 seconds, 02 tenths of seconds (TS 102 223 8.8)."""

    unit: int
    interval: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the two bytes; an interval of zero and other units are reserved."""
        unit, interval = _sized(raw, 2, "duration")
        if unit > 2 or not interval:
            raise DecodeError(f"duration {raw.hex().upper()} is reserved")
        return cls(unit, interval)

    @classmethod
    def of(cls, seconds: int) -> Self:
        """So many seconds, in minutes where a byte does not hold them."""
        return cls(1, max(seconds, 1)) if seconds <= 0xFF else cls(0, min(-(-seconds // 60), 0xFF))

    @property
    def seconds(self) -> float:
        """The length of the span."""
        return self.interval * (60.0, 1.0, 0.1)[self.unit]


class Alpha(bytes):
    """An alpha identifier: what to show to the user, coded as in EF.ADN (TS 102 223 8.2, TS 31.102 annex A)."""

    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """Code a text."""
        return cls(to_alpha(text))

    @property
    def text(self) -> str:
        """The text; DecodeError where the coding is broken."""
        return alpha_text(self)


class TextString(NamedTuple):
    """A text and its scheme: 00 packed GSM, 04 GSM a byte each, 08 UCS2; nothing at all is the null text."""

    dcs: int
    raw: bytes

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read scheme and text (TS 102 223 8.15)."""
        return cls(raw[0], raw[1:]) if raw else cls(0, b"")

    @classmethod
    def of(cls, text: str, dcs: int = 0x04) -> Self:
        """Code a text in the scheme asked for."""
        alphabet = dcs >> 2 & 3
        if alphabet == 2:
            return cls(dcs, text.encode("utf-16-be"))
        septets = to_septets(text)
        return cls(dcs, septets if alphabet == 1 else pack(septets))

    def to_bytes(self) -> bytes:
        """Build it; an empty text has no scheme either."""
        return bytes((self.dcs,)) + self.raw if self.raw else b""

    @property
    def text(self) -> str:
        """The text; DecodeError where the scheme is reserved or does not fit."""
        alphabet = self.dcs >> 2 & 3
        if alphabet == 2:
            return alpha_text(b"\x80" + self.raw)
        if alphabet == 1:
            return from_septets(self.raw)
        if alphabet == 3:
            raise DecodeError(f"data coding scheme {self.dcs:02X} is reserved")
        septets = unpack(self.raw, len(self.raw) * 8 // 7)
        if len(self.raw) % 7 == 0 and septets[-1:] in (b"\x00", b"\r"):  # seven bits of padding, not a character
            septets = septets[:-1]
        return from_septets(septets)


class Item(NamedTuple):
    """One line of a menu (TS 102 223 8.9); number 0 without a text takes a menu away."""

    identifier: int
    text: Alpha

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read number and text."""
        return cls(raw[0], Alpha(raw[1:])) if raw else cls(0, Alpha())

    def to_bytes(self) -> bytes:
        """Build it."""
        return bytes((self.identifier,)) + self.text if self.identifier or self.text else b""


class ResponseLength(NamedTuple):
    """How many characters an input has (TS 102 223 8.11)."""

    minimum: int
    maximum: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the two bytes."""
        minimum, maximum = _sized(raw, 2, "response length")
        return cls(minimum, maximum)


class LocationInformation(NamedTuple):
    """PLMN (five or six digits), location or tracking area, cell as the access technology codes it (TS 31.111 8.19)."""

    plmn: str
    area: int
    cell: bytes = b""
    """GERAN, UTRAN: 2 bytes, or 4 with the extended one; E-UTRAN: 28 bits and four ones (K); NG-RAN: 5 bytes."""

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read it; eleven bytes are NG-RAN, whose area has three."""
        if not 5 <= len(raw) <= 11:
            raise DecodeError(f"location information has 5 to 11 bytes, not {len(raw)}")
        start = 6 if len(raw) == 11 else 5
        return cls(_read_plmn(raw[:3]), int.from_bytes(raw[3:start], "big"), raw[start:])

    def to_bytes(self) -> bytes:
        """Build it."""
        size = 3 if len(self.cell) == 5 else 2
        try:
            return _build_plmn(self.plmn) + self.area.to_bytes(size, "big") + self.cell
        except OverflowError:
            raise EncodeError(f"an area of {size} bytes cannot be {self.area}") from None


_PLMN_ORDER: Final = (1, 0, 3, 5, 4, 2)
"""Where MCC and MNC digits lie among the half bytes (TS 24.008 10.5.1.3)."""


def _read_plmn(raw: bytes) -> str:
    """MCC and MNC; the third digit of the MNC is F where there are two."""
    half = raw.hex()
    return "".join(half[at] for at in _PLMN_ORDER).rstrip("f")


def _build_plmn(plmn: str) -> bytes:
    if len(plmn) not in (5, 6) or not (plmn.isascii() and plmn.isdigit()):
        raise EncodeError(f"a PLMN has five or six digits: {plmn!r}")
    digits = plmn.ljust(6, "f")
    return bytes.fromhex("".join(digits[_PLMN_ORDER.index(at)] for at in range(6)))


def decode_imei(raw: bytes) -> str:
    """IMEI or IMEISV as digits: the first half byte is the type of identity (TS 24.008 10.5.1.4)."""
    digits = swap(raw).hex()[1:].rstrip("f")
    if not digits.isdigit():
        raise DecodeError(f"an IMEI of {raw.hex().upper()} has other than digits")
    return digits


def encode_imei(digits: str) -> bytes:
    """Fifteen digits as an IMEI, sixteen as an IMEISV."""
    if len(digits) not in (15, 16) or not (digits.isascii() and digits.isdigit()):
        raise EncodeError("an IMEI has 15 digits, an IMEISV 16")
    return swap(bytes.fromhex("a" + digits if len(digits) == 15 else "3" + digits + "f"))


def _read_timer(raw: bytes) -> int:
    """Hours, minutes, seconds in swapped BCD, as seconds (TS 102 223 8.38)."""
    digits = swap(_sized(raw, 3, "timer value")).hex()
    if not digits.isdigit():
        raise DecodeError(f"timer value {raw.hex().upper()} is no time")
    hours, minutes, seconds = (int(digits[at : at + 2]) for at in (0, 2, 4))
    if minutes > 59 or seconds > 59:
        raise DecodeError(f"timer value {raw.hex().upper()} is no time")
    return hours * 3600 + minutes * 60 + seconds


def _build_timer(seconds: int) -> bytes:
    if not 0 <= seconds < 360_000:
        raise EncodeError("a timer runs for less than 100 hours")
    return swap(bytes.fromhex(f"{seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}"))


_MF: Final = b"\x3f\x00"


def _read_files(raw: bytes) -> tuple[bytes, ...]:
    """Full paths stand one behind the other, so each starts where the next 3F00 does (TS 102 223 8.18)."""
    if len(raw) % 2 == 0 or raw[1:3] != _MF:
        raise DecodeError("a file list is a number of files and paths from 3F00")
    paths: list[bytes] = []
    for at in range(1, len(raw), 2):
        fid = raw[at : at + 2]
        if fid == _MF:
            paths.append(fid)
        else:
            paths[-1] += fid
    if len(paths) != raw[0]:
        raise DecodeError(f"a file list of {raw[0]} files holds {len(paths)} paths")
    return tuple(paths)


def _build_files(paths: tuple[bytes, ...]) -> bytes:
    if not all(path[:2] == _MF and len(path) % 2 == 0 for path in paths):
        raise EncodeError("the paths of a file list start with 3F00")
    return bytes((len(paths),)) + b"".join(paths)


ADDRESS: Final = Leaf(None, Address.from_bytes, Address.to_bytes)
ALPHA: Final = Leaf(None, Alpha, bytes)
DURATION: Final = Leaf(None, Duration.from_bytes, bytes)
FILES: Final = Leaf(None, _read_files, _build_files)
IMEI: Final = Leaf(None, decode_imei, encode_imei)
ITEM: Final = Leaf(None, Item.from_bytes, Item.to_bytes)
LOCATION: Final = Leaf(None, LocationInformation.from_bytes, LocationInformation.to_bytes)
PLMN: Final = Leaf(None, _read_plmn, _build_plmn, size=3)
RESPONSE_LENGTH: Final = Leaf(None, ResponseLength.from_bytes, bytes)
TEXT_STRING: Final = Leaf(None, TextString.from_bytes, TextString.to_bytes)
TIMER_VALUE: Final = Leaf(None, _read_timer, _build_timer)
"""Seconds."""
