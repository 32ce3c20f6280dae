# SPDX-License-Identifier: Apache-2.0
"""SEQUENCE OF and CHOICE over DER codecs.

The values of a CHOICE carry no name: which alternative one is shows in its Python type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar, cast

from apdu.errors import DecodeError, EncodeError
from apdu.profile.compound import fast_reader, tag_from_json
from apdu.profile.der import BadValue, Codec, Json, hex_bytes, json_object, unknown_object
from apdu.tlv.scan import MAX_NODES, Tlv, ber, read_header

__all__ = ["Alternative", "Choice", "ChoiceList", "SequenceOf", "tlv_from_json", "tlv_to_json"]

T = TypeVar("T")


class SequenceOf(Codec[tuple[T, ...]]):
    """SEQUENCE OF a type with universal tag `tag`."""

    __slots__ = ("high", "item", "low", "tag")

    def __init__(self, tag: int, item: Codec[T], low: int = 0, high: int = MAX_NODES) -> None:
        self.tag = tag
        self.item = item
        self.low = low
        self.high = high

    def read(self, data: bytes, start: int, stop: int) -> tuple[T, ...]:
        values: list[T] = []
        at = start
        while at < stop:
            tag, begin, end = read_header(data, at, stop, der=True)
            if tag != self.tag:
                raise DecodeError(f"object {tag:X} where {self.tag:02X} is repeated", offset=at)
            try:
                values.append(self.item.read(data, begin, end))
            except DecodeError as error:
                raise error.inside(f"[{len(values)}]") from None
            at = end
        self._check(len(values), start)
        return tuple(values)

    def _check(self, count: int, offset: int = 0) -> None:
        if not self.low <= count <= self.high:
            raise BadValue(f"{count} values where the module has {self.low} to {self.high}", offset=offset)

    def write(self, value: tuple[T, ...]) -> bytes:
        if not self.low <= len(value) <= self.high:
            raise EncodeError(f"{len(value)} values where the module has {self.low} to {self.high}")
        return b"".join(ber(self.tag, self.item.write(one)) for one in value)

    def to_json(self, value: tuple[T, ...]) -> Json:
        return [self.item.to_json(one) for one in value]

    def from_json(self, json: Json) -> tuple[T, ...]:
        if not isinstance(json, list):
            raise DecodeError("a list was expected")
        values = tuple(map(self.item.from_json, json))
        self._check(len(values))
        return values


class Alternative(NamedTuple):
    """One alternative of a CHOICE: name, tag, codec, and the Python type that tells its values from the others'."""

    name: str
    tag: int
    codec: Codec[Any]
    type: type


class Choice(Codec[T]):
    """CHOICE. As a component it is explicitly tagged: its contents are one alternative with its own tag."""

    __slots__ = ("_by_name", "_by_tag", "_by_type")

    def __init__(self, *alternatives: Alternative) -> None:
        self._by_tag: Mapping[int, Alternative] = {item.tag: item for item in alternatives}
        self._by_name: Mapping[str, Alternative] = {item.name: item for item in alternatives}
        self._by_type: Mapping[type, Alternative] = {item.type: item for item in alternatives}

    def read(self, data: bytes, start: int, stop: int) -> T:
        tag, begin, end = read_header(data, start, stop, der=True)
        found = self._by_tag.get(tag)
        if found is None or end != stop:
            raise DecodeError(f"object {tag:X} is not one of {', '.join(self._by_name)}", offset=start)
        try:
            return cast(T, found.codec.read(data, begin, end))
        except DecodeError as error:
            raise error.inside(found.name) from None

    def write(self, value: T) -> bytes:
        found = self._by_type.get(type(value))
        if found is None:
            raise EncodeError(f"a {type(value).__name__} is not one of {', '.join(self._by_name)}")
        return ber(found.tag, found.codec.write(value))

    def to_json(self, value: T) -> Json:
        found = self._by_type[type(value)]
        return {found.name: found.codec.to_json(value)}

    def from_json(self, json: Json) -> T:
        for name, value in json_object(json, "a choice").items():
            if len(cast("dict[str, Json]", json)) == 1 and name in self._by_name:
                return cast(T, self._by_name[name].codec.from_json(value))
        raise DecodeError(f"one of {', '.join(self._by_name)} was expected")


