# SPDX-License-Identifier: Apache-2.0
"""`euicc trace stats`: figures against the statistics module of Python, and bounds on what is kept."""

from __future__ import annotations

import json
import random
import statistics
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from apdu.trace.decode import decode
from apdu.trace.events import AnyEvent, FunctionEvent, LinkEvent
from tests.support.traces import RAW, command, exchange, hostile, write
from tools.cli import main
from tools.trace.statistics import Durations, Statistics, Tally
from tools.trace.statview import duration


def stats(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["trace", "stats", str(path), *arguments], prog_name="euicc")


def test_quantiles_are_within_a_percent() -> None:
    drawn = random.Random(1)
    for spread in (0.01, 1.0, 3.0):
        values = [drawn.lognormvariate(-6, spread) for _ in range(5000)]
        found = Durations()
        for value in values:
            found.add(value)
        figures = found.figures()
        assert figures is not None
        cuts = statistics.quantiles(values, n=20, method="inclusive")
        assert abs(figures["median"] / statistics.median(values) - 1) < 0.011
        assert abs(figures["p95"] / cuts[18] - 1) < 0.05  # the two values around it are further apart than the classes
        assert (figures["min"], figures["max"]) == (min(values), max(values))
        assert sum(found.histogram((0.001, 0.01))) == 5000
        below = found.histogram((0.001, 0.01))[0]
        assert abs(below - sum(value < 0.001 for value in values)) < 60


def test_what_is_no_duration_is_left_out() -> None:
    found = Durations()
    for value in (float("inf"), float("-inf"), float("nan"), -1.0):
        found.add(value)
    assert found.figures() is None
    found.add(0.0)
    assert found.figures() == {"min": 0.0, "median": 0.0, "p95": 0.0, "max": 0.0}


def test_names_and_findings_are_bounded() -> None:
    tally = Tally()
    for number in range(5000):
        tally.add(str(number))
    assert len(tally) == 1001
    assert sum(tally.values()) == 5000
    found = Statistics()
    events: list[AnyEvent] = []
    for number in range(3000):
        events += [FunctionEvent(time=0.0, layer=f"l{number}", name=f"f{number}"), command(0.0, "00B0000001")]
    for entry in decode(events):
        found.add(entry)
    assert len(found.layers) <= 1001
    assert len(found.functions) <= 1001
    assert found.apdus == 3000


def test_durations_are_shown_in_their_unit() -> None:
    assert [duration(value) for value in (0.0, 2e-6, 0.00099993, 0.0123, 1.5, 12345)] == [
        "0 µs", "2 µs", "1 ms", "12.3 ms", "1.5 s", "12 345 s",
    ]  # fmt: skip


def _trace(tmp_path: Path) -> Path:
    return write(
        tmp_path / "trace.jsonl",
        [
            LinkEvent(time=0.0, side="reader", kind="atr", data=b"\x3b\x00"),
            FunctionEvent(time=0.5, layer="es5", name="ES5.GetStatus"),
            *exchange(1.0, "80F28002024F0000", "E3009000"),
            FunctionEvent(time=2.0, layer="es5", name="ES5.GetStatus", outcome="ok"),
            *exchange(3.0, "00B0000002", "6982", reader="ACR"),
            *exchange(4.0, "00B0000002", "AABB9000", reader="ACR"),
            command(5.0, "00B0000002", reader="ACR"),
        ],
    )


def test_figures_of_a_trace(tmp_path: Path) -> None:
    found: dict[str, Any] = json.loads(stats(_trace(tmp_path), "--json").stdout)
    assert (found["entries"], found["apdus"], found["seconds"]) == (7, 4, 5.0)
    assert found["bytes"] == {"sent": 8 + 3 * 5, "received": 4 + 2 + 4}
    assert found["status"] == {"6982": 1, "9000": 2, "none": 1}
    assert found["functions"] == {"ES5.GetStatus": 1}
    assert found["readers"] == {"ACR": 3, "reader": 2}
    assert found["layers"] == {"apdu": 5, "es5": 2}
    read = found["commands"]["READ BINARY"]
    assert (read["count"], read["sent"], read["received"]) == (3, 15, 6)
    assert abs(read["latency"]["median"] - 0.001) < 1e-5
    assert found["findings"] == [
        {"severity": "warning", "text": "the command has no response", "clause": "ISO/IEC 7816-3 12.1", "count": 1}
    ]


def test_figures_as_text(tmp_path: Path) -> None:
    shown = stats(_trace(tmp_path)).stdout
    assert shown.startswith("7 entries, 4 commands\n23 bytes to the card, 10 from it\n")
    assert "READ BINARY                               3      1 ms      1 ms      1 ms      1 ms\n" in shown
    assert "6982 (the security status is not satisfied)\n" in shown


def test_an_empty_trace_has_no_figures(tmp_path: Path) -> None:
    path = write(tmp_path / "trace.jsonl", [FunctionEvent(time=0.0, layer="es5", name="x")])
    assert stats(path).exit_code == 0
    assert json.loads(stats(path, "--json").stdout)["latency"] is None


def test_hostile_names_are_harmless(tmp_path: Path) -> None:
    shown = stats(write(tmp_path / "trace.jsonl", hostile()))
    assert shown.exit_code == 0
    assert shown.stdout.replace("\n", "").isprintable()
    assert not any(raw in shown.stdout for raw in RAW if not raw.isprintable())
