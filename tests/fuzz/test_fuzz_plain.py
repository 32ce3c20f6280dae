# SPDX-License-Identifier: Apache-2.0
"""Fuzzed commands where no session protects them: file system, toolkit, security domains that were only selected."""

from __future__ import annotations

import pytest

from emulator.memory import Moment
from tests.fuzz.runner import LEGAL, Runner
from tests.fuzz.stages import quiet_lab, recorded, stages
from tests.scale import count

NAMES = ("uicc", "usim", "no session", "ecasd", "channels")
SEEDS = (1, 2)
SHARE = count("fuzz_apdus") // 14 // len(SEEDS)
"""There are 14 stages, here and in the other module."""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_fuzzed_commands(name: str, seed: int) -> None:
    tally = Runner(stages()[name], seed).run(SHARE)
    assert tally.cases == SHARE
    assert tally.labelled > SHARE // 5
    assert tally.accepted > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_answers(name: str) -> None:
    first, second, other = (Runner(stages()[name], seed).run(300).digest for seed in (7, 7, 8))
    assert first == second
    assert first != other


@pytest.mark.parametrize("name", ["uicc", "no session"])
@pytest.mark.parametrize("rest", ["0000", "FFFF", "000001AA", "80000000", "8000020101"])
def test_every_class_and_instruction(name: str, rest: str) -> None:
    """All 65,536 headers: a legal status word, nothing written without authorisation (FIA_UID.1)."""
    writes = 0

    def hook(moment: Moment) -> None:
        nonlocal writes
        writes += moment is Moment.BEFORE

    lab = quiet_lab(hook)
    lab.flash = recorded().media[stages()[name].medium].copy()
    lab.restart()
    stages()[name].prepare(lab)
    writes = 0
    tail = bytes.fromhex(rest)
    for header in range(0x10000):
        answer = lab.card.transmit(header.to_bytes(2, "big") + tail)
        assert answer[-2] in LEGAL, f"{header:04X}{rest}: {answer.hex()}"
        if header & 0xFF == 0x70 or header & 0xFF == 0xA4:
            stages()[name].prepare(lab)
    assert not lab.recorder.errors
    assert writes == 0
