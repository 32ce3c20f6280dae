# SPDX-License-Identifier: Apache-2.0
"""Data objects declared once: one class parses and builds, and is the value type too.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class KeyEntry(Template, tag=0xC0, clause="GPCS 11.3.3.1"):
        ...

    @dataclass(frozen=True, slots=True, kw_only=True)
    class RegistryEntry(Template, tag=0xE3, clause="GPCS 11.4.3.1"):
        aid: Aid = tlv(0x4F, AID)
        state: int = tlv(0x9F70, BYTE)
        privileges: bytes | None = tlv(0xC5, RAW, optional=True)
        keys: tuple[KeyEntry, ...] = tlv(0xC0, KeyEntry, many=True)

The scanner (`apdu.tlv.scan`) does tags and lengths; a `Leaf` is a construct declaration of one value with its
conversion to a typed value, compiled at its first use; the result is a frozen dataclass at once. Tags that a class
does not name are refused unless it, or its base, is declared `open=True`; then they are skipped. Objects may come in
any order unless `ordered=True`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from struct import Struct as Packer
from struct import error as StructError
from typing import Any, ClassVar, Final, Generic, NamedTuple, Self, TypeVar, cast

from construct import BytesInteger, Construct, ConstructError, FormatField, GreedyBytes, Int8ub, Int16ub, Int24ub

from apdu.errors import DecodeError, EncodeError, MissingError
from apdu.ids import Aid
from apdu.tlv.scan import SHORT_LENGTHS, Tlv, ber, ber_length, is_constructed, scan, split, tag_bytes

__all__ = [
    "AID",
    "BYTE",
    "Declared",
    "FLAG",
    "RAW",
    "TEXT",
    "UINT",
    "UINT16",
    "UINT24",
    "UINT32",
    "Leaf",
    "OBJECTS",
    "OneLevel",
    "Template",
    "fixed",
    "tlv",
]

T = TypeVar("T")

_CODEC_ERRORS: Final = (ConstructError, StructError, OverflowError, ValueError)
"""What construct raises, interpreted and compiled: compiled code lets the struct module's own errors through."""


class Leaf(Generic[T]):
    """One value: how construct lays it out, how that becomes a typed value; exactly `size` bytes where fixed."""

    __slots__ = ("_build", "_decode", "_encode", "_parse", "declaration", "size")

    def __init__(
        self,
        declaration: Construct[Any, Any] | None,
        decode: Callable[[Any], T] | None = None,
        encode: Callable[[T], Any] | None = None,
        size: int | None = None,
    ) -> None:
        self.declaration = declaration
        self.size = size
        self._decode = decode
        self._encode = encode
        self._parse: Callable[[bytes], Any] | None = None
        self._build: Callable[[Any], bytes] = bytes

    def _prepare(self) -> Callable[[bytes], Any]:
        """Compile the declaration (0.2 ms) at its first use; plain numbers go to what construct itself uses."""
        declaration = self.declaration
        if declaration is None or declaration is GreedyBytes:
            self._parse, self._build = bytes, bytes
        elif isinstance(declaration, FormatField):
            packer = Packer(declaration.fmtstr)
            self._parse, self._build = (lambda data: packer.unpack(data)[0]), packer.pack
        else:
            compiled = declaration.compile()
            self._parse, self._build = compiled.parse, compiled.build
        return self._parse

    def decode(self, data: bytes) -> T:
        """Read the value; DecodeError where it does not fit."""
        if self.size is not None and len(data) != self.size:
            raise DecodeError(f"{self.size} bytes expected, not {len(data)}")
        parse = self._parse or self._prepare()
        try:
            value = parse(data)
        except _CODEC_ERRORS as error:
            raise DecodeError(f"value does not fit its declaration ({type(error).__name__})") from None
        decode: Callable[[Any], T] | None = self._decode
        if decode is not None:
            return decode(value)
        plain: T = value
        return plain

    @property
    def _is_plain(self) -> bool:
        """Whether construct has nothing to do: the bytes as they are, of any number, are what is converted."""
        return self.size is None and (self.declaration is None or self.declaration is GreedyBytes)

    @property
    def _number(self) -> Packer | None:
        """What packs and unpacks it where it is one number of a fixed size, as it is."""
        declaration = self.declaration
        plain = self.size is not None and self._decode is None and self._encode is None
        return Packer(declaration.fmtstr) if plain and isinstance(declaration, FormatField) else None

    @property
    def reader(self) -> Callable[[bytes], T]:
        """`decode`, or what of it is left to do for the bytes of an object."""
        if self._is_plain:
            return self._decode or cast(Callable[[bytes], T], bytes)
        decode, number = self.decode, self._number
        if number is None:
            return decode
        size, unpack = number.size, cast(Callable[[bytes], tuple[T]], number.unpack)
        return lambda data: unpack(data)[0] if len(data) == size else decode(data)

    @property
    def writer(self) -> Callable[[T], bytes]:
        """`encode`, or what of it is left to do where bytes are made, or there already."""
        encode = self.encode
        if self._is_plain:
            return self._encode or (lambda value: cast(bytes, value) if type(value) is bytes else encode(value))
        return encode

    def encode(self, value: T) -> bytes:
        """Build the bytes; EncodeError where the value does not fit."""
        raw: Any = value if self._encode is None else self._encode(value)
        if self._parse is None:
            self._prepare()
        try:
            data = self._build(raw)
        except (*_CODEC_ERRORS, TypeError) as error:
            fault = f"{type(value).__name__} does not fit its declaration ({type(error).__name__})"
            raise EncodeError(fault) from None
        if self.size is not None and len(data) != self.size:
            raise EncodeError(f"{self.size} bytes expected, not {len(data)}")
        return data


