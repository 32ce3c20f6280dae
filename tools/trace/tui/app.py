# SPDX-License-Identifier: Apache-2.0
"""The application of `euicc trace tui`."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from enum import Enum
from typing import ClassVar, Final

from rich.text import Text
from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Footer, Input, Static
from textual.worker import get_current_worker

from apdu.errors import M2mError
from apdu.trace.decode import Entry
from tools.errors import reason
from tools.text import thousands
from tools.trace.line import findings_text
from tools.trace.pipeline import examined
from tools.trace.tui.detail import Detail
from tools.trace.tui.entrylist import EntryList
from tools.trace.tui.help import HelpScreen
from tools.trace.tui.query import SYNTAX, BadQuery, filter_test, in_tree
from tools.trace.tui.spool import Spool

__all__ = ["TraceApp"]

_REPORT: Final = 0.1
"""Seconds between two looks at how far a worker is."""
_STEP: Final = 2000
"""Entries between two looks at whether a worker is still wanted."""


class _Asking(Enum):
    SEARCH = "search in all layers"
    FILTER = f"filter: {SYNTAX}; empty shows all"


class TraceApp(App[None]):
    """A list of entries, the layers of the chosen one, a line to type in, a line that says how things are."""

    TITLE = "euicc trace"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #panes { height: 1fr; }
    .-wide #panes { layout: horizontal; }
    .-narrow #panes { layout: vertical; }
    #list { width: 3fr; height: 1fr; scrollbar-size: 0 1; }
    #detail { width: 2fr; height: 1fr; scrollbar-size: 1 1; border-left: solid $primary-darken-2; }
    .-narrow #list, .-narrow #detail { width: 100%; }
    .-narrow #detail { border-left: none; border-top: solid $primary-darken-2; }
    #status { height: 1; background: $panel; padding: 0 1; }
    #ask { display: none; height: 3; }
    #ask.asking { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask('SEARCH')", "Search", key_display="/"),
        Binding("n", "again(1)", "Next"),
        Binding("N", "again(-1)", "Previous", show=False),
        Binding("f", "ask('FILTER')", "Filter"),
        Binding("exclamation_mark", "finding(1)", "Finding", key_display="!"),
        Binding("quotation_mark", "finding(-1)", "Finding before", show=False),
        Binding("tab", "other_pane", "Layers", priority=True),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("escape", "escape", "Back", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, name: str, entries: Iterator[Entry]) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
        self._source = name
        self._entries = entries
        self._spool = Spool()
        self._list, self._detail = EntryList(self._spool), Detail()
        self._line, self._status = Input(id="ask"), Static(id="status", markup=False)
        self._reading = "reading"
        self._filter = ""
        self._sought: Callable[[Entry], bool] | None = None
        self._asking = _Asking.SEARCH
        self._said = ""

    def compose(self) -> ComposeResult:
        """The widgets."""
        with Container(id="panes"):
            yield self._list
            yield self._detail
        yield self._line
        yield self._status
        yield Footer()

    def on_mount(self) -> None:
        """Begin to read."""
        self._list.focus()
        self.set_interval(_REPORT, self._progress)
        self._read()

    def on_unmount(self) -> None:
        """Give the disk back."""
        self._spool.close()

    # --- reading

    @work(thread=True, group="read")
    def _read(self) -> None:
        worker = get_current_worker()
        try:
            for entry in self._entries:
                if worker.is_cancelled:
                    return
                examined(entry)
                self._spool.add(entry)
        except M2mError as error:
            self._reading = f"stopped: {error}"
        except OSError as error:
            self._reading = f"stopped: {reason(error)}"
        else:
            self._reading = ""

    def _progress(self) -> None:
        if not self._status.is_attached:  # the end
            return
        entries = self._list
        entries.update_count()
        total = len(self._spool)
        parts = [self._source, f"{thousands(total)} entries"]
        if self._reading:
            parts.append(self._reading)
        if self._filter:
            parts.append(f"filter {self._filter}: {thousands(entries.count)}")
        if self._said:
            parts.append(self._said)
        self._status.update(Text("  ·  ".join(parts)))

    # --- the chosen entry

    @on(EntryList.Chosen)
    def _chosen(self, message: EntryList.Chosen) -> None:
        entry = message.entry
        self._detail.show(entry)
        self._said = findings_text(entry.findings)
        self._progress()

    def action_other_pane(self) -> None:
        """From the list to the layers and back."""
        (self._detail if self._list.has_focus else self._list).focus()

    # --- asking

    def action_ask(self, what: str) -> None:
        """Open the line to type in."""
        self._asking = _Asking[what]
        line = self._line
        line.value = self._filter if self._asking is _Asking.FILTER else ""
        line.border_title = Text(self._asking.value).plain.replace("[", "\\[")
        line.add_class("asking")
        line.focus()

    @on(Input.Submitted)
    def _answered(self, message: Input.Submitted) -> None:
        text = message.value.strip()
        try:
            if self._asking is _Asking.FILTER:
                self._set_filter(text)
            elif text:
                self._sought = in_tree(text)
                self._seek(self._sought, 1, "not found")
        except BadQuery as error:
            self._say(str(error))
            return
        self._close()

    def _close(self) -> None:
        self._line.remove_class("asking")
        self._list.focus()

    def action_escape(self) -> None:
        """Out of the line, or back to all entries."""
        if self._line.has_class("asking"):
            self._close()
        elif self._filter:
            self._set_filter("")
        else:
            self._list.focus()

    def action_help(self) -> None:
        """Say what keys do."""
        self.push_screen(HelpScreen())

    def _say(self, text: str) -> None:
        self._said = text
        self._progress()

    # --- searching

    def action_again(self, way: int) -> None:
        """The next entry that was sought."""
        if self._sought is None:
            self._say("nothing is sought yet: /")
        else:
            self._seek(self._sought, way, "not found again")

    def action_finding(self, way: int) -> None:
        """The next finding."""
        self._seek(lambda entry: bool(entry.findings), way, "no further finding")

    @work(thread=True, exclusive=True, group="seek")
    def _seek(self, test: Callable[[Entry], bool], way: int, otherwise: str) -> None:
        """Go through what is listed, and once around."""
        worker, entries = get_current_worker(), self._list
        count, from_here = entries.count, entries.cursor
        for step in range(1, count + 1):
            if worker.is_cancelled:
                return
            row = (from_here + way * step) % count
            if test(self._spool[entries.at(row)]):
                self.call_from_thread(setattr, entries, "cursor", row)
                return
            if step % _STEP == 0:
                self.call_from_thread(self._say, f"searching: {100 * step // count} %")
        self.call_from_thread(self._say, otherwise)

    # --- filtering

    def _set_filter(self, text: str) -> None:
        test = filter_test(text)
        self._filter = text
        self._pick(test)

    @work(thread=True, exclusive=True, group="filter")
    def _pick(self, test: Callable[[Entry], bool] | None) -> None:
        """Show what passes: what is read already at once, and what comes as it comes."""
        worker, entries = get_current_worker(), self._list
        if test is None:
            self.call_from_thread(entries.pick, None)
            return
        picked: array[int] = array("Q")
        self.call_from_thread(entries.pick, picked)
        at = 0
        while not worker.is_cancelled:
            reading = bool(self._reading)
            if at < len(self._spool):
                if test(self._spool[at]):
                    picked.append(at)
                at += 1
            elif reading and not self._reading.startswith("stopped"):
                time.sleep(_REPORT)
            else:
                return
