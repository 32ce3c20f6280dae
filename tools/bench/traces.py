# SPDX-License-Identifier: Apache-2.0
"""Traces: a file of JSON lines to one line for each APDU, and to whole trees."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from apdu.trace.decode import Entry, Exchange, decode
from apdu.trace.events import LinkEvent
from apdu.trace.jsonl import LineWriter
from apdu.trace.observer import Recorder, TracingTransport
from emulator.card import Card
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, rate
from tools.errors import ToolError
from tools.trace.open import read_trace

__all__ = ["trace_metrics"]

_COMMANDS: Final = tuple(
    bytes.fromhex(text)
    for text in (
        "00A40004023F0000", "00A40004022FE200", "00B0000000", "00A40004022F0000", "00B2010400",
        "00A404040CA0000000871002FF49FF058900", "00B0870000", "00B0830000", "00B0840000", "00A40004026F4600",
        "00B0000000", "80F2000000", "00A40004026F4200", "00B2010400", "0020000100", "80CA006600",
        "00A4040010A0000005591010FFFFFFFF890000010000", "80CA006600", "80CA00E000",
    )
)  # fmt: skip
"""What a modem and a tool send first: selections, contents, states, data of a security domain."""
_REPEATED: Final = 100
_LINES: Final = Budget(50_000, Better.HIGHER)
_TREES: Final = Budget(5_000, Better.HIGHER)


def _record(card: Card, path: Path) -> int:
    """A trace of real exchanges; how many there are."""
    recorder = Recorder()
    transport = TracingTransport(card, recorder, clock=lambda: 1.0)
    for command in _COMMANDS:
        transport.transmit(command)
    with path.open("w", encoding="ascii") as file:
        writer = LineWriter(file.write)
        for number in range(_REPEATED):
            for event in recorder.events:
                assert isinstance(event, LinkEvent)
                at = number + 0.125
                writer(LinkEvent(time=at, side=event.side, kind=event.kind, data=event.data))
    return _REPEATED * len(_COMMANDS)


def _each(path: Path, look: Callable[[Entry], object], count: int) -> Callable[[], None]:
    def action() -> None:
        seen = 0
        for entry in decode(read_trace(path)):
            look(entry)
            seen += isinstance(entry, Exchange)
        if seen != count:
            raise ToolError(f"{seen} of {count} exchanges were decoded: nothing to measure")

    return action


def trace_metrics(card: Card, effort: Effort) -> Iterator[Metric]:
    """APDUs a second, from the file to lines, and to trees."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.jsonl"
        count = _record(card, path)
        lines = rate(_each(path, lambda entry: entry.summary, count), effort, count)
        yield Metric("trace_lines", Figure(lines, "/s"), _LINES)
        trees = rate(_each(path, lambda entry: entry.tree(), count), effort, count)
        yield Metric("trace_full", Figure(trees, "/s"), _TREES)
