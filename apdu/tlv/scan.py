# SPDX-License-Identifier: Apache-2.0
"""The bounded TLV scanner: every untrusted byte passes here before anything interprets it.

Three codings: BER-TLV (ISO/IEC 8825-1; `der=True` also demands minimal lengths), DGI (GP Card Personalisation, two-byte
tag and one- or three-byte length) and COMPREHENSION-TLV (TS 101 220 7.1.1). Splitting looks at one level and copies
values; `scan` walks all constructed objects. All work is linear in the input and iterative: depth, nodes and lengths
are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from apdu.errors import DecodeError

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "SHORT_LENGTHS",
    "Tlv",
    "ber",
    "ber_length",
    "comprehension",
    "dgi",
    "each_comprehension",
    "is_constructed",
    "read_comprehension_header",
    "read_header",
    "scan",
    "split",
    "split_comprehension",
    "split_dgi",
    "tag_bytes",
]

MAX_DEPTH: Final = 32
MAX_NODES: Final = 10_000


class Tlv(NamedTuple):
    """One object: the tag's bytes as a number (9F70, 5F20, 3A01) and the value."""

    tag: int
    value: bytes


_new: Final = tuple.__new__
"""Makes an object of a pair without a call of Python's own: splitting is what every command begins with."""
SHORT_LENGTHS: Final = tuple(bytes((length,)) for length in range(0x80))
"""The coding of the lengths that have one byte."""


def ber_length(length: int) -> bytes:
    """The shortest BER coding of a length."""
    if length < 0x80:
        return SHORT_LENGTHS[length]
    if length < 0x100:
        return bytes((0x81, length))
    if length < 0x10000:
        return bytes((0x82, length >> 8, length & 0xFF))
    return b"\x83" + length.to_bytes(3, "big")


def tag_bytes(tag: int) -> bytes:
    """The bytes of a BER tag, from the number that they make."""
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big")


def ber(tag: int, value: bytes) -> bytes:
    """Code one BER-TLV object."""
    length = len(value)
    if tag < 0x100 and length < 0x100:  # nearly all objects
        return (bytes((tag, length)) if length < 0x80 else bytes((tag, 0x81, length))) + value
    return tag_bytes(tag) + ber_length(length) + value


def dgi(tag: int, value: bytes) -> bytes:
    """Code one data grouping: two-byte tag, length 00-FE in one byte or FF and two bytes."""
    length = len(value)
    head = bytes((length,)) if length < 0xFF else b"\xff" + length.to_bytes(2, "big")
    return tag.to_bytes(2, "big") + head + value


def comprehension(tag: int, value: bytes, *, required: bool = False) -> bytes:
    """Code one COMPREHENSION-TLV object; `required` sets the CR bit."""
    return bytes((tag | 0x80 if required else tag,)) + ber_length(len(value)) + value


def is_constructed(tag: int) -> bool:
    """Whether a BER tag says that its value holds further objects."""
    while tag > 0xFF:
        tag >>= 8
    return bool(tag & 0x20)


