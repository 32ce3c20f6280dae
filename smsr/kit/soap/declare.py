# SPDX-License-Identifier: Apache-2.0
"""XML types, each declared once: what a declaration reads it also writes.

A `Record` is an xs:sequence and a value's fields; `Simple` is text; `listed` is an element that holds a list;
`Verbatim` keeps an element as canonical octets, for what was signed. Elements are found by their place and by nothing
else: a record reads its children in order, and one that is left over, missing, in another namespace or there too often
is an error that says where. Names of fields may be paths, `status.code`: `nested` puts them together again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final, Generic, Protocol, TypeVar, cast

from lxml import etree

from apdu.errors import DecodeError, EncodeError, M2mError, MissingError
from smsr.kit.soap.document import canonical, children, split_name, text_of
from smsr.kit.soap.writer import Namespace, attribute, element, escape

__all__ = [
    "ANY",
    "ONE",
    "OPTIONAL",
    "Attribute",
    "Choice",
    "ElementType",
    "Field",
    "Namespace",
    "Occurs",
    "Record",
    "Simple",
    "TextType",
    "Verbatim",
    "listed",
    "nested",
    "wrapped",
]

T = TypeVar("T")
_ITSELF: Final = ""
"""Attribute of a field that is the value itself."""
_WHITE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Occurs:
    """How often an element stands there."""

    least: int
    most: int


ONE: Final = Occurs(1, 1)
OPTIONAL: Final = Occurs(0, 1)
ANY: Final = Occurs(0, 50_000)  # unbounded in the schemas; the limits of documents hold


class ElementType(Protocol):
    """What can be read from an element and written as one."""

    def read(self, node: etree._Element) -> object:
        """The value; DecodeError when it is none."""
        ...

    def write(self, name: str, value: object) -> str:
        """The element, its prefix in the name."""
        ...


class TextType(Protocol):
    """What can be read from a text and written as one."""

    def parse(self, text: str) -> object:
        """The value; DecodeError when it is none."""
        ...

    def text(self, value: object) -> str:
        """The text."""
        ...


@dataclass(frozen=True, slots=True)
class Simple(Generic[T]):
    """A simple type: text and value."""

    convert: Callable[[str], T]
    show: Callable[[T], str] = str
    collapse: bool = True
    """White space around it means nothing; all XSD types but strings."""

    def parse(self, text: str) -> T:
        """The value of a text."""
        try:
            return self.convert(text.strip(_WHITE) if self.collapse else text)
        except ValueError:
            raise DecodeError(f"{text[:40]!r} is no value of its type") from None

    def read(self, node: etree._Element) -> T:
        """The value of an element without attributes and elements."""
        if node.attrib:
            raise DecodeError(f"unknown attribute {_first(node.attrib)}")
        return self.parse(text_of(node))

    def write(self, name: str, value: object) -> str:
        """The element, only if what it says can be read again."""
        return element(name, escape(self.text(value)))

    def text(self, value: object) -> str:
        """The text of a value; EncodeError for one that nobody could read."""
        text = self.show(cast("T", value))
        try:
            self.parse(text)
        except M2mError as error:
            raise EncodeError(f"{text[:40]!r} cannot be sent: {error}") from None
        return text


@dataclass(frozen=True, slots=True)
class Attribute:
    """A required attribute."""

    name: str
    attribute: str
    type: TextType


@dataclass(frozen=True, slots=True)
class Field:
    """One element of a sequence and the field that it fills."""

    name: str
    attribute: str
    type: ElementType
    occurs: Occurs = ONE
    absent: object = None
    """Of an optional element: the value that is not written."""
    blank: object = None
    """What is written for None, and read as None, where a schema demands a value that there is not."""

    @property
    def is_list(self) -> bool:
        """Whether it fills a tuple."""
        return self.occurs.most > 1

    def values(self, found: Sequence[etree._Element]) -> object:
        """The value of the elements that were found."""
        if len(found) < self.occurs.least:
            raise MissingError(f"{self.name} is missing")
        read = (_read(self.type, node) for node in found)
        values = tuple(None if value == self.blank else value for value in read)
        if self.is_list:
            return values
        return values[0] if values else self.absent

    def write(self, prefix: str, value: object) -> Iterator[str]:
        """The elements of a value."""
        each = _get(value, self.attribute)
        each = self.blank if each is None else each
        if isinstance(each, tuple) and self.is_list:
            values = each
        else:
            values = () if each is None or (self.occurs is OPTIONAL and each == self.absent) else (each,)
        if not self.occurs.least <= len(values) <= self.occurs.most:
            raise EncodeError(f"{self.name}: {len(values)} instead of {self.occurs.least} to {self.occurs.most}")
        for one in values:
            yield self.type.write(f"{prefix}:{self.name}", one)


@dataclass(frozen=True, slots=True)
class Choice:
    """Elements of several kinds in any order; each kind fills a tuple of its own."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Record(Generic[T]):
    """A complex type: a sequence of elements, and attributes."""

    make: Callable[[dict[str, object]], T]
    fields: tuple[Field | Choice, ...]
    namespace: Namespace
    attributes: tuple[Attribute, ...] = ()

    def read(self, node: etree._Element) -> T:
        """The value of an element."""
        return self.make(self.read_values(node))

    def read_values(self, node: etree._Element) -> dict[str, object]:
        """Its fields by their names, before a value is made of them."""
        values = self._attributes(node)
        left = children(node)
        for each in self.fields:
            kinds = each.fields if isinstance(each, Choice) else (each,)
            for kind, found in zip(kinds, self._take(left, kinds), strict=True):
                values[kind.attribute] = kind.values(found)
        if left:
            raise DecodeError(f"{_shown(left[0])} is not expected here")
        return values

    def _take(self, left: list[etree._Element], kinds: Sequence[Field]) -> list[list[etree._Element]]:
        found: list[list[etree._Element]] = [[] for _ in kinds]
        names = {(self.namespace.uri, kind.name): at for at, kind in enumerate(kinds)}
        while left and (at := names.get(split_name(left[0]))) is not None:
            if len(found[at]) == kinds[at].occurs.most:
                raise DecodeError(f"{kinds[at].name} stands there more than {kinds[at].occurs.most} times")
            found[at].append(left.pop(0))
        return found

    def _attributes(self, node: etree._Element) -> dict[str, object]:
        given = {str(name): str(value) for name, value in node.attrib.items()}
        values: dict[str, object] = {}
        for each in self.attributes:
            if each.name not in given:
                raise MissingError(f"attribute {each.name} is missing")
            values[each.attribute] = each.type.parse(given.pop(each.name))
        if given:
            raise DecodeError(f"unknown attribute {_first(given)}")
        return values

    def write(self, name: str, value: object) -> str:
        """The element of a value."""
        heads = (attribute(each.name, each.type.text(_get(value, each.attribute))) for each in self.attributes)
        return element(name, self.content(value), heads)

    def content(self, value: object) -> Iterator[str]:
        """What stands in it."""
        for each in self.fields:
            for kind in each.fields if isinstance(each, Choice) else (each,):
                yield from kind.write(self.namespace.prefix, value)


