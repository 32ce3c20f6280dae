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
        shown = clock(time) if self._absolute else seconds(time - self._start)
        delta = time - self._before
        self._before = time
        step = f"{delta:+.6f}" if -_LONGEST < delta < _LONGEST else seconds(delta, "+")
        findings, summary = entry.findings, entry.summary
        function = "" if summary.startswith(entry.function) else entry.function
        width = _WIDTH if function or findings else 0
        mark = " "
        if findings:
            severity = worst(findings)
            mark = self._paint(MARKS[severity], _COLOURS[severity])
        head = f"{mark}{entry.number:>6} {shown:>12} {step:>10}"
        if self._colour:
            head = f"{mark}\x1b[2m{entry.number:>6} {shown:>12} {step:>10}\x1b[0m"
        if isinstance(entry, Exchange):
            sw = entry.sw
            status = "----" if sw is None else self._sw(sw)
            text = f"{head} {entry.channel:>2} {status}  {self._where(entry)}{summary:{width}}"
        else:
            text = f"{head}          {self._where(entry)}{self._paint(f'{summary:{width}}', _HAPPENING)}"
        if function:
            text += "  " + self._paint(printable(function), _DIM)
        if findings:
            text += "  " + self._paint(f"{MARKS[severity]} {findings_text(findings)}", _COLOURS[severity])
        return text

    def _where(self, entry: Entry) -> str:
        """Which link, once there are several."""
        link = entry.link
        if link == self._link or not link.side:
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
