# SPDX-License-Identifier: Apache-2.0
"""Fuzzed commands inside secure channels: changed in clear and then protected, so that they pass the MAC; or the other
way round."""

from __future__ import annotations

import pytest

from tests.fuzz.runner import Runner
from tests.fuzz.stages import stages
from tests.fuzz.test_fuzz_plain import NAMES as PLAIN
from tests.fuzz.test_fuzz_plain import SEEDS, SHARE

NAMES = [name for name in stages() if name not in PLAIN]


def test_all_stages_are_run() -> None:
    assert len(NAMES) + len(PLAIN) == len(stages()) == 14


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_fuzzed_commands(name: str, seed: int) -> None:
    tally = Runner(stages()[name], seed).run(SHARE)
    assert tally.cases == SHARE
    assert tally.labelled > SHARE // 5
    assert tally.accepted > 0
    assert {"tree", "lengths"} & tally.labels


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_answers(name: str) -> None:
    first, second, other = (Runner(stages()[name], seed).run(150).digest for seed in (7, 7, 8))
    assert first == second
    assert first != other
