# SPDX-License-Identifier: Apache-2.0
"""A process ends at a moment of a write to its card image: what is in it is what the journal would hold, exactly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from emulator.memory import Moment
from emulator.memory.image import ImageBackend
from tests.faults.test_power_cut import DURABLE, reference
from tests.require import ROOT
from tests.scale import count


def test_the_image_holds_the_commits_that_had_ended(tmp_path: Path) -> None:
    """The undisturbed run on the journal says what is durable after the n-th commit; cards and hosts are the same."""
    states = reference().states
    image = tmp_path / "one.card"
    command = [sys.executable, "-m", "tests.faults.image_cutter", str(image), str(count("image_cut_stride"))]
    seen: set[Moment] = set()
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cutter:
        assert cutter.stdin is not None
        assert cutter.stdout is not None
        for line in cutter.stdout:
            number, name = line.split()
            moment = Moment[name]
            seen.add(moment)
            with ImageBackend(image) as backend:
                found = dict(backend.items(""))
            assert found == states[int(number) if moment in DURABLE else int(number) - 1], line
            cutter.stdin.write("\n")
            cutter.stdin.flush()
    assert cutter.returncode == 0
    assert {Moment.BEFORE, Moment.INSIDE, Moment.MARKED, Moment.AFTER} <= seen
