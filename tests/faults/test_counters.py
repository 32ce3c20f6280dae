# SPDX-License-Identifier: Apache-2.0
"""Proof of the counters: the power fails at every commit of a thousand attempts; no try is won, no SQN steps back."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

from apdu.trace import Recorder
from emulator.memory import Flash, Moment, PowerCut
from tests.faults.attempts import Attempt, Counters, begin, challenge, counters, next_attempt
from tests.require import ROOT
from tests.scale import count
from tests.support.flow import flow_lab
from tests.support.lab import Lab


class Cutter:
    """Cuts the power at the n-th moment, and counts the commits that are durable by then."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.durable = 0
        self.moment: Moment | None = None

    def __call__(self, moment: Moment) -> None:
        self.durable += moment is Moment.MARKED
        if self.left == 0:
            self.moment = moment
            raise PowerCut
        self.left -= 1


def powered(lab: Lab, flash: Flash, cutter: Cutter | None = None) -> None:
    """A new card on a medium, the USIM selected."""
    lab.flash, lab.hook = flash, cutter
    lab.restart()
    begin(lab.send)


def cut_attempt(lab: Lab, before: Flash, attempt: Attempt, at: int) -> Cutter:
    """One attempt that the power ends, if it has so many moments; a new card on the copy of what survived."""
    cutter = Cutter(at)
    powered(lab, before.copy(), cutter)
    try:
        answer = lab.send(attempt.command)
    except PowerCut:
        powered(lab, Flash(bytes(lab.flash.data), lab.flash.blobs))
        return cutter
    assert answer.startswith(attempt.answer), f"{attempt.name}: {answer}"
    powered(lab, lab.flash.copy())
    return cutter


def test_power_cut_at_every_commit_of_a_thousand_attempts_wins_no_try_and_steps_no_sqn_back() -> None:
    lab, chance = flow_lab(), Random(4)
    lab.recorder = Recorder(lambda event: None)  # keeps internal errors, and no events
    powered(lab, lab.flash)
    assert lab.send(challenge(1)).startswith("DB08")
    medium = lab.flash.copy()
    now = counters(lab.send)
    seen: Counter[str] = Counter()
    moments: set[Moment | None] = set()
    for number in range(count("counter_attempts")):
        attempt = next_attempt(now, chance)
        survivors: list[tuple[Flash, Counters]] = []
        cutter = None
        while cutter is None or cutter.moment is not None:
            cutter = cut_attempt(lab, medium, attempt, len(survivors))
            found = counters(lab.send)
            assert found == attempt.after[cutter.durable], f"{number}, {attempt.name}, {cutter.moment}, {now}"
            survivors.append((lab.flash.copy(), found))
            moments.add(cutter.moment)
        assert cutter.durable == len(attempt.after) - 1, attempt.name
        seen[attempt.name] += 1
        seen["cuts"] += len(survivors) - 1
        medium, now = survivors[-1 if now.low or chance.random() < 0.3 else chance.randrange(len(survivors))]
    assert lab.recorder.errors == []
    assert moments == {*Moment, None}
    assert min(seen.values()) > 5, seen
    assert seen["cuts"] > 5 * count("counter_attempts"), seen


def test_image_cut_by_exit_in_the_hook_wins_no_try_and_steps_no_sqn_back(tmp_path: Path) -> None:
    """Each attempt in a process of its own, which ends in the middle of a commit; see `counter_cutter`."""
    attempts = count("counter_image_attempts")
    command = [sys.executable, "-m", "tests.faults.counter_cutter", str(tmp_path / "one.card"), str(attempts)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert int(told["attempts"]) == attempts
    assert int(told["cuts"]) > attempts // 3
    assert {"BEFORE", "INSIDE", "MARKED", "AFTER"} <= told.keys()
