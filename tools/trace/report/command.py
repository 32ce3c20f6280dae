# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc trace report`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from apdu.trace.decode.text import printable
from tools.trace.ladder import LadderMaker
from tools.trace.pipeline import Origin, entries, examined
from tools.trace.report.data import ReportData
from tools.trace.report.page import Report, page
from tools.trace.report.plots import Timeline
from tools.trace.statistics import Statistics
from tools.trace.viewfile import write_view

__all__ = ["write_report"]

_STEPS: Final = 400
"""Of the ladder."""


def write_report(origin: Origin, output: Path, limit: int) -> None:
    """Make the report of a trace."""
    data, statistics, ladder, timeline = ReportData(limit), Statistics(), LadderMaker(_STEPS), Timeline()
    for entry in entries(origin):
        data.add(entry, examined(entry))
        statistics.add(entry)
        ladder.add(entry)
        timeline.add(entry)
    report = Report(
        name="standard input" if origin.path == Path("-") else printable(origin.path.name),
        unredacted=origin.unredacted,
        data=data,
        statistics=statistics,
        ladder=ladder.ladder(),
        timeline=timeline,
    )
    write_view(output, page(report))