class ChoiceList(Codec[tuple[T, ...]]):
    """SEQUENCE OF a CHOICE; an alternative that the module does not name is kept as a `Tlv`."""

    __slots__ = ("_by_name", "_by_type", "_low", "_readers")

    def __init__(self, *alternatives: Alternative, low: int = 0) -> None:
        self._by_name: Mapping[str, Alternative] = {item.name: item for item in alternatives}
        self._by_type: Mapping[type, Alternative] = {item.type: item for item in alternatives}
        self._readers: dict[int, tuple[str, Any, int, int]] = {}
        self._low = low

    def _prepare(self) -> dict[int, tuple[str, Any, int, int]]:
        """The readers by tag, made at first use: nested types are compiled then."""
        if not self._readers:
            self._readers.update((item.tag, (item.name, *fast_reader(item.codec))) for item in self._by_name.values())
        return self._readers

    def read(self, data: bytes, start: int, stop: int) -> tuple[T, ...]:
        readers = self._readers or self._prepare()
        items: list[Any] = []
        at = start
        while at < stop:
            tag, begin = data[at], at + 2
            if begin > stop or (size := data[at + 1]) > 0x7F or tag & 0x1F == 0x1F or (end := begin + size) > stop:
                tag, begin, end = read_header(data, at, stop, der=True)
            entry = readers.get(tag)
            if entry is None:
                _, value, _ = unknown_object(data, at, stop)
                items.append(Tlv(tag, value))
            elif entry[1] is not None:
                try:
                    items.append(entry[1](data, begin, end))
                except DecodeError as error:
                    raise error.inside(entry[0]) from None
            elif entry[2] <= end - begin <= entry[3]:
                items.append(data[begin:end])
            else:
                raise BadValue(f"{entry[0]} of {end - begin} bytes", offset=at)
            at = end
        if len(items) < self._low or len(items) > MAX_NODES:
            raise BadValue(f"{len(items)} values where {self._low or 'no'} to {MAX_NODES} are taken", offset=start)
        return tuple(items)

    def write(self, value: tuple[T, ...]) -> bytes:
        if len(value) < self._low:
            raise EncodeError(f"{len(value)} values where the module has at least {self._low}")
        parts: list[bytes] = []
        for item in value:
            if isinstance(item, Tlv):
                parts.append(ber(item.tag, item.value))
                continue
            found = self._by_type.get(type(item))
            if found is None:
                raise EncodeError(f"a {type(item).__name__} is not one of {', '.join(self._by_name)}")
            parts.append(ber(found.tag, found.codec.write(item)))
        return b"".join(parts)

    def to_json(self, value: tuple[T, ...]) -> Json:
        json: list[Json] = []
        for item in value:
            if isinstance(item, Tlv):
                json.append({"unknown": tlv_to_json(item)})
            else:
                found = self._by_type[type(item)]
                json.append({found.name: found.codec.to_json(item)})
        return json

    def from_json(self, json: Json) -> tuple[T, ...]:
        if not isinstance(json, list):
            raise DecodeError("a list was expected")
        items: list[Any] = []
        for one in json:
            members = json_object(one, "an alternative")
            name = next(iter(members), "")
            if len(members) != 1 or (name not in self._by_name and name != "unknown"):
                raise DecodeError(f"one of {', '.join(self._by_name)} was expected, not {name!r}")
            if name == "unknown":
                items.append(tlv_from_json(members[name]))
                continue
            try:
                items.append(self._by_name[name].codec.from_json(members[name]))
            except DecodeError as error:
                raise error.inside(name) from None
        if len(items) < self._low:
            raise BadValue(f"{len(items)} values where the module has at least {self._low}")
        return tuple(items)


def tlv_to_json(tlv: Tlv) -> Json:
    """An object that nothing names, as JSON."""
    return {"tag": f"{tlv.tag:X}", "value": tlv.value.hex().upper()}


def tlv_from_json(json: Json) -> Tlv:
    """Undo `tlv_to_json`."""
    members = json_object(json, "an unknown object")
    return Tlv(tag_from_json(members.get("tag")), hex_bytes(members.get("value"), "an unknown object"))
