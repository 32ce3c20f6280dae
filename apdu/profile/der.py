# SPDX-License-Identifier: Apache-2.0
"""DER codecs of ASN.1 types: each reads from an offset of the input, writes, and knows its form in JSON (X.690).

A codec handles the contents of a value; the tag belongs to whoever holds it (`apdu.profile.compound`). It gets the
whole input with two offsets, so nothing is copied before the value itself, and errors count from the input's start.
Malformed DER is a `DecodeError`, a well-formed value outside its constraint a `BadValue`: a card reports them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final, Generic, NamedTuple, Self, TypeAlias, TypeVar

from apdu.errors import DecodeError, EncodeError
from apdu.tlv.scan import is_constructed, read_header, scan

__all__ = [
    "NULL",
    "UINT8",
    "UINT15",
    "UINT16",
    "UINT31",
    "BadValue",
    "Codec",
    "Extension",
    "Integer",
    "Json",
    "Null",
    "Octets",
    "Oid",
    "OidCodec",
    "Text",
    "Wrapped",
    "context_tag",
    "hex_bytes",
    "json_object",
    "unknown_object",
]

T = TypeVar("T")
B = TypeVar("B", bound=bytes)
Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
"""What the json module reads and writes, without fractions."""


class BadValue(DecodeError):
    """Well-formed DER with a value that the module's constraints forbid (status bad-values)."""

    def inside(self, name: str, offset: int = 0) -> BadValue:
        """The same error seen from the object around it."""
        return BadValue(self.message, offset=self.offset + offset, path=(name, *self.path))


class Extension(NamedTuple):
    """A component that the module does not name, kept as it came; `place` named components may stand before it."""

    place: int
    tag: int
    value: bytes


def context_tag(number: int, *, constructed: bool) -> int:
    """The context-specific tag that automatic tagging gives to component `number`."""
    first = 0xA0 if constructed else 0x80
    if number < 0x1F:
        return first | number
    if number >= 0x80:
        raise EncodeError(f"context tag number {number} is not foreseen")
    return (first | 0x1F) << 8 | number


def unknown_object(data: bytes, at: int, stop: int) -> tuple[int, bytes, int]:
    """Read an object that no declaration names: tag, value, end. What it nests must be sound and bounded."""
    tag, begin, end = read_header(data, at, stop, der=True)
    value = data[begin:end]
    if is_constructed(tag):
        try:
            scan(value, der=True)
        except DecodeError as error:
            raise error.inside(f"[{tag:X}]", begin) from None
    return tag, value, end


def hex_bytes(json: Json, what: str) -> bytes:
    """Read bytes from their JSON form, hexadecimal digits."""
    if isinstance(json, str):
        try:
            return bytes.fromhex(json)
        except ValueError:
            pass
    raise DecodeError(f"{what} is not a string of hexadecimal digits")


def json_object(json: Json, what: str) -> dict[str, Json]:
    """Check that a JSON value is an object."""
    if not isinstance(json, dict):
        raise DecodeError(f"{what} is not a JSON object")
    return json


class Codec(Generic[T]):
    """One ASN.1 type: contents octets and JSON, both ways."""

    __slots__ = ()

    def read(self, data: bytes, start: int, stop: int) -> T:
        """Read the contents octets `data[start:stop]`."""
        raise NotImplementedError

    def write(self, value: T) -> bytes:
        """Build the contents octets; EncodeError where the type forbids the value."""
        raise NotImplementedError

    def to_json(self, value: T) -> Json:
        """The value as JSON."""
        raise NotImplementedError

    def from_json(self, json: Json) -> T:
        """The value from its JSON form."""
        raise NotImplementedError


class Octets(Codec[bytes]):
    """OCTET STRING with SIZE constraint."""

    __slots__ = ("high", "low")

    def __init__(self, low: int = 0, high: int = 1 << 32) -> None:
        self.low = low
        self.high = high

    def read(self, data: bytes, start: int, stop: int) -> bytes:
        if not self.low <= stop - start <= self.high:
            raise BadValue(self._fault(stop - start), offset=start)
        return data[start:stop]

    def write(self, value: bytes) -> bytes:
        if not isinstance(value, bytes):
            raise EncodeError(f"bytes expected, not {type(value).__name__}")
        if not self.low <= len(value) <= self.high:
            raise EncodeError(self._fault(len(value)))
        return value

    def to_json(self, value: bytes) -> Json:
        return value.hex().upper()

    def from_json(self, json: Json) -> bytes:
        value = hex_bytes(json, "an octet string")
        return self.read(value, 0, len(value))

    def _fault(self, size: int) -> str:
        wanted = f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"
        return f"an octet string of {size} bytes where the module has {wanted}"


class Wrapped(Octets, Generic[B]):
    """OCTET STRING that is read as a subclass of bytes, such as an AID."""

    __slots__ = ("wrap",)

    def __init__(self, low: int, high: int, wrap: Callable[[bytes], B]) -> None:
        super().__init__(low, high)
        self.wrap = wrap

    def read(self, data: bytes, start: int, stop: int) -> B:
        return self.wrap(super().read(data, start, stop))


