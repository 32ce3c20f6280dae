# SPDX-License-Identifier: Apache-2.0
"""Old rows go; what is under way, or was told to nobody yet, stays, and what is young enough."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Table, func, select

from smsr.api.status import SUCCESS
from smsr.serving.database import Database
from smsr.serving.housekeeping import Housekeeping
from smsr.serving.service import Operation, OperationState
from smsr.serving.tables import CALL, OUTBOX
from tests.support.toyserver import ENABLE, REPLY, UPDATE, ByHand, Inbox, Time, Toy, prepare, request

DAY = 86_400.0


@pytest.fixture
def clock() -> Time:
    """Time stands still unless it is turned."""
    return Time()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """With the tables of a server."""
    database = prepare(database_url)
    yield database
    database.close()


@pytest.fixture
def performer() -> ByHand:
    """Steps that the test ends."""
    return ByHand()


@pytest.fixture
def toy(database: Database, performer: ByHand, clock: Time) -> Toy:
    """One process."""
    return Toy(database, performer, clock, listener=None)


def _count(database: Database, table: Table) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _done(toy: Toy, performer: ByHand, identifier: str) -> Operation:
    accepted = toy.engine.call(ENABLE, request(identifier), REPLY)
    assert isinstance(accepted, Operation)
    toy.work()
    while performer.begun:
        performer.end()
        toy.work()
    return accepted


def test_calls_that_are_done_go_when_they_are_old(toy: Toy, performer: ByHand, database: Database, clock: Time) -> None:
    old = _done(toy, performer, "old")
    toy.engine.call(UPDATE, request("also old", kind=UPDATE))
    toy.outbox.deliver_one(Inbox())
    clock.now += 2 * DAY
    young = _done(toy, performer, "young")
    waiting = toy.engine.call(ENABLE, request("waits"), REPLY)
    assert isinstance(waiting, Operation)
    clock.now += 8 * DAY
    sweep = Housekeeping(database, clock, 9 * DAY).sweep
    assert sweep() == 3  # two calls and a callback that was taken
    assert sweep() == 0
    requester = request().call.requester
    assert toy.engine.operation(requester, old.id) is None
    found = toy.engine.operation(requester, young.id)
    assert found is not None
    assert found.state is OperationState.DONE
    assert found.response is not None
    assert found.response.status == SUCCESS
    clock.now += 365 * DAY
    sweep()
    left = toy.engine.operation(requester, waiting.id)
    assert left is not None  # it was never done
    assert left.state is OperationState.ACCEPTED
    assert _count(database, OUTBOX) == 1  # nobody has taken the callback of the young one


def test_more_than_a_batch(toy: Toy, database: Database, clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsr.serving.housekeeping._BATCH", 1)
    for number in range(3):
        toy.engine.call(UPDATE, request(f"{number}", card=number, kind=UPDATE))
    clock.now += 2 * DAY
    assert Housekeeping(database, clock, DAY).sweep() == 3
    assert _count(database, CALL) == 0
