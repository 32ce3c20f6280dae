# SPDX-License-Identifier: Apache-2.0
"""Commands as trees of their data objects, so that one object can be broken and everything around it stays right.

Made for the fuzzer alone, with its own reader: lengths of what encloses a change are put right, the broken one is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from random import Random


class Coding(Enum):
    """How tag and length are written."""

    BER = "BER-TLV"
    DGI = "data grouping"
    LV = "length and value"


TEMPLATES = frozenset(
    {0x62, 0xA6, 0x7F21, 0x73, 0xB6, 0xEF, 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xD6, 0xD1, 0xA9, 0xB9}
)
"""Tags whose value the card reads as objects; B0 and 7F49 look constructed and hold plain bytes."""


class Broken(ValueError):
    """Bytes that are no object: what holds them stays a leaf."""


@dataclass
class Node:
    """One object. `lie` stands in place of its length."""

    coding: Coding
    tag: bytes
    value: bytes = b""
    children: list[Node] = field(default_factory=list)
    lie: bytes | None = None

    @property
    def number(self) -> int:
        return int.from_bytes(self.tag, "big")

    def content(self) -> bytes:
        return b"".join(child.encode() for child in self.children) if self.children else self.value

    def encode(self) -> bytes:
        content = self.content()
        length = length_bytes(len(content), self.coding) if self.lie is None else self.lie
        return self.tag + length + content


def length_bytes(size: int, coding: Coding) -> bytes:
    """A length as its coding writes it."""
    if coding is Coding.DGI:
        return bytes((size,)) if size < 0xFF else b"\xff" + size.to_bytes(2, "big")
    if coding is Coding.LV:
        return bytes((min(size, 0xFF),))
    if size < 0x80:
        return bytes((size,))
    count = (size.bit_length() + 7) // 8
    return bytes((0x80 | count,)) + size.to_bytes(count, "big")


def read_header(data: bytes, at: int) -> tuple[bytes, int, int]:
    """Tag, length, and where the value begins; Broken where there is no object."""
    start = at
    if at >= len(data):
        raise Broken
    first = data[at]
    at += 1
    if first & 0x1F == 0x1F:
        while at < len(data) and data[at] & 0x80:
            at += 1
        at += 1
    if at >= len(data):
        raise Broken
    tag, length = data[start:at], data[at]
    at += 1
    if length >= 0x80:
        count = length & 0x7F
        if not 1 <= count <= 3 or at + count > len(data):
            raise Broken
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    return tag, length, at


def read_ber(data: bytes) -> list[Node]:
    """BER objects, templates opened."""
    nodes = []
    at = 0
    while at < len(data):
        tag, length, at = read_header(data, at)
        if at + length > len(data):
            raise Broken
        node = Node(Coding.BER, tag, data[at : at + length])
        if node.number in TEMPLATES:
            node.children = _try(node.value)
        nodes.append(node)
        at += length
    return nodes


def _try(data: bytes) -> list[Node]:
    try:
        return read_ber(data)
    except Broken:
        return []


def read_dgi(data: bytes) -> list[Node]:
    """Data groupings; those of 3Axx and 0070 hold BER objects."""
    nodes = []
    at = 0
    while at < len(data):
        if at + 3 > len(data):
            raise Broken
        tag, length, at = data[at : at + 2], data[at + 2], at + 3
        if length == 0xFF:
            length, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        if at + length > len(data):
            raise Broken
        node = Node(Coding.DGI, tag, data[at : at + length])
        if tag[0] == 0x3A or node.number in (0x0070, 0x00B9):
            node.children = _try(node.value)
        nodes.append(node)
        at += length
    return nodes


def read_lv(data: bytes) -> list[Node]:
    """Fields of INSTALL; the parameters of install hold BER objects."""
    nodes = []
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise Broken
        nodes.append(Node(Coding.LV, b"", data[at + 1 : end]))
        at = end
    if len(nodes) == 6 and nodes[4].value:
        nodes[4].children = _try(nodes[4].value)
    return nodes


@dataclass
class Tree:
    """A command with structured data."""

    header: bytes
    nodes: list[Node]
    tail: bytes

    @classmethod
    def read(cls, raw: bytes) -> Tree | None:
        """The tree of a command with a short Lc; None for one whose data have no structure known here."""
        if len(raw) < 6 or not raw[4] or len(raw) < 5 + raw[4]:
            return None
        header, data, tail = raw[:4], raw[5 : 5 + raw[4]], raw[5 + raw[4] :]
        reader = {0xE6: read_lv, 0xE4: read_ber, 0xCA: read_ber, 0x14: read_ber, 0xC2: read_ber, 0xAA: read_ber}
        ins = header[1]
        if ins == 0xE2 and header[2] & 0x18 == 0x08:
            parse = read_dgi
        elif (ins == 0xF2 and header[2] >= 0x10) or ins == 0xE0 or (ins == 0xD4 and header[0] & 0x80):
            parse = read_ber
        elif ins in reader and header[0] & 0x80:
            parse = reader[ins]
        else:
            return None
        try:
            return cls(header, parse(data), tail)
        except (Broken, IndexError):
            return None

    def encode(self) -> bytes:
        """The command, with Lc as long as its data are (extended where they need it)."""
        data = b"".join(node.encode() for node in self.nodes)
        if not data:
            return self.header + self.tail
        if len(data) <= 0xFF:
            return self.header + bytes((len(data),)) + data + self.tail
        return self.header + b"\x00" + len(data).to_bytes(2, "big") + data + (b"\x00\x00" if self.tail else b"")

    def walk(self) -> Iterator[tuple[list[Node], int, Node]]:
        """Every object, with the list that it stands in and its place there."""
        stack = [self.nodes]
        while stack:
            siblings = stack.pop()
            for place, node in enumerate(siblings):
                yield siblings, place, node
                if node.children:
                    stack.append(node.children)

    @property
    def last_block(self) -> bool:
        """Whether the data are complete: a data grouping may go on in the next block of STORE DATA."""
        return self.header[1] != 0xE2 or bool(self.header[2] & 0x80)


_ISD_P_LOAD_FILE = bytes.fromhex("A0000005591010FFFFFFFF8900000D00")
LIES = [bytes.fromhex(text) for text in ("80", "84FFFFFFFF", "847FFFFFFF", "8500000000FF", "FF", "8F", "83FFFFFF")]
"""Lengths that no value of a command has, among them the indefinite one."""


def longer_than_parent(tree: Tree, random: Random) -> str | None:
    """Make one object claim more bytes than enclose it; says what was done."""
    places = [
        (siblings, place, node)
        for siblings, place, node in tree.walk()
        if node.coding is not Coding.DGI or tree.last_block
    ]
    if not places:
        return None
    siblings, place, node = random.choice(places)
    rest = sum(len(each.encode()) for each in siblings[place + 1 :])
    if node.coding is Coding.BER and random.random() < 0.3:
        node.lie = random.choice(LIES)
        return f"length {node.lie.hex()} of {node.tag.hex()}"
    claimed = len(node.content()) + rest + random.choice((1, 1, 2, 16, 100))
    if node.coding is Coding.LV and claimed > 0x7F:
        return None
    node.lie = length_bytes(claimed, node.coding)
    return f"{node.tag.hex() or 'a field'} is {claimed} bytes long, longer than its parent"


_MANDATORY: dict[int, frozenset[int]] = {
    0x3A01: frozenset({0x7F21}),
    0x3A02: frozenset({0xA6}),
    0x3A03: frozenset({0x4F}),
    0x3A04: frozenset({0x4F}),
    0x3A05: frozenset({0x4F}),
    0x3A08: frozenset({0x4E}),
    0x7F21: frozenset({0x93, 0x42, 0x5F20, 0x95, 0x5F24, 0x73, 0x7F49, 0x5F37}),
    0xA6: frozenset({0x90, 0x95, 0x80, 0x81, 0x82, 0x83}),
    0xD6: frozenset({0x19, 0x99, 0x82}),
}
"""Objects that must be there, by what holds them."""
_TOP: dict[int, frozenset[int]] = {
    0xE4: frozenset({0x4F}),
    0xF2: frozenset({0x4F}),
    0xCA: frozenset({0x5C}),
    0x14: frozenset({0x81, 0x82, 0x83, 0x01, 0x02, 0x03}),
    0xE2: frozenset({0x3A02, 0x7F49, 0x5F37}),
}
"""The same at the top of a command's data, by instruction."""


def without_mandatory(tree: Tree, random: Random) -> str | None:
    """Take away one object that must be there; says which."""
    ins = tree.header[1]
    found: list[tuple[list[Node], int]] = []
    for place, node in enumerate(tree.nodes):
        whole = ins == 0xE6 or node.number in _TOP.get(ins, ())
        if whole and (ins != 0xE2 or tree.last_block):
            found.append((tree.nodes, place))
    for siblings, place, node in tree.walk():
        holder = _holder(tree, siblings)
        if holder is not None and node.number in _MANDATORY.get(holder.number, ()):
            found.append((siblings, place))
        if ins == 0xE6 and node.tag == b"\xc9" and tree.nodes[0].value == _ISD_P_LOAD_FILE:
            found.append((siblings, place))
    if not found:
        return None
    siblings, place = random.choice(found)
    gone = siblings.pop(place)
    holder = _holder(tree, siblings)
    if holder is not None and not siblings:
        holder.value = b""
    return f"{gone.tag.hex() or 'a field'} is missing"


def _holder(tree: Tree, siblings: list[Node]) -> Node | None:
    return next((node for _, _, node in tree.walk() if node.children is siblings), None)
