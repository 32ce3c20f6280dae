# SPDX-License-Identifier: Apache-2.0
"""Declared data objects as nodes: every object with its name, its value in words and its bytes.

What a class declares (`apdu.tlv.declare`) is all that is needed to show its objects, also where some of them are not
right: those say what is wrong with them, and the others are there all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from apdu.cat.comprehension import Comprehension
from apdu.errors import DecodeError
from apdu.tlv.declare import OBJECTS, RAW, Leaf, Template
from apdu.tlv.scan import MAX_DEPTH, MAX_NODES, is_constructed, read_comprehension_header, read_header
from apdu.trace.decode.model import Finding, Node, Severity, part, visible
from apdu.trace.decode.table import malformed, plain_node
from apdu.trace.decode.words import words
from apdu.trace.events import Octets

__all__ = ["FORMATS", "HIDDEN", "NAMES", "object_nodes", "template_node", "tree_nodes"]

Kind = type[Template]
T = TypeVar("T")

NAMES: Final[dict[tuple[Kind, str], str]] = {}
"""By class and field: what an object is called where the field's own name does not say it."""
FORMATS: Final[dict[tuple[Kind, str], Callable[[object], str]]] = {}
"""By class and field: its value in words where its type does not say enough."""
HIDDEN: Final[set[tuple[Kind, str]]] = set()
"""Fields that hold keys."""
_ABBREVIATIONS: Final = frozenset(("aid", "apdu", "atr", "imei", "imeisv", "pdn", "pdp", "ss", "tpdu", "ussd"))
_MAX_SHOWN: Final = 2000
"""Nodes of one data object at the most: what has more is no data object that anybody makes."""


class _Object(NamedTuple):
    tag: int
    at: int
    start: int
    end: int


def _walk(raw: bytes, comprehension: bool) -> Iterator[_Object]:
    read = read_comprehension_header if comprehension else read_header
    at, end = 0, len(raw)
    for _ in range(_MAX_SHOWN):
        if at >= end:
            return
        tag, start, stop = read(raw, at, end)
        yield _Object(tag, at, start, stop)
        at = stop
    raise DecodeError(f"more than {_MAX_SHOWN} objects", offset=at)


class _Field(NamedTuple):
    """How one declared field is shown."""

    label: str
    codec: Leaf[Any] | Kind
    words: Callable[[object], str]
    required: bool
    hidden: bool


_SHAPES: Final[dict[Kind, dict[int, _Field]]] = {}


def _shape(kind: Kind) -> dict[int, _Field]:
    """The fields of a class by tag; names and formats may stand at a class that it comes from."""
    known = _SHAPES.get(kind)
    if known is None:
        known = _SHAPES[kind] = {
            tag: _Field(
                _inherited(NAMES, kind, field.name, _spoken(field.name)),
                field.codec,
                _inherited(FORMATS, kind, field.name, words),
                field.required,
                (kind, field.name) in HIDDEN,
            )
            for tag, field in kind.declared().items()
        }
    return known


def _spoken(field: str) -> str:
    return " ".join(word.upper() if word in _ABBREVIATIONS else word for word in field.split("_"))


def _inherited(table: dict[tuple[Kind, str], T], kind: Kind, field: str, default: T) -> T:
    found = (table.get((base, field)) for base in kind.__mro__ if issubclass(base, Template))
    return next((each for each in found if each is not None), default)


def template_node(name: str, kind: Kind, octets: Octets) -> Node:
    """One declared object as a node; `octets` is its value."""
    return Node(name, "", octets, object_nodes(kind, octets), clause=kind.CLAUSE)


def object_nodes(kind: Kind, octets: Octets, depth: int = 0) -> tuple[Node, ...]:
    """The objects inside a declared one, one node each, whatever is wrong with them."""
    raw = visible(octets)
    if raw is None:
        return (plain_node("contents", octets),)
    declared = _shape(kind)
    nodes: list[Node] = []
    found: set[int] = set()
    try:
        for item in _walk(raw, issubclass(kind, Comprehension)):
            found.add(item.tag)
            nodes.append(_node(kind, declared.get(item.tag), item, octets, depth))
    except DecodeError as error:
        nodes.append(malformed("objects", octets, error, kind.CLAUSE))
    for tag, field in declared.items():
        if field.required and tag not in found:
            finding = Finding(Severity.WARNING, f"object {tag:02X} ({field.label}) is missing", kind.CLAUSE)
            nodes.append(Node(field.label, "missing", findings=(finding,)))
    return tuple(nodes)


def _node(kind: Kind, field: _Field | None, item: _Object, octets: Octets, depth: int) -> Node:
    whole = part(octets, item.at, item.end - item.at)
    value = part(octets, item.start, item.end - item.start)
    if field is None:
        return _undeclared(kind, item, whole, value, depth)
    name = field.label
    if field.hidden:
        return Node(name, f"{len(value)} bytes, not shown")
    if not isinstance(field.codec, Leaf):
        if depth >= MAX_DEPTH:
            return plain_node(name, whole)
        return Node(name, "", whole, object_nodes(field.codec, value, depth + 1), clause=field.codec.CLAUSE)
    if not isinstance(value, bytes):
        return plain_node(name, value)
    try:
        text = field.words(field.codec.decode(value))
    except DecodeError as error:
        return malformed(name, whole, error, kind.CLAUSE)
    opaque = field.codec in (RAW, OBJECTS) and is_constructed(item.tag) and not issubclass(kind, Comprehension)
    return Node(name, text, whole, tree_nodes(value, depth + 1) if opaque else ())


def _undeclared(kind: Kind, item: _Object, whole: Octets, value: Octets, depth: int) -> Node:
    name = f"object {item.tag:02X}"
    inside: tuple[Node, ...] = ()
    if is_constructed(item.tag) and isinstance(value, bytes) and not issubclass(kind, Comprehension):
        inside = tree_nodes(value, depth + 1)
    findings = () if kind.is_open() else (Finding(Severity.WARNING, f"{name} is not known here", kind.CLAUSE),)
    return Node(name, "" if inside else plain_node(name, value).value, whole, inside, findings=findings)


def tree_nodes(octets: Octets, depth: int = 0) -> tuple[Node, ...]:
    """BER-TLV objects that nobody declares, as far as they can be told; nothing where they are none."""
    raw = visible(octets)
    if raw is None or depth >= MAX_DEPTH or len(raw) > MAX_NODES * 16:
        return ()
    nodes: list[Node] = []
    try:
        for item in _walk(raw, comprehension=False):
            value = part(octets, item.start, item.end - item.start)
            inside = tree_nodes(value, depth + 1) if is_constructed(item.tag) else ()
            shown = "" if inside else plain_node("", value).value
            nodes.append(Node(f"object {item.tag:02X}", shown, part(octets, item.at, item.end - item.at), inside))
    except DecodeError:
        return ()
    return tuple(nodes)
