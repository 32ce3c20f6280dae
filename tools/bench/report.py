# SPDX-License-Identifier: Apache-2.0
"""The figures of a run: as a table for people, as one JSON object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rich.console import Console
from rich.text import Text

from tools.bench.measure import Better, Metric, Sample
from tools.text import thousands

__all__ = ["BenchReport", "Json", "to_json", "to_console"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_NAME: Final = 24
_DIGITS: Final = 4
"""Digits that a figure is worth."""


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What was measured, on what, and what the figures mean."""

    machine: str
    profile: str
    calibration: dict[str, tuple[Sample, str]]
    metrics: Sequence[Metric]
    notes: Sequence[str]


def to_json(report: BenchReport) -> dict[str, Json]:
    """`spread` is the width of the middle half of the rounds, as a part of the value."""
    return {
        "machine": report.machine,
        "profile": report.profile,
        "calibration": {
            name: {"value": _rounded(sample.median), "unit": unit, "spread": _rounded(sample.spread)}
            for name, (sample, unit) in report.calibration.items()
        },
        "metrics": [
            {
                "name": metric.name,
                "value": _rounded(metric.sample.median),
                "unit": metric.unit,
                "spread": _rounded(metric.sample.spread),
                "budget": metric.budget.value,
                "ok": metric.ok,
            }
            for metric in report.metrics
        ],
        "notes": list(report.notes),
    }


def to_console(report: BenchReport, console: Console) -> None:
    """Print the table."""
    console.print(Text(report.machine, style="dim"))
    console.print(Text(f"profile: {report.profile}", style="dim"))
    console.print()
    console.print(Text(f"  {'':{_NAME}} {'median':>10} {'':8} {'spread':>7}  budget", style="dim"))
    for metric in report.metrics:
        console.print(_line(metric))
    console.print()
    for name, (sample, unit) in report.calibration.items():
        console.print(
            Text(f"  {name:{_NAME}} {_shown(sample.median):>10} {unit:14} ± {sample.spread / 2:.0%}", style="dim")
        )
    console.print()
    for note in report.notes:
        console.print(Text(note, style="dim"))


def _line(metric: Metric) -> Text:
    sample, budget = metric.sample, metric.budget
    sign = ">=" if budget.better is Better.HIGHER else "<="
    figures = f"{_shown(sample.median):>10} {metric.unit:8} ±{sample.spread / 2:>5.0%}  {sign} {_shown(budget.value)}"
    mark = Text("") if metric.ok else Text("  missed", style="yellow")
    return Text.assemble(f"  {metric.name:{_NAME}} {figures}", mark)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _shown(value: float) -> str:
    """A number as people read it: grouped where it is large, with decimals where it is small."""
    if value >= 1000:
        return thousands(value)
    return f"{value:.4g}"
