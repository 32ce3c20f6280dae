# SPDX-License-Identifier: Apache-2.0
"""The whole provisioning in one process, and the making of a card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from emulator.card import Card
from emulator.profile.cache import BASES
from tools.bench.line import Job, Line, function_caches
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, Sample, rounds

__all__ = ["CACHES_NOTE", "provisioning_metrics"]

CACHES_NOTE: Final = (
    "provisioning: CreateISDP, key set, download, enable with REFRESH and reset, audit; straight into the card, "
    "without pyscard. warm: an earlier card has the same profile. cold: no card has it, and before each round the "
    "bases of profiles and every functools cache of apdu, emulator, smsr and smdp are emptied; modules stay imported "
    "and declarations compiled. first: the first one of a new process, with what is imported and compiled at first use."
)
_MILLISECONDS: Final = 1e3


def provision(line: Line, effort: Effort, *, cold: bool) -> Sample:
    """Milliseconds of one provisioning; cards and servers are made before the clock starts."""
    clear = function_caches()
    jobs: list[Job] = []
    cards: list[Card] = []

    def prepare() -> None:
        if cold:
            cards.clear()
        jobs[:] = [line.job()]
        if cold:
            clear()
            BASES.clear()

    def run() -> None:
        cards.append(jobs[0].provision())

    if not cold:
        prepare()
        run()
    return rounds(run, effort.rounds, prepare).scaled(_MILLISECONDS)


def provisioning_metrics(line: Line, effort: Effort) -> Iterator[Metric]:
    """Cold, warm, and a card without a profile."""
    cold = provision(line, effort, cold=True)
    yield Metric("provisioning_cold", Figure(cold, "ms"), Budget(8, Better.LOWER))
    warm = provision(line, effort, cold=False)
    yield Metric("provisioning_warm", Figure(warm, "ms"), Budget(4, Better.LOWER))
    card = rounds(line.card, effort.rounds).scaled(_MILLISECONDS)
    yield Metric("new_card", Figure(card, "ms"), Budget(3, Better.LOWER))
