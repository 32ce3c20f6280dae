# SPDX-License-Identifier: Apache-2.0
"""What is to be told is told: once, later if need be, and not before its effect is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from apdu.errors import M2mError
from smsr.api.messages import CardResponse
from smsr.api.notifications import RelayedProfileNotification
from smsr.api.status import SUCCESS
from smsr.kit.oid import Oid
from smsr.serving.database import Database
from smsr.serving.outbox import Backoff, Begun, Entry, EntryKind
from smsr.serving.threads import Threads
from smsr.serving.worker import timed
from tests.support.toyserver import (
    ENABLE,
    ICCID,
    PEER,
    REPLY,
    AtOnce,
    ByHand,
    CardFile,
    Inbox,
    Time,
    Toy,
    eid,
    prepare,
    request,
    row,
)
from tests.unit.soap.samples import MOMENT

ENABLED = row("HandleProfileEnabledNotification")
TOLD = RelayedProfileNotification(eid=eid(), iccid=ICCID, completion_timestamp=MOMENT, mno_id=PEER)


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
def toy(database: Database, clock: Time) -> Toy:
    """One process."""
    return Toy(database, ByHand(), clock)


def _state(database: Database) -> tuple[object, ...]:
    with database.reading() as connection:
        return tuple(
            connection.execute(text("SELECT state, attempts, last_error FROM outbox ORDER BY number")).first() or ()
        )


def test_cc_oc_04_a_callback_that_is_dropped_three_times_arrives_once(database: Database, clock: Time) -> None:
    performer = ByHand()
    toy = Toy(database, performer, clock)
    operation = toy.engine.call(ENABLE, request(), REPLY)
    toy.work()
    while performer.begun:
        performer.end()
        toy.work()
    inbox = Inbox(drop=3)
    pauses = []
    for _ in range(3):
        assert toy.outbox.deliver_one(inbox)
        assert not toy.outbox.deliver_one(inbox)  # not at once
        due = toy.outbox.next_at()
        assert due is not None
        pauses.append(due - clock.now)
        clock.now = due
    assert pauses == [1, 2, 4]
    assert toy.outbox.deliver_one(inbox)
    assert not toy.outbox.deliver_one(inbox)
    (entry,) = inbox.taken.values()
    assert {each.id for each in inbox.tried} == {entry.id}  # a receiver can tell that they are one
    assert (entry.message, entry.reply) == (timed(CardResponse(status=SUCCESS, data=b"1"), 1e6, 1e6), REPLY)
    assert entry.operation == operation.id  # type: ignore[union-attr]
    assert _state(database) == ("sent", 4, None)


def test_a_notification_is_told_when_its_effect_is_kept(toy: Toy, database: Database) -> None:
    inbox = Inbox()
    with database.discarded():
        toy.outbox.notify(PEER, ENABLED, TOLD)
    assert not toy.outbox.deliver_one(inbox)
    with database.unit():
        toy.outbox.notify(PEER, ENABLED, TOLD)
    assert toy.outbox.deliver_one(inbox)
    (entry,) = inbox.taken.values()
    assert (entry.kind, entry.receiver, entry.function) == (EntryKind.NOTIFICATION, PEER, ENABLED)
    assert (entry.message, entry.reply) == (TOLD, None)


def test_who_keeps_an_entry_sends_it_at_once_and_others_when_it_does_not(
    toy: Toy, database: Database, clock: Time
) -> None:
    begun: list[Begun] = []
    toy.outbox.begun = begun.append
    inbox, others = Inbox(drop=1), Inbox()
    with database.unit():
        toy.outbox.notify(PEER, ENABLED, TOLD)
        assert begun == []
    toy.outbox.notify(PEER, ENABLED, TOLD)
    assert len(begun) == 2
    assert not toy.outbox.deliver_one(others)  # they have their head start
    toy.outbox.deliver(begun[0], inbox)
    assert _state(database) == ("waiting", 1, "nobody there")
    clock.now += 5
    assert toy.outbox.deliver_one(others)
    assert toy.outbox.deliver_one(others)
    toy.outbox.deliver(begun[1], inbox)  # too late
    assert (len(inbox.tried), len(others.taken)) == (1, 2)
    assert toy.outbox.waiting() == 0


def test_pauses_double_to_a_limit_and_end_after_a_day(toy: Toy, database: Database, clock: Time) -> None:
    assert [Backoff().pause(each) for each in (1, 2, 9, 10, 1000)] == [1, 2, 256, 300, 300]
    toy.outbox.notify(PEER, ENABLED, TOLD)
    inbox, begun = Inbox(drop=10**6), clock.now
    while (due := toy.outbox.next_at()) is not None:
        clock.now = due
        toy.outbox.deliver_one(inbox)
    assert 86_000 < clock.now - begun <= 86_400
    assert _state(database)[0::2] == ("given up", "nobody there")


def test_one_that_cannot_be_sent_keeps_no_other_back(toy: Toy, clock: Time) -> None:
    class Broken(Inbox):
        def deliver(self, entry: Entry) -> None:
            if entry.receiver == PEER:
                raise ZeroDivisionError
            super().deliver(entry)

    toy.outbox.notify(PEER, ENABLED, TOLD)
    toy.outbox.notify(Oid("2.999.7"), ENABLED, TOLD)
    inbox = Broken()
    while toy.outbox.deliver_one(inbox):
        pass
    assert len(inbox.taken) == 1


def test_several_senders_send_each_entry_once(toy: Toy) -> None:
    for _ in range(30):
        toy.outbox.notify(PEER, ENABLED, TOLD)
    inbox = Inbox()

    def send() -> None:
        while toy.outbox.deliver_one(inbox):
            pass

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(inbox.tried), len(inbox.taken)) == (30, 30)


def test_one_that_another_process_was_sending_when_it_died_is_sent(toy: Toy, clock: Time) -> None:
    class Dies(Inbox):
        def deliver(self, entry: Entry) -> None:
            raise KeyboardInterrupt

    toy.outbox.notify(PEER, ENABLED, TOLD)
    with pytest.raises(KeyboardInterrupt):
        toy.outbox.deliver_one(Dies())
    inbox = Inbox()
    assert not toy.outbox.deliver_one(inbox)
    clock.now += 121
    assert toy.outbox.deliver_one(inbox)


def test_a_slow_sender_does_not_undo_what_another_one_found(toy: Toy, database: Database, clock: Time) -> None:
    class Slow(Inbox):
        def deliver(self, entry: Entry) -> None:
            clock.now += 121
            assert toy.outbox.deliver_one(quick)
            raise M2mError("too late")

    toy.outbox.notify(PEER, ENABLED, TOLD)
    quick = Inbox()
    assert toy.outbox.deliver_one(Slow())
    assert _state(database) == ("sent", 2, None)
    assert len(quick.taken) == 1


# --- threads


def test_threads_do_it_all(database: Database, clock: Time, tmp_path_factory: pytest.TempPathFactory) -> None:
    toy = Toy(database, AtOnce(CardFile(tmp_path_factory.mktemp("card") / "card")), clock)
    inbox, over = Inbox(), threading.Event()
    threads = Threads(toy.engine.worker, toy.outbox, inbox, lease=30)
    threads.start()
    for number in range(20):
        toy.engine.call(ENABLE, request(str(number), card=number % 7), REPLY)
    for _ in range(1000):
        if len(inbox.taken) == 20:
            break
        over.wait(0.01)
    threads.stop()
    assert len(inbox.taken) == len(inbox.tried) == 20
    assert len(toy.effects()) == 60


def test_a_stop_waits_for_what_runs_and_gives_back_the_rest(database: Database, clock: Time) -> None:
    performer, over = ByHand(), threading.Event()
    toy = Toy(database, performer, clock)
    threads = Threads(toy.engine.worker, toy.outbox, Inbox(), lease=30)
    threads.start()
    toy.engine.call(ENABLE, request("ends"), REPLY)
    for _ in range(500):
        if performer.begun:
            break
        over.wait(0.01)

    def end() -> None:
        for _ in range(3):
            while not performer.begun:
                over.wait(0.01)
            performer.end()

    threading.Timer(0.1, end).start()
    threads.stop(10)
    assert len(toy.effects()) == 3  # it was let to its end
    other = Toy(database, performer, clock)
    threads = Threads(other.engine.worker, other.outbox, Inbox(), lease=30)
    threads.start()
    other.engine.call(ENABLE, request("never ends"), REPLY)
    for _ in range(500):
        if performer.begun:
            break
        over.wait(0.01)
    threads.stop(0.3)
    assert not any(thread.name.startswith(("worker-", "sender-", "lease")) for thread in threading.enumerate())
    third = Toy(database, ByHand(), clock)
    assert third.work() == 1  # at once, without waiting for the lease
    assert [each.name for each in third.does.interrupted] == ["step 0"]
