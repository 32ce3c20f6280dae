# SPDX-License-Identifier: Apache-2.0
"""What every source of events is: it takes bytes as they come, gives events, and says what it could not read.

    source = detect(head)
    for data in chunks:
        for item in source.feed(data): ...
    for item in source.end(): ...

A source raises nothing and keeps no more than one line or packet, whatever it is fed. What is cut, shuffled or hostile
becomes a `Damage` in the place of an event, and reading goes on behind it. Iterators are to be used up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from apdu.trace.events import AnyEvent

__all__ = ["Damage", "Item", "Source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A piece of a trace that could not be read."""

    offset: int
    """Bytes from the start of the trace to the piece."""
    number: int
    """Which line or packet it is, from 1."""
    reason: str
    """What is wrong with it, as the rest of a sentence about it; one line of printable characters."""
    unit: str = "line"
    clause: str = ""
    """Of which document, where one says how it should be."""

    def __str__(self) -> str:
        clause = f" ({self.clause})" if self.clause else ""
        return f"{self.unit} {self.number} at byte {self.offset}: {self.reason}{clause}"


Item: TypeAlias = AnyEvent | Damage
"""What sources give."""


class Source(Protocol):
    """Turns the bytes of a trace into events, in any pieces."""

    def feed(self, data: bytes) -> Iterator[Item]:
        """What the next bytes complete."""
        ...

    def end(self) -> Iterator[Item]:
        """What is left when no more bytes come."""
        ...
