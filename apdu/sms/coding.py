# SPDX-License-Identifier: Apache-2.0
"""Data coding scheme (TS 23.038 4) and time stamps (TS 23.040 9.2.3.11) of short messages."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from enum import IntEnum, unique
from typing import Final

from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import swap

__all__ = ["CLASS_2_DATA", "Alphabet", "alphabet_of", "class_of", "packed_scheme", "read_time", "write_time"]

CLASS_2_DATA: Final = 0xF6
"""Eight-bit data of class 2: for the card."""


@unique
class Alphabet(IntEnum):
    """How the user data are counted and coded."""

    GSM = 0
    DATA = 1
    UCS2 = 2


def alphabet_of(dcs: int) -> Alphabet:
    """The alphabet of a scheme; compressed text is data, reserved codings count as the default alphabet."""
    group = dcs >> 4
    if group < 0x8:
        if dcs & 0x20:
            return Alphabet.DATA
        return (Alphabet.GSM, Alphabet.DATA, Alphabet.UCS2, Alphabet.GSM)[dcs >> 2 & 3]
    if group == 0xE:
        return Alphabet.UCS2
    return Alphabet.DATA if group == 0xF and dcs & 0x04 else Alphabet.GSM


def class_of(dcs: int) -> int | None:
    """The message class, 0 to 3: 1 is for the terminal, 2 for the card, 3 for what is connected to the terminal."""
    group = dcs >> 4
    return dcs & 3 if group == 0xF or (group < 0x8 and dcs & 0x10) else None


def packed_scheme(dcs: int) -> int:
    """The scheme for the same text in the packed default alphabet (TS 31.111 6.4.10)."""
    return dcs & 0xF3


def _pair(raw: int, what: str) -> int:
    digits = f"{raw & 0x0F:X}{raw >> 4:X}"
    if not digits.isdigit():
        raise DecodeError(f"{what} {raw:02X} is no number")
    return int(digits)


def read_time(raw: bytes) -> datetime:
    """Year to seconds in swapped BCD, then the time zone in quarters of an hour; years from 2000 on."""
    if len(raw) != 7:
        raise DecodeError(f"a time stamp has 7 bytes, not {len(raw)}")
    year, month, day, hour, minute, second = (_pair(byte, "time stamp") for byte in raw[:6])
    quarters = _pair(raw[6] & 0xF7, "time zone") * (-1 if raw[6] & 0x08 else 1)
    try:
        zone = timezone(timedelta(minutes=15 * quarters))
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        raise DecodeError(f"time stamp {raw.hex().upper()} is no time") from None


def write_time(time: datetime) -> bytes:
    """Build a time stamp; without a time zone it counts as universal time."""
    if not 2000 <= time.year <= 2099:
        raise EncodeError(f"a time stamp cannot say {time.year}")
    offset = time.utcoffset() or timedelta()
    quarters = round(offset / timedelta(minutes=15))
    digits = f"{time:%y%m%d%H%M%S}{abs(quarters):02}"
    raw = bytearray(swap(bytes.fromhex(digits)))
    if quarters < 0:
        raw[6] |= 0x08
    return bytes(raw)
