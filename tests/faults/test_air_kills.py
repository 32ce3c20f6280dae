# SPDX-License-Identifier: Apache-2.0
"""SM-SR and SM-DP are killed at any moment while an operator works on cards in the air, which live on.

Service centre, operator and devices are processes that run all the time. What a card was told, what it answers and what
it tells of itself is on the way when its SM-SR ends: in short messages, and in sessions that break.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.faults.killed_checks import check_after, check_while_up
from tests.faults.killed_servers import Servers, calling
from tests.faults.killed_work import Plan, registered, work_on
from tests.scale import count, scale
from tests.support.program import Program
from tests.support.smsc import wait_for
from tools.lab.create import create
from tools.lab.fill import fill_stock
from tools.lab.layout import HOST, Lab, open_lab
from tools.lab.state import read_state

CARDS: Final = 3
PLAN: Final = Plan(
    kills=count("air_kills"),
    provisionings=count("air_provisionings"),
    pause=(1.5, 4.0),
    moments=("ES3.SendData %send.3", "ES3.CreateISDP %", "ES3.EnableProfile %", "%"),  # send.3: over HTTPS
)

_INTERRUPTED_TWICE: Final = "download FAILED 1.6/5.4"
"""What was sent is not repeated, and a download is begun twice; cards that live on have no reason to refuse one."""


@contextmanager
def _up(path: Path) -> Iterator[tuple[Lab, Servers]]:
    create(path, CARDS, 2 * CARDS)
    lab = open_lab(path)
    fill_stock(lab)
    servers = Servers(lab, by_air=True)
    with ExitStack() as stack:
        stack.callback(servers.close)
        smsc = ("smsc", "serve", "--bind", f"{HOST}:{lab.ports.smsc}")
        stack.enter_context(Program(path / "log", *smsc)).until("listening")
        stack.enter_context(Program(path / "run", "lab", "operator", str(path))).until("listening")
        servers.start("sm-sr")
        wait_for(lambda: registered(lab), 30)
        servers.start("sm-dp")
        devices = stack.enter_context(Program(path / "log", "lab", "devices", str(path)))
        wait_for(lambda: _attached(lab), 30)
        yield lab, servers
        assert devices.interrupt() == 0, devices.text


def _attached(lab: Lab) -> bool:
    state = read_state(lab.run("devices"))
    return state is not None and all(each["bound"] for each in state["devices"])


@pytest.mark.timeout(300 if scale() == "ci" else 14_400)
def test_servers_that_are_killed_while_they_work_on_cards_in_the_air(tmp_path: Path) -> None:
    with _up(tmp_path / "lab") as (lab, servers), calling(lab) as caller:
        work = work_on(servers, caller, PLAN, meddlers=1)
        check_while_up(work)
        assert {name for name in work.answers if name.startswith("download FAILED")} <= {_INTERRUPTED_TWICE}
        servers.stop()
    check_after(work)
