# SPDX-License-Identifier: Apache-2.0
"""Runs `euicc demo`, in this process or in one of its own, and checks what it reports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any, Final

from click.testing import CliRunner, Result

from tests.require import ROOT
from tools.cli import main

COMMAND: Final = [sys.executable, "-c", "from tools.cli import main; main(prog_name='euicc')", "demo"]
_INSTALLED: Final = ["create-isdp", "establish-keyset", "download", "enable"]
_TOLD: Final = ["refresh", "attach", "notify", "confirm", "audit"]
STEPS: Final = {
    "reader": ["pki", "register", "prepare", *_INSTALLED, "attach", "audit"],
    "sms": ["pki", "register", "first-attach", "prepare", *_INSTALLED, *_TOLD],
    "https": ["pki", "register", "first-attach", "prepare", "trigger", "session", *_INSTALLED, *_TOLD],
}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["demo", *map(str, arguments)], prog_name="euicc")


def run_json(*arguments: object) -> dict[str, Any]:
    result = run("--json", *arguments)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as the installed script runs it."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def without_seconds(value: Any) -> Any:
    """A report without what was measured with a watch."""
    if isinstance(value, dict):
        return {name: without_seconds(part) for name, part in value.items() if name != "seconds"}
    return [without_seconds(part) for part in value] if isinstance(value, list) else value


def check_report(report: dict[str, Any], bearer: str = "https") -> None:
    """The shape of --json, and what must be true at the end of a run that went well."""
    assert list(report) == ["ok", "bearer", "eid", "steps", "status"]
    assert report["ok"] is True
    assert report["bearer"] == bearer
    assert re.fullmatch(r"[0-9]{32}", report["eid"])
    assert [step["name"] for step in report["steps"]] == STEPS[bearer]
    for step in report["steps"]:
        assert list(step) == ["name", "seconds", "apdus"]
        assert isinstance(step["seconds"], float)
        assert step["seconds"] > 0
        assert isinstance(step["apdus"], int)
    apdus = {step["name"]: step["apdus"] for step in report["steps"]}
    assert apdus["pki"] == apdus["prepare"] == 0
    assert all(apdus[name] for name in STEPS[bearer][STEPS[bearer].index("prepare") + 1 :])
    check_status(report)


def check_status(report: dict[str, Any]) -> None:
    card, sm_sr, sm_dp, network = (report["status"][name] for name in ("card", "sm_sr", "sm_dp", "network"))
    *factory, isd_p = card["isd_ps"]
    assert [each["state"] for each in factory] == ([] if report["bearer"] == "reader" else ["DISABLED"])
    assert card["eid"] == report["eid"]
    assert isd_p["state"] == "ENABLED"
    assert isd_p["iccid"] == sm_sr["iccid"] == sm_dp["iccid"]
    assert sm_sr["state"] == "Enabled"
    assert sm_sr["imsi"] == network["imsi"]
    assert network["attached"] is True
    assert 0 < card["free_memory"] < card["memory"]
