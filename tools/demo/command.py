# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc demo`: files and output around a run."""

from __future__ import annotations

import json
from contextlib import ExitStack

import click

from apdu.errors import M2mError
from tools.cards.command import describe
from tools.cards.make import new_files
from tools.demo.flow import Demo, Wishes
from tools.demo.options import DemoOptions
from tools.demo.report import Report, to_json
from tools.demo.view import ConsoleView, Silent, View
from tools.entropy import Source
from tools.errors import ToolError
from tools.subscription import read_file
from tools.trace.files import spare
from tools.tracefile import TraceFile

__all__ = ["run"]


def run(options: DemoOptions, *, as_json: bool) -> None:
    """Run it and show it; M2mError when it fails, after what there is to say on standard output."""
    report = Report()
    try:
        demo = _run(options, Silent() if as_json else ConsoleView(), report)
    except M2mError as error:
        if as_json:
            _print(report, options, str(error))
        raise
    if as_json:
        _print(report, options)
    if options.card is not None and demo.made is not None:
        if not as_json:
            click.echo()
        describe(demo.made, options.card, demo.codes, err=as_json)


def _run(options: DemoOptions, view: View, report: Report) -> Demo:
    source = Source(options.seed)
    profile = read_file(options.profile) if options.profile is not None else None
    with ExitStack() as stack:
        stack.callback(view.stop)
        trace = None
        if options.trace is not None:
            _keep_profile(options)
            spare(options.trace)
            trace = stack.enter_context(TraceFile(options.trace, source.entropy("trace").draw(16)))
        files = stack.enter_context(new_files(options.card)) if options.card is not None else None
        wishes = Wishes(profile=profile, timings=options.timings, trace=trace, files=files)
        demo = _demo(options, source, view, report, wishes)
        demo.run()
        return demo


def _demo(options: DemoOptions, source: Source, view: View, report: Report, wishes: Wishes) -> Demo:
    report.bearer = options.bearer
    if options.bearer == "reader":
        return Demo(source, view, report, wishes)
    from smsr.ota.carrier import Way
    from tools.demo.airflow import AirDemo

    return AirDemo(source, view, report, wishes, way=Way(options.bearer), loss=options.loss)


def _keep_profile(options: DemoOptions) -> None:
    """The trace must not be written over the profile."""
    profile, trace = options.profile, options.trace
    if profile is not None and trace is not None and trace.exists() and trace.samefile(profile):
        raise ToolError(f"{trace} is the profile: name another file for the trace")


def _print(report: Report, options: DemoOptions, error: str | None = None) -> None:
    click.echo(json.dumps(to_json(report, error, timings=options.timings), indent=2))