def wrapped(field: Field, namespace: Namespace) -> Record[object]:
    """An element that holds nothing but one kind of elements, and is worth what they are worth."""
    return Record(lambda values: values[_ITSELF], (replace(field, attribute=_ITSELF),), namespace)


def listed(name: str, type: ElementType, namespace: Namespace, occurs: Occurs = ANY) -> Record[object]:
    """An element that holds a list: a tuple."""
    return wrapped(Field(name, _ITSELF, type, occurs), namespace)


@dataclass(frozen=True, slots=True)
class Verbatim:
    """An element as the octets of its exclusive canonical form. They bring their own namespaces with them."""

    def read(self, node: etree._Element) -> bytes:
        """The octets."""
        return canonical(node)

    def write(self, name: str, value: object) -> str:
        """The octets as they are, whatever their prefix."""
        if not isinstance(value, bytes):
            raise EncodeError(f"{name} is octets or nothing")
        return value.decode("utf-8")


def nested(make: Callable[..., T], **makers: Callable[..., object]) -> Callable[[dict[str, object]], T]:
    """A maker that first makes the parts: fields `part.name` become the argument `part`."""

    def build(values: dict[str, object]) -> T:
        flat = {name: value for name, value in values.items() if "." not in name}
        for part, maker in makers.items():
            start = f"{part}."
            flat[part] = maker(**{n.removeprefix(start): v for n, v in values.items() if n.startswith(start)})
        return make(**flat)

    return build


def _get(value: object, attribute: str) -> object:
    return attrgetter(attribute)(value) if attribute else value


def _read(kind: ElementType, node: etree._Element) -> object:
    try:
        return kind.read(node)
    except DecodeError as error:
        raise error.inside(split_name(node)[1]) from None


def _first(names: Mapping[str, str] | etree._Attrib) -> str:
    return next(iter(str(name) for name in names))


def _shown(node: etree._Element) -> str:
    namespace, name = split_name(node)
    return f"{name} (namespace {namespace or 'none'})"
