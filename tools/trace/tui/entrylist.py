# SPDX-License-Identifier: Apache-2.0
"""The list of entries: only the lines that are seen are made."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from apdu.trace.decode import Entry, Exchange, Severity
from apdu.trace.decode.text import printable
from tools.trace.line import MARKS, seconds, worst
from tools.trace.tui.spool import Spool

__all__ = ["EntryList"]

_WIDEST: Final = 240
_MARKS: Final = {
    Severity.NOTE: Style(color="cyan"),
    Severity.WARNING: Style(color="yellow"),
    Severity.ERROR: Style(color="red", bold=True),
}
_DIM: Final = Style(dim=True)
_PLAIN: Final = Style()
_HAPPENING: Final = Style(color="#6ea8fe")
_CURSOR: Final = Style(color="#ffffff", bgcolor="#1a5fb4", bold=True)
_CURSOR_AWAY: Final = Style(color="#ffffff", bgcolor="#4a4f57")
_NARROW: Final = 72
"""Columns below which the time from the entry before is left out."""
_GOOD, _WARN, _BAD = Style(color="green"), Style(color="yellow"), Style(color="red")


class EntryList(ScrollView, can_focus=True):
    """The entries of a spool, or those of them that a filter let through."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("pageup,b", "page(-1)", "Page up", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
    ]
    cursor: reactive[int] = reactive(0)

    class Chosen(Message):
        """The cursor stands on another entry."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self, spool: Spool) -> None:
        super().__init__(id="list")
        self._spool = spool
        self._picked: array[int] | None = None
        self._count = 0
        self._start: float | None = None

    # --- what is listed

    @property
    def picked(self) -> array[int] | None:
        """The places that a filter let through; None without one."""
        return self._picked

    def pick(self, places: array[int] | None) -> None:
        """List these places only, or all."""
        before = self.place
        self._picked = places
        self.update_count()
        self.cursor = 0
        if places is None and before is not None:
            self.go(before)
        else:
            self.scroll_to(y=0, animate=False)
            self._choose()

    def update_count(self) -> None:
        """Entries were added."""
        count = len(self._spool) if self._picked is None else len(self._picked)
        if count != self._count:
            first = not self._count
            self._count = count
            self.virtual_size = Size(_WIDEST, count)
            self.refresh()
            if first:
                self._choose()

    @property
    def count(self) -> int:
        """How many are listed."""
        return self._count

    def at(self, row: int) -> int:
        """The place in the spool of a row."""
        return row if self._picked is None else self._picked[row]

    @property
    def place(self) -> int | None:
        """The place in the spool of the entry under the cursor."""
        return self.at(self.cursor) if self._count else None

    # --- moving

    def validate_cursor(self, row: int) -> int:
        """A row that is there."""
        return max(0, min(row, self._count - 1))

    def watch_cursor(self, before: int, now: int) -> None:
        """Show the row and say which entry it is."""
        for row in (before, now):
            self.refresh(Region(0, row - self.scroll_offset.y, self.size.width, 1))
        height = max(1, self.scrollable_content_region.height)
        top = self.scroll_offset.y
        if now < top:
            self.scroll_to(y=now, animate=False)
        elif now >= top + height:
            self.scroll_to(y=now - height + 1, animate=False)
        self._choose()

    def _choose(self) -> None:
        place = self.place
        if place is not None:
            self.post_message(self.Chosen(self._spool[place]))

    def go(self, place: int) -> None:
        """Put the cursor on a place of the spool, or on the next one listed."""
        if self._picked is None:
            self.cursor = place
        else:
            self.cursor = bisect_left(self._picked, place)

    def action_move(self, rows: int) -> None:
        """Up or down."""
        self.cursor += rows

    def action_page(self, way: int) -> None:
        """As many rows as are seen."""
        self.cursor += way * max(1, self.scrollable_content_region.height - 1)

    def action_first(self) -> None:
        """The first entry."""
        self.cursor = 0

    def action_last(self) -> None:
        """The last entry that is there by now."""
        self.cursor = self._count - 1

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is."""
        row = event.y + self.scroll_offset.y
        if row < self._count:
            self.cursor = row

    # --- drawing

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        across, down = self.scroll_offset
        row = y + down
        width = self.size.width
        if row >= self._count:
            return Strip.blank(width)
        place = self.at(row)
        entry = self._spool[place]
        before = self._spool[place - 1].time if place else entry.time
        strip = Strip(self._segments(entry, before)).adjust_cell_length(max(width + across, _WIDEST))
        if row == self.cursor:
            strip = Strip([Segment(strip.text, _CURSOR if self.has_focus else _CURSOR_AWAY)], strip.cell_length)
        return strip.crop(across, across + width)

    def _segments(self, entry: Entry, before: float) -> list[Segment]:
        if self._start is None:
            self._start = self._spool[0].time
        findings = entry.findings
        mark = Segment(" ")
        if findings:
            severity = worst(findings)
            mark = Segment(MARKS[severity], _MARKS[severity])
        times = f"{entry.number:>7} {seconds(entry.time - self._start):>12} "
        if self.size.width >= _NARROW:
            times += f"{seconds(entry.time - before, '+'):>10} "
        shown = [mark, Segment(times, _DIM)]
        if isinstance(entry, Exchange):
            sw = entry.sw
            shown.append(Segment(f"{entry.channel:>2} ", _DIM))
            shown.append(Segment("----  ", _BAD) if sw is None else Segment(f"{sw:04X}  ", _sw_style(sw)))
            shown.append(Segment(entry.summary, _PLAIN))
        else:
            shown += [Segment(" " * 9), Segment(entry.summary, _HAPPENING)]
        if entry.function not in entry.summary:
            shown.append(Segment(f"  {printable(entry.function)}", _DIM))
        return shown


def _sw_style(sw: int) -> Style:
    high = sw >> 8
    if sw == 0x9000 or high in (0x91, 0x61, 0x9F):
        return _GOOD
    return _WARN if high in (0x62, 0x63, 0x6C, 0x93) else _BAD
