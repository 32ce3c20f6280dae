# SPDX-License-Identifier: Apache-2.0
"""SEQUENCE, declared once as the class of its value: it parses, builds and has a form in JSON.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class PeHeader(Sequence):
        mandated: bool = component("mandated", 0x80, NULL, flag=True)
        identification: int = component("identification", 0x81, UINT15)
        extensions: Extensions = ()

A component knows the module's name, its tag as transmitted and its codec. One that is not there is None (False for
NULL), whether the module has a DEFAULT or not: so a package that codes a default value comes back as it was. The order
of the declaration is the order on the wire and decides where a tag occurs twice. What the module does not name is kept
in `extensions` with its place.
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import Any, ClassVar, Final, Self, TypeAlias, TypeVar, cast

from apdu.errors import DecodeError, EncodeError
from apdu.profile.compiled import MISSING, Component, Reader, compile_reader
from apdu.profile.der import Codec, Extension, Json, Octets, hex_bytes, json_object, unknown_object
from apdu.tlv.scan import MAX_NODES, ber, read_header

__all__ = [
    "Extensions",
    "Nested",
    "Sequence",
    "SequenceCodec",
    "component",
    "extensions_from_json",
    "extensions_to_json",
    "fast_reader",
    "tag_from_json",
]

T = TypeVar("T")
S = TypeVar("S", bound="Sequence")
Extensions: TypeAlias = tuple[Extension, ...]

_KEY: Final = "asn1"


def component(
    name: str, tag: int, codec: Codec[Any], *, optional: bool = False, flag: bool = False, secret: bool = False
) -> Any:
    """Declare a component; a `flag` is an optional NULL, a `secret` is kept out of repr."""
    absent = False if flag else None if optional else MISSING
    metadata = {_KEY: (name, tag, codec, absent)}
    if absent is MISSING:
        return field(metadata=metadata, repr=not secret)
    return field(default=absent, metadata=metadata, repr=not secret)


class Sequence:
    """Base of declared SEQUENCE types: frozen, slotted, keyword-only dataclasses with `extensions` last."""

    __slots__ = ()
    _codec: ClassVar[SequenceCodec[Any] | None] = None

    @classmethod
    def codec(cls) -> SequenceCodec[Self]:
        """The codec of this type, made at first use."""
        if cls.__dict__.get("_codec") is None:
            cls._codec = SequenceCodec(cls)
        return cast("SequenceCodec[Self]", cls._codec)

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the contents octets."""
        data = bytes(value)
        try:
            return cls.codec().read(data, 0, len(data))
        except DecodeError as error:
            raise error.inside(cls.__name__) from None

    def value(self) -> bytes:
        """Build the contents octets."""
        return self.codec().write(self)

    def to_json(self) -> dict[str, Json]:
        """The value with the module's names."""
        return self.codec().to_json(self)

    @classmethod
    def from_json(cls, json: Json) -> Self:
        """Read the form of `to_json`."""
        return cls.codec().from_json(json)


_Entry: TypeAlias = "tuple[int, Any, int, int]"  # position, reader or None for plain octets, their size range


