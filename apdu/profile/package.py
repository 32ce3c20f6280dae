# SPDX-License-Identifier: Apache-2.0
"""A profile package: profile elements one after the other, whole or as they arrive (SAIP 7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from apdu.errors import DecodeError
from apdu.profile.der import Json
from apdu.profile.elements.element import (
    ProfileElement,
    decode_element,
    element_from_json,
    element_to_json,
    encode_element,
    kind_of_tag,
)
from apdu.tlv.scan import read_header

__all__ = [
    "MAX_ELEMENT",
    "RawElement",
    "Splitter",
    "decode_package",
    "encode_package",
    "package_from_json",
    "package_to_json",
    "split_package",
]

MAX_ELEMENT: Final = 512 * 1024
"""Longest element that is taken, in bytes: a load block can be large, a length field of 84FFFFFFFF is none."""

_HEAD: Final = 9
"""Longest tag and length: four bytes and five."""


class RawElement(NamedTuple):
    """One element as it stands in the package."""

    offset: int
    tag: int
    raw: bytes

    @property
    def kind(self) -> str:
        """The module's name of the element."""
        return kind_of_tag(self.tag)


class Splitter:
    """Finds the elements of a package that arrives in segments, which end anywhere."""

    __slots__ = ("_buffer", "_limit", "_wanted", "offset")

    def __init__(self, limit: int = MAX_ELEMENT) -> None:
        self.offset = 0
        """Where in the package the element starts that is not complete yet."""
        self._buffer = bytearray()
        self._limit = limit
        self._wanted = 2
        """Bytes without which there is nothing new to learn: keeps small segments of a large element cheap."""

    @property
    def pending(self) -> int:
        """Bytes of an element that is not complete; 0 between elements."""
        return len(self._buffer)

    def feed(self, segment: bytes) -> list[RawElement]:
        """Take the next bytes and return the elements that are complete now."""
        self._buffer += segment
        found: list[RawElement] = []
        if len(self._buffer) < self._wanted:
            return found
        data = bytes(self._buffer)
        at = 0
        while at < len(data):
            size = self._size(data, at)
            if size is None or size > len(data) - at:
                self._wanted = size or len(data) - at + 1
                break
            tag, _, _ = read_header(data, at, at + size, der=True)
            found.append(RawElement(self.offset, tag, data[at : at + size]))
            self.offset += size
            at += size
            self._wanted = 2
        del self._buffer[:at]
        return found

    def _size(self, data: bytes, at: int) -> int | None:
        """Length of the element at an offset with tag and length field, None while these are incomplete."""
        head = data[at : at + _HEAD]
        try:
            start, length = _read_head(head)
        except IndexError:
            return None
        except DecodeError as error:
            raise error.inside("package", self.offset) from None
        if start + length > self._limit:
            fault = f"element of {start + length} bytes, at most {self._limit} are taken"
            raise DecodeError(fault, offset=self.offset, path=(kind_of_tag(_tag(head)),))
        return start + length

    def close(self) -> None:
        """Declare the end; DecodeError when an element is incomplete."""
        if self._buffer:
            fault = f"the package ends inside an element of {self.pending} bytes so far"
            raise DecodeError(fault, offset=self.offset, path=_name_of(bytes(self._buffer)))


def _read_head(head: bytes) -> tuple[int, int]:
    """Size of tag and length field, and the length; IndexError when the bytes end before."""
    at = 1
    if head[0] & 0xE0 != 0xA0:
        raise DecodeError(f"tag {head[0]:02X} is not that of a profile element")
    if head[0] & 0x1F == 0x1F:
        if head[1] == 0x80:
            raise DecodeError("a tag number with leading zeros")
        while head[at] & 0x80:
            at += 1
            if at > 3:
                raise DecodeError("a tag of more than four bytes")
        at += 1
    length = head[at]
    at += 1
    if length < 0x80:
        return at, length
    count = length & 0x7F
    if not 1 <= count <= 4:
        raise DecodeError("a length that is indefinite or of more than five bytes")
    head[at + count - 1]  # IndexError while the length field is incomplete
    length = int.from_bytes(head[at : at + count], "big")
    if length < 0x80 or length >> 8 * (count - 1) == 0:
        raise DecodeError("a length that is not coded in the shortest form")
    return at + count, length


def _name_of(start: bytes) -> tuple[str, ...]:
    """The name of the element that begins like this, if its tag is there."""
    try:
        return (kind_of_tag(_tag(start)),)
    except IndexError:
        return ()


def _tag(head: bytes) -> int:
    size = 1
    if head[0] & 0x1F == 0x1F:
        while head[size] & 0x80:
            size += 1
        size += 1
    return int.from_bytes(head[:size], "big")


def split_package(package: bytes, limit: int = MAX_ELEMENT) -> list[RawElement]:
    """Split a whole package into its elements without looking into them."""
    splitter = Splitter(limit)
    elements = splitter.feed(package)
    splitter.close()
    return elements


def decode_package(package: bytes) -> tuple[ProfileElement, ...]:
    """Read all elements; DecodeError with element, offset in the package and reason."""
    elements: list[ProfileElement] = []
    for raw in split_package(package):
        try:
            elements.append(decode_element(raw.raw))
        except DecodeError as error:
            error.offset += raw.offset
            raise
    return tuple(elements)


def encode_package(elements: Iterable[ProfileElement]) -> bytes:
    """Build a package."""
    return b"".join(map(encode_element, elements))


def package_to_json(elements: Iterable[ProfileElement]) -> list[Json]:
    """A package in a form that people can read and change: names of the module, hexadecimal digits. Holds its keys."""
    return [element_to_json(element) for element in elements]


def package_from_json(json: Json) -> tuple[ProfileElement, ...]:
    """Undo `package_to_json`."""
    if not isinstance(json, list):
        raise DecodeError("a package is a list of elements")
    elements: list[ProfileElement] = []
    for number, item in enumerate(json):
        try:
            elements.append(element_from_json(item))
        except DecodeError as error:
            raise error.inside(f"[{number}]") from None
    return tuple(elements)
