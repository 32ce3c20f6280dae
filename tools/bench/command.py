# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc bench`."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
from cryptography import __version__ as cryptography_version
from cryptography.hazmat.backends.openssl import backend
from rich.console import Console

from tools.bench.channels import channel_metrics
from tools.bench.commands import command_metrics
from tools.bench.image import IMAGE_NOTE, image_metrics
from tools.bench.line import Line
from tools.bench.measure import Calibration, Effort, Metric
from tools.bench.ota import SERVER_NOTE, ota_metrics
from tools.bench.pcsc import pcsc_metrics, pcsc_note
from tools.bench.processes import IMPORT_NOTE, MEMORY_NOTE, process_metrics
from tools.bench.provisioning import CACHES_NOTE, provisioning_metrics
from tools.bench.report import Head, print_calibration, print_head, print_metric, print_notes, to_json
from tools.bench.traces import trace_metrics
from tools.bench.traceviews import VIEWS_NOTE, view_metrics
from tools.text import thousands

__all__ = ["machine", "run"]


def _notes() -> tuple[str, ...]:
    return (CACHES_NOTE, SERVER_NOTE, IMAGE_NOTE, MEMORY_NOTE, IMPORT_NOTE, VIEWS_NOTE, pcsc_note())


def run(profile: Path | None, *, as_json: bool, effort: Effort | None = None) -> None:
    """Measure and print."""
    effort = effort or Effort()
    line = Line(profile)
    head = Head(machine(), _described(line, profile))
    calibration = Calibration()
    if as_json:
        metrics = list(_measure(line, profile, effort, calibration))
        click.echo(json.dumps(to_json(head, calibration.figures(), metrics, _notes()), indent=2))
        return
    console = Console(highlight=False)
    print_head(head, console)
    for metric in _measure(line, profile, effort, calibration):
        print_metric(metric, console)
    print_calibration(calibration.figures(), console)
    print_notes(_notes(), console)


def _measure(line: Line, profile: Path | None, effort: Effort, calibration: Calibration) -> Iterator[Metric]:
    """Every figure as it is there, and the calibration between them."""
    job = line.job()
    card = job.provision()
    job.station.modem.start()
    for metric in chain(
        command_metrics(card, job.station.lab, effort),
        trace_metrics(card, effort),
        channel_metrics(effort),
        provisioning_metrics(line, effort),
        ota_metrics(line, effort),
        image_metrics(effort),
        process_metrics(profile, effort),
        view_metrics(effort),
        pcsc_metrics(profile, effort),
    ):
        calibration.take()
        yield metric
    calibration.take()


def _described(line: Line, profile: Path | None) -> str:
    made = line.profile
    origin = "the project's own" if profile is None else made.name
    return f"{origin}, {thousands(len(made.package))} bytes, {made.elements} elements"


def machine() -> str:
    """Interpreter, libraries and processors: what figures from elsewhere are compared by."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    openssl = " ".join(backend.openssl_version_text().split()[:2])
    return f"{python}, cryptography {cryptography_version}, {openssl}, {platform.machine()}, {os.cpu_count()} CPUs"
