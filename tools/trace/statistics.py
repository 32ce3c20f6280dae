# SPDX-License-Identifier: Apache-2.0
"""What a trace amounts to: counts, bytes and times, in one pass and in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil, exp, isfinite, log
from typing import Final

from apdu.trace.decode import Entry, Exchange, Finding, Happening
from apdu.trace.decode.table import find, view
from apdu.trace.decode.text import printable

__all__ = ["CommandFigures", "Durations", "Statistics", "Tally", "command_name"]

_MOST_NAMES: Final = 1000
"""Different names that are told apart; a hostile trace may hold any number."""
_OTHERS: Final = "(others)"
_WIDTH: Final = log(1.01)
"""Durations that differ by less than 1 % are the same."""
_SHORTEST: Final = 1e-9
_UNREADABLE: Final = "cannot be read"


def command_name(exchange: Exchange) -> str:
    """The command without its parameters."""
    seen = view(exchange)
    if seen is None:
        return _UNREADABLE
    row = find(seen.command)
    return row.name if row is not None else f"CLA {seen.command.cla:02X} INS {seen.command.ins:02X}"


class Tally(Counter[str]):
    """Counts by name; names beyond a number are counted together."""

    def add(self, name: str, count: int = 1) -> None:
        """Count one more; the name is made printable."""
        name = printable(name)
        self[name if name in self or len(self) < _MOST_NAMES else _OTHERS] += count


class Durations:
    """Seconds, of which least and most are kept and the others by classes 1 % wide."""

    __slots__ = ("_classes", "count", "least", "most")

    def __init__(self) -> None:
        self._classes: Counter[int] = Counter()
        self.count = 0
        self.least = 0.0
        self.most = 0.0

    def add(self, seconds: float) -> None:
        """Take one; what is no duration is left out."""
        if not (isfinite(seconds) and seconds >= 0):
            return
        self.least = min(self.least, seconds) if self.count else seconds
        self.most = max(self.most, seconds)
        self.count += 1
        self._classes[round(log(max(seconds, _SHORTEST)) / _WIDTH)] += 1

    def quantile(self, part: float) -> float:
        """The duration that so many do not exceed."""
        left = max(1, ceil(part * self.count))
        for number in sorted(self._classes):
            left -= self._classes[number]
            if left <= 0:
                return min(max(exp(number * _WIDTH), self.least), self.most)
        return self.most

    def histogram(self, bounds: tuple[float, ...]) -> list[int]:
        """How many lie below each of some rising bounds, but not below the one before; the last are all others."""
        counts = [0] * (len(bounds) + 1)
        for number, count in self._classes.items():
            at = exp(number * _WIDTH)
            counts[next((place for place, bound in enumerate(bounds) if at < bound), len(bounds))] += count
        return counts

    def figures(self) -> dict[str, float] | None:
        """Least, median, 95th percentile, most; None of none."""
        if not self.count:
            return None
        return {
            "min": self.least,
            "median": self.quantile(0.5),
            "p95": self.quantile(0.95),
            "max": self.most,
        }


@dataclass(slots=True)
class CommandFigures:
    """What there is of one command."""

    count: int = 0
    sent: int = 0
    received: int = 0
    durations: Durations = field(default_factory=Durations)


@dataclass(slots=True)
class Statistics:
    """What there is of a trace."""

    entries: int = 0
    apdus: int = 0
    sent: int = 0
    received: int = 0
    start: float | None = None
    end: float = 0.0
    durations: Durations = field(default_factory=Durations)
    commands: dict[str, CommandFigures] = field(default_factory=dict)
    status: Tally = field(default_factory=Tally)
    functions: Tally = field(default_factory=Tally)
    layers: Tally = field(default_factory=Tally)
    readers: Tally = field(default_factory=Tally)
    severities: Tally = field(default_factory=Tally)
    findings: dict[Finding, int] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Take one entry."""
        self.entries += 1
        if self.start is None:
            self.start = self.end = entry.time
        self.end = max(self.end, entry.time)
        self.layers.add(entry.layer)
        if entry.link.side:
            self.readers.add(entry.link.reader or entry.link.side)
        for finding in entry.findings:
            self.severities.add(finding.severity)
            if finding in self.findings or len(self.findings) < _MOST_NAMES:
                self.findings[finding] = self.findings.get(finding, 0) + 1
        if isinstance(entry, Exchange):
            self._exchange(entry)
        elif isinstance(entry, Happening) and entry.function:
            self.functions.add(entry.function, 0)

    def _exchange(self, exchange: Exchange) -> None:
        self.apdus += 1
        name = command_name(exchange)
        figures = self.commands.get(name)
        if figures is None:
            name = name if len(self.commands) < _MOST_NAMES else _OTHERS
            figures = self.commands.setdefault(name, CommandFigures())
        sent, received = len(exchange.command), len(exchange.response)
        figures.count += 1
        figures.sent += sent
        figures.received += received
        self.sent += sent
        self.received += received
        if exchange.duration is not None:
            figures.durations.add(exchange.duration)
            self.durations.add(exchange.duration)
        sw = exchange.sw
        self.status.add("none" if sw is None else f"{sw:04X}")
        if exchange.function:
            self.functions.add(exchange.function)
        if exchange.protected is not None:
            self.layers.add(exchange.protected.layer)
        for event in exchange.inner:
            self.layers.add(event.layer)
