# SPDX-License-Identifier: Apache-2.0
"""The simple types of XML Schema that messages are made of."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Final

from apdu.errors import DecodeError
from smsr.kit.oid import Oid
from smsr.kit.soap.declare import Simple

__all__ = [
    "BASE64",
    "BOOLEAN",
    "DATE_TIME",
    "NON_NEGATIVE",
    "OID",
    "POSITIVE",
    "STRING",
    "VERSION",
    "hex_binary",
    "string",
    "whole_number",
]

_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)?", re.ASCII
)
_NUMBER: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_VERSION: Final = re.compile(r"\d{1,9}\.\d{1,9}\.\d{1,9}", re.ASCII)
_MAX_TEXT: Final = 4096
NO_ZONE: Final = UTC
"""(U) what a time without a zone means."""


def string(most: int = _MAX_TEXT, least: int = 0) -> Simple[str]:
    """xs:string of a length."""

    def convert(text: str) -> str:
        if not least <= len(text) <= most:
            raise DecodeError(f"{len(text)} characters instead of {least} to {most}")
        return text

    return Simple(convert, collapse=False)


def whole_number(least: int, most: int = 10**18 - 1) -> Simple[int]:
    """xs:integer in a range."""

    def convert(text: str) -> int:
        if not _NUMBER.fullmatch(text):
            raise DecodeError(f"{text[:40]!r} is no number")
        if not least <= int(text) <= most:
            raise DecodeError(f"{text} is outside {least} to {most}")
        return int(text)

    return Simple(convert)


def hex_binary(least: int = 0, most: int = 1 << 20) -> Simple[bytes]:
    """xs:hexBinary of a length in bytes."""

    def convert(text: str) -> bytes:
        if not text.isascii() or not all(digit in _HEX_DIGITS for digit in text) or len(text) % 2:
            raise DecodeError("not hexadecimal digits, two for each byte")
        if not least <= len(text) // 2 <= most:
            raise DecodeError(f"{len(text) // 2} bytes instead of {least} to {most}")
        return bytes.fromhex(text)

    return Simple(convert, lambda value: value.hex().upper())


_HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")


def _boolean(text: str) -> bool:
    values = {"true": True, "1": True, "false": False, "0": False}
    if text not in values:
        raise DecodeError(f"{text[:40]!r} is neither true nor false")
    return values[text]


def _date_time(text: str) -> datetime:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise DecodeError(f"{text[:40]!r} is no date and time")
    moment, fraction, zone = found.groups()
    value = datetime.fromisoformat(moment + (fraction or "")[:7].ljust(2, "0") * bool(fraction) + (zone or ""))
    return value if value.tzinfo else value.replace(tzinfo=NO_ZONE)


def _show_date_time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise DecodeError("not base64") from None


def _version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise DecodeError(f"{text[:40]!r} is no version of three numbers")
    return text


STRING: Final = string()
BOOLEAN: Final = Simple(_boolean, lambda value: "true" if value else "false")
NON_NEGATIVE: Final = whole_number(0)
POSITIVE: Final = whole_number(1)
DATE_TIME: Final = Simple(_date_time, _show_date_time)
BASE64: Final = Simple(_base64, lambda value: base64.b64encode(value).decode("ascii"))
OID: Final = Simple(Oid, collapse=False)
VERSION: Final = Simple(_version, collapse=False)
