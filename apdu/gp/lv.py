# SPDX-License-Identifier: Apache-2.0
"""Fields of length and value one after the other, as INSTALL and PUT KEY have them (GPCS 11.5.2.3, 11.8.2.3).

Not declared with construct: its compiled `Prefixed` takes what is left when the length says more.
"""

from __future__ import annotations

from apdu.errors import DecodeError
from apdu.tlv.scan import ber_length

__all__ = ["lv", "read_lv", "split_lv"]


def lv(value: bytes) -> bytes:
    """Code one field; lengths above 127 as BER does (GPCS 11.1.5)."""
    return ber_length(len(value)) + value


def read_lv(data: bytes, at: int) -> tuple[bytes, int]:
    """Read the field at an offset: its value and where the next one starts."""
    if at >= len(data):
        raise DecodeError("the data end before a length", offset=at)
    length, start = data[at], at + 1
    if length >= 0x80:
        size = length & 0x7F
        if size not in (1, 2):
            raise DecodeError(f"a length field {length:02X}", offset=at)
        if start + size > len(data):
            raise DecodeError("the data end inside a length", offset=at)
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    if start + length > len(data):
        raise DecodeError(f"a field of {length} bytes, {len(data) - start} are left", offset=at)
    return bytes(data[start : start + length]), start + length


def split_lv(data: bytes, names: tuple[str, ...]) -> tuple[bytes, ...]:
    """Read exactly the fields named; anything left over is an error."""
    values: list[bytes] = []
    at = 0
    for name in names:
        try:
            value, at = read_lv(data, at)
        except DecodeError as error:
            raise error.inside(name) from None
        values.append(value)
    if at != len(data):
        raise DecodeError(f"{len(data) - at} bytes after the last field", offset=at)
    return tuple(values)