class SequenceCodec(Codec[S]):
    """The reader and writer behind a declared SEQUENCE."""

    __slots__ = ("_attributes", "_blank", "_cls", "_components", "_mandatory", "_tables", "_tags", "straight")

    def __init__(self, cls: type[S]) -> None:
        declared = [item for item in fields(cast(Any, cls)) if _KEY in item.metadata]
        self._components = [Component(item.name, *item.metadata[_KEY]) for item in declared]
        self._blank = [item.absent for item in self._components]
        self._mandatory = [position for position, item in enumerate(self._components) if item.absent is MISSING]
        self._tags = {item.tag for item in self._components}
        self._cls = cls
        self._attributes = [item.attribute for item in self._components]
        self.straight: Reader | None = None
        """Reads the usual coding of a type that is HOT, None at any other."""
        if getattr(cls, "HOT", False):
            self.straight = compile_reader(cls, self._components, reader_of)
        # the table of place n finds the next component with a tag from n on: order decides where a tag occurs twice
        self._tables: list[dict[int, _Entry]] = [{}]
        for position in range(len(self._components) - 1, -1, -1):
            item = self._components[position]
            self._tables.append(self._tables[-1] | {item.tag: (position, *fast_reader(item.codec))})
        self._tables.reverse()

    def read(self, data: bytes, start: int, stop: int) -> S:
        if self.straight is not None and (made := self.straight(data, start, stop)) is not None:
            return cast(S, made)
        tables = self._tables
        values = self._blank.copy()
        extensions: list[Extension] = []
        index, at = 0, start
        try:
            while at < stop:
                tag, begin = data[at], at + 2
                if begin > stop or (size := data[at + 1]) > 0x7F or tag & 0x1F == 0x1F or (end := begin + size) > stop:
                    tag, begin, end = read_header(data, at, stop, der=True)  # the usual header costs no call
                entry = tables[index].get(tag)
                if entry is None:
                    extensions.append(self._unknown(data, at, stop, index))
                    if len(extensions) > MAX_NODES:
                        raise DecodeError(f"more than {MAX_NODES} unknown components", offset=at)
                else:
                    position, reader, low, high = entry
                    if reader is not None:
                        values[position] = reader(data, begin, end)
                    elif low <= end - begin <= high:
                        values[position] = data[begin:end]
                    else:
                        self._components[position].codec.read(data, begin, end)
                    index = position + 1
                at = end
        except DecodeError as error:
            found = tables[index].get(tag) if at < stop else None
            raise error if found is None else error.inside(self._components[found[0]].name) from None
        for position in self._mandatory:
            if values[position] is MISSING:
                raise DecodeError(f"{self._components[position].name} is missing", offset=start)
        return self._new(values, tuple(extensions))

    def _new(self, values: list[Any], extensions: Extensions) -> S:
        make: Any = self._cls
        return cast(S, make(**dict(zip(self._attributes, values, strict=True)), extensions=extensions))

    def _unknown(self, data: bytes, at: int, stop: int, index: int) -> Extension:
        tag, value, _ = unknown_object(data, at, stop)
        if tag in self._tags:
            name = next(item.name for item in self._components if item.tag == tag)
            raise DecodeError(f"{name} ({tag:X}) is out of order or stands twice", offset=at)
        return Extension(index, tag, value)

    def write(self, value: S) -> bytes:
        parts: list[bytes] = []
        extensions: Extensions = cast(Any, value).extensions
        for index, item in enumerate(self._components):
            if extensions:
                parts += [ber(extra.tag, extra.value) for extra in extensions if extra.place == index]
            content = getattr(value, item.attribute)
            if content is item.absent:
                continue
            try:
                parts.append(ber(item.tag, item.codec.write(content)))
            except EncodeError as error:
                raise EncodeError(f"{item.name}: {error}") from None
        parts += [ber(extra.tag, extra.value) for extra in extensions if extra.place >= len(self._components)]
        return b"".join(parts)

    def to_json(self, value: S) -> dict[str, Json]:
        json: dict[str, Json] = {}
        for item in self._components:
            content = getattr(value, item.attribute)
            if content is not item.absent:
                json[item.name] = item.codec.to_json(content)
        if extensions := cast(Extensions, cast(Any, value).extensions):
            json["extensions"] = extensions_to_json(extensions)
        return json

    def from_json(self, json: Json) -> S:
        members = dict(json_object(json, "a sequence"))
        extensions = extensions_from_json(members.pop("extensions", []))
        values = self._blank.copy()
        for position, item in enumerate(self._components):
            if item.name in members:
                try:
                    values[position] = item.codec.from_json(members.pop(item.name))
                except DecodeError as error:
                    raise error.inside(item.name) from None
            elif item.absent is MISSING:
                raise DecodeError(f"{item.name} is missing")
        if members:
            raise DecodeError(f"{next(iter(members))!r} is not a component of this type")
        return self._new(values, extensions)


def fast_reader(codec: Codec[Any]) -> tuple[Any, int, int]:
    """How a loop reads a component: None and the size range for plain octet strings, else a function of the offsets."""
    if type(codec) is Octets:
        return None, codec.low, codec.high
    return reader_of(codec), 0, 0


def reader_of(codec: Codec[Any]) -> Reader:
    """The function that reads a codec's type, without the delegate of a nested one."""
    return codec.cls.codec().read if isinstance(codec, Nested) else codec.read


class Nested(Codec[S]):
    """A declared SEQUENCE as a component of another."""

    __slots__ = ("cls",)

    def __init__(self, cls: type[S]) -> None:
        self.cls = cls

    def read(self, data: bytes, start: int, stop: int) -> S:
        return self.cls.codec().read(data, start, stop)

    def write(self, value: S) -> bytes:
        if not isinstance(value, self.cls):
            raise EncodeError(f"a {self.cls.__name__} expected, not a {type(value).__name__}")
        return self.cls.codec().write(value)

    def to_json(self, value: S) -> Json:
        return self.cls.codec().to_json(value)

    def from_json(self, json: Json) -> S:
        return self.cls.codec().from_json(json)


def extensions_to_json(extensions: Extensions) -> Json:
    """What the module does not name, as JSON."""
    return [{"place": item.place, "tag": f"{item.tag:X}", "value": item.value.hex().upper()} for item in extensions]


def extensions_from_json(json: Json) -> Extensions:
    """Undo `extensions_to_json`."""
    if not isinstance(json, list):
        raise DecodeError("extensions are not a list")
    found: list[Extension] = []
    for item in json:
        members = json_object(item, "an extension")
        place = members.get("place")
        if not isinstance(place, int) or place < 0:
            raise DecodeError("an extension without place")
        value = hex_bytes(members.get("value"), "an extension")
        found.append(Extension(place, tag_from_json(members.get("tag")), value))
    return tuple(found)


def tag_from_json(json: Json) -> int:
    """A tag, from its hexadecimal digits."""
    tag = int.from_bytes(hex_bytes(json, "a tag"), "big")
    if not 0 < tag < 1 << 32:
        raise DecodeError("a tag has 1 to 4 bytes")
    return tag