class Integer(Codec[int]):
    """INTEGER with a value range."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high

    def read(self, data: bytes, start: int, stop: int) -> int:
        if not 1 <= stop - start <= 8:
            raise DecodeError(f"a number of {stop - start} bytes", offset=start)
        if stop - start > 1 and (data[start] << 8 | data[start + 1]) >> 7 in (0, 0x1FF):
            raise DecodeError("a number that is not coded in the shortest form", offset=start)
        value = int.from_bytes(data[start:stop], "big", signed=True)
        if not self.low <= value <= self.high:
            raise BadValue(f"number {value} where the module has {self.low} to {self.high}", offset=start)
        return value

    def write(self, value: int) -> bytes:
        if not self.low <= value <= self.high:
            raise EncodeError(f"number {value} where the module has {self.low} to {self.high}")
        return value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True)

    def to_json(self, value: int) -> Json:
        return value

    def from_json(self, json: Json) -> int:
        if not isinstance(json, int) or isinstance(json, bool):
            raise DecodeError("a number was expected")
        if not self.low <= json <= self.high:
            raise BadValue(f"number {json} where the module has {self.low} to {self.high}")
        return json


class Null(Codec[T]):
    """NULL: its presence is the information; `value` is what stands for it."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def read(self, data: bytes, start: int, stop: int) -> T:
        if start != stop:
            raise DecodeError("a NULL that is not empty", offset=start)
        return self.value

    def write(self, value: T) -> bytes:
        return b""

    def to_json(self, value: T) -> Json:
        return True

    def from_json(self, json: Json) -> T:
        if json is not True:
            raise DecodeError("true was expected")
        return self.value


class Text(Codec[str]):
    """UTF8String; the SIZE constraint counts characters."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high

    def read(self, data: bytes, start: int, stop: int) -> str:
        try:
            text = data[start:stop].decode("utf-8")
        except UnicodeDecodeError:
            raise DecodeError("text that is not UTF-8", offset=start) from None
        if not self.low <= len(text) <= self.high:
            raise BadValue(self._fault(len(text)), offset=start)
        return text

    def write(self, value: str) -> bytes:
        if not self.low <= len(value) <= self.high:
            raise EncodeError(self._fault(len(value)))
        return value.encode("utf-8")

    def to_json(self, value: str) -> Json:
        return value

    def from_json(self, json: Json) -> str:
        if not isinstance(json, str):
            raise DecodeError("text was expected")
        data = json.encode("utf-8", "replace")
        return self.read(data, 0, len(data))

    def _fault(self, size: int) -> str:
        return f"text of {size} characters where the module has {self.low} to {self.high}"


class Oid(bytes):
    """Object identifier: its contents octets; `str()` is the dotted form."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        if not value or value[-1] & 0x80:
            raise DecodeError("an object identifier that ends inside a number")
        if value[0] == 0x80 or (0x80 in value and any(a < 0x80 and b == 0x80 for a, b in pairwise(value))):
            raise DecodeError("an object identifier with leading zeros in a number")
        return super().__new__(cls, value)

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Read the dotted form."""
        arcs = text.split(".")
        if len(arcs) < 2 or not all(arc.isascii() and arc.isdigit() and len(arc) < 40 for arc in arcs):
            raise DecodeError(f"{text[:80]!r} is not an object identifier")
        first, second, *rest = map(int, arcs)
        if first > 2 or (first < 2 and second > 39):
            raise DecodeError(f"{text[:80]!r} is not an object identifier")
        return cls(b"".join(_base128(number) for number in (first * 40 + second, *rest)))

    def __str__(self) -> str:
        numbers, number = [], 0
        for byte in self:
            number = number << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(number)
                number = 0
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, (first, numbers[0] - first * 40, *numbers[1:])))

    def __repr__(self) -> str:
        return f"Oid({self})"


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(0x80 | number & 0x7F)
    return bytes(reversed(digits))


class OidCodec(Codec[Oid]):
    """OBJECT IDENTIFIER."""

    __slots__ = ()

    def read(self, data: bytes, start: int, stop: int) -> Oid:
        try:
            return Oid(data[start:stop])
        except DecodeError as error:
            error.offset += start
            raise

    def write(self, value: Oid) -> bytes:
        return bytes(value)

    def to_json(self, value: Oid) -> Json:
        return str(value)

    def from_json(self, json: Json) -> Oid:
        if not isinstance(json, str):
            raise DecodeError("an object identifier was expected")
        return Oid.from_string(json)


NULL: Final = Null(True)
UINT8: Final = Integer(0, 0xFF)
UINT15: Final = Integer(0, 0x7FFF)
UINT16: Final = Integer(0, 0xFFFF)
UINT31: Final = Integer(0, 0x7FFF_FFFF)
