# SPDX-License-Identifier: Apache-2.0
"""Calls as transactions: one effect, one answer, one call at a time for each card, whatever processes do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from apdu.errors import M2mError
from smsr.api.functions import Function
from smsr.api.messages import CardResponse, Request, Response
from smsr.api.notifications import Notification, ProfileNotification
from smsr.api.status import SUCCESS, Code, Status, failed
from smsr.kit.oid import Oid
from smsr.serving.calls import Calls
from smsr.serving.database import Database, Stale
from smsr.serving.procedure import Interrupted, Outcome, Performer, Procedure, Step
from smsr.serving.service import Operation, OperationState, Overloaded
from smsr.serving.worker import timed
from tests.support.toyserver import (
    ENABLE,
    GET,
    ICCID,
    PEER,
    REPLY,
    UPDATE,
    ByHand,
    Inbox,
    Time,
    Toy,
    ToyFunctions,
    ToyStep,
    eid,
    prepare,
    request,
    row,
)
from tests.unit.soap.samples import MOMENT

MakeToy = Callable[..., Toy]


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
def make(database: Database, performer: ByHand, clock: Time) -> MakeToy:
    """Processes on the same database."""

    def make(performer: Performer = performer, **settings: float) -> Toy:
        return Toy(database, performer, clock, listener=None, **settings)

    return make


@pytest.fixture
def toy(make: MakeToy) -> Toy:
    """One process."""
    return make()


def answered(response: Response) -> Response:
    """As it is when the clock stood still."""
    return timed(response, Time().now, Time().now)


def _accept(toy: Toy, asked: Request, reply: bool = True) -> Operation:
    operation = toy.engine.call(ENABLE, asked, REPLY if reply else None)
    assert isinstance(operation, Operation)
    return operation


def _now(toy: Toy, operation: Operation) -> Operation:
    found = toy.engine.operation(PEER, operation.id)
    assert found is not None
    return found


def _run(toy: Toy, performer: ByHand) -> None:
    toy.work()
    while performer.begun:
        performer.end()
        toy.work()


# --- asynchronous calls


def test_a_call_is_accepted_run_step_by_step_and_answered(toy: Toy, performer: ByHand) -> None:
    operation = _accept(toy, request())
    assert (operation.state, operation.identifier, operation.requester) == (OperationState.ACCEPTED, "1", PEER)
    assert (toy.does.runs, performer.begun) == (0, [])
    toy.work()
    assert _now(toy, operation).state is OperationState.RUNNING
    for number in range(3):
        assert toy.effects() == [f"1-{each}" for each in range(number)]
        assert performer.end().name == f"step {number}"
        toy.work()
    done = _now(toy, operation)
    assert (done.state, done.response) == (OperationState.DONE, answered(CardResponse(status=SUCCESS, data=b"1")))
    inbox = Inbox()
    assert toy.outbox.deliver_one(inbox)
    (entry,) = inbox.taken.values()
    assert (entry.receiver, entry.function, entry.message) == (PEER, ENABLE, done.response)
    assert (entry.reply, entry.operation) == (REPLY, operation.id)
    assert not toy.outbox.deliver_one(inbox)


def test_what_comes_before_a_step_is_kept_when_it_begins(toy: Toy, database: Database) -> None:
    seen: list[tuple[str, list[str]]] = []

    class Looks:
        def perform(self, step: Step, done: Callable[[Outcome], None]) -> None:
            with database.reading() as connection:
                kept = connection.execute(text("SELECT step FROM call")).scalar_one()
            seen.append((kept, toy.effects()))
            done(Outcome())

    other = Toy(database, Looks(), Time())
    _accept(other, request())
    other.work()
    assert seen == [("step 0", []), ("step 1", ["1-0"]), ("step 2", ["1-0", "1-1"])]


def test_the_error_of_a_step_reaches_the_procedure(toy: Toy, performer: ByHand) -> None:
    caught: list[M2mError] = []

    def procedure(_: Request) -> Procedure[Response]:
        try:
            yield ToyStep("s")
        except M2mError as error:
            caught.append(error)
        return CardResponse(status=SUCCESS)

    toy.does.instead = procedure
    operation = _accept(toy, request())
    toy.work()
    performer.end(Outcome(error=M2mError("the card is gone")))
    toy.work()
    assert [str(error) for error in caught] == ["the card is gone"]
    assert _now(toy, operation).state is OperationState.DONE


def test_an_operation_is_shown_to_its_requester_only(toy: Toy) -> None:
    operation = _accept(toy, request())
    assert toy.engine.operation(Oid("2.999.3"), operation.id) is None
    assert toy.engine.operation(PEER, "0" * 32) is None


def test_without_a_reply_address_nothing_is_called_back(toy: Toy, performer: ByHand) -> None:
    operation = _accept(toy, request(), reply=False)
    _run(toy, performer)
    assert _now(toy, operation).state is OperationState.DONE
    assert toy.outbox.waiting() == 0


# --- validity period


def test_cc_oc_02_an_expired_call_is_never_executed(toy: Toy, performer: ByHand) -> None:
    operation = _accept(toy, request(period=0))
    toy.work()
    done = _now(toy, operation)
    assert done.response is not None
    assert (done.response.status.status, done.response.status.code) == (Status.EXPIRED, Code.EXPIRED.pair)
    assert (toy.does.runs, performer.begun, toy.effects()) == (0, [], [])
    assert toy.outbox.waiting() == 1
    answer = toy.engine.call(UPDATE, request("2", period=0, kind=UPDATE))
    assert isinstance(answer, Response)
    assert answer.status.status is Status.EXPIRED
    answer = toy.engine.call(GET, request("3", period=0, kind=GET))
    assert isinstance(answer, Response)
    assert answer.status.status is Status.EXPIRED
    assert (toy.does.runs, toy.effects()) == (0, [])


def test_cc_oc_02_a_call_that_waits_too_long_expires(toy: Toy, performer: ByHand, clock: Time) -> None:
    _accept(toy, request("1"))
    late = _accept(toy, request("2", period=60))
    toy.work()
    clock.now += 59.9
    toy.engine.worker.renew()
    assert late.deadline is not None
    clock.now += 0.1
    _run(toy, performer)
    response = _now(toy, late).response
    assert response is not None
    assert response.status.status is Status.EXPIRED
    assert toy.effects() == ["1-0", "1-1", "1-2"]


def test_a_call_that_has_begun_goes_on_after_its_deadline(toy: Toy, performer: ByHand, clock: Time) -> None:
    operation = _accept(toy, request(period=10))
    toy.work()
    clock.now += 11
    _run(toy, performer)
    response = _now(toy, operation).response
    assert response is not None
    assert response.status.is_success  # the card was touched: what it did is told
    assert response.processing_start is not None
    assert response.processing_end is not None
    assert (response.processing_end - response.processing_start).total_seconds() == 11


@pytest.mark.parametrize("passed, status", [(9, Status.FAILED), (10, Status.EXPIRED)])
def test_one_that_fails_after_its_deadline_has_expired(
    toy: Toy, performer: ByHand, clock: Time, passed: float, status: Status
) -> None:
    def procedure(_: Request) -> Procedure[Response]:
        yield ToyStep("s")
        return CardResponse(status=failed(Code.ISD_R_FAILED, "the card did not come"))

    toy.does.instead = procedure
    operation = _accept(toy, request(period=10))
    toy.work()
    clock.now += passed
    _run(toy, performer)
    response = _now(toy, operation).response
    assert response is not None
    assert response.status.status is status
    assert "the card did not come" in response.status.message


# --- the same call again


def test_cc_oc_03_the_same_asynchronous_call_has_one_effect_and_one_answer(toy: Toy, performer: ByHand) -> None:
    first = _accept(toy, request())
    assert _accept(toy, request()) == first
    _run(toy, performer)
    again = _accept(toy, request())
    assert (again.id, again.response) == (first.id, answered(CardResponse(status=SUCCESS, data=b"1")))
    assert (toy.work(), toy.does.runs) == (0, 1)
    assert toy.effects() == ["1-0", "1-1", "1-2"]
    inbox = Inbox()
    while toy.outbox.deliver_one(inbox):
        pass
    assert [entry.message for entry in inbox.taken.values()] == [again.response] * 2  # it asked again: it hears again
    assert {entry.operation for entry in inbox.taken.values()} == {first.id}


def test_cc_oc_03_the_same_synchronous_call_has_one_effect_and_one_answer(toy: Toy) -> None:
    first = toy.engine.call(UPDATE, request(kind=UPDATE))
    assert toy.engine.call(UPDATE, request(kind=UPDATE)) == first == answered(Response(status=SUCCESS))
    assert (toy.effects(), toy.does.runs) == (["update 1"], 1)


def test_cc_oc_03_the_same_call_at_the_same_time_has_one_effect(toy: Toy, make: MakeToy) -> None:
    toys = [toy, make()]
    answers: list[object] = []
    gate = threading.Barrier(6)

    def call(number: int) -> None:
        gate.wait()
        for each in range(5):
            answers.append(toys[number % 2].engine.call(UPDATE, request(f"u{each}", kind=UPDATE)))
            answers.append(toys[number % 2].engine.call(ENABLE, request(f"e{each}", card=1)))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 60
    assert toy.effects() == [f"update u{each}" for each in range(5)]
    assert all(each == answered(Response(status=SUCCESS)) for each in answers if isinstance(each, Response))
    assert len({each.id for each in answers if isinstance(each, Operation)}) == 5


def test_an_identifier_is_for_one_call_only(toy: Toy) -> None:
    _accept(toy, request("1"))
    toy.engine.call(UPDATE, request("2", kind=UPDATE))
    for function, asked in [
        (ENABLE, request("1", card=1)),
        (ENABLE, request("2")),
        (UPDATE, request("2", card=1, kind=UPDATE)),
        (UPDATE, request("1", kind=UPDATE)),
        (row("DisableProfile"), request("1")),
    ]:
        answer = toy.engine.call(function, asked)
        assert isinstance(answer, Response)
        assert (answer.status.status, answer.status.code) == (Status.FAILED, Code.IDENTIFIER_IN_USE.pair)
    assert toy.effects() == ["update 2"]


def test_calls_without_identifier_are_each_new(toy: Toy) -> None:
    assert _accept(toy, request("")).id != _accept(toy, request("")).id
    assert toy.engine.call(UPDATE, request("", card=1, kind=UPDATE)) == answered(Response(status=SUCCESS))
    assert toy.does.runs == 1


def test_reads_are_answered_anew(toy: Toy, database: Database) -> None:
    for _ in range(2):
        toy.engine.call(GET, request(kind=GET))
    assert toy.does.runs == 2
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM call")).scalar() == 0


# --- one at a time for each card


def test_calls_of_a_card_run_in_the_order_in_which_they_came(toy: Toy, performer: ByHand) -> None:
    operations = [_accept(toy, request(str(number))) for number in range(3)]
    other = _accept(toy, request("other", card=1))
    toy.work()
    assert [step.note["line"] for step, _ in performer.begun] == ["0-0", "other-0"]
    _run(toy, performer)
    assert all(_now(toy, each).state is OperationState.DONE for each in (*operations, other))


def test_a_synchronous_change_of_a_busy_card_is_refused(toy: Toy, performer: ByHand) -> None:
    _accept(toy, request("1"))
    toy.work()
    answer = toy.engine.call(UPDATE, request("2", kind=UPDATE))
    assert isinstance(answer, Response)
    assert (answer.status.code, answer.status.subject_identifier) == (Code.BUSY.pair, str(eid()))
    assert toy.engine.call(UPDATE, request("3", card=1, kind=UPDATE)) == answered(Response(status=SUCCESS))
    assert isinstance(toy.engine.call(GET, request("4", kind=GET)), Response)
    _run(toy, performer)
    assert toy.engine.call(UPDATE, request("2", kind=UPDATE)) == answered(Response(status=SUCCESS))  # it was not kept


def test_workers_of_two_processes_never_run_one_card_at_once(database: Database) -> None:
    active: dict[str, int] = {}
    guard = threading.Lock()
    order: dict[str, list[str]] = {}
    clashes: list[str] = []

    class Counting:
        def perform(self, step: Step, done: Callable[[Outcome], None]) -> None:
            name = step.note["line"].split("-")[0]
            card = name.split(".")[0]
            with guard:
                if active.setdefault(card, 0):
                    clashes.append(card)
                active[card] += 1
                order.setdefault(card, []).append(name)

            def end() -> None:
                with guard:
                    active[card] -= 1
                done(Outcome())

            threading.Timer(0.001, end).start()

    clock = Time()
    toys = [Toy(database, Counting(), clock) for _ in range(2)]
    for each in range(6):
        for card in range(4):
            toys[each % 2].engine.call(ENABLE, request(f"{card}.{each}", card=card), REPLY)
    stop = threading.Event()

    def work(toy: Toy) -> None:
        while not stop.is_set():
            toy.engine.worker.work(0.01)

    threads = [threading.Thread(target=work, args=(toy,)) for toy in toys for _ in range(2)]
    for thread in threads:
        thread.start()
    waited = threading.Event()
    for _ in range(2000):
        if toys[0].outbox.waiting() == 24:
            break
        waited.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert toys[0].outbox.waiting() == 24
    assert clashes == []
    assert order == {str(card): [f"{card}.{each}" for each in range(6) for _ in range(3)] for card in range(4)}
    assert len(toys[0].effects()) == 72


def test_the_queue_has_a_bound(make: MakeToy, performer: ByHand) -> None:
    toy = make(max_queue=2)
    first = _accept(toy, request("1"))
    _accept(toy, request("2"))
    with pytest.raises(Overloaded) as caught:
        _accept(toy, request("3"))
    assert caught.value.retry_after > 0
    assert _accept(toy, request("1")) == first  # which is no further call
    _run(toy, performer)
    _accept(toy, request("3"))


def test_a_process_begins_no_more_than_it_may(make: MakeToy, performer: ByHand) -> None:
    toy = make(max_running=2)
    for card in range(3):
        _accept(toy, request(str(card), card=card))
    toy.work()
    assert len(performer.begun) == 2
    assert make().work() == 1  # another process takes the third


# --- processes that end, or seem to


def test_the_calls_of_a_dead_process_are_taken_up_where_they_were(make: MakeToy, clock: Time) -> None:
    dead, live, steps = ByHand(), ByHand(), ByHand()
    first, second = make(dead), make(live)
    operation = _accept(first, request())
    first.work()
    dead.end()
    first.work()  # step 1 is begun, and then it is dead
    clock.now += 30
    assert second.work() == 0
    clock.now += 0.1
    assert second.work() == 1
    assert second.does.interrupted == [Interrupted("step 1", {"number": "1", "line": "1-1"})]
    assert live.end(Outcome(False)).name == "ask"
    _run(second, live)
    assert _now(second, operation).state is OperationState.DONE
    assert second.effects() == ["1-0", "1-1", "1-2"]
    assert steps.begun == []


def _taken_up_often(make: MakeToy, attempts: int = 100) -> Operation:
    """A call that is interrupted at step 1, so many times."""
    toy, steps = make(), ByHand()
    first = make(steps)
    operation = _accept(first, request())
    first.work()
    steps.end()
    first.work()
    first.engine.worker.abandon()
    with toy.database.unit() as connection:
        connection.execute(text("UPDATE call SET attempts = :attempts"), {"attempts": attempts})
    return operation


@pytest.mark.parametrize("attempts", [99, 100])
def test_a_call_taken_up_too_often_ends_as_if_its_step_had_failed(
    attempts: int, make: MakeToy, performer: ByHand
) -> None:
    operation = _taken_up_often(make, attempts)
    toy, seen = make(), []

    def procedure(_: Request) -> Procedure[Response]:
        for number in range(2):  # one that tries something else first, to leave all in order
            try:
                yield ToyStep(f"try {number}")
            except M2mError as error:
                seen.append(str(error))
        toy.does.effect("in order")
        return CardResponse(status=failed(Code.ISD_R_FAILED), data=b"kept")

    toy.does.instead = procedure
    _run(toy, performer)
    response = _now(toy, operation).response
    assert isinstance(response, CardResponse)
    assert response.data == b"kept"
    assert toy.effects() == ["1-0", "in order"]
    if attempts < 100:
        assert (response.status.code, seen) == (Code.ISD_R_FAILED.pair, [])
    else:
        assert response.status.code == Code.INTERNAL.pair
        assert seen == [f"try {number}: the call was begun 100 times" for number in range(2)]


def test_one_that_ends_well_even_so_has_ended_well(make: MakeToy, performer: ByHand) -> None:
    operation = _taken_up_often(make)
    toy = make()

    def procedure(_: Request) -> Procedure[Response]:
        with suppress(M2mError):
            yield ToyStep("not needed")
        return CardResponse(status=SUCCESS)

    toy.does.instead = procedure
    _run(toy, performer)
    assert _now(toy, operation).response == answered(CardResponse(status=SUCCESS))


def test_one_that_cannot_even_be_given_up_leaves_its_card_free(make: MakeToy, performer: ByHand) -> None:
    operation = _taken_up_often(make)
    toy = make()

    def procedure(_: Request) -> Procedure[Response]:
        try:
            yield ToyStep("fails")
        except M2mError:
            toy.does.effect("half of it")
            raise ZeroDivisionError from None
        raise AssertionError

    toy.does.instead = procedure
    _run(toy, performer)
    assert _now(toy, operation).response == answered(
        CardResponse(status=failed(Code.INTERNAL, "the call was begun 100 times"))
    )
    assert toy.effects() == ["1-0"]
    toy.does.instead = None
    after = _accept(toy, request("2"))
    _run(toy, performer)
    assert _now(toy, after).state is OperationState.DONE


def test_a_call_that_was_interrupted_goes_on_after_its_deadline(make: MakeToy, clock: Time) -> None:
    live = ByHand()
    first, second = make(ByHand()), make(live)
    operation = _accept(first, request(period=10))
    first.work()
    clock.now += 31
    second.work()
    live.end(Outcome(True))
    _run(second, live)
    response = _now(second, operation).response
    assert response is not None
    assert response.status.is_success  # whatever the card was told, it is asked


def test_a_process_that_lost_its_lease_writes_nothing(make: MakeToy, clock: Time) -> None:
    slow, live = ByHand(), ByHand()
    first, second = make(slow), make(live)
    operation = _accept(first, request())
    first.work()
    clock.now += 31
    second.work()
    slow.end()  # what it waited for comes now
    first.work()
    assert (first.effects(), slow.begun, first.engine.worker.running) == ([], [], 0)
    live.end(Outcome(True))
    _run(second, live)
    assert first.effects() == ["1-0", "1-1", "1-2"]
    assert _now(first, operation).state is OperationState.DONE
    assert first.outbox.waiting() == 1


@pytest.mark.parametrize("accepts", [False, True])
def test_what_a_late_process_had_of_a_card_is_closed_before_it_begins_anew(
    make: MakeToy, clock: Time, accepts: bool
) -> None:
    seen: list[str] = []
    first, second = make(ByHand()), make(ByHand())

    def procedure(asked: Request) -> Procedure[Response]:
        seen.append(f"{asked.call.identifier} begun")
        try:
            yield ToyStep("s")
        finally:
            seen.append(f"{asked.call.identifier} closed")
        return CardResponse(status=SUCCESS)

    first.does.instead = procedure
    _accept(first, request("1"))
    first.work()
    clock.now += 31
    if accepts:  # another process has brought the call to its end, and the next one could be begun as it comes
        second.does.instead = lambda _: second.does._nothing(CardResponse(status=SUCCESS))
        second.work()
        first.engine.worker.serves = True
        _accept(first, request("2"))
    while len(seen) < 3:
        assert first.work()
    assert seen == ["1 begun", "1 closed", "2 begun" if accepts else "1 begun"]
    assert first.engine.worker.running == 1


def test_a_lost_call_is_closed_and_what_it_writes_then_is_not_kept(make: MakeToy, clock: Time) -> None:
    first, second = make(ByHand()), make(ByHand())
    closed: list[bool] = []

    def procedure(_: Request) -> Procedure[Response]:
        try:
            yield ToyStep("s")
        finally:
            first.does.effect("cleaned up")
            closed.append(True)
        return CardResponse(status=SUCCESS)

    first.does.instead = procedure
    _accept(first, request())
    first.work()
    clock.now += 31
    second.work()
    first.engine.worker.renew()
    assert (closed, first.effects(), first.engine.worker.running) == ([True], [], 0)


def test_a_process_that_shows_itself_keeps_its_calls(make: MakeToy, clock: Time) -> None:
    steps = ByHand()
    first, second = make(steps), make(ByHand())
    _accept(first, request())
    first.work()
    for _ in range(10):
        clock.now += 29
        first.engine.worker.renew()
        assert second.work() == 0
    _run(first, steps)
    assert first.effects() == ["1-0", "1-1", "1-2"]


def test_a_process_that_stops_gives_its_calls_back_at_once(make: MakeToy) -> None:
    slow, live = ByHand(), ByHand()
    first, second = make(slow), make(live)
    operation = _accept(first, request())
    _accept(first, request("2", card=1))
    first.engine.worker.work()
    first.engine.worker.work()
    first.engine.worker.drain()
    assert first.work() == 0  # the other one is not begun
    first.engine.worker.abandon()
    second.work()
    live.end(Outcome(True))
    _run(second, live)
    assert _now(second, operation).state is OperationState.DONE
    assert len(second.effects()) == 6


# --- effect and answer are one


def test_effect_and_answer_are_kept_together(toy: Toy, performer: ByHand, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = _accept(toy, request())
    toy.work()
    performer.end()
    toy.work()
    performer.end()
    toy.work()
    finish, failures = Calls.finish, [1]

    def fail(*arguments: object) -> None:
        if failures.pop() if failures else 0:
            raise OperationalError("UPDATE", {}, Exception("disk full"))
        finish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Calls, "finish", fail)
    performer.end()
    toy.engine.worker.work()
    assert (toy.effects(), toy.outbox.waiting()) == (["1-0", "1-1"], 0)  # the last effect went with the answer
    assert _now(toy, operation).state is OperationState.RUNNING
    toy.work()
    assert toy.does.interrupted == [Interrupted("step 2", {"number": "2", "line": "1-2"})]
    performer.end(Outcome(True))
    toy.work()
    assert (toy.effects(), toy.outbox.waiting()) == (["1-0", "1-1", "1-2"], 1)


def test_a_synchronous_effect_without_its_answer_is_none(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(Calls, "add", fail)
        with pytest.raises(OperationalError):
            toy.engine.call(UPDATE, request(kind=UPDATE))
    assert toy.effects() == []
    assert toy.engine.call(UPDATE, request(kind=UPDATE)) == answered(Response(status=SUCCESS))


def test_a_mistake_in_a_function_neither_blocks_its_card_nor_ends_the_worker(toy: Toy, performer: ByHand) -> None:
    def bad(asked: Request) -> Procedure[Response]:
        if asked.call.identifier.startswith("bad"):
            toy.does.effect("of the bad one")
            raise ZeroDivisionError
        toy.does.effect("good")
        yield from ()
        return CardResponse(status=SUCCESS)

    toy.does.instead = bad
    first, second = _accept(toy, request("bad")), _accept(toy, request("good"))
    _run(toy, performer)
    response = _now(toy, first).response
    assert response is not None
    assert response.status.code == Code.INTERNAL.pair
    assert _now(toy, second).state is OperationState.DONE
    assert toy.effects() == ["good"]
    with pytest.raises(ZeroDivisionError):
        toy.engine.call(UPDATE, request("bad 2", card=1, kind=UPDATE))
    assert "of the bad one" not in toy.effects()


# --- where threads work, a call is brought to its first step as it is accepted


@pytest.fixture
def serving(toy: Toy) -> Toy:
    """A process in which threads work, but for the threads."""
    toy.engine.worker.serves = True
    return toy


def test_a_call_comes_to_its_first_step_as_it_is_accepted(
    serving: Toy, performer: ByHand, make: MakeToy, clock: Time, database: Database
) -> None:
    operation = _accept(serving, request())
    assert (operation.state, serving.does.runs, performer.begun) == (OperationState.ACCEPTED, 1, [])
    with database.reading() as connection:
        kept = connection.execute(text("SELECT state, attempts, step FROM call")).one()
    assert tuple(kept) == ("running", 1, "step 0")
    assert _accept(serving, request()).id == operation.id  # the same call is not another one
    other = make(performer)
    assert other.work() == 0
    clock.now += 31  # the process has ended before it began the step
    other.work()
    assert (performer.end(Outcome(False)).name, other.does.interrupted[0].name) == ("ask", "step 0")
    _run(other, performer)
    assert other.effects() == ["1-0", "1-1", "1-2"]
    assert _now(other, operation).state is OperationState.DONE


def test_a_step_that_was_decided_long_ago_is_begun_only_by_who_has_the_call(
    serving: Toy, performer: ByHand, make: MakeToy, clock: Time
) -> None:
    live = ByHand()
    other = make(live)
    _accept(serving, request("1"))
    _accept(serving, request("2", card=1))
    clock.now += 20  # no other process has looked
    assert serving.engine.worker.work()
    assert [step.name for step, _ in performer.begun] == ["step 0"]
    clock.now += 11
    other.work()
    assert serving.engine.worker.work()
    assert (len(performer.begun), serving.engine.worker.running) == (1, 1)
    assert [step.name for step, _ in live.begun] == ["ask"]  # call 2; the lease of call 1 was prolonged


def test_a_call_that_ends_as_it_is_accepted_is_answered(serving: Toy, performer: ByHand) -> None:
    serving.does.instead = lambda _: serving.does._nothing(CardResponse(status=SUCCESS))
    operation = _accept(serving, request())
    assert operation.state is OperationState.ACCEPTED
    assert _now(serving, operation).response == answered(CardResponse(status=SUCCESS))
    _run(serving, performer)
    assert serving.engine.worker.running == 0
    assert serving.outbox.waiting() == 1
    assert _accept(serving, request("2")).state is OperationState.ACCEPTED  # its card is free
    assert serving.does.runs == 2


def test_a_call_behind_another_one_of_its_card_waits(serving: Toy, performer: ByHand) -> None:
    _accept(serving, request("1"))
    _accept(serving, request("2"))
    _accept(serving, request("3"))
    assert serving.does.runs == 1
    _run(serving, performer)
    assert serving.effects() == [f"{call}-{step}" for call in "123" for step in range(3)]


@pytest.mark.parametrize("what", [ZeroDivisionError, Stale, M2mError])
def test_what_goes_wrong_before_the_first_step_leaves_the_call_and_nothing_else(
    serving: Toy, performer: ByHand, what: type[Exception]
) -> None:
    closed = []

    def procedure(asked: Request) -> Procedure[Response]:
        try:
            serving.does.effect(f"try {serving.does.runs}")
            if serving.does.runs == 1:
                raise what("once")
            yield ToyStep("s")
        finally:
            closed.append(serving.does.runs)
        return CardResponse(status=SUCCESS)

    serving.does.instead = procedure
    operation = _accept(serving, request())
    assert (serving.effects(), closed) == ([], [1])
    assert _now(serving, operation).state is OperationState.ACCEPTED
    _run(serving, performer)
    assert serving.effects() == ["try 2"]
    assert _now(serving, operation).state is OperationState.DONE


def test_a_full_queue_is_counted_anew(make: MakeToy, performer: ByHand) -> None:
    toy = make(max_queue=2)
    first = _accept(toy, request("1"))
    _accept(toy, request("2", card=1))
    for _ in range(3):
        with pytest.raises(Overloaded):
            _accept(toy, request("3", card=2))
    assert _accept(toy, request("1")).id == first.id
    _run(toy, performer)
    _accept(toy, request("3", card=2))
    _accept(toy, request("4", card=3))
    with pytest.raises(Overloaded):
        _accept(toy, request("5", card=4))


# --- synchronous functions with steps, notifications, callbacks


def test_a_synchronous_function_may_have_steps(toy: Toy, make: MakeToy) -> None:
    class Answers:
        def perform(self, step: Step, done: Callable[[Outcome], None]) -> None:
            assert toy.effects() == ["before"]  # kept, and no unit of work is open
            threading.Timer(0.01, lambda: done(Outcome("yes"))).start()

    relay = make(Answers())

    def procedure(_: Request) -> Procedure[Response]:
        relay.does.effect("before")
        relay.does.effect((yield ToyStep("ask")))
        return Response(status=SUCCESS)

    relay.does.instead = procedure
    assert relay.engine.call(UPDATE, request(kind=UPDATE)) == answered(Response(status=SUCCESS))
    assert toy.effects() == ["before", "yes"]


def test_callbacks_are_kept_once(toy: Toy) -> None:
    first, second = answered(CardResponse(status=SUCCESS, data=b"1")), answered(CardResponse(status=SUCCESS, data=b"2"))
    toy.engine.answered(ENABLE, first, PEER, "m-1")
    toy.engine.answered(ENABLE, second, PEER, "m-1")
    toy.engine.answered(ENABLE, second, Oid("2.999.9"), "m-1")
    assert toy.engine.answers.find(CardResponse, PEER, "m-1") == first
    assert toy.engine.answers.find(CardResponse, Oid("2.999.9"), "m-1") == second
    assert toy.engine.answers.find(CardResponse, PEER, "m-2") is None


def test_a_notification_is_taken_in_one_unit_of_work(database: Database, clock: Time) -> None:
    does = ToyFunctions(database)

    class Listener:
        def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
            does.effect(f"{function.name} {sender}")
            if sender == "2.999.9":
                raise KeyError

        def answered(self, *_: object) -> None:
            raise AssertionError

    toy = Toy(database, ByHand(), clock, listener=Listener())
    told = ProfileNotification(eid=eid(), iccid=ICCID, completion_timestamp=MOMENT)
    toy.engine.notified(row("HandleProfileEnabledNotification"), told, PEER)
    with pytest.raises(KeyError):
        toy.engine.notified(row("HandleProfileEnabledNotification"), told, Oid("2.999.9"))
    assert toy.effects() == [f"HandleProfileEnabledNotification {PEER}"]
