# SPDX-License-Identifier: Apache-2.0
"""ES4.GetEIS of an operator: many connections to one SM-SR that keeps very many EIS."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import islice
from statistics import quantiles
from typing import Final

from smsr.api.functions import FUNCTIONS, Interface
from smsr.api.json_codec import encode
from smsr.api.messages import Call, GetEisRequest
from smsr.kit.folder import PkiFolder
from smsr.kit.tls import client_context
from smsr.serving.paths import Kind, json_path
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, Sample
from tools.bench.servers.child import Order, eid_of
from tools.bench.servers.load import Round, Target, run_load
from tools.bench.servers.processes import processors, running
from tools.lab.layout import HOST, Lab

__all__ = ["get_eis_metrics"]

_CONNECTIONS: Final = 32
_RATE: Final = 1000
"""Requests a second that have to be answered, and at which it is measured how long one waits."""
_SEED: Final = 1
_GET_EIS: Final = next(each for each in FUNCTIONS if (each.interface, each.name) == (Interface.ES4, "GetEIS"))


def get_eis_metrics(lab: Lab, effort: Effort) -> Iterator[Metric]:
    """The SM-SR on one processor, its clients on the others."""
    first, *_ = processors()
    with running(Order(server="sm-sr", lab=str(lab.path), sets=effort.sets, cpu=first)) as (sm_sr,):
        sm_sr.wait()
        context = client_context(PkiFolder(lab.pki), "operator", time.time())
        target = Target(HOST, lab.ports.sm_sr, json_path(_GET_EIS, Kind.REQUEST), context)
        fast, even = Round(effort.load_seconds), Round(effort.load_seconds, _RATE)
        loads = run_load(
            target,
            _bodies(lab, effort.sets),
            _CONNECTIONS,
            [fast] * (1 + effort.slow_rounds) + [even] * effort.slow_rounds,
        )
        next(loads)
        before = sm_sr.cpu()
        rounds = list(islice(loads, effort.slow_rounds))
        cpu = sm_sr.cpu() - before
        evens = list(loads)
    rate = Sample.of([len(each.latencies) / each.seconds for each in rounds])
    yield Metric("get_eis", Figure(rate, "/s"), Budget(_RATE, Better.HIGHER))
    yield Metric("get_eis_cpu", Figure(Sample(cpu / sum(len(each.latencies) for each in rounds) * 1e3, 0.0), "ms"))
    slowest = Sample.of([_percentile(each.latencies, 99) for each in evens])
    yield Metric("get_eis_p99", Figure(slowest.scaled(1e3), "ms"), Budget(20, Better.LOWER))


def _bodies(lab: Lab, sets: int) -> Iterator[bytes]:
    """Any of the cards, all of them alike."""
    call, draw = Call(lab.oid("operator"), "", None), random.Random(_SEED)
    while True:
        yield encode(GetEisRequest(call=call, eid=eid_of(draw.randrange(sets))))


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]
