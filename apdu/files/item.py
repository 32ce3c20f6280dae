# SPDX-License-Identifier: Apache-2.0
"""What contents of files say, as neutral items, and the codings that many files share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from apdu.errors import DecodeError
from apdu.ids import swap_nibbles

__all__ = [
    "Content",
    "Item",
    "access_technologies",
    "blank",
    "digits",
    "flags",
    "pieces",
    "plmn",
    "take",
    "uint",
    "utf8",
]


class Item(NamedTuple):
    """One thing that contents say: its name, its value in words, the bytes, and what is inside."""

    name: str
    value: str = ""
    raw: bytes = b""
    parts: tuple[Item, ...] = ()
    secret: bool = False
    """The bytes are a key and are not shown."""


class Content(NamedTuple):
    """How the contents of a file, or one record of it, are read."""

    decode: Callable[[bytes], Iterable[Item]]
    clause: str
    brief: bool = False
    """The first item says it all and is short."""


_EMPTY_PLMN: Final = b"\xff\xff\xff"


def take(data: bytes, at: int, size: int, what: str) -> bytes:
    """The bytes of a field; DecodeError when they are not there."""
    if at + size > len(data):
        raise DecodeError(f"{what} has {size} bytes, {max(0, len(data) - at)} are left", offset=at)
    return data[at : at + size]


def blank(data: bytes) -> bool:
    """Whether nothing was ever written: all FF."""
    return not data.strip(b"\xff")


def uint(data: bytes) -> int:
    """A number, most significant byte first."""
    return int.from_bytes(data, "big")


def digits(data: bytes) -> str:
    """Swapped BCD up to the filler F; A, B and C are * # and a pause (TS 24.008 10.5.4.7)."""
    text = swap_nibbles(data).hex().partition("f")[0]
    return text.translate({ord("a"): "*", ord("b"): "#", ord("c"): "p", ord("d"): "?", ord("e"): "e"})


def plmn(data: bytes) -> str:
    """MCC and MNC of three bytes (TS 24.008 10.5.1.13): `001 01`; `none` when blank."""
    if len(data) != 3:
        raise DecodeError(f"a PLMN has 3 bytes, not {len(data)}")
    if data == _EMPTY_PLMN:
        return "none"
    half = data.hex()
    mcc, mnc = half[1] + half[0] + half[3], half[5] + half[4] + half[2].replace("f", "")
    return f"{mcc} {mnc}".upper()


def utf8(data: bytes) -> str:
    """Text; DecodeError when it is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError("text that is not UTF-8", offset=error.start) from None


_ACCESS: Final = (
    # TS 31.102 4.2.5: bits of the two bytes of an access technology identifier; two of them have variants
    (0x8000, "UTRAN"),
    (0x0800, "NG-RAN"),
    (0x0400, "satellite NG-RAN"),
    (0x0200, "satellite E-UTRAN"),
    (0x0040, "GSM COMPACT"),
    (0x0020, "cdma2000 HRPD"),
    (0x0010, "cdma2000 1xRTT"),
)
_E_UTRAN: Final = {0x4000: "E-UTRAN", 0x5000: "E-UTRAN NB-S1", 0x6000: "E-UTRAN WB-S1", 0x7000: "E-UTRAN"}
_GSM: Final = {0x0080: "GSM, EC-GSM-IoT", 0x0084: "GSM", 0x0088: "EC-GSM-IoT", 0x008C: "GSM, EC-GSM-IoT"}


def access_technologies(value: int) -> str:
    """The access technologies of an identifier in words."""
    found = [flags(value & ~0x708C, _ACCESS), _E_UTRAN.get(value & 0x7000, ""), _GSM.get(value & 0x008C, "")]
    return ", ".join(filter(None, found)) or "none"


def flags(value: int, names: Iterable[tuple[int, str]]) -> str:
    """The names of the bits that are set; bits without a name as a number."""
    found: list[str] = []
    for bit, name in names:
        if value & bit:
            found.append(name)
            value &= ~bit
    if value:
        found.append(f"bits {value:X}")
    return ", ".join(found)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """The data in pieces of one size; DecodeError when they do not come out even."""
    if len(data) % size:
        raise DecodeError(f"{len(data)} bytes are not made of pieces of {size}", offset=len(data) - len(data) % size)
    return (data[at : at + size] for at in range(0, len(data), size))
