# SPDX-License-Identifier: Apache-2.0
"""From a trace file to decoded entries, one after the other: read, open secure channels, hide secrets, decode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Final

from apdu.trace.decode import Decoder, Entry, Finding, Node
from apdu.trace.redact import UNREDACTED, Redaction, Redactor
from apdu.trace.unwrap import KeyRing, Unwrapper
from tools.trace.open import Damage, Item, read_trace

__all__ = ["Origin", "Pipeline", "entries", "examined"]

_PATIENCE: Final = 64
"""Entries that wait for an earlier one."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which trace, and how much of it may be seen."""

    path: Path
    unredacted: bool = False
    keys: Path | None = None
    """A key file or a card image."""


class Pipeline:
    """Makes entries of what a source gives; what cannot be read becomes an entry with a finding.

    Entries come in the order of their numbers. Where several links are interleaved, one that is complete waits for an
    earlier one of another link, but not for long.
    """

    def __init__(self, origin: Origin) -> None:
        self._redaction: Redaction = UNREDACTED if origin.unredacted else Redactor()
        self._unwrapper = Unwrapper(_ring(origin.keys))
        self._decoder = Decoder()
        self._count = 0
        self._next = 1
        self._waiting: list[tuple[int, Entry]] = []

    def run(self, items: Iterable[Item]) -> Iterator[Entry]:
        """The entries of a whole trace."""
        for item in items:
            for entry in self._unwrapped(item):
                if entry.number == self._next:
                    self._next += 1
                    yield entry
                    if not self._waiting:
                        continue
                else:
                    heappush(self._waiting, (entry.number, entry))
                yield from self._due(_PATIENCE)
        last = [entry for item in self._unwrapper.close() for entry in self._decoded(item)]
        for entry in (*last, *self._decoder.flush()):
            heappush(self._waiting, (entry.number, entry))
        yield from self._due(0)

    def settle(self) -> Iterator[Entry]:
        """What is complete although nothing came behind it: for traces that are being written."""
        self._settle()
        yield from self._due(0)

    def _settle(self) -> None:
        complete = [entry for item in self._unwrapper.flush() for entry in self._decoded(item)]
        for entry in (*complete, *self._decoder.settle()):
            heappush(self._waiting, (entry.number, entry))

    def _due(self, patience: int) -> Iterator[Entry]:
        """Of the entries that wait those that are next, and more when too many wait."""
        waiting = self._waiting
        if len(waiting) > patience:
            self._settle()
        while waiting and (waiting[0][0] <= self._next or len(waiting) > patience):
            number, entry = heappop(waiting)
            self._next = max(self._next, number + 1)
            yield entry

    def _unwrapped(self, item: Item) -> list[Entry]:
        """An item with what its secure channels carried."""
        opened = self._unwrapper.feed(item)
        if len(opened) == 1:
            return self._decoded(opened[0])
        return [entry for each in opened for entry in self._decoded(each)]

    def _decoded(self, item: Item) -> list[Entry]:
        self._count += 1
        try:
            return self._decoder.feed(item if isinstance(item, Damage) else self._redaction.redact(item))
        except RecursionError:
            return self._decoder.feed(Damage(offset=0, number=self._count, unit="event", reason="is nested too deep"))


def examined(entry: Entry) -> Node:
    """The tree of an entry; what is found in it becomes a finding of the entry as well."""
    tree = entry.tree()
    inside: list[Finding] = []
    waiting = [tree]
    while waiting:  # walk() does the same, at three times the cost
        node = waiting.pop()
        if node.findings:
            inside += (finding for finding in node.findings if finding not in entry.findings)
        waiting += reversed(node.children)
    if inside:
        entry.findings += tuple(dict.fromkeys(inside))
    return tree


def _ring(path: Path | None) -> KeyRing:
    if path is None:
        return KeyRing()
    from tools.trace.keys import load_keys

    return load_keys(path)


def entries(origin: Origin) -> Iterator[Entry]:
    """The entries of a trace; ToolError when it cannot be opened."""
    return Pipeline(origin).run(read_trace(origin.path))
