# SPDX-License-Identifier: Apache-2.0
"""The page of a report: its template filled, with style and script inside and a policy that lets nothing else in."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Final

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from apdu.trace.decode import Finding, Severity
from tools.text import thousands
from tools.trace.ladder import Ladder
from tools.trace.ladder_svg import STYLE, svg
from tools.trace.line import MARKS, clock
from tools.trace.report.data import ReportData
from tools.trace.report.plots import Timeline, histogram, timeline
from tools.trace.statistics import Statistics
from tools.trace.statview import duration, status_text

__all__ = ["Report", "page"]

_LINKS: Final = 12
"""Entries that are named for one finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is in a report."""

    name: str
    unredacted: bool
    data: ReportData
    statistics: Statistics
    ladder: Ladder
    timeline: Timeline


def page(report: Report) -> str:
    """The HTML file."""
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"thousands": thousands, "duration": duration, "status": status_text}
    style, script = _file("report.css") + STYLE, _file("report.js")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    found = report.statistics
    return environment.from_string(
        _file("report.html")
    ).render(
        policy=policy,
        style=Markup(style),  # ours, as are the script and the drawings, which escape what they draw
        script=Markup(script),
        name=report.name,
        unredacted=report.unredacted,
        start=clock(found.start or 0.0)[:19],
        span=duration(max(0.0, found.end - (found.start or 0.0))),
        found=found,
        data=report.data,
        index=Markup(report.data.index()),
        blocks=map(Markup, report.data.blocks()),
        ladder=Markup(svg(report.ladder, alone=False)),
        timeline=Markup(timeline(report.timeline.points)),
        histogram=Markup(histogram(found.durations)),
        findings=_findings(report.data),
        severities=[(each.value, found.severities[each.value]) for each in reversed(Severity)],
        commands=sorted(found.commands.items(), key=lambda pair: (-pair[1].count, pair[0])),
        links=_LINKS,
    )


def _findings(data: ReportData) -> list[tuple[Finding, str, list[int]]]:
    """Worst first: finding, its mark, its entries."""
    order = list(Severity)
    found = sorted(data.found.items(), key=lambda pair: -order.index(pair[0].severity))
    return [(finding, MARKS[finding.severity], numbers) for finding, numbers in found]


def _file(name: str) -> str:
    return files("tools.trace.report").joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
