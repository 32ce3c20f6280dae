# SPDX-License-Identifier: Apache-2.0
"""The one line of an entry, with colours where a terminal takes them.

       12     0.017000  +0.001000  0 9000  INSTALL [for install] ...   ES5.CreateISDP
    !  13     0.018000  +0.001000  0 6982  STORE DATA: 6982 ...        ES5.CreateISDP  ! what is wrong (clause)

Text of entries is printable already (`apdu.trace.decode.text`): a terminal obeys only what is put around it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from apdu.trace.decode import Entry, Exchange, Finding, Severity
from apdu.trace.decode.model import Link
from apdu.trace.decode.text import printable

__all__ = ["Lines", "MARKS", "clock", "findings_text", "seconds"]

MARKS: Final[Mapping[Severity, str]] = {Severity.NOTE: "i", Severity.WARNING: "?", Severity.ERROR: "!"}
_COLOURS: Final[Mapping[Severity, str]] = {Severity.NOTE: "36", Severity.WARNING: "33", Severity.ERROR: "1;31"}
_DIM: Final = "2"
_HAPPENING: Final = "34"
_WIDTH: Final = 44
"""Of a summary, where something stands behind it."""
_LONGEST: Final = 1e9
"""Seconds up to which a time is written out."""


def seconds(value: float, sign: str = "") -> str:
    """Seconds with microseconds."""
    return format(value, f"{sign}.6f" if abs(value) < _LONGEST else f"{sign}.6g")


def clock(time: float) -> str:
    """A time as date and clock, UTC."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    except (ValueError, OverflowError, OSError):
        return seconds(time)


def worst(findings: tuple[Finding, ...]) -> Severity:
    """The most severe of some findings."""
    return max((each.severity for each in findings), key=list(Severity).index)


def findings_text(findings: tuple[Finding, ...]) -> str:
    """Findings one behind the other."""
    return "; ".join(f"{each.text} ({printable(each.clause)})" if each.clause else each.text for each in findings)


def _sw_colour(sw: int) -> str:
    high = sw >> 8
    if sw == 0x9000 or high in (0x91, 0x61, 0x9F):
        return "32"
    return "33" if high in (0x62, 0x63, 0x6C, 0x93) else "31"


class Lines:
    """Makes the lines of one trace, in order."""

    def __init__(self, *, absolute: bool = False, colour: bool = False) -> None:
        self._absolute = absolute
        self._colour = colour
        self._start: float | None = None
        self._before = 0.0
        self._link: Link | None = None
        self._status: dict[int, str] = {}

    def skip(self, entry: Entry) -> None:
        """Take an entry that is not shown: times go on from it."""
        if self._start is None:
            self._start = entry.time
        self._before = entry.time

    def line(self, entry: Entry) -> str:
        """The line of the next entry."""
        time = entry.time
        if self._start is None:
            self._start = self._before = time
        since, step = time - self._start, time - self._before
        self._before = time
        if self._absolute:
            times = f"{clock(time)} {seconds(step, '+'):>10}"
        elif since < _LONGEST and step > -_LONGEST:
            times = f"{since:12.6f} {step:+10.6f}"
        else:
            times = f"{seconds(since):>12} {seconds(step, '+'):>10}"
        head = f"{entry.number:>6} {times}"
        if self._colour:
            head = f"\x1b[{_DIM}m{head}\x1b[0m"
        summary, function, findings = entry.summary, entry.function, entry.findings
        if entry.link != self._link:
            summary = self._where(entry.link) + summary
        shown = summary
        if findings or (function and function not in summary):
            shown = f"{summary:{_WIDTH}}"
        if isinstance(entry, Exchange):
            sw = entry.sw
            text = f"{head} {entry.channel:>2} {'----' if sw is None else self._sw(sw)}  {shown}"
        else:
            text = f"{head}          {self._paint(shown, _HAPPENING)}"
        if function and function not in summary:
            text += "  " + self._paint(printable(function), _DIM)
        return self._marked(text, findings) if findings else f" {text}"

    def _marked(self, text: str, findings: tuple[Finding, ...]) -> str:
        """A line between the mark of its worst finding and what was found."""
        severity = worst(findings)
        mark, colour = MARKS[severity], _COLOURS[severity]
        return f"{self._paint(mark, colour)}{text}  {self._paint(f'{mark} {findings_text(findings)}', colour)}"

    def _where(self, link: Link) -> str:
        """Which link, once there are several."""
        if not link.side:
            return ""
        if self._link is None:
            self._link = link
            return ""
        return f"{printable(link.reader or link.side)}: "

    def _sw(self, sw: int) -> str:
        known = self._status.get(sw)
        if known is None:
            known = self._status[sw] = self._paint(f"{sw:04X}", _sw_colour(sw))
        return known

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text
