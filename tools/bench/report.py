# SPDX-License-Identifier: Apache-2.0
"""The figures of a run: line by line for people, as one JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rich.console import Console
from rich.text import Text

from tools.bench.measure import DIGITS, Better, Figure, Metric, Sample, rounded
from tools.text import thousands

__all__ = ["Head", "Json", "print_calibration", "print_head", "print_metric", "print_notes", "to_json"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_NAME: Final = 23
_VALUE: Final = 9
_UNIT: Final = 15


@dataclass(frozen=True, slots=True)
class Head:
    """On what and with what was measured."""

    machine: str
    profile: str


def to_json(
    head: Head, calibration: Mapping[str, Figure], metrics: Iterable[Metric], notes: Sequence[str]
) -> dict[str, Json]:
    """`spread` is the width of the middle half of the rounds, as a part of the value."""
    return {
        "machine": head.machine,
        "profile": head.profile,
        "calibration": {name: _figure(figure) for name, figure in calibration.items()},
        "metrics": [
            {
                "name": metric.name,
                **_figure(metric.figure),
                "budget": None if metric.budget is None else metric.budget.value,
                "ok": metric.ok,
            }
            for metric in metrics
        ],
        "notes": list(notes),
    }


def _figure(figure: Figure) -> dict[str, Json]:
    return {
        "value": rounded(figure.sample.median),
        "unit": figure.unit,
        "spread": rounded(figure.sample.spread),
    }


# --- for people


def print_head(head: Head, console: Console) -> None:
    """What the figures belong to, and the names of the columns."""
    for line in (head.machine, f"profile: {head.profile}"):
        console.print(Text(line, style="dim"))
    console.print()
    console.print(Text(f"{'':{_NAME}} {'median':>{_VALUE}} {'':{_UNIT}} {'spread':6}  budget", style="dim"))


def print_metric(metric: Metric, console: Console) -> None:
    """One figure, with its budget."""
    line = Text(_shown(metric.name, metric.figure))
    if metric.budget is not None:
        sign = ">=" if metric.budget.better is Better.HIGHER else "<="
        line.append(f"  {sign} {_number(metric.budget.value)}")
        line.append("" if metric.ok else "  missed", "yellow")
    console.print(line)


def print_calibration(calibration: Mapping[str, Figure], console: Console) -> None:
    """What the machine could do in the same run."""
    console.print()
    for name, figure in calibration.items():
        console.print(Text(_shown(name, figure) + "  calibration", style="dim"))


def print_notes(notes: Sequence[str], console: Console) -> None:
    """What the figures mean."""
    for note in notes:
        console.print()
        console.print(Text(note, style="dim"))


def _shown(name: str, figure: Figure) -> str:
    sample = figure.sample
    return f"{name:{_NAME}} {_number(sample.median):>{_VALUE}} {figure.unit:{_UNIT}} {_half(sample)}"


def _half(sample: Sample) -> str:
    """The spread to either side."""
    return f"± {sample.spread / 2:>4.0%}"


def _number(value: float) -> str:
    """A number as people read it: grouped where it is large, with decimals where it is small."""
    return thousands(value) if value >= 1000 else f"{value:.{DIGITS - 1}g}"