def _minimal(value: int) -> bytes:
    if value < 0:
        raise EncodeError("a negative number has no unsigned coding")
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")


def _unsigned(data: bytes) -> int:
    if not 1 <= len(data) <= 8:
        raise DecodeError(f"a number has 1 to 8 bytes, not {len(data)}")
    return int.from_bytes(data, "big")


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("text that is not UTF-8") from None


def _empty(data: bytes) -> bool:
    if data:
        raise DecodeError("an empty object was expected")
    return True


def _objects(data: bytes) -> bytes:
    scan(data)
    return data


RAW: Final[Leaf[bytes]] = Leaf(None)
"""Bytes as they are."""
OBJECTS: Final[Leaf[bytes]] = Leaf(None, _objects, bytes)
"""BER-TLV objects as they are, whole down to the last: where a template does not walk what it does not declare."""
BYTE: Final[Leaf[int]] = Leaf(Int8ub, size=1)
UINT16: Final[Leaf[int]] = Leaf(Int16ub, size=2)
UINT24: Final[Leaf[int]] = Leaf(Int24ub, size=3)
UINT: Final[Leaf[int]] = Leaf(None, _unsigned, _minimal)
"""Unsigned number, read from 1 to 8 bytes, built with as few as possible."""
UINT32: Final[Leaf[int]] = Leaf(BytesInteger(4), size=4)
AID: Final[Leaf[Aid]] = Leaf(GreedyBytes, Aid, bytes)
TEXT: Final[Leaf[str]] = Leaf(None, _text, lambda text: text.encode("utf-8"))
FLAG: Final[Leaf[bool]] = Leaf(None, _empty, lambda _: b"")
"""An object whose presence is the information."""


def fixed(size: int) -> Leaf[bytes]:
    """Exactly `size` bytes as they are."""
    return Leaf(None, size=size)


class Declared(NamedTuple):
    """A field as it was declared, for those who show objects that are not right too."""

    name: str
    codec: Leaf[Any] | type[Template]
    required: bool


@dataclass(frozen=True, slots=True)
class _Field:
    """One declared field, ready for use: `read` takes the content of its object, `build` gives it."""

    position: int
    name: str
    tag: int
    optional: bool
    many: bool
    read: Callable[[bytes], Any]
    build: Callable[[Any], bytes]
    head: bytes
    """The bytes of its tag."""


