# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc trace stats`, and figures as people and programs read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import click

from apdu.command.status import StatusWord
from tools.text import thousands
from tools.trace.line import MARKS, clock
from tools.trace.objects import finding_object
from tools.trace.pipeline import Origin, entries, examined
from tools.trace.statistics import Statistics, Tally

__all__ = ["duration", "show_statistics", "statistics", "status_text", "to_json"]

_NAME: Final = 34
_ROUNDED_UP: Final = 0.9995
_UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def statistics(origin: Origin) -> Statistics:
    """The figures of a whole trace."""
    found = Statistics()
    for entry in entries(origin):
        examined(entry)
        found.add(entry)
    return found


def show_statistics(origin: Origin, *, as_json: bool) -> None:
    """Print the figures of a trace."""
    found = statistics(origin)
    if as_json:
        click.echo(json.dumps(to_json(found), indent=2))
        return
    for line in _lines(found):
        click.echo(line.rstrip())


def duration(seconds: float) -> str:
    """Seconds in the unit that fits."""
    for unit, name in _UNITS:
        if seconds >= unit * _ROUNDED_UP:
            return f"{seconds / unit:.3g} {name}" if seconds < 1000 else f"{thousands(seconds)} s"
    return f"{seconds * 1e6:.3g} µs"


def status_text(code: str) -> str:
    """A status word with what it means."""
    return "no response" if code == "none" else "others" if code.startswith("(") else str(StatusWord(int(code, 16)))


def _lines(found: Statistics) -> Iterator[str]:
    start = found.start or 0.0
    yield f"{thousands(found.entries)} entries, {thousands(found.apdus)} commands"
    yield f"{thousands(found.sent)} bytes to the card, {thousands(found.received)} from it"
    if found.entries:
        yield f"from {clock(start)} (UTC), {duration(found.end - start)}"
    yield from _commands(found)
    yield from _tally("status word", {status_text(code): count for code, count in found.status.most_common()})
    yield from _tally("function", dict(found.functions.most_common()))
    yield from _tally("layer", dict(found.layers.most_common()))
    yield from _tally("reader", dict(found.readers.most_common()))
    yield from _tally(
        "finding",
        {
            f"{MARKS[finding.severity]} {finding.text}{f' ({finding.clause})' if finding.clause else ''}": count
            for finding, count in sorted(found.findings.items(), key=lambda pair: -pair[1])
        },
    )


def _commands(found: Statistics) -> Iterator[str]:
    if not found.commands:
        return
    yield ""
    yield f"{'command':<{_NAME}}{'count':>9} {'min':>9} {'median':>9} {'p95':>9} {'max':>9}"
    for name, figures in sorted(found.commands.items(), key=lambda pair: (-pair[1].count, pair[0])):
        times = figures.durations.figures()
        shown = "" if times is None else " ".join(f"{duration(value):>9}" for value in times.values())
        yield f"{_fit(name):<{_NAME}}{thousands(figures.count):>9} {shown}"


def _tally(title: str, counts: dict[str, int]) -> Iterator[str]:
    if counts:
        yield ""
        yield f"{title:<{_NAME}}{'count':>9}"
        for name, count in counts.items():
            if len(name) < _NAME:
                yield f"{name:<{_NAME}}{thousands(count):>9}"
            else:
                yield name
                yield f"{'':<{_NAME}}{thousands(count):>9}"


def _fit(name: str) -> str:
    return name if len(name) < _NAME else name[: _NAME - 2] + "…"


def to_json(found: Statistics) -> dict[str, object]:
    """The figures as an object of JSON; times in seconds."""
    return {
        "entries": found.entries,
        "apdus": found.apdus,
        "start": found.start,
        "seconds": found.end - (found.start or 0.0),
        "bytes": {"sent": found.sent, "received": found.received},
        "latency": found.durations.figures(),
        "commands": {
            name: {
                "count": figures.count,
                "sent": figures.sent,
                "received": figures.received,
                "latency": figures.durations.figures(),
            }
            for name, figures in sorted(found.commands.items())
        },
        "status": _sorted(found.status),
        "functions": _sorted(found.functions),
        "layers": _sorted(found.layers),
        "readers": _sorted(found.readers),
        "findings": [{**finding_object(finding), "count": count} for finding, count in found.findings.items()],
    }


def _sorted(counts: Tally) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts)}
