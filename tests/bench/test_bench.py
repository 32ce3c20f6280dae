# SPDX-License-Identifier: Apache-2.0
"""`euicc bench`: what it reports, with rounds that are too short to mean anything. Figures are not tested."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tools.bench import command
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, Sample, rounds, seconds
from tools.bench.report import Head, to_json
from tools.pcscd import obstacle

TINY: Final = Effort(rounds=2, slow_rounds=1, round_seconds=0.0005, cards=2, sessions=3, apdus=4000)
UNITS: Final = {
    "select": "/s",
    "read_binary": "/s",
    "scp03_through_dispatch": "/s",
    "trace_lines": "/s",
    "trace_full": "/s",
    "scp03_wrapped_command": "/s",
    "scp03_open": "/s",
    "scp03t_throughput": "MB/s",
    "provisioning_cold": "ms",
    "provisioning_warm": "ms",
    "new_card": "ms",
    "tls_psk_handshake": "/s",
    "admin_requests": "/s",
    "provisioning_https": "ms",
    "image_commit": "us",
    "image_no_write": "us",
    "provisioning_first": "ms",
    "memory_per_card": "kB",
    "import_emulator": "ms",
    "euicc_help": "ms",
    "trace_show_head": "ms",
    "trace_tui_open": "ms",
    "trace_report": "ms",
}
BUDGETS: Final[dict[str, float | None]] = {  # design: at least for what is counted per second, at most for the rest
    "select": 150_000,
    "read_binary": 150_000,
    "scp03_through_dispatch": 25_000,
    "trace_lines": 50_000,
    "trace_full": 5_000,
    "scp03_wrapped_command": 100_000,
    "scp03_open": 15_000,
    "scp03t_throughput": 60,
    "provisioning_cold": 8,
    "provisioning_warm": 4,
    "new_card": 3,
    "tls_psk_handshake": 2_000,
    "admin_requests": 1_000,
    "provisioning_https": 25,
    "image_commit": 400,
    "image_no_write": 5,
    "provisioning_first": None,
    "memory_per_card": 10,
    "import_emulator": 300,
    "euicc_help": 150,
    "trace_show_head": 2000,
    "trace_tui_open": 2000,
    "trace_report": 5000,
}
PCSC: Final = {"pcsc_stub": ("/s", None), "pcsc_card": ("/s", None), "pcsc_ratio": ("", 0.75)}
if obstacle() is None:
    UNITS.update((name, unit) for name, (unit, _) in PCSC.items())
    BUDGETS.update((name, budget) for name, (_, budget) in PCSC.items())


def report(capsys: pytest.CaptureFixture[str], profile: Path | None = None) -> dict[str, Any]:
    command.run(profile, as_json=True, effort=TINY)
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def check_figure(figure: dict[str, Any]) -> None:
    assert isinstance(figure["value"], float)
    assert math.isfinite(figure["value"])
    assert figure["spread"] >= 0


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    shown = report(capsys)
    assert list(shown) == ["machine", "profile", "calibration", "metrics", "notes"]
    assert shown["profile"].startswith("the project's own, ")
    assert set(shown["calibration"]) == {"python_loop", "sha256", "aes_128_cbc"}
    for figure in shown["calibration"].values():
        assert list(figure) == ["value", "unit", "spread"]
        check_figure(figure)
        assert figure["value"] > 0
    for metric in shown["metrics"]:
        assert list(metric) == ["name", "value", "unit", "spread", "budget", "ok"]
        check_figure(metric)
    assert {metric["name"]: metric["unit"] for metric in shown["metrics"]} == UNITS
    assert {metric["name"]: metric["budget"] for metric in shown["metrics"]} == BUDGETS
    for metric in shown["metrics"]:
        value, budget = metric["value"], metric["budget"]
        kept = budget is None or (value >= budget if metric["unit"] in ("/s", "MB/s", "") else value <= budget)
        assert metric["ok"] is kept
    notes = " ".join(shown["notes"])
    assert "cold" in notes
    assert "emptied" in notes


def test_a_figure_is_held_against_its_budget_as_it_is_shown() -> None:
    budget = Budget(300, Better.LOWER)
    assert Metric("import_emulator", Figure(Sample(300.04, 0.0), "ms"), budget).ok
    assert not Metric("import_emulator", Figure(Sample(300.06, 0.0), "ms"), budget).ok


def test_lines_fit_a_page(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command.run(None, as_json=False, effort=TINY)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name, unit in UNITS.items():
        (line,) = (line for line in lines if line.startswith(f"{name} "))
        assert re.search(rf" {re.escape(unit)} +± +\d+%", line)


@pytest.mark.parametrize(
    "values, median, spread",
    [
        ([2.0], 2.0, 0.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0], 3.0, 2 / 3),
        ([4.0, 4.0, 4.0, 400.0], 4.0, 24.75),
        ([0.0, 0.0], 0.0, 0.0),
    ],
)
def test_sample(values: list[float], median: float, spread: float) -> None:
    sample = Sample.of(values)
    assert sample.median == median
    assert sample.spread == pytest.approx(spread)
    if median:
        assert sample.inverse(10) == (10 / median, sample.spread)
    assert sample.scaled(1e3) == (median * 1e3, sample.spread)


def test_what_is_measured() -> None:
    calls: list[str] = []
    sample = rounds(lambda: calls.append("action"), 3, lambda: calls.append("prepare"))
    assert calls == ["prepare", "action"] * 3
    assert 0 < sample.median < 1
    assert 0 < seconds(lambda: None, TINY).median < 0.001


@pytest.mark.parametrize(
    "better, value, ok",
    [(Better.HIGHER, 10, True), (Better.HIGHER, 9.9, False), (Better.LOWER, 10, True), (Better.LOWER, 10.1, False)],
)
def test_budget(better: Better, value: float, ok: bool) -> None:
    metric = Metric("name", Figure(Sample(value, 0.5), "ms"), Budget(10, better))
    assert metric.ok is ok


def test_figures_are_as_exact_as_they_are_worth() -> None:
    metric = Metric("name", Figure(Sample(123456.789, 0.0123456), "/s"))
    shown = to_json(Head("machine", "profile"), {}, [metric], [])
    assert shown["metrics"] == [
        {"name": "name", "value": 123500.0, "unit": "/s", "spread": 0.01235, "budget": None, "ok": True}
    ]
