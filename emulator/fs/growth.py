# SPDX-License-Identifier: Apache-2.0
"""Files that a card has made, resized or deleted itself (TS 102 222): the shared base stays as it is.

Each change is one record of the memory under the id of its node. A card with changes has a tree of its own: a copy of
the base with the same ids, and the changes carried out on it. Ids of nodes made on the card begin where those of no
package end, so files, life cycle states and PIN contexts keyed by id mean the same in every card session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from apdu.command.status import SW
from apdu.tlv.declare import BYTE, FLAG, RAW, UINT, Template, tlv
from emulator.errors import CardError
from emulator.fs.resolve import Node
from emulator.memory.store import Memory
from emulator.profile.base import Directory, DirectoryKind, FileKind, FileNode, ProfileBase
from emulator.sd.registry import Registry, isd_p_prefix

__all__ = ["FIRST_ID", "NODE_BYTES", "NodeRecord", "changes", "grow", "record_key", "subtree", "take_memory"]

FIRST_ID: Final = 0x10000
"""The first id of a node made on the card: a package has 4096 nodes at most."""
NODE_BYTES: Final = 32
"""Bytes of memory that a file takes besides its body: as much as one of the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord(Template, tag=0x30, clause="none"):
    """One change: a node of the base that is gone or has another size, or a node made on the card."""

    deleted: bool = tlv(0x80, FLAG, optional=True, default=False)
    size: int = tlv(0x81, UINT, optional=True, default=0)
    parent: int | None = tlv(0x82, UINT, optional=True)
    """Id of its directory; only a node made on the card has it, and what follows, but for the maximum size."""
    fid: int = tlv(0x83, UINT, optional=True, default=0)
    descriptor: int = tlv(0x84, BYTE, optional=True, default=0)
    record_length: int = tlv(0x85, UINT, optional=True, default=0)
    maximum_size: int | None = tlv(0x86, UINT, optional=True)
    sfi: int | None = tlv(0x87, BYTE, optional=True)
    rule_file: int = tlv(0x88, UINT, optional=True, default=0)
    rule: int = tlv(0x89, BYTE, optional=True, default=0)
    lcs: int = tlv(0x8A, BYTE, optional=True, default=5)
    special: int = tlv(0x8B, BYTE, optional=True, default=0)
    references: bytes = tlv(0x8C, RAW, optional=True, default=b"")
    """Key references of a directory."""


def record_key(prefix: str, node: int) -> str:
    """Where the change of a node lies."""
    return f"{prefix}/n/{node:08X}"


def changes(memory: Memory, prefix: str) -> dict[int, NodeRecord]:
    """All changes of a profile, by node id, the oldest node first."""
    start = f"{prefix}/n/"
    return {int(key[len(start) :], 16): NodeRecord.decode(value) for key, value in memory.items(start)}


def take_memory(memory: Memory, prefix: str, amount: int) -> None:
    """Account for memory of the ISD-P that the profile lies in, or give it back; 6A84 when it is not there."""
    registry = Registry(memory)
    record = next((each for each in registry.isd_ps() if isd_p_prefix(each.aid) == prefix), None)
    if record is None:
        raise CardError(SW.MEMORY_FAILURE)
    left = record.granted - record.used if record.granted else registry.free()
    if amount > left:
        raise CardError(SW.NOT_ENOUGH_MEMORY)
    registry.save(replace(record, used=max(0, record.used + amount)))


def grow(base: ProfileBase, made: Mapping[int, NodeRecord]) -> tuple[ProfileBase, dict[int, Node]]:
    """A copy of the base with the changes carried out, and its nodes by id."""
    nodes = _copy(base)
    for number, record in made.items():
        if record.parent is None:
            _change(nodes, number, record)
        else:
            parent = nodes[record.parent]
            assert isinstance(parent, Directory)
            nodes[number] = _create(number, record, parent)
    for node in nodes.values():
        if isinstance(node, FileNode) and node.link is not None:
            node.size, node.content = node.target.size, node.target.content
    mf = nodes[base.mf.id]
    assert isinstance(mf, Directory)
    adfs = tuple(node for adf in base.adfs if isinstance(node := nodes[adf.id], Directory))
    naas = tuple(replace(spec, adf=node) for spec in base.naas if isinstance(node := nodes[spec.adf.id], Directory))
    return replace(base, mf=mf, adfs=adfs, naas=naas), nodes