_KEY: Final = "tlv"


def tlv(
    tag: int, codec: Leaf[T] | type[Template], *, optional: bool = False, many: bool = False, default: Any = None
) -> Any:
    """Declare a field: its tag and its leaf or template. Optional ones default to `default`, repeated ones to ()."""
    metadata = {_KEY: (tag, codec, optional, many)}
    if many:
        return field(default=(), metadata=metadata)
    return field(default=default, metadata=metadata) if optional else field(metadata=metadata)


def _walking(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Read what is objects by its tag, though nothing here declares them: they are walked all the same."""

    def walk(content: bytes) -> Any:
        scan(content)
        return read(content)

    return walk


def _reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


class Template:
    """Base of declared BER-TLV objects; subclasses are frozen, slotted, keyword-only dataclasses."""

    __slots__ = ()
    TAG: ClassVar[int]
    CLAUSE: ClassVar[str]
    _OPEN: ClassVar[bool]
    _ORDERED: ClassVar[bool]
    _by_tag: ClassVar[dict[int, _Field] | None]
    _by_name: ClassVar[dict[str, _Field]] = {}
    _required: ClassVar[tuple[_Field, ...]] = ()
    """What has to be there."""
    _contents: ClassVar[Callable[[Any], tuple[Any, ...]]]
    """Reads all fields at once."""
    # how the objects inside are coded: another coding than BER (apdu.cat.comprehension) puts its own four in place
    _walk: ClassVar[bool] = True
    _each: ClassVar[Callable[[bytes], Iterable[tuple[int, bytes]]]] = staticmethod(split)
    _split: ClassVar[Callable[[bytes], list[Tlv]]] = staticmethod(split)
    _head: ClassVar[Callable[[int], bytes]] = staticmethod(tag_bytes)

    def __init_subclass__(
        cls, *, tag: int | None = None, clause: str = "", open: bool | None = None, ordered: bool = False
    ) -> None:
        super().__init_subclass__()
        if tag is not None:  # a slotted dataclass is created twice, the second time without the arguments
            cls.TAG, cls.CLAUSE, cls._ORDERED = tag, clause, ordered
            cls._OPEN = getattr(cls, "_OPEN", False) if open is None else open
        cls._by_tag = None

    @classmethod
    def _declared(cls) -> dict[int, _Field]:
        if cls._by_tag is None:
            found: dict[int, _Field] = {}
            for position, item in enumerate(fields(cast(Any, cls))):
                if _KEY not in item.metadata:
                    continue
                tag, codec, optional, many = item.metadata[_KEY]
                nested: type[Template] | None = codec if isinstance(codec, type) else None
                read = codec.reader if nested is None else nested._decode
                if cls._walk and nested is None and is_constructed(tag):
                    read = _walking(read)
                build = codec.writer if nested is None else nested.value
                found[tag] = _Field(position, item.name, tag, optional, many, read, build, cls._head(tag))
            cls._by_tag = found
            cls._contents = staticmethod(_reader([item.name for item in found.values()]))
            cls._by_name = {item.name: item for item in found.values()}
            cls._required = tuple(item for item in found.values() if not (item.many or item.optional))
        return cls._by_tag

    @classmethod
    def declared(cls) -> dict[int, Declared]:
        """What may stand in it, by tag, in the order of declaration."""
        found = [(item.name, item.metadata[_KEY]) for item in fields(cast(Any, cls)) if _KEY in item.metadata]
        return {tag: Declared(name, codec, not (optional or many)) for name, (tag, codec, optional, many) in found}

    @classmethod
    def is_open(cls) -> bool:
        """Whether objects that are not declared are passed over."""
        return cls._OPEN

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value field (without the object's own tag and length)."""
        try:
            return cls._decode(value)
        except DecodeError as error:
            raise error.inside(cls.__name__) from None

    @classmethod
    def from_tlv(cls, data: bytes) -> Self:
        """Read the whole object: exactly one, with the declared tag."""
        return cls.decode(cls._content(data))

    @classmethod
    def exactly(cls, data: bytes) -> Self:
        """The same, with nothing in it that is not declared here, be it open or not."""
        content = cls._content(data)
        try:
            return cls._from_objects(cls._each(content), False)
        except DecodeError as error:
            raise error.inside(cls.__name__) from None

    @classmethod
    def objects(cls, data: bytes) -> list[Tlv]:
        """The objects inside a whole object, for classes that read the same one: `from_objects` goes on."""
        content = cls._content(data)
        try:
            return cls._split(content)
        except DecodeError as error:
            raise error.inside(cls.__name__) from None

    @classmethod
    def from_objects(cls, objects: Iterable[Tlv]) -> Self:
        """Read the objects of a value field."""
        try:
            return cls._from_objects(objects, cls._OPEN)
        except DecodeError as error:
            raise error.inside(cls.__name__) from None

    @classmethod
    def _content(cls, data: bytes) -> bytes:
        size = len(data) - 2
        if 0 <= size < 0x80 and data[1] == size and data[0] == cls.TAG != 0:  # nearly all of them
            return bytes(data[2:])
        if 0x80 < size < 0x101 and data[1] == 0x81 and data[2] == size - 1 and data[0] == cls.TAG != 0:
            return bytes(data[3:])
        objects = split(data)
        if len(objects) != 1 or objects[0].tag != cls.TAG:
            raise DecodeError(f"one object {cls.TAG:X} expected", path=(cls.__name__,))
        return objects[0].value

    @classmethod
    def _decode(cls, value: bytes) -> Self:
        return cls._from_objects(cls._each(value), cls._OPEN)

    @classmethod
    def _from_objects(cls, objects: Iterable[tuple[int, bytes]], open: bool) -> Self:
        declared = cls._by_tag or cls._declared()
        values: dict[str, Any] = {}
        lists: dict[str, list[Any]] = {}
        ordered, last = cls._ORDERED, -1
        for tag, content in objects:
            item = declared.get(tag)
            if item is None:
                if not open:
                    raise DecodeError(f"unknown object {tag:X}")
                if cls._walk and is_constructed(tag):
                    scan(content)
                continue
            if ordered:
                if item.position < last:
                    raise DecodeError(f"object {tag:X} ({item.name}) is out of order")
                last = item.position
            name = item.name
            try:
                one = item.read(content)
            except DecodeError as error:
                raise error.inside(name) from None
            if item.many:
                lists.setdefault(name, []).append(one)
            elif name in values:
                raise DecodeError(f"object {tag:X} ({name}) stands twice")
            else:
                values[name] = one
        for name, found in lists.items():
            values[name] = tuple(found)
        for item in cls._required:
            if item.name not in values:
                raise MissingError(f"object {item.tag:X} ({item.name}) is missing")
        return cls._made(values)

    @classmethod
    def _made(cls, values: dict[str, Any]) -> Self:
        """The object with these values; those that are not among them have their defaults."""
        return cls(**values)

    def value(self) -> bytes:
        """Build the value field."""
        parts: list[bytes] = []
        declared = self._by_tag or self._declared()
        for content, item in zip(type(self)._contents(self), declared.values(), strict=True):
            if content is None:  # as most of an object with many possible parts are
                continue
            if item.many:
                for one in content:
                    built = item.build(one)
                    parts += item.head, ber_length(len(built)), built
            elif not (item.optional and content is False):
                built = item.build(content)
                length = len(built)
                parts += item.head, SHORT_LENGTHS[length] if length < 0x80 else ber_length(length), built
        return b"".join(parts)

    def encode(self) -> bytes:
        """Build the whole object with its tag."""
        return ber(self.TAG, self.value())


class OneLevel(Template):
    """A template whose parts are not walked: B0 and F0 of public keys are constructed tags with plain values."""

    __slots__ = ()
    _walk: ClassVar[bool] = False
