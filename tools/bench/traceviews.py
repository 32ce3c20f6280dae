# SPDX-License-Identifier: Apache-2.0
"""Views of traces: how long one waits for the first lines of a long trace, for its screen, for a report."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from apdu.trace.events import LinkEvent
from apdu.trace.jsonl import to_line
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, Sample, rounds
from tools.errors import ToolError
from tools.trace.pipeline import Origin
from tools.trace.report.command import write_report

__all__ = ["VIEWS_NOTE", "view_metrics"]

VIEWS_NOTE: Final = (
    "trace_show_head, trace_tui_open: from the start of the process, with a trace of 1 000 000 APDUs, to ten lines and "
    "to a screen with entries; trace_report: HTML of 10 000 APDUs."
)
_CODE: Final = "import sys; from tools.cli import main; main(sys.argv[1:], prog_name='euicc')"
_PIECE: Final = 1000
_REPORTED: Final = 100
"""Of so many APDUs one is in the trace of which a report is made."""
_PATIENCE: Final = 60.0


def _trace(path: Path, apdus: int) -> Path:
    """Selections and records, over and over."""
    lines: list[str] = []
    for number in range(min(apdus, _PIECE)):
        select_ef = number % 2 == 0
        sent = "00A40004026F07" if select_ef else f"00B2{number % 250 + 1:02X}0420"
        answer = "9000" if select_ef else "00" * 32 + "9000"
        for at, kind, data in ((0.0, "command", sent), (0.002, "response", answer)):
            time_of = number / 100 + at
            event = LinkEvent(time=time_of, side="reader", kind=kind, data=bytes.fromhex(data))
            lines.append(to_line(event) + "\n")
    piece = "".join(lines)
    with path.open("w", encoding="ascii") as file:
        file.writelines(piece for _ in range(max(1, apdus // _PIECE)))
    return path


def _head(path: Path) -> None:
    """Ten lines of `euicc trace show`."""
    command = [sys.executable, "-c", _CODE, "trace", "show", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        shown = list(islice(running.stdout, 10))
        running.kill()
    if len(shown) < 10:
        raise ToolError("euicc trace show printed nothing: nothing to measure")


def _screen(path: Path) -> None:
    """The first screen of `euicc trace tui`."""
    mine, theirs = pty.openpty()
    command = [sys.executable, "-c", _CODE, "trace", "tui", str(path)]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    seen, end = b"", time.monotonic() + _PATIENCE
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
        while b"READ RECORD" not in seen and time.monotonic() < end:
            if select.select([mine], [], [], 0.05)[0]:
                seen += os.read(mine, 1 << 16)
        running.send_signal(signal.SIGKILL)
    os.close(mine)
    os.close(theirs)
    if b"READ RECORD" not in seen:
        raise ToolError("euicc trace tui showed nothing: nothing to measure")


def view_metrics(effort: Effort) -> Iterator[Metric]:
    """Waiting times of people."""
    with tempfile.TemporaryDirectory() as folder:
        long = _trace(Path(folder, "long.jsonl"), effort.apdus)
        short = _trace(Path(folder, "short.jsonl"), effort.apdus // _REPORTED)
        actions: tuple[tuple[str, Callable[[], None], float], ...] = (
            ("trace_show_head", lambda: _head(long), 2000),
            ("trace_tui_open", lambda: _screen(long), 2000),
            ("trace_report", lambda: write_report(Origin(short), Path(folder, "short.html"), effort.apdus), 5000),
        )
        for name, action, budget in actions:
            sample: Sample = rounds(action, max(1, effort.slow_rounds // 2))
            yield Metric(name, Figure(sample.scaled(1e3), "ms"), Budget(budget, Better.LOWER))
