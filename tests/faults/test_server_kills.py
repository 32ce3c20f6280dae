# SPDX-License-Identifier: Apache-2.0
"""SM-SR and SM-DP are killed at any moment while an operator works on many cards: nothing is lost, or there twice.

The cards are in the SM-SR's process, so each of its ends is a power cut of all of them as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.faults.killed_checks import check_after, check_while_up
from tests.faults.killed_servers import Servers, hearing
from tests.faults.killed_work import Plan, registered, work_on
from tests.scale import count, scale
from tests.support.smsc import wait_for
from tools.lab.create import create
from tools.lab.fill import fill_stock
from tools.lab.layout import Lab, open_lab

CARDS: Final = 8
PLAN: Final = Plan(kills=count("server_kills"), provisionings=count("killed_provisionings"), pause=(0.1, 1.5))


@contextmanager
def _up(path: Path) -> Iterator[tuple[Lab, Servers]]:
    create(path, CARDS, 2 * CARDS)
    lab = open_lab(path)
    fill_stock(lab)
    servers = Servers(lab)
    try:
        servers.start("sm-sr")
        wait_for(lambda: registered(lab), 30)
        servers.start("sm-dp")
        yield lab, servers
    finally:
        servers.close()


@pytest.mark.timeout(300 if scale() == "ci" else 14_400)
def test_servers_that_are_killed_while_they_work(tmp_path: Path) -> None:
    with _up(tmp_path / "lab") as (lab, servers), hearing(lab) as caller:
        work = work_on(servers, caller, PLAN, meddlers=2)
        check_while_up(work)
        servers.stop()
    check_after(work)
