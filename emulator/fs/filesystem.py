# SPDX-License-Identifier: Apache-2.0
"""The files of one profile on one card: the base that all cards share, under this card's own changes.

A change is the whole body of one file, or its life cycle state, under the id of its node. The object itself keeps no
body: it knows which nodes may have changed and asks the memory for them, so what a failed command wrote is never seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from apdu.command.fcp import (
    DIRECTORY,
    UNIVERSAL_PIN,
    USE_UNIVERSAL_PIN,
    FcpTemplate,
    FileDescriptor,
    PinStatus,
    PinStatusEntry,
    ProprietaryInformation,
    SecurityReference,
)
from emulator.fs.growth import FIRST_ID, NodeRecord, changes, grow, record_key
from emulator.fs.pins import PinStore, is_application_pin
from emulator.fs.resolve import Node, by_path
from emulator.memory.store import Memory
from emulator.profile.base import Directory, DirectoryKind, FileKind, FileNode, ProfileBase

__all__ = ["READABLE_WHEN_DEACTIVATED", "FileSystem", "is_active"]

READABLE_WHEN_DEACTIVATED: Final = 0x40
_CHARACTERISTICS: Final = 0x71
"""Clock stop allowed, no preference; voltage classes A, B, C (TS 102 221 11.1.1.4.6.1): as the ATR says."""
_TERMINAL_CAPABILITY_SUPPORTED: Final = 0x01
_DETAILS_DER: Final = 0x01
_NONE: Final[frozenset[int]] = frozenset()
"""One empty set for all cards on which nothing has changed."""


def is_active(lcs: int) -> bool:
    """Whether a life cycle state lets commands work on a file: not deactivated, not terminated (ISO 7816-4 7.4.10)."""
    return lcs & 0x0C == 0 or lcs & 0x0D == 0x05


@lru_cache(maxsize=64)
def _shared_descriptors(digest: bytes) -> dict[int, bytes]:
    """FCP templates by node id, while nothing in them has changed: the same on every card with a profile.

    The digest of the package names the profile.
    """
    return {}


class FileSystem:
    """The visible profile of a card."""

    __slots__ = (
        "_changed",
        "_descriptors",
        "_directories",
        "_generation",
        "_nodes",
        "_original",
        "_states",
        "base",
        "changes",
        "memory",
        "pins",
        "prefix",
        "rule_files",
    )

    def __init__(self, base: ProfileBase, memory: Memory, prefix: str) -> None:
        self.base = self._original = base
        """The profile with this card's own files: the shared base itself, while the card has made no changes."""
        self.memory = memory
        self.prefix = prefix
        self.pins = PinStore(base, memory, prefix)
        self.rule_files = _NONE
        """Ids of the files that access decisions were read from: a change of one makes them void."""
        self._changed = self._stored("f")
        self._states = self._stored("lcs")
        self._descriptors = _shared_descriptors(base.digest)
        self._directories: dict[int, bytes] | None = None
        """FCP templates of directories, once they differ from those of the profile's other cards."""
        self._generation = 0
        self._nodes: dict[int, Node] = {}
        self.changes: dict[int, NodeRecord] = {}
        """Files made, resized and deleted on the card, by node id."""
        if changed := changes(memory, prefix):
            self._grow(changed)

    def _grow(self, changed: dict[int, NodeRecord]) -> None:
        self.changes = changed
        self.base, self._nodes = grow(self._original, changed)
        self._descriptors = {}
        self._directories = None

    def change_tree(self, changed: Mapping[int, NodeRecord]) -> None:
        """Carry out changes of the tree when the command ends well: the last thing that it does to files."""
        for number, record in changed.items():
            self.memory.put(record_key(self.prefix, number), record.value())
        self._grow(dict(sorted({**self.changes, **changed}.items())))

    def resize(self, node: FileNode, size: int, maximum: int | None = None) -> None:
        """Give a file, not a link, another size; a BER-TLV file another maximum size with it."""
        record = self.changes.get(node.id, NodeRecord())
        self.change_tree({node.id: replace(record, size=size, maximum_size=maximum)})

    def delete_tree(self, node: Node, doomed: Iterable[Node]) -> None:
        """Delete a node with all that lies in it, and everything that is stored about that."""
        for gone in doomed:
            for key in (f"{self.prefix}/f/{gone.id}", f"{self.prefix}/lcs/{gone.id}", record_key(self.prefix, gone.id)):
                self.memory.delete(key)
            self.changes.pop(gone.id, None)
        if node.id < FIRST_ID:
            self.change_tree({node.id: NodeRecord(deleted=True)})
        else:
            self._grow(self.changes)

    def node(self, number: int) -> Node | None:
        """The file or directory with an id, on a card with changes of its own."""
        return self._nodes.get(number)

    def _stored(self, kind: str) -> frozenset[int]:
        prefix = f"{self.prefix}/{kind}/"
        return frozenset(int(key[len(prefix) :]) for key, _ in self.memory.items(prefix)) or _NONE

    def body(self, node: FileNode) -> bytes:
        """The contents of a file; a link has those of its target."""
        if node.link is not None:
            node = node.target
        if node.id in self._changed:
            stored = self.memory.get(f"{self.prefix}/f/{node.id}")
            if stored is not None:
                return stored
        return node.content

    def write(self, node: FileNode, body: bytes) -> None:
        """Change the contents when the command ends well; what equals the base takes no memory."""
        node = node.target
        if body == self.body(node):
            return
        key = f"{self.prefix}/f/{node.id}"
        if body == node.content:
            self.memory.delete(key)
        else:
            self.memory.put(key, body)
            if node.id not in self._changed:
                self._changed |= {node.id}

    def state(self, node: Node) -> int:
        """The life cycle state of a file or directory."""
        if self._states and node.id in self._states:
            stored = self.memory.get(f"{self.prefix}/lcs/{node.id}")
            if stored is not None:
                return stored[0]
        return node.lcs

    def set_state(self, node: Node, lcs: int) -> None:
        """Change the life cycle state when the command ends well."""
        key = f"{self.prefix}/lcs/{node.id}"
        if lcs == node.lcs:
            self.memory.delete(key)
        else:
            self.memory.put(key, bytes((lcs,)))
            self._states |= {node.id}
        self._directories = None

    def find(self, start: Directory, *path: int) -> FileNode | None:
        """An elementary file by its path from a directory, None when there is none."""
        node = by_path(b"".join(fid.to_bytes(2, "big") for fid in path), start, None)
        return node if isinstance(node, FileNode) else None

    def record(self, node: FileNode, number: int) -> bytes | None:
        """A record by its number, None when there is none."""
        length = node.target.record_length
        if not length or number < 1:
            return None
        body = self.body(node)
        return body[(number - 1) * length : number * length] or None

    def fcp(self, node: Node) -> bytes:
        """The FCP template of a file or directory (TS 102 221 11.1.1.3)."""
        if isinstance(node, Directory):
            return self._directory_fcp(node)
        if self._states and self.state(node) != node.lcs:
            return self._describe(node).encode()
        known = self._descriptors.get(node.id)
        if known is not None:
            return known
        built = self._describe(node).encode()
        if node.target.kind is not FileKind.BER_TLV:  # there the size is what the objects take at the moment
            self._descriptors[node.id] = built
        return built

    def _describe(self, node: FileNode) -> FcpTemplate:
        """A link shows its own identifier, short identifier and access rule, and the rest of its target."""
        target = node.target
        proprietary = ProprietaryInformation(special=target.special)
        records: tuple[int | None, int | None] = (None, None)
        size = target.size
        if target.kind is FileKind.BER_TLV:
            size = len(self.body(target))
            proprietary = ProprietaryInformation(
                details=_DETAILS_DER,
                reserved_size=target.size,
                maximum_size=target.maximum_size,
                special=target.special,
            )
        elif target.record_length:
            records = target.record_length, target.records
        return FcpTemplate(
            descriptor=FileDescriptor(target.kind.value, record_length=records[0], records=records[1]),
            fid=node.fid,
            proprietary=proprietary,
            lcs=self.state(node),
            security=SecurityReference(*node.arr),
            size=size,
            sfi=node.sfi or 0,
        )

    def _directory_fcp(self, directory: Directory) -> bytes:
        if self._generation != self.pins.generation:
            self._directories = None
            self._generation = self.pins.generation
        if not (self._generation or self._states):
            cache = self._descriptors
        else:
            if self._directories is None:
                self._directories = {}
            cache = self._directories
        known = cache.get(directory.id)
        if known is None:
            known = cache[directory.id] = self._describe_directory(directory).encode()
        return known

    def _describe_directory(self, directory: Directory) -> FcpTemplate:
        is_mf = directory.kind is DirectoryKind.MF
        return FcpTemplate(
            descriptor=FileDescriptor(DIRECTORY),
            fid=directory.fid,
            name=directory.aid,
            proprietary=ProprietaryInformation(
                characteristics=_CHARACTERISTICS,
                supported_commands=_TERMINAL_CAPABILITY_SUPPORTED if is_mf else None,
            ),
            lcs=self.state(directory),
            security=SecurityReference(*directory.arr),
            pin_status=self.pin_status(directory),
        )

    def pin_status(self, directory: Directory) -> PinStatus:
        """Which key references a directory lists and whether they are enabled now (TS 102 221 9.5.2)."""
        entries: list[PinStatusEntry] = []
        replaced = False
        for reference in directory.pin_references:
            key = self.pins.key(reference, directory, directory.adf)
            state = self.pins.state(key) if key is not None else None
            if state is not None and state.replaced and is_application_pin(reference):
                replaced = True
            entries.append(PinStatusEntry(reference, state is not None and state.enabled))
        usage = USE_UNIVERSAL_PIN if replaced else 0x00
        return PinStatus(
            tuple(entry._replace(usage=usage) if entry.reference == UNIVERSAL_PIN else entry for entry in entries)
        )