def _read_tag(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A tag of more than one byte, whose first byte is at `at`."""
    tag = data[at]
    for size in range(1, 4):
        if at + size >= end:
            raise DecodeError("the data end inside a tag", offset=at)
        byte = data[at + size]
        if size == 1 and byte & 0x7F == 0:
            raise DecodeError("a tag number with leading zeros", offset=at)
        tag = tag << 8 | byte
        if not byte & 0x80:
            return tag, at + size + 1
    raise DecodeError("a tag of more than four bytes", offset=at)


def _read_length(data: bytes, at: int, end: int, der: bool) -> tuple[int, int]:
    """A length field of more than one byte, whose first byte is at `at`."""
    count = data[at] & 0x7F
    if not 1 <= count <= 4:
        raise DecodeError("an indefinite length" if count == 0 else "a length field of more than five bytes", offset=at)
    if at + 1 + count > end:
        raise DecodeError("the data end inside a length", offset=at)
    length = int.from_bytes(data[at + 1 : at + 1 + count], "big")
    if der and (length < 0x80 or length >> (8 * (count - 1)) == 0):
        raise DecodeError("a length that is not coded in the shortest form", offset=at)
    return length, at + 1 + count


def read_header(data: bytes, at: int, end: int, *, der: bool = False) -> tuple[int, int, int]:
    """Read tag and length at an offset: (tag, start of the value, end of the value); the value lies inside the data."""
    if at >= end:
        raise DecodeError("an object was expected", offset=at)
    tag = data[at]
    if tag == 0:
        raise DecodeError("a tag of zero", offset=at)
    if tag & 0x1F == 0x1F:
        tag, start = _read_tag(data, at, end)
    else:
        start = at + 1
    if start >= end:
        raise DecodeError("the data end before a length", offset=at)
    length = data[start]
    if length < 0x80:
        start += 1
    elif length == 0x81 and start + 1 < end and data[start + 1] >= 0x80:
        length, start = data[start + 1], start + 2
    else:
        length, start = _read_length(data, start, end, der)
    if length > end - start:
        raise DecodeError(f"object {tag:X} has {length} bytes, {end - start} are left", offset=at)
    return tag, start, start + length


def split(data: bytes, *, der: bool = False) -> list[Tlv]:
    """Split one level of BER-TLV objects; padding and anything left over is an error."""
    data = bytes(data)
    objects: list[Tlv] = []
    at, end = 0, len(data)
    many = end > 2 * MAX_NODES  # none has less than two bytes
    while at < end:
        tag = data[at]
        start = at + 2
        if tag and tag & 0x1F != 0x1F and start <= end and (length := data[at + 1]) < 0x80 and start + length <= end:
            stop = start + length  # one byte of tag, one of length: nearly all objects
        else:
            tag, start, stop = read_header(data, at, end, der=der)
        objects.append(_new(Tlv, (tag, data[start:stop])))
        at = stop
        if many and len(objects) > MAX_NODES:
            raise DecodeError(f"more than {MAX_NODES} objects", offset=at)
    return objects


def scan(data: bytes, *, der: bool = False) -> int:
    """Walk all objects, into every constructed one, and return how many there are; DecodeError at the first fault."""
    nodes = 0
    ends = [len(data)]
    at = 0
    while ends:
        if at == ends[-1]:
            ends.pop()
            continue
        tag, start, stop = read_header(data, at, ends[-1], der=der)
        nodes += 1
        if nodes > MAX_NODES:
            raise DecodeError(f"more than {MAX_NODES} objects", offset=at)
        if is_constructed(tag):
            if len(ends) >= MAX_DEPTH:
                raise DecodeError(f"objects nested more than {MAX_DEPTH} deep", offset=at)
            ends.append(stop)
            at = start
        else:
            at = stop
    return nodes


def split_dgi(data: bytes) -> list[Tlv]:
    """Split data groupings; anything left over is an error."""
    groups: list[Tlv] = []
    at, end = 0, len(data)
    while at < end:
        if end - at < 3:
            raise DecodeError("the data end inside a data grouping's header", offset=at)
        length, start = data[at + 2], at + 3
        if length == 0xFF:
            if end - at < 5:
                raise DecodeError("the data end inside a data grouping's length", offset=at)
            length, start = data[at + 3] << 8 | data[at + 4], at + 5
        if length > end - start:
            raise DecodeError(f"data grouping has {length} bytes, {end - start} are left", offset=at)
        groups.append(Tlv(data[at] << 8 | data[at + 1], bytes(data[start : start + length])))
        at = start + length
        if len(groups) > MAX_NODES:
            raise DecodeError(f"more than {MAX_NODES} data groupings", offset=at)
    return groups


def read_comprehension_header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read tag, without its comprehension-required bit, and length at an offset: (tag, start, end of the value)."""
    if at >= end:
        raise DecodeError("an object was expected", offset=at)
    tag = data[at]
    if tag == 0x7F:  # three-byte tag: CR bit and number in the two bytes that follow
        if end - at < 4:
            raise DecodeError("the data end inside a tag", offset=at)
        tag = 0x7F0000 | (data[at + 1] & 0x7F) << 8 | data[at + 2]
        start = at + 3
    elif tag in (0x00, 0x80, 0xFF):
        raise DecodeError(f"tag {tag:02X} is not assigned", offset=at)
    else:
        tag, start = tag & 0x7F, at + 1
    if start >= end:
        raise DecodeError("the data end before a length", offset=at)
    length = data[start]
    if length < 0x80:
        start += 1
    elif length == 0x81 and start + 1 < end and data[start + 1] >= 0x80:
        length, start = data[start + 1], start + 2
    else:
        length, start = _read_length(data, start, end, False)
    if length > end - start:
        raise DecodeError(f"object {tag:02X} has {length} bytes, {end - start} are left", offset=at)
    return tag, start, start + length


def each_comprehension(data: bytes) -> Iterator[tuple[int, bytes]]:
    """COMPREHENSION-TLV objects one after the other: the tag, without the comprehension-required bit, and the value."""
    data = bytes(data)
    at, end, nodes = 0, len(data), 0
    many = end > 2 * MAX_NODES
    while at < end:
        tag = data[at] & 0x7F
        start = at + 2
        if 0 < tag < 0x7F and start <= end and (length := data[at + 1]) < 0x80 and start + length <= end:
            at = start + length  # one byte of tag, one of length: nearly all objects
        else:
            tag, start, at = read_comprehension_header(data, at, end)
        if many:
            nodes += 1
            if nodes > MAX_NODES:
                raise DecodeError(f"more than {MAX_NODES} objects", offset=at)
        yield tag, data[start:at]


def split_comprehension(data: bytes) -> list[Tlv]:
    """Split COMPREHENSION-TLV objects; tags come without the comprehension-required bit."""
    return [_new(Tlv, found) for found in each_comprehension(data)]
