# SPDX-License-Identifier: Apache-2.0
"""Plots of a report, as SVG whose colours the page sets: how long the card took, and when it was at work."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import floor, isfinite, log10
from typing import Final

from apdu.trace.decode import Entry, Exchange
from tools.trace.statistics import Durations
from tools.trace.statview import duration

__all__ = ["Timeline", "histogram", "timeline"]

_WIDTH: Final = 640
_HEIGHT: Final = 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 34
_POINTS: Final = 1500
_SHORTEST: Final = 1e-6
_STEPS: Final = (1.0, 2.0, 5.0)


class Timeline:
    """Keeps some of the commands, evenly over a trace of any length: every n-th, n doubling when there are too many."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float, bool, int]] = []
        """Time, duration, whether it went well, number of the entry."""
        self._every = 1
        self._count = 0

    def add(self, entry: Entry) -> None:
        """Take one entry."""
        if not isinstance(entry, Exchange) or entry.duration is None or not isfinite(entry.duration):
            return
        self._count += 1
        if self._count % self._every:
            return
        sw = entry.sw
        self.points.append((entry.time, entry.duration, sw is not None and sw >> 8 in (0x90, 0x91), entry.number))
        if len(self.points) >= 2 * _POINTS:
            del self.points[::2]
            self._every *= 2


def _frame(label: str, body: Iterator[str]) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>{''.join(body)}</svg>"
    )


def _decades(least: float, most: float) -> tuple[int, int]:
    low = floor(log10(max(least, _SHORTEST)))
    high = floor(log10(max(most, _SHORTEST))) + 1
    return low, max(high, low + 1)


def timeline(points: list[tuple[float, float, bool, int]]) -> str:
    """Each command at its time, as high as it took long."""
    return _frame("Response time of each command over the trace", _dots(points)) if points else ""


def _dots(points: list[tuple[float, float, bool, int]]) -> Iterator[str]:
    low, high = _decades(min(point[1] for point in points), max(point[1] for point in points))
    start = min(point[0] for point in points)
    span = max(point[0] for point in points) - start
    span = span if isfinite(span) and span > 0 else 1.0
    inner, depth = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    for decade in range(low, high + 1):
        y = _TOP + depth * (1 - (decade - low) / (high - low))
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{duration(10.0**decade)}</text>'
    for at in _ticks(span):
        x = _LEFT + inner * at / span
        yield f'<line class="tick" x1="{x:.1f}" y1="{_TOP + depth}" x2="{x:.1f}" y2="{_TOP + depth + 4}"/>'
        yield f'<text x="{x:.1f}" y="{_TOP + depth + 18}" text-anchor="middle">{duration(at) if at else 0}</text>'
    for time, taken, ok, number in points:
        x = _LEFT + inner * min(max((time - start) / span, 0.0), 1.0)
        part = (log10(max(taken, _SHORTEST)) - low) / (high - low)
        y = _TOP + depth * (1 - min(max(part, 0.0), 1.0))
        yield f'<circle class="{"dot" if ok else "dot bad"}" cx="{x:.1f}" cy="{y:.1f}" r="2.5">'
        yield f"<title>{number}: {duration(taken)}</title></circle>"


def _ticks(span: float) -> list[float]:
    """Four to nine round values."""
    rough = span / 5
    decade = 10.0 ** floor(log10(rough))
    step = next((each * decade for each in _STEPS if each * decade >= rough), 10 * decade)
    return [number * step for number in range(int(span / step) + 1)]


def histogram(durations: Durations) -> str:
    """How many commands took how long."""
    if not durations.count:
        return ""
    low, high = _decades(durations.least, durations.most)
    bounds = tuple(step * 10.0**decade for decade in range(low, high) for step in _STEPS)[1:]
    counts = durations.histogram(bounds)
    return _frame("How many commands took how long", _bars((10.0**low, *bounds), counts))


def _bars(starts: tuple[float, ...], counts: list[int]) -> Iterator[str]:
    inner, depth = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    most, width = max(counts), inner / len(counts)
    for part in (0, 0.5, 1):
        y = _TOP + depth * (1 - part)
        yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{most * part:.3g}</text>'
    for place, (start, count) in enumerate(zip(starts, counts, strict=True)):
        x, height = _LEFT + place * width, depth * count / most
        if place % (1 + len(counts) // 9) == 0:
            yield f'<text x="{x:.1f}" y="{_TOP + depth + 18}" text-anchor="middle">{duration(start)}</text>'
        if count:
            yield f'<rect class="bar" x="{x + 1:.1f}" y="{_TOP + depth - height:.1f}" width="{width - 2:.1f}" '
            yield f'height="{height:.1f}" rx="2"><title>from {duration(start)}: {count}</title></rect>'
