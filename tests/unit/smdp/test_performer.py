# SPDX-License-Identifier: Apache-2.0
"""ES3 calls of a server: ended by callbacks, looked at where none comes, made again where an answer was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

import pytest

from apdu.errors import M2mError, RemoteProtocolError
from smdp.errors import Refused, Unanswered
from smdp.es3 import Es3Call, Pause
from smdp.performer import Es3Performer, Patience, ServicePeer
from smdp.timer import Timer
from smsr.api.functions import Function
from smsr.api.messages import CardResponse, GetEisRequest, ProfileRequest, Request, Response
from smsr.api.notifications import Notification
from smsr.api.status import SUCCESS, Code, failed
from smsr.kit.oid import Oid
from smsr.serving.procedure import Outcome
from smsr.serving.service import Binding, Operation, OperationState, Overloaded, ReplyTo
from tests.support.smdp import ES3, call
from tests.unit.kit.world import EID, SM_DP_OID, SM_SR_OID
from tests.unit.smsr.bench import ICCID

ENABLE = ES3["EnableProfile"]
QUICK = Patience(synchronous=0.5, asynchronous=0.5, first_look=0.01, last_look=0.02)
PATIENT = Patience(synchronous=30, asynchronous=30, first_look=30, last_look=30)
Said = Response | Operation | M2mError
ANSWER = CardResponse(status=SUCCESS, data=b"\x90\x00")


def _operation(id: str = "op", response: Response | None = None) -> Operation:
    state = OperationState.ACCEPTED if response is None else OperationState.DONE
    return Operation(
        id=id,
        function=ENABLE,
        requester=SM_DP_OID,
        identifier="one",
        state=state,
        accepted=datetime.now(UTC),
        response=response,
    )


class _Peer:
    """Says what it is told to, the last thing for ever."""

    def __init__(self, *says: Said, looks: tuple[Operation | M2mError, ...] = ()) -> None:
        self.says = list(says)
        self.looks = list(looks)
        self.called: list[Request] = []
        self.looked = 0

    def call(self, function: Function, request: Request) -> Response | Operation:
        self.called.append(request)
        said = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if isinstance(said, M2mError):
            raise said
        return said

    def look(self, operation: Operation) -> Operation:
        self.looked += 1
        said = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(said, M2mError):
            raise said
        return said


class _Site:
    def __init__(self, peer: _Peer, patience: Patience) -> None:
        self.performer = Es3Performer({SM_SR_OID: peer}, patience)
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()

    def begin(self, identifier: str = "one", function: Function = ENABLE) -> None:
        head = call(SM_DP_OID, identifier)
        request: Request = ProfileRequest(call=head, eid=EID, iccid=ICCID)
        if function.name == "GetEIS":
            request = GetEisRequest(call=head, eid=EID)
        self.performer.perform(Es3Call(SM_SR_OID, function, request, {}), self.outcomes.put)

    def outcome(self, seconds: float = 5) -> Outcome:
        return self.outcomes.get(timeout=seconds)

    def quiet(self, seconds: float = 0.05) -> None:
        with pytest.raises(Empty):
            self.outcomes.get(timeout=seconds)


Make = Callable[..., _Site]


@pytest.fixture
def make() -> Iterator[Make]:
    sites: list[_Site] = []

    def begin(*says: Said, looks: tuple[Operation | M2mError, ...] = (), patience: Patience = QUICK) -> _Site:
        sites.append(_Site(_Peer(*says, looks=looks), patience))
        return sites[-1]

    yield begin
    for site in sites:
        site.performer.close()


def _peer(site: _Site) -> _Peer:
    found = site.performer._peers[SM_SR_OID]
    assert isinstance(found, _Peer)
    return found


def test_an_answer_at_once(make: Make) -> None:
    site = make(ANSWER)
    site.begin()
    assert site.outcome() == Outcome(ANSWER)
    site.quiet()
    assert site.performer.waiting == 0


def test_an_operation_that_is_done_already(make: Make) -> None:
    site = make(_operation(response=ANSWER), patience=PATIENT)
    site.begin()
    assert site.outcome() == Outcome(ANSWER)


def test_a_callback_ends_it(make: Make) -> None:
    site = make(_operation(), patience=PATIENT)
    site.begin()
    site.begin("two")
    site.quiet()
    assert site.performer.waiting == 2
    site.performer.answered(ENABLE, ANSWER, SM_SR_OID, "two")
    assert site.outcome() == Outcome(ANSWER)
    site.quiet()
    assert site.performer.waiting == 1


@pytest.mark.parametrize("answer", [_operation(), ANSWER, M2mError("connection lost")])
def test_a_callback_that_comes_before_the_call_was_answered(
    make: Make, caplog: pytest.LogCaptureFixture, answer: Said
) -> None:
    """And the answer after it changes nothing."""
    site = make(answer, patience=PATIENT)
    release, called = threading.Event(), threading.Event()
    peer = _peer(site)
    accept = peer.call

    def slow(function: Function, request: Request) -> Response | Operation:
        called.set()
        assert release.wait(30)
        return accept(function, request)

    peer.call = slow  # type: ignore[method-assign]
    site.begin()
    assert called.wait(30)
    site.performer.answered(ENABLE, ANSWER, SM_SR_OID, "one")
    assert site.outcome() == Outcome(ANSWER)
    release.set()
    site.quiet()
    assert (site.performer.waiting, caplog.records) == (0, [])


def test_callbacks_that_nobody_waits_for(make: Make) -> None:
    """Another sender, function or call; and the right one a second time."""
    site = make(_operation(), patience=PATIENT)
    site.begin()
    site.performer.answered(ENABLE, ANSWER, Oid("1.2.3"), "one")
    site.performer.answered(ES3["DisableProfile"], ANSWER, SM_SR_OID, "one")
    site.performer.answered(ENABLE, ANSWER, SM_SR_OID, "two")
    site.quiet()
    for _ in range(2):
        site.performer.answered(ENABLE, ANSWER, SM_SR_OID, "one")
    assert site.outcome() == Outcome(ANSWER)
    site.quiet()


def test_an_operation_is_looked_at_when_no_callback_comes(make: Make) -> None:
    site = make(_operation(), looks=(_operation(), _operation(), _operation(response=ANSWER)))
    site.begin()
    assert site.outcome() == Outcome(ANSWER)
    assert (len(_peer(site).called), _peer(site).looked) == (1, 3)


def test_an_operation_that_cannot_be_looked_at_is_called_again_as_the_same_call(make: Make) -> None:
    """SOAP has no operations; and one that is not known any more was kept long enough."""
    for site in (
        make(_operation(""), _operation(""), ANSWER),
        make(_operation(), ANSWER, looks=(RemoteProtocolError("not known"),)),
    ):
        site.begin()
        assert site.outcome() == Outcome(ANSWER)
        assert len(set(map(repr, _peer(site).called))) == 1


def test_a_callback_that_another_process_has_taken(make: Make) -> None:
    asked: list[tuple[type[Response], Oid, str]] = []

    class Kept:
        def find(self, kind: type[Response], sender: Oid, relates_to: str) -> Response | None:
            asked.append((kind, sender, relates_to))
            return ANSWER if len(asked) > 1 else None

    peer = _Peer(_operation(""))
    performer = Es3Performer({SM_SR_OID: peer}, QUICK, Kept())
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    request = ProfileRequest(call=call(SM_DP_OID, "one"), eid=EID, iccid=ICCID)
    performer.perform(Es3Call(SM_SR_OID, ENABLE, request, {}), outcomes.put)
    assert outcomes.get(timeout=5) == Outcome(ANSWER)
    assert asked == [(CardResponse, SM_SR_OID, "one")] * 2
    assert len(peer.called) == 2
    performer.close()


def test_a_lost_answer_and_a_full_server(make: Make) -> None:
    site = make(M2mError("connection lost"), Overloaded("full", 0), M2mError("nobody there"), ANSWER)
    site.begin()
    assert site.outcome() == Outcome(ANSWER)
    assert len(_peer(site).called) == 4


@pytest.mark.parametrize(
    "said, delivered", [(_operation(""), True), (M2mError("nobody there"), False), (Overloaded("full", 0), False)]
)
def test_patience_ends(make: Make, said: Said, delivered: bool) -> None:
    site = make(said, patience=replace_patience(asynchronous=0.1))
    begin = time.monotonic()
    site.begin()
    outcome = site.outcome()
    assert isinstance(outcome.error, Unanswered)
    assert outcome.error.delivered is delivered
    assert 0.09 < time.monotonic() - begin < 3
    assert site.performer.waiting == 0


def replace_patience(**changes: float) -> Patience:
    return QUICK._replace(**changes)


def test_what_is_no_answer_is_not_asked_for_ever(make: Make) -> None:
    site = make(RemoteProtocolError("status 403"), patience=replace_patience(asynchronous=60))
    site.begin()
    outcome = site.outcome()
    assert isinstance(outcome.error, Unanswered)
    assert "status 403" in str(outcome.error)
    assert len(_peer(site).called) == 3


def test_a_fault_inside_ends_the_step(make: Make) -> None:
    site = make(ANSWER)

    def broken(function: Function, request: Request) -> Response | Operation:
        raise AssertionError("broken")

    _peer(site).call = broken  # type: ignore[method-assign]
    site.begin()
    error = site.outcome().error
    assert isinstance(error, Unanswered)
    assert "AssertionError" in str(error)
    assert "broken" not in str(error)


def test_the_period_of_validity_is_waited_for(make: Make) -> None:
    request = ProfileRequest(call=call(validity_period=100), eid=EID, iccid=ICCID)
    step = Es3Call(SM_SR_OID, ENABLE, request, {})
    assert PATIENT.of(step) == 130
    read = Es3Call(SM_SR_OID, ES3["GetEIS"], GetEisRequest(call=call(), eid=EID), {})
    assert PATIENT._replace(synchronous=7).of(read) == 7


def test_an_sm_sr_that_is_not_known(make: Make) -> None:
    site = make(ANSWER)
    request = ProfileRequest(call=call(), eid=EID, iccid=ICCID)
    site.performer.perform(Es3Call(Oid("1.2.3"), ENABLE, request, {}), site.outcomes.put)
    error = site.outcome().error
    assert isinstance(error, Refused)
    assert error.status.code == Code.SM_SR_UNKNOWN.pair


def test_a_pause(make: Make) -> None:
    site = make(ANSWER)
    begin = time.monotonic()
    site.performer.perform(Pause(0.1, {}), site.outcomes.put)
    site.performer.perform(Pause(0.0, {}), site.outcomes.put)
    assert site.outcome() == Outcome()
    assert time.monotonic() - begin < 0.1
    assert site.outcome() == Outcome()
    assert time.monotonic() - begin >= 0.1


def test_no_thread_waits(make: Make) -> None:
    """A thousand accepted calls: no more threads than for one."""
    site = make(_operation(), patience=PATIENT)
    for number in range(1000):
        site.begin(str(number))
    end = time.monotonic() + 10
    while len(_peer(site).called) < 1000 and time.monotonic() < end:
        time.sleep(0.01)
    assert site.performer.waiting == 1000
    assert threading.active_count() < 30
    for number in range(1000):
        site.performer.answered(ENABLE, ANSWER, SM_SR_OID, str(number))
    assert all(site.outcome() == Outcome(ANSWER) for _ in range(1000))


def test_after_the_end_nothing_begins(make: Make) -> None:
    site = make(_operation(""))
    site.begin()
    site.quiet(0.03)
    site.performer.close()
    called = len(_peer(site).called)
    time.sleep(0.1)
    assert len(_peer(site).called) - called <= 1
    site.quiet()
    timer = Timer("closed")
    timer.close()
    timer.after(0, lambda: site.outcomes.put(Outcome()))
    site.quiet()


class _Service:
    """An SM-SR in the same process that takes its time."""

    oid = SM_SR_OID
    functions = (ENABLE,)

    def __init__(self) -> None:
        self.reply: ReplyTo | None = None
        self.found: Operation | None = _operation()

    def call(self, function: Function, request: Request, reply: ReplyTo | None = None) -> Response | Operation:
        self.reply = reply
        return _operation()

    def operation(self, requester: Oid, id: str) -> Operation | None:
        assert (requester, id) == (SM_DP_OID, "op")
        return self.found

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        raise AssertionError

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        raise AssertionError


def test_an_sm_sr_in_the_same_process() -> None:
    service = _Service()
    performer = Es3Performer({SM_SR_OID: ServicePeer(service)}, QUICK)
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    request = ProfileRequest(call=call(SM_DP_OID, "one"), eid=EID, iccid=ICCID)
    performer.perform(Es3Call(SM_SR_OID, ENABLE, request, {}), outcomes.put)
    with pytest.raises(Empty):
        outcomes.get(timeout=0.05)
    assert service.reply == ReplyTo(binding=Binding.JSON, message_id="one")
    done = replace(_operation(), state=OperationState.DONE, response=CardResponse(status=failed(Code.POL1)))
    service.found = done
    assert outcomes.get(timeout=5) == Outcome(done.response)
    service.found = None
    with pytest.raises(RemoteProtocolError):
        ServicePeer(service).look(_operation())
    performer.close()
