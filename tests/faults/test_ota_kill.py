# SPDX-License-Identifier: Apache-2.0
"""A process is killed (SIGKILL) in the middle of a provisioning over the air; another one completes it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scale import count

ROOT = Path(__file__).parents[2]
DONE = "0000 1000=DISABLED,00001100=ENABLED".replace(" ", "")


def child(folder: Path, way: str, at: int) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "tests.faults.ota_child", str(folder), way, str(at))
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("way, last", [("sms", 32), ("https", 23)])
def test_another_process_completes_what_a_killed_one_began(way: str, last: int, tmp_path: Path) -> None:
    number = count("ota_kills")
    for kill in range(number):
        folder = tmp_path / str(kill)
        folder.mkdir()
        at = (kill + 1) * last // (number + 1)
        killed = child(folder, way, at)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        completed = child(folder, way, 0)
        assert completed.returncode == 0, completed.stderr
        states, present, _, errors = completed.stdout.split()
        assert (states, present, errors) == (DONE, "2", "0"), at
