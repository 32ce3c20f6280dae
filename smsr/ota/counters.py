# SPDX-License-Identifier: Apache-2.0
"""Counters of secured packets: a number is reserved durably before it is used, and never given out twice."""

from __future__ import annotations

from typing import Protocol

from apdu.ids import Eid

__all__ = ["Counters", "MemoryCounters"]


class Counters(Protocol):
    """The counters of all cards, by key version."""

    def reserve(self, eid: Eid, kvn: int, above: int = 0) -> int:
        """The next number, higher than all given out before and than `above`; durable when the call returns."""
        ...


class MemoryCounters:
    """Keeps them in memory: for cards and servers that end together."""

    def __init__(self) -> None:
        self._last: dict[tuple[Eid, int], int] = {}

    def reserve(self, eid: Eid, kvn: int, above: int = 0) -> int:
        """The next number, higher than all given out before and than `above`."""
        number = max(self._last.get((eid, kvn), 0), above) + 1
        self._last[eid, kvn] = number
        return number
