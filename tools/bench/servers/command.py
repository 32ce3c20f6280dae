# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc bench servers`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
from rich.console import Console

from smsr.serving.service import Binding
from tools.bench.command import machine
from tools.bench.measure import Calibration, Effort, Metric
from tools.bench.report import Head, print_calibration, print_head, print_metric, print_notes, to_json
from tools.bench.servers.cluster import postgres
from tools.bench.servers.geteis import get_eis_metrics
from tools.bench.servers.processes import processors
from tools.bench.servers.provisioning import provisioning_metrics
from tools.lab.create import create
from tools.lab.layout import Lab, open_lab
from tools.text import thousands

__all__ = ["run"]

_SOAP_PART: Final = 5
"""Of the cards: every so many by SOAP as well."""


class _Bench:
    """One run."""

    def __init__(self, effort: Effort, postgresql: str) -> None:
        self._effort = effort
        self._postgresql = postgresql
        self.calibration = Calibration()
        first, last = processors()[0], processors()[-1]
        self.notes = [
            (
                "get_eis: ES4.GetEIS by JSON over mutual TLS on 32 kept connections, any of "
                f"{thousands(effort.sets)} EIS in SQLite; the SM-SR on processor {first} only, get_eis_cpu is its "
                "time for one request. get_eis_p99: at 1000 requests a second in even steps on the same connections, "
                "from the moment that a request should be sent."
            ),
            (
                "provisioning: ES2.DownloadProfile with activation, from the operator's call to the callback that it "
                f"gets, {thousands(effort.provisionings)} cards, {effort.at_a_time} at a time, none failed; the SM-SR "
                f"with its cards in RAM on processor {first}, the SM-DP on processor {last}, the operator on any; "
                "cpu_*: their time for one card. SQLite in the folder of temporary files, WAL, synchronous=FULL."
            ),
            f"provisioning_soap: the same by SOAP between all of them, {thousands(self._by_soap.provisionings)} cards.",
        ]

    @property
    def _by_soap(self) -> Effort:
        return replace(self._effort, provisionings=max(2, self._effort.provisionings // _SOAP_PART))

    def metrics(self) -> Iterator[Metric]:
        """Every figure as it is there, and the calibration between them."""
        for metric in chain(self._get_eis(), self._by_json(), self._soap(), self._in_postgresql()):
            self.calibration.take()
            yield metric
        self.calibration.take()

    def _get_eis(self) -> Iterator[Metric]:
        with _lab() as lab:
            yield from get_eis_metrics(lab, self._effort)

    def _by_json(self) -> Iterator[Metric]:
        with _lab() as lab:
            yield from provisioning_metrics(lab, self._effort)

    def _soap(self) -> Iterator[Metric]:
        with _lab() as lab:
            yield from provisioning_metrics(lab, self._by_soap, Binding.SOAP, suffix="_soap")

    def _in_postgresql(self) -> Iterator[Metric]:
        if not self._postgresql:
            return
        with _lab() as lab, postgres(self._postgresql) as server:
            self.notes.append(
                f"provisioning_pg: as provisioning, in PostgreSQL: {server.settings}; its processes on any processor."
            )
            yield from provisioning_metrics(lab, self._effort, databases=server.databases, suffix="_pg")


@contextmanager
def _lab() -> Iterator[Lab]:
    with TemporaryDirectory(prefix="euicc-bench-") as folder:
        create(Path(folder, "lab"), 0, 0)
        yield open_lab(Path(folder, "lab"))


def run(*, as_json: bool, postgresql: str = "", effort: Effort | None = None) -> None:
    """Measure and print; `postgresql`: a URL or `auto`, empty: not there."""
    bench = _Bench(effort or Effort(), postgresql)
    head = Head(machine(), "the project's own, another one for each card")
    if as_json:
        metrics = list(bench.metrics())
        click.echo(json.dumps(to_json(head, bench.calibration.figures(), metrics, bench.notes), indent=2))
        return
    console = Console(highlight=False)
    print_head(head, console)
    for metric in bench.metrics():
        print_metric(metric, console)
    print_calibration(bench.calibration.figures(), console)
    print_notes(bench.notes, console)
