# SPDX-License-Identifier: Apache-2.0
"""Measuring: rounds, their median and spread, and what the machine could do in the same run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from statistics import median, quantiles
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

__all__ = [
    "DIGITS",
    "Better",
    "Budget",
    "Calibration",
    "Effort",
    "Figure",
    "Metric",
    "Sample",
    "rate",
    "rounded",
    "rounds",
    "seconds",
]


DIGITS: Final = 4
"""That a figure is worth."""


class Sample(NamedTuple):
    """What rounds of the same measurement gave: the middle, and the width of the middle half as a part of it."""

    median: float
    spread: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Sample:
        """The sample of some values; a single one has no spread."""
        middle = median(values)
        if len(values) < 2 or not middle:
            return cls(middle, 0.0)
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(middle, (high - low) / middle)

    def inverse(self, factor: float = 1.0) -> Sample:
        """A rate from a duration: what happens `factor` times in it."""
        return Sample(factor / self.median, self.spread)

    def scaled(self, factor: float) -> Sample:
        """The same in another unit."""
        return Sample(self.median * factor, self.spread)


@unique
class Better(Enum):
    """Which side of its budget a figure should be on."""

    HIGHER = "at least"
    LOWER = "at most"


@dataclass(frozen=True, slots=True)
class Budget:
    """What a figure is allowed to be."""

    value: float
    better: Better

    def holds(self, value: float) -> bool:
        """Whether a figure keeps it."""
        return value >= self.value if self.better is Better.HIGHER else value <= self.value


class Figure(NamedTuple):
    """A sample and its unit."""

    sample: Sample
    unit: str


def rounded(value: float) -> float:
    """A figure as it is shown."""
    return float(f"{value:.{DIGITS}g}")


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a run, under the name that it has in every run."""

    name: str
    figure: Figure
    budget: Budget | None = None
    """None where a figure is only for comparison."""

    @property
    def ok(self) -> bool:
        """Whether it keeps its budget, as it is shown."""
        return self.budget is None or self.budget.holds(rounded(self.figure.sample.median))


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    rounds: int = 15
    slow_rounds: int = 7
    """Rounds of what takes a new process."""
    round_seconds: float = 0.05
    """What a round of a fast action is filled with."""
    cards: int = 100
    """Further cards of one block, for their memory."""
    sessions: int = 500
    """Cards at the admin server at a time."""
    apdus: int = 1_000_000
    """Of the trace that is looked at."""
    sets: int = 100_000
    """EIS that an SM-SR has."""
    load_seconds: float = 4.0
    """A round of requests to a server."""
    provisionings: int = 1000
    """Through servers."""
    at_a_time: int = 24
    """Of them."""


def rounds(action: Callable[[], object], count: int, prepare: Callable[[], object] | None = None) -> Sample:
    """Seconds of an action that is run once a round; `prepare` runs before each and is not measured."""
    values: list[float] = []
    for _ in range(count):
        if prepare is not None:
            prepare()
        start = time.perf_counter()
        action()
        values.append(time.perf_counter() - start)
    return Sample.of(values)


def seconds(action: Callable[[], object], effort: Effort) -> Sample:
    """Seconds of a fast action, from rounds of as many repetitions as fill the time of a round."""
    repetitions = _repetitions(action, effort.round_seconds)
    repeated = range(repetitions)
    values: list[float] = []
    for _ in range(effort.rounds):
        start = time.perf_counter()
        for _ in repeated:
            action()
        values.append((time.perf_counter() - start) / repetitions)
    return Sample.of(values)


def rate(action: Callable[[], object], effort: Effort, factor: float = 1.0) -> Sample:
    """How often a second a fast action can run, times a factor."""
    return seconds(action, effort).inverse(factor)


def _repetitions(action: Callable[[], object], target: float) -> int:
    """How many runs fill the target: doubled until they take a measurable part of it."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            action()
        taken = time.perf_counter() - start
        if taken >= target / 8:
            return max(1, round(count * target / taken))
        count *= 2


# --- calibration

_LOOP: Final = 100_000
_BLOCK: Final = bytes(1 << 20)


def _loop() -> int:
    total = 0
    for number in range(_LOOP):
        total ^= number * 3
    return total


class Calibration:
    """How fast the machine is: a plain loop, and the two primitives under everything. Taken all through a run."""

    def __init__(self) -> None:
        encryptor = Cipher(AES(bytes(16)), CBC(bytes(16))).encryptor()
        size = len(_BLOCK) / 1e6
        self._actions: dict[str, tuple[Callable[[], object], float, str]] = {
            "python_loop": (_loop, _LOOP / 1e6, "M iterations/s"),
            "sha256": (lambda: hashlib.sha256(_BLOCK).digest(), size, "MB/s"),
            "aes_128_cbc": (lambda: encryptor.update(_BLOCK), size, "MB/s"),
        }
        self._seconds: dict[str, list[float]] = {name: [] for name in self._actions}

    def take(self) -> None:
        """One more round of each."""
        for name, (action, _, _) in self._actions.items():
            self._seconds[name].append(rounds(action, 1).median)

    def figures(self) -> dict[str, Figure]:
        """What all rounds gave."""
        return {
            name: Figure(Sample.of(self._seconds[name]).inverse(amount), unit)
            for name, (_, amount, unit) in self._actions.items()
        }
