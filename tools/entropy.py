# SPDX-License-Identifier: Apache-2.0
"""Where randomness and time come from in a run: the machine, or a seed that makes the run repeatable byte for byte."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Final

from apdu.keys.entropy import Entropy, SeededEntropy
from apdu.trace import Clock

__all__ = ["LogicalClock", "Source", "SystemEntropy", "Timeline"]

_EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
"""When every repeatable run takes place."""
_TICKS: Final = 1000
"""In a second."""
_MICROSECONDS: Final = 1e6
_SURE: Final = 0.3
"""So near to a whole microsecond no error of the multiplication leads to another one: below 2^53 it is an eighth."""


class SystemEntropy:
    """The operating system's generator."""

    __slots__ = ()

    def draw(self, n: int) -> bytes:
        """n random bytes."""
        return os.urandom(n)


class LogicalClock:
    """Time that passes only when it is read: a millisecond each time."""

    __slots__ = ("_readings",)

    def __init__(self) -> None:
        self._readings = 0

    def __call__(self) -> float:
        self._readings += 1
        return _EPOCH + self._readings / _TICKS


class Timeline:
    """A clock that can be put forward, where nothing is worth waiting for."""

    __slots__ = ("_clock", "_skipped")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._skipped = 0.0

    def __call__(self) -> float:
        now = self._clock() + self._skipped
        scaled = now * _MICROSECONDS
        whole = int(scaled + 0.5)
        if -_SURE < scaled - whole < _SURE:  # the same as below, in a fifth of its time
            return whole / _MICROSECONDS
        return round(now, 6)

    def skip(self, seconds: float) -> None:
        """So much later it is now."""
        self._skipped += max(seconds, 0.0)


class Source:
    """What a run draws on: the machine's entropy and clock, or with a seed streams and a time that repeat."""

    __slots__ = ("_root", "_streams", "clock")

    def __init__(self, seed: int | None = None) -> None:
        self.clock = Timeline(time.time if seed is None else LogicalClock())
        self._root = None if seed is None else SeededEntropy(str(seed).encode())
        self._streams: dict[str, Entropy] = {}

    def entropy(self, party: str) -> Entropy:
        """The stream of one party, the same whenever it is asked for: one that draws more changes no other's."""
        if party not in self._streams:
            self._streams[party] = SystemEntropy() if self._root is None else self._root.fork(party)
        return self._streams[party]
