# SPDX-License-Identifier: Apache-2.0
"""`euicc bench servers`, so small that its figures mean nothing: real processes, real calls, real callbacks."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import pytest
from click.testing import CliRunner

from tests.require import require
from tools.bench.measure import Effort
from tools.bench.servers.child import Order
from tools.bench.servers.cluster import postgres
from tools.bench.servers.command import _lab, run
from tools.bench.servers.processes import running
from tools.cli import main
from tools.errors import ToolError

TINY: Final = Effort(slow_rounds=1, sets=40, load_seconds=0.3, provisionings=3, at_a_time=2)
PROVISIONING: Final = {
    "provisioning{}": ("/s", 20),
    "provisioning{}_p50": ("s", None),
    "provisioning{}_p95": ("s", 2),
    "cpu_sm_sr{}": ("ms", None),
    "cpu_sm_dp{}": ("ms", None),
    "cpu_operator{}": ("ms", None),
}
GET_EIS: Final = {"get_eis": ("/s", 1000), "get_eis_cpu": ("ms", None), "get_eis_p99": ("ms", 20)}


def test_everything_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    require("postgres")
    run(as_json=True, postgresql="auto", effort=TINY)
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    wanted = {**GET_EIS}
    for suffix in ("", "_soap", "_pg"):
        wanted |= {name.format(suffix): figure for name, figure in PROVISIONING.items()}
    assert {each["name"]: (each["unit"], each["budget"]) for each in shown["metrics"]} == wanted
    for each in shown["metrics"]:
        assert math.isfinite(each["value"])
        assert each["value"] > 0
    assert set(shown["calibration"]) == {"python_loop", "sha256", "aes_128_cbc"}
    notes = " ".join(shown["notes"])
    for fact in ("synchronous=FULL", "fsync on", "synchronous_commit on", "processor"):
        assert fact in notes


def test_a_server_that_cannot_start_says_why() -> None:
    with _lab() as lab:
        database = f"sqlite:///{lab.path}/nowhere/a.db"
        order = Order(server="sm-dp", lab=str(lab.path), database=database)
        with running(order) as (server,), pytest.raises(ToolError, match="No such file or directory"):
            server.wait()


def test_postgresql_that_is_not_there() -> None:
    with pytest.raises(ToolError, match="PostgreSQL cannot be used"), postgres("postgresql://127.0.0.1:1/none"):
        pass
    with pytest.raises(ToolError, match="give postgresql://"), postgres("nonsense"):
        pass


def test_failed_provisionings_are_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """More cards than profiles in stock."""
    from tools.bench.servers import provisioning

    def fewer(*orders: Order) -> Any:
        sm_sr, sm_dp = orders
        return running(sm_sr, Order(server=sm_dp.server, lab=sm_dp.lab, profiles=1))

    monkeypatch.setattr(provisioning, "running", fewer)
    with _lab() as lab, pytest.raises(ToolError, match="2 of 3 provisionings failed"):
        list(provisioning.provisioning_metrics(lab, TINY))


def test_the_command_is_there() -> None:
    shown = CliRunner().invoke(main, ["bench", "servers", "--help"])
    assert shown.exit_code == 0
    assert "--postgresql" in shown.output
