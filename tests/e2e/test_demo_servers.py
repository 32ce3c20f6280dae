# SPDX-License-Identifier: Apache-2.0
"""`euicc demo --servers`: from ES2.DownloadProfile to the callback, through the servers that one would run."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tools.cli import main

COMMAND = [sys.executable, "-c", "from tools.cli import main; main(prog_name='euicc')", "demo", "--servers"]


def test_the_operator_is_called_back_and_the_card_has_the_profile() -> None:
    done = subprocess.run([*COMMAND, "--json"], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    steps = {each["name"]: each["detail"] for each in json.loads(done.stdout)["steps"]}
    assert list(steps) == ["make", "start", "register", "order", "notification", "callback", "audit"]
    assert steps["callback"] == "ES2.DownloadProfile: EXECUTED_SUCCESS"
    first, second = steps["audit"].split(", ")
    assert first == f"{steps['notification'].removeprefix('ProfileDisabled ')} Disabled"
    assert second.endswith(" Enabled")
    assert not done.stderr


@pytest.mark.parametrize("more", [["--seed", "1"], ["--bearer", "sms"], ["--loss", "0.1"], ["--timings"]])
def test_it_goes_alone(more: list[str]) -> None:
    result = CliRunner().invoke(main, ["demo", "--servers", *more], prog_name="euicc")
    assert result.exit_code == 2
    assert f"not with {more[0]}" in result.output
