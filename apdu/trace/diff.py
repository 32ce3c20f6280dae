# SPDX-License-Identifier: Apache-2.0
"""Where two sessions differ: aligns their exchanges and compares what does not have to differ.

Both traces are read once, side by side. Where the next exchanges are not of the same kind, the nearest pair that is,
within a window of `WINDOW` exchanges on each side, goes on; what lies before it is only in one of the traces. Times,
resets and reports of functions are not compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import islice
from typing import Final

from apdu.trace.decode.model import Entry, Exchange, visible
from apdu.trace.volatile import command_parts, response_parts, same

__all__ = ["WINDOW", "Difference", "Kind", "compare", "differences"]

WINDOW: Final = 200
"""Exchanges that are looked through for a place where both sessions meet again."""
_MEET: Final = 2
"""Exchanges in a row that have to be of the same kind there, as far as there are so many."""


@unique
class Kind(StrEnum):
    """What a difference is about."""

    COMMAND = "command"
    RESPONSE = "response"
    STATUS = "status word"
    ONLY_FIRST = "only in the first"
    ONLY_SECOND = "only in the second"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the sessions are not the same; an exchange that is in one only stands alone."""

    kind: Kind
    first: Exchange | None
    second: Exchange | None


def compare(one: Exchange, other: Exchange, *, strict: bool = False) -> Kind | None:
    """In what two exchanges of the same kind differ; `strict` compares what must differ as well."""
    if not same(command_parts(one), command_parts(other), strict=strict):
        return Kind.COMMAND
    if one.sw != other.sw:
        return Kind.STATUS
    return None if same(response_parts(one), response_parts(other), strict=strict) else Kind.RESPONSE


def differences(first: Iterable[Entry], second: Iterable[Entry], *, strict: bool = False) -> Iterator[Difference]:
    """Every difference, in order; the first one is where the sessions part."""
    one, other = _Side(first), _Side(second)
    while one.peek(1) and other.peek(1):
        if one.head.kind != other.head.kind and not _meet(one, other):
            skipped = _nearest(one, other)
            yield from (Difference(Kind.ONLY_FIRST, entry, None) for entry in one.take(skipped[0]))
            yield from (Difference(Kind.ONLY_SECOND, None, entry) for entry in other.take(skipped[1]))
            continue
        (left,), (right,) = one.take(1), other.take(1)
        kind = compare(left, right, strict=strict)
        if kind is not None:
            yield Difference(kind, left, right)
    for entry in one.rest():
        yield Difference(Kind.ONLY_FIRST, entry, None)
    for entry in other.rest():
        yield Difference(Kind.ONLY_SECOND, None, entry)


@dataclass(frozen=True, slots=True)
class _Item:
    """An exchange with the number that tells of what kind it is."""

    exchange: Exchange
    kind: int


class _Side:
    """One of the traces: exchanges, of which those within the window are looked at before they are taken."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = (entry for entry in entries if isinstance(entry, Exchange))
        self._ahead: deque[_Item] = deque()

    def peek(self, count: int) -> list[_Item]:
        """Up to `count` of the next ones."""
        while len(self._ahead) < count:
            entry = next(self._entries, None)
            if entry is None:
                break
            self._ahead.append(_Item(entry, _kind(entry)))
        return list(islice(self._ahead, count))

    @property
    def head(self) -> _Item:
        """The next one."""
        return self._ahead[0]

    def take(self, count: int) -> list[Exchange]:
        """The next ones, for good."""
        return [self._ahead.popleft().exchange for _ in range(min(count, len(self._ahead)))]

    def rest(self) -> Iterator[Exchange]:
        """All that is left."""
        while self.peek(1):
            yield from self.take(1)


def _kind(exchange: Exchange) -> int:
    """What makes two exchanges comparable: class and instruction, and for SELECT and GET DATA what they ask for."""
    raw = visible(exchange.plain)
    if raw is None or len(raw) < 4:
        return -1
    ins = raw[1]
    asked = raw[2:4] + (raw[5:] if ins == 0xA4 else b"") if ins in (0xA4, 0xCA, 0xCB) else b""
    return hash((raw[0], ins, asked))


def _meet(one: _Side, other: _Side) -> bool:
    """Whether a different kind here is one changed command: both go on with the same kinds behind it."""
    left, right = one.peek(1 + _MEET)[1:], other.peek(1 + _MEET)[1:]
    return bool(left) and [item.kind for item in left] == [item.kind for item in right]


def _nearest(one: _Side, other: _Side) -> tuple[int, int]:
    """How many of each side to pass over until both go on with the same; everything in the window if they do not."""
    left, right = one.peek(WINDOW), other.peek(WINDOW)
    places: dict[tuple[int, ...], int] = {}
    for at in range(len(right)):
        places.setdefault(_run(right, at), at)
    best = (len(left), len(right))
    for at in range(len(left)):
        found = places.get(_run(left, at))
        if found is not None and at + found < sum(best):
            best = (at, found)
    return best


def _run(items: list[_Item], at: int) -> tuple[int, ...]:
    return tuple(item.kind for item in items[at : at + _MEET])