def subtree(node: Node) -> Iterator[Node]:
    """A node and all that lies in it; what a linked directory shows belongs to the other one."""
    yield node
    if isinstance(node, Directory) and node.link is None:
        for child in node.children.values():
            yield from subtree(child)


def _change(nodes: dict[int, Node], number: int, record: NodeRecord) -> None:
    """Take a node of the base away, or give it another size."""
    node = nodes[number]
    if record.deleted:
        parent = node.parent
        assert parent is not None
        del parent.children[node.fid]
        if isinstance(node, FileNode) and node.sfi is not None and parent.by_sfi.get(node.sfi) is node:
            del parent.by_sfi[node.sfi]
        for gone in list(subtree(node)):
            del nodes[gone.id]
    else:
        assert isinstance(node, FileNode)
        node.size = record.size
        if node.kind is FileKind.BER_TLV:
            node.maximum_size = record.maximum_size
        else:
            node.content = node.content[: record.size].ljust(record.size, b"\xff")


def _create(number: int, record: NodeRecord, parent: Directory) -> Node:
    node: Node
    if record.references:
        node = Directory(number, record.fid, DirectoryKind.DF, parent)
        node.pin_references = tuple(record.references)
        node.context = parent.context
    else:
        node = FileNode(number, record.fid, FileKind(record.descriptor), parent)
        node.size, node.record_length, node.maximum_size = record.size, record.record_length, record.maximum_size
        node.special, node.sfi = record.special, record.sfi
        node.content = b"" if node.kind is FileKind.BER_TLV else b"\xff" * record.size
        if record.sfi is not None:
            parent.by_sfi.setdefault(record.sfi, node)
    node.arr = (record.rule_file, record.rule)
    node.lcs = record.lcs
    parent.children[record.fid] = node
    return node


def _copy(base: ProfileBase) -> dict[int, Node]:
    """New nodes for all of a base, by their ids; links lead to copies too."""
    originals: dict[int, Node] = {}
    for root in (base.mf, *base.adfs):
        originals |= {node.id: node for node in subtree(root)}
    nodes: dict[int, Node] = {}
    for number in sorted(originals):  # a directory has a lower id than what lies in it
        original = originals[number]
        parent = nodes[original.parent.id] if original.parent is not None else None
        assert parent is None or isinstance(parent, Directory)
        if isinstance(original, Directory):
            nodes[number] = _copy_directory(original, parent)
        else:
            assert parent is not None
            nodes[number] = _copy_file(original, parent)
    for number, original in originals.items():
        _connect(nodes[number], original, nodes)
    return nodes


def _copy_directory(original: Directory, parent: Directory | None) -> Directory:
    made = Directory(original.id, original.fid, original.kind, parent)
    made.aid, made.arr, made.lcs, made.label = original.aid, original.arr, original.lcs, original.label
    made.pin_references, made.context = original.pin_references, original.context
    return made


def _copy_file(original: FileNode, parent: Directory) -> FileNode:
    made = FileNode(original.id, original.fid, original.kind, parent)
    made.sfi, made.arr, made.lcs, made.label = original.sfi, original.arr, original.lcs, original.label
    made.record_length, made.size, made.maximum_size = original.record_length, original.size, original.maximum_size
    made.content, made.special = original.content, original.special
    return made


def _connect(made: Node, original: Node, nodes: Mapping[int, Node]) -> None:
    """Give a copy its children and what it links to."""
    if isinstance(made, FileNode):
        assert isinstance(original, FileNode)
        if original.link is not None:
            target = nodes[original.link.id]
            assert isinstance(target, FileNode)
            made.link = target
        return
    assert isinstance(original, Directory)
    if original.link is not None:
        shown = nodes[original.link.id]
        assert isinstance(shown, Directory)
        made.link_to(shown)
        return
    made.children.update((fid, nodes[child.id]) for fid, child in original.children.items())
    for sfi, file in original.by_sfi.items():
        copy = nodes[file.id]
        assert isinstance(copy, FileNode)
        made.by_sfi[sfi] = copy
