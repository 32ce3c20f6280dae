# SPDX-License-Identifier: Apache-2.0
"""DER codecs of sets of names: SEQUENCE of optional NULLs (ServicesList), named BIT STRING (UICCCapability)."""

from __future__ import annotations

from typing import cast

from apdu.errors import DecodeError, EncodeError
from apdu.profile.der import Codec, Json, context_tag, unknown_object
from apdu.tlv.scan import ber

__all__ = ["BitNames", "Names"]


class Names(Codec[tuple[str, ...]]):
    """SEQUENCE whose components are all `NULL OPTIONAL`: the names of those present, in order.

    A component that the module does not name appears as `tag-9F21`, or `tag-9F21=00FF` when it is not empty.
    """

    __slots__ = ("_by_name", "_by_tag", "names")

    def __init__(self, names: str) -> None:
        self.names = tuple(names.split())
        self._by_tag = {context_tag(number, constructed=False): name for number, name in enumerate(self.names)}
        self._by_name = {name: tag for tag, name in self._by_tag.items()}

    def read(self, data: bytes, start: int, stop: int) -> tuple[str, ...]:
        names: list[str] = []
        at, last = start, -1
        while at < stop:
            tag, value, end = unknown_object(data, at, stop)
            name = self._by_tag.get(tag)
            if name is None:
                name = f"tag-{tag:X}={value.hex().upper()}" if value else f"tag-{tag:X}"
            elif value:
                raise DecodeError(f"{name} is not empty", offset=at)
            if (number := _number(tag)) <= last:
                raise DecodeError(f"{name} is out of order", offset=at)
            names.append(name)
            at, last = end, number
        return tuple(names)

    def write(self, value: tuple[str, ...]) -> bytes:
        parts: dict[int, bytes] = {}
        for name in value:
            tag, content = self._object(name)
            number = _number(tag)
            if number < 0 or number in parts:
                raise EncodeError(f"{name} is named twice or has no context tag")
            parts[number] = ber(tag, content)
        return b"".join(parts[number] for number in sorted(parts))

    def _object(self, name: str) -> tuple[int, bytes]:
        if (known := self._by_name.get(name)) is not None:
            return known, b""
        head, _, content = name.partition("=")
        try:
            if head.startswith("tag-"):
                return int(head[4:], 16), bytes.fromhex(content)
        except ValueError:
            pass
        raise EncodeError(f"{name!r} is not a name of the module")

    def to_json(self, value: tuple[str, ...]) -> Json:
        return list(value)

    def from_json(self, json: Json) -> tuple[str, ...]:
        if not isinstance(json, list) or not all(isinstance(name, str) for name in json):
            raise DecodeError("a list of names was expected")
        names = tuple(cast("list[str]", json))
        try:
            data = self.write(names)
        except EncodeError as error:
            raise DecodeError(str(error)) from None
        return self.read(data, 0, len(data))


def _number(tag: int) -> int:
    """The number of a context-specific tag, -1 for another class."""
    if tag < 0x100:
        return tag & 0x1F if tag & 0xC0 == 0x80 else -1
    size = (tag.bit_length() - 1) // 8
    if (tag >> 8 * size) & 0xC0 != 0x80:
        return -1
    number = 0
    for shift in range(size - 1, -1, -1):
        number = number << 7 | tag >> 8 * shift & 0x7F
    return number


class BitNames(Codec[tuple[str, ...]]):
    """BIT STRING with named bits (X.690 11.2.2): the names of those set, `bit-40` where the module has no name."""

    __slots__ = ("_bits", "names")

    def __init__(self, names: str) -> None:
        self.names = tuple(names.split())
        self._bits = {name: bit for bit, name in enumerate(self.names)}

    def read(self, data: bytes, start: int, stop: int) -> tuple[str, ...]:
        if start == stop or data[start] > 7 or (stop - start == 1 and data[start]):
            raise DecodeError("a bit string without its count of unused bits", offset=start)
        used = 8 * (stop - start - 1) - data[start]
        value = int.from_bytes(data[start + 1 : stop], "big") >> data[start]
        if used and (not value & 1 or data[stop - 1] & (1 << data[start]) - 1):
            raise DecodeError("a bit string that does not end with its last set bit", offset=start)
        bits = [bit for bit in range(used) if value >> (used - 1 - bit) & 1]
        return tuple(self.names[bit] if bit < len(self.names) else f"bit-{bit}" for bit in bits)

    def write(self, value: tuple[str, ...]) -> bytes:
        bits = [self._bit(name) for name in value]
        if not bits:
            return b"\x00"
        used = max(bits) + 1
        unused = -used % 8
        number = sum(1 << used - 1 - bit for bit in set(bits)) << unused
        return bytes((unused,)) + number.to_bytes((used + unused) // 8, "big")

    def _bit(self, name: str) -> int:
        bit = self._bits.get(name)
        if bit is None and name.startswith("bit-") and name[4:].isdigit() and len(name) < 8:
            bit = int(name[4:])
        if bit is None:
            raise EncodeError(f"{name!r} is not a name of the module")
        return bit

    def to_json(self, value: tuple[str, ...]) -> Json:
        return list(value)

    def from_json(self, json: Json) -> tuple[str, ...]:
        if not isinstance(json, list) or not all(isinstance(name, str) for name in json):
            raise DecodeError("a list of names was expected")
        return tuple(cast("list[str]", json))
