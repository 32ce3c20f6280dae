# SPDX-License-Identifier: Apache-2.0
"""What people see of a run: a line for each step as it ends, then where every component stands. 80 columns are enough.

On a terminal the step under way is shown below with its progress, and there is colour; elsewhere there are plain lines.
"""

from __future__ import annotations

from typing import Final, Protocol

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.demo.report import Status, Step
from tools.text import thousands

__all__ = ["ConsoleView", "Silent", "View"]

_NAME: Final = 16
_DETAIL: Final = 43
_TIME: Final = 9
_APDUS: Final = 5
_COMPONENT: Final = 9
_LABEL: Final = 12
_BAR: Final = 32


class View(Protocol):
    """Is told what happens, as it happens."""

    def begin(self, name: str) -> None:
        """A step begins."""
        ...

    def progress(self, done: int, total: int) -> None:
        """So many bytes of the step are done."""
        ...

    def end(self, step: Step) -> None:
        """The step ended well."""
        ...

    def status(self, status: Status) -> None:
        """All steps did, and this is what came of them."""
        ...

    def stop(self) -> None:
        """Nothing follows, be it that a step failed."""
        ...


class Silent:
    """Shows nothing."""

    def begin(self, name: str) -> None:
        """Nothing."""

    def progress(self, done: int, total: int) -> None:
        """Nothing."""

    def end(self, step: Step) -> None:
        """Nothing."""

    def status(self, status: Status) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class ConsoleView:
    """Lines on a console."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        unicode = self._console.encoding.startswith("utf")
        self._good, self._bad, self._busy, self._full = "✓✗•━" if unicode else "+x*-"
        self._live: Live | None = None
        self._name = ""
        self._moved = False
        self._head = False
        self._seconds, self._apdus = 0.0, 0

    def begin(self, name: str) -> None:
        """Show the step as the one under way."""
        if not self._head:
            self._head = True
            self._print(_line("", "step", "", "time", "APDUs", style="dim"))
        self._name, self._moved = name, False
        if self._console.is_terminal:
            self._live = Live(self._current(), console=self._console, auto_refresh=False, transient=True)
            self._live.start(refresh=True)

    def progress(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._live is not None:
            self._moved = True
            table = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=total, completed=done, width=_BAR, complete_style="cyan", finished_style="green")
            table.add_row(self._current(), bar, Text(f"{thousands(done)} of {thousands(total)} bytes", style="dim"))
            self._live.update(table, refresh=True)

    def end(self, step: Step) -> None:
        """Replace it by the line that stays."""
        self._close()
        self._name = ""
        self._seconds += step.seconds
        self._apdus += step.apdus
        bar = self._full * (_DETAIL - len(step.detail) - 1) if self._moved else ""
        self._print(_line((self._good, "green"), step.name, step.detail, _time(step.seconds), str(step.apdus), bar=bar))
        for usage in step.operations:
            name = f"{usage.operation.value} x {usage.count}"
            self._print(_line("", "", name, f"{usage.seconds * 1e3:.2f} ms", "", style="dim"))

    def status(self, status: Status) -> None:
        """The sum of the steps, and the table of components."""
        self._print(_line("", "", "", _time(self._seconds), str(self._apdus), style="dim"))
        for component, rows in _rows(status):
            self._print(Text())
            for number, (label, value) in enumerate(rows):
                head = component if not number else ""
                self._print(Text.assemble((f"{head:<{_COMPONENT}}", "bold"), (f"{label:<{_LABEL}}", "dim"), value))

    def stop(self) -> None:
        """Leave the terminal as it was, and mark the step that did not end."""
        self._close()
        if self._name:
            self._print(_line((self._bad, "bold red"), self._name, "", "", ""))
            self._name = ""

    def _print(self, text: Text) -> None:
        text.rstrip()
        self._console.print(text)

    def _close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _current(self) -> Text:
        return Text.assemble((self._busy, "cyan"), f" {self._name:<{_NAME}}")


def _line(
    mark: str | tuple[str, str], name: str, detail: str, time: str, apdus: str, *, bar: str = "", style: str = ""
) -> Text:
    """Mark, name, what came of it, a bar that is full, time, APDUs: as wide as the page."""
    middle = f"{detail} " if bar else f"{detail:<{_DETAIL}}"
    figures = f" {time:>{_TIME}} {apdus:>{_APDUS}}"
    return Text.assemble(mark or " ", f" {name:<{_NAME}}  {middle}", (bar, "green"), figures, style=style)


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


def _rows(status: Status) -> list[tuple[str, list[tuple[str, str | Text]]]]:
    card, sm_sr, sm_dp, network = status.card, status.sm_sr, status.sm_dp, status.network
    domains: list[tuple[str, str | Text]] = [
        (f"ISD-P {domain.aid.pix[-3:-1].hex().upper()}", _state(domain.state, f"ICCID {domain.iccid or 'none'}"))
        for domain in card.isd_ps
    ]
    subscriber = _state("attached" if network.attached else "detached", f"IMSI {network.imsi}, {network.algorithm}")
    return [
        (
            "card",
            [
                ("EID", str(card.eid)),
                ("ATR", card.atr.hex().upper()),
                *domains,
                ("memory", f"{thousands(card.free_memory)} of {thousands(card.memory)} bytes free"),
            ],
        ),
        (
            "SM-SR",
            [
                ("EIS", f"{sm_sr.cards} card, registered by {sm_sr.oid}"),
                ("profile", _state(sm_sr.state, f"ICCID {sm_sr.iccid}, IMSI {sm_sr.imsi or 'unknown'}")),
            ],
        ),
        (
            "SM-DP",
            [
                ("profile", sm_dp.profile),
                ("package", f"{sm_dp.elements} elements, {thousands(sm_dp.size)} bytes"),
            ],
        ),
        ("network", [("subscriber", subscriber)]),
    ]


def _state(state: str, rest: str) -> Text:
    good = state.lower() in ("enabled", "attached")
    return Text.assemble((f"{state:<10}", "green" if good else "yellow"), rest)
