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
does not name are refused unless it is declared `open=True`; then they are skipped. Objects may come in any order
unless `ordered=True`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields
from struct import error as StructError
from typing import Any, ClassVar, Final, Generic, NamedTuple, Self, TypeVar, cast

from construct import BytesInteger, Construct, ConstructError, GreedyBytes, Int8ub, Int16ub, Int24ub

from apdu.errors import DecodeError, EncodeError
from apdu.ids import Aid
from apdu.tlv.scan import Tlv, ber, scan, split

__all__ = [
    "AID",
    "BYTE",
    "FLAG",
    "RAW",
    "TEXT",
    "UINT",
    "UINT16",
    "UINT24",
    "UINT32",
    "Leaf",
    "OneLevel",
    "Template",
    "fixed",
    "tlv",
]

T = TypeVar("T")

_CODEC_ERRORS: Final = (ConstructError, StructError, OverflowError, ValueError)
"""What construct raises, interpreted and compiled: compiled code lets the struct module's own errors through."""


class Leaf(Generic[T]):
    """One value: how construct lays it out and how that becomes a typed value; `size` bytes exactly where it is fixed.
    """

    __slots__ = ("_compiled", "_decode", "_encode", "declaration", "size")

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
        self._compiled: Construct[Any, Any] | None = None

    def _codec(self) -> Construct[Any, Any]:
        """The compiled declaration: compiling takes 0.2 ms, so it happens at the first use."""
        if self._compiled is None:
            assert self.declaration is not None
            self._compiled = self.declaration.compile()
        return self._compiled

    def decode(self, data: bytes) -> T:
        """Read the value; DecodeError where it does not fit."""
        if self.size is not None and len(data) != self.size:
            raise DecodeError(f"{self.size} bytes expected, not {len(data)}")
        if self.declaration is None:
            value: Any = data
        else:
            try:
                value = self._codec().parse(data)
            except _CODEC_ERRORS as error:
                raise DecodeError(f"value does not fit its declaration ({type(error).__name__})") from None
        return cast(T, value) if self._decode is None else self._decode(value)

    def encode(self, value: T) -> bytes:
        """Build the bytes; EncodeError where the value does not fit."""
        raw: Any = value if self._encode is None else self._encode(value)
        if self.declaration is not None:
            try:
                raw = self._codec().build(raw)
            except (*_CODEC_ERRORS, TypeError) as error:
                fault = f"{type(value).__name__} does not fit its declaration ({type(error).__name__})"
                raise EncodeError(fault) from None
        data = bytes(raw)
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


RAW: Final[Leaf[bytes]] = Leaf(None)
"""Bytes as they are."""
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


class _Field(NamedTuple):
    name: str
    tag: int
    codec: Any  # Leaf[T] or type[Template]
    optional: bool
    many: bool


_KEY: Final = "tlv"


def tlv(
    tag: int, codec: Leaf[T] | type[Template], *, optional: bool = False, many: bool = False, default: Any = None
) -> Any:
    """Declare a field: its tag and its leaf or template. Optional ones default to `default`, repeated ones to ()."""
    metadata = {_KEY: (tag, codec, optional, many)}
    if many:
        return field(default=(), metadata=metadata)
    return field(default=default, metadata=metadata) if optional else field(metadata=metadata)


class Template:
    """Base of declared BER-TLV objects; subclasses are frozen, slotted, keyword-only dataclasses."""

    __slots__ = ()
    TAG: ClassVar[int]
    CLAUSE: ClassVar[str]
    _OPEN: ClassVar[bool]
    _ORDERED: ClassVar[bool]
    _by_tag: ClassVar[dict[int, tuple[int, _Field]] | None]
    # how the objects inside are coded: another coding than BER (apdu.cat.comprehension) puts its own three in place
    _check: ClassVar[Callable[[bytes], int]] = staticmethod(scan)
    _split: ClassVar[Callable[[bytes], list[Tlv]]] = staticmethod(split)
    _join: ClassVar[Callable[[int, bytes], bytes]] = staticmethod(ber)

    def __init_subclass__(
        cls, *, tag: int | None = None, clause: str = "", open: bool = False, ordered: bool = False
    ) -> None:
        super().__init_subclass__()
        if tag is not None:  # a slotted dataclass is created twice, the second time without the arguments
            cls.TAG, cls.CLAUSE, cls._OPEN, cls._ORDERED = tag, clause, open, ordered
        cls._by_tag = None

    @classmethod
    def _declared(cls) -> dict[int, tuple[int, _Field]]:
        if cls._by_tag is None:
            found: dict[int, tuple[int, _Field]] = {}
            for position, item in enumerate(fields(cast(Any, cls))):
                if _KEY in item.metadata:
                    declared = _Field(item.name, *item.metadata[_KEY])
                    found[declared.tag] = position, declared
            cls._by_tag = found
        return cls._by_tag

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value field (without the object's own tag and length)."""
        try:
            cls._check(value)
            return cls._decode(value)
        except DecodeError as error:
            raise error.inside(cls.__name__) from None

    @classmethod
    def from_tlv(cls, data: bytes) -> Self:
        """Read the whole object: exactly one, with the declared tag."""
        objects = split(data)
        if len(objects) != 1 or objects[0].tag != cls.TAG:
            raise DecodeError(f"one object {cls.TAG:X} expected", path=(cls.__name__,))
        return cls.decode(objects[0].value)

    @classmethod
    def _decode(cls, value: bytes) -> Self:
        declared = cls._declared()
        values: dict[str, Any] = {}
        last = -1
        for tag, content in cls._split(value):
            entry = declared.get(tag)
            if entry is None:
                if cls._OPEN:
                    continue
                raise DecodeError(f"unknown object {tag:X}")
            position, item = entry
            if cls._ORDERED and position < last:
                raise DecodeError(f"object {tag:X} ({item.name}) is out of order")
            last = position
            try:
                one = _read(item.codec, content)
            except DecodeError as error:
                raise error.inside(item.name) from None
            if item.many:
                values.setdefault(item.name, []).append(one)
            elif item.name in values:
                raise DecodeError(f"object {tag:X} ({item.name}) stands twice")
            else:
                values[item.name] = one
        for tag, (_, item) in declared.items():
            if item.many:
                values[item.name] = tuple(values.get(item.name, ()))
            elif not item.optional and item.name not in values:
                raise DecodeError(f"object {tag:X} ({item.name}) is missing")
        return cls(**values)

    def value(self) -> bytes:
        """Build the value field."""
        parts: list[bytes] = []
        for tag, (_, item) in self._declared().items():
            content = getattr(self, item.name)
            if item.many:
                parts.extend(type(self)._join(tag, _build(item.codec, one)) for one in content)
            elif content is not None and not (item.optional and content is False):
                parts.append(type(self)._join(tag, _build(item.codec, content)))
        return b"".join(parts)

    def encode(self) -> bytes:
        """Build the whole object with its tag."""
        return ber(self.TAG, self.value())


def _read(codec: Any, content: bytes) -> Any:
    nested: type[Template] | None = codec if isinstance(codec, type) else None
    return nested._decode(content) if nested else codec.decode(content)


def _build(codec: Any, value: Any) -> bytes:
    return cast(bytes, value.value() if isinstance(codec, type) else codec.encode(value))


def _one_level(data: bytes) -> int:
    return len(split(data))


class OneLevel(Template):
    """A template whose parts are not walked: B0 and F0 of public keys are constructed tags with plain values."""

    __slots__ = ()
    _check: ClassVar[Callable[[bytes], int]] = staticmethod(_one_level)
