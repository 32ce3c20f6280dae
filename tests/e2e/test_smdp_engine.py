# SPDX-License-Identifier: Apache-2.0
"""An SM-DP behind its engine and database: downloads that other processes take up, callbacks, answers given once."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest
from sqlalchemy import text

from apdu.errors import M2mError
from apdu.ids import Eid
from apdu.keys.secret import SecretKey
from smdp.api.functions import FUNCTIONS
from smdp.api.messages import DownloadProfileResponse
from smdp.db.profiles import SqlProfileStore
from smdp.db.stores import SqlInbox, SqlKeyStore
from smdp.handlers import Handlers
from smdp.installer import Installer
from smdp.performer import Es3Performer, Patience
from smdp.profiles.store import StockState
from smdp.relay import Relay
from smdp.service import MIGRATIONS
from smsr.api.eis_parts import ProfileState
from smsr.api.functions import Exchange, Function
from smsr.api.messages import EisResponse, Request, Response
from smsr.api.notifications import Notification, RelayedProfileNotification
from smsr.kit.oid import Oid
from smsr.kit.sealer import Sealer
from smsr.serving.database import Database
from smsr.serving.engine import Engine, EngineSettings
from smsr.serving.outbox import Entry, SqlOutbox
from smsr.serving.service import Binding, Operation, OperationState, ReplyTo
from smsr.serving.threads import Threads
from tests.e2e.world import EID
from tests.support.download import Site, prepared
from tests.support.smdp import ES2, ES3, about, call, download, said
from tests.unit.kit.world import MNO_OID, NOW, SM_DP_OID, SM_SR_OID

FIRST = prepared(1).iccid
REPLY = ReplyTo(binding=Binding.JSON, message_id="call-1")


class Cut(M2mError):
    """The connection is gone."""


class SmSrPeer:
    """The SM-SR with its callbacks: asynchronous functions are accepted, done by a thread, and called back."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.call_back: Callable[[Function, Response, Oid, str], None] = lambda *answer: None
        self.lose: Callable[[Function, Request], bool] = lambda function, request: False
        """Whose acceptance is lost on the way."""
        self.silent = False
        """No callbacks."""
        self._done: dict[str, Response] = {}
        self._todo: SimpleQueue[tuple[Function, Request] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def call(self, function: Function, request: Request) -> Response | Operation:
        """Peer."""
        if function.exchange is Exchange.SYNCHRONOUS:
            return self.site.dp.service.call(function, request)
        self._todo.put((function, request))
        if self.lose(function, request):
            raise Cut(f"{function}: connection lost")
        return self._operation(function, request.call.identifier)

    def look(self, operation: Operation) -> Operation:
        """Peer."""
        return self._operation(operation.function, operation.id)

    def _operation(self, function: Function, identifier: str) -> Operation:
        response = self._done.get(identifier)
        state = OperationState.ACCEPTED if response is None else OperationState.DONE
        return Operation(
            id=identifier,
            function=function,
            requester=SM_DP_OID,
            identifier=identifier,
            state=state,
            accepted=self.site.dp.desk.installer.now(),
            response=response,
        )

    def _work(self) -> None:
        while (todo := self._todo.get()) is not None:
            function, request = todo
            response = self.site.dp.service.call(function, request)
            self._done[request.call.identifier] = response
            if not self.silent:
                self.call_back(function, response, SM_SR_OID, request.call.identifier)

    def close(self) -> None:
        """End the thread."""
        self._todo.put(None)
        self._thread.join()


class Listener:
    """What the SM-DP does with messages that are no calls."""

    def __init__(self, relay: Relay, performer: Es3Performer) -> None:
        self.notified = relay.notified
        self.answered = performer.answered


class Process:
    """One process of the SM-DP."""

    def __init__(self, site: Site, peer: SmSrPeer, database: Database, told: list[Entry], first_look: float) -> None:
        outbox = SqlOutbox(database, FUNCTIONS, time.time)
        sealer = Sealer(SecretKey(bytes(range(32))), SystemEntropy())
        installer = Installer(
            site.card.everybody.sm_dp,
            roots=(site.card.everybody.ci.certificate,),
            keys=SqlKeyStore(database, sealer),
            entropy=SystemEntropy(),
            clock=lambda: NOW,
        )
        self.profiles = SqlProfileStore(database, sealer)
        desk = replace(
            site.dp.desk,
            installer=installer,
            profiles=self.profiles,
            inbox=SqlInbox(database, time.time),
            outbox=outbox,
        )
        self.performer = Es3Performer({SM_SR_OID: peer}, Patience(first_look=first_look))
        self.engine = Engine(
            SM_DP_OID,
            functions=FUNCTIONS,
            does=Handlers(desk),
            performer=self.performer,
            database=database,
            clock=time.time,
            outbox=outbox,
            settings=EngineSettings(lease=1.0),
            listener=Listener(Relay(desk), self.performer),
        )
        peer.call_back = self.engine.answered
        self.told = told
        self.threads = Threads(self.engine.worker, outbox, self, lease=1.0)
        self.threads.start()

    def deliver(self, entry: Entry) -> None:
        """Sender."""
        self.told.append(entry)

    def stop(self, seconds: float = 5.0) -> None:
        """The end; with no time at all, what runs is left to another process."""
        self.threads.stop(seconds)
        self.performer.close()


class SystemEntropy:
    """Of this computer, for any thread."""

    def draw(self, n: int) -> bytes:
        """The next n bytes."""
        return secrets.token_bytes(n)


class World:
    """The SM-SR, the card, and one process of the SM-DP after the other."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(2)
        self.peer = SmSrPeer(self.site)
        self.database = Database(f"sqlite:///{folder / 'sm-dp.db'}", (MIGRATIONS,))
        self.database.migrate()
        self.told: list[Entry] = []
        self.first_look = 30.0
        self.process = self.start()
        for profile in self.site.dp.profiles:
            self.process.profiles.add(profile, self.site.dp.profiles.package(profile.content))

    def start(self) -> Process:
        return Process(self.site, self.peer, self.database, self.told, self.first_look)

    def restart(self) -> None:
        self.process.stop(0.0)
        self.process = self.start()

    def call(self, name: str, request: Request) -> Response | Operation:
        return self.process.engine.call(ES2[name], request, REPLY)

    def done(self, operation: Response | Operation, seconds: float = 20.0) -> Response:
        assert isinstance(operation, Operation)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.process.engine.operation(MNO_OID, operation.id)
            assert found is not None
            if found.response is not None:
                return found.response
            time.sleep(0.01)
        raise AssertionError(f"not done: {self.site.dp.service.calls}, {self.process.performer.waiting}")

    def close(self) -> None:
        self.process.stop()
        self.peer.close()
        self.database.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def _installed(world: World, state: ProfileState) -> None:
    (profile,) = world.site.found()
    assert (profile.iccid, profile.state) == (FIRST, state)
    stock = world.process.profiles.get(FIRST)
    assert stock is not None
    assert (stock.state, stock.operation, stock.isd_p) == (StockState.DOWNLOADED, "", profile.isd_p_aid)


def test_cc_e2_02_from_the_call_to_the_callback(world: World) -> None:
    request = download(EID, FIRST, enable_profile=True)
    operation = world.call("DownloadProfile", request)
    response = world.done(operation)
    assert isinstance(response, DownloadProfileResponse)
    assert (said(response.status), response.iccid) == ("EXECUTED_SUCCESS", FIRST)
    _installed(world, ProfileState.ENABLED)
    end = time.monotonic() + 5
    while not world.told and time.monotonic() < end:
        time.sleep(0.01)
    (entry,) = world.told
    assert (entry.receiver, entry.message) == (MNO_OID, response)
    before = len(world.site.dp.service.calls)
    again = world.call("DownloadProfile", request)
    assert isinstance(again, Operation)
    assert again.response == response
    assert len(world.site.dp.service.calls) == before


def test_cc_e2_01_synchronous_functions_wait_for_the_sm_sr(world: World) -> None:
    assert world.done(world.call("DownloadProfile", download(EID, FIRST))).status.is_success
    response = world.call("GetEIS", get_eis())
    assert isinstance(response, EisResponse)
    assert response.eis is not None
    assert [each.iccid for each in response.eis.profiles] == [FIRST]
    assert world.site.dp.service.names()[-1] == "GetEIS"


def get_eis() -> Request:
    """ES2.GetEIS."""
    return ES2["GetEIS"].request(call=call(identifier="get"), eid=EID, smsr_id=SM_SR_OID)  # type: ignore[call-arg,return-value]


def test_callbacks_that_do_not_come(world: World) -> None:
    world.first_look = 0.02
    world.restart()
    world.peer.silent = True
    assert said(world.done(world.call("DownloadProfile", download(EID, FIRST))).status) == "EXECUTED_SUCCESS"
    _installed(world, ProfileState.DISABLED)


def test_acceptances_that_are_lost(world: World) -> None:
    """Each call is made at least twice and done once."""
    world.first_look = 0.02
    world.restart()
    lost: set[str] = set()

    def lose(function: Function, request: Request) -> bool:
        first = request.call.identifier not in lost
        lost.add(request.call.identifier)
        return first

    world.peer.lose = lose
    world.peer.silent = True
    assert said(world.done(world.call("DownloadProfile", download(EID, FIRST))).status) == "EXECUTED_SUCCESS"
    _installed(world, ProfileState.DISABLED)
    assert len(lost) > 5


@pytest.mark.parametrize("calls", [1, 2, 4, 7, 9])
def test_another_process_goes_on(world: World, calls: int) -> None:
    """The process ends while the SM-SR is at its so many-th call: what was begun is brought to an end once."""
    reached, go_on = threading.Event(), threading.Event()
    count = 0

    def hold(function: Function, request: Request) -> None:
        nonlocal count
        count += 1
        if count == calls:
            reached.set()
            assert go_on.wait(10)

    world.site.dp.service.fault = hold
    operation = world.call("DownloadProfile", download(EID, FIRST, enable_profile=True))
    assert reached.wait(10)
    stopped = threading.Thread(target=world.restart)
    stopped.start()
    time.sleep(0.05)
    go_on.set()
    stopped.join()
    assert said(world.done(operation).status) == "EXECUTED_SUCCESS"
    _installed(world, ProfileState.ENABLED)


_UNTOUCHED = (StockState.AVAILABLE, None)
_MAYBE_THERE = (StockState.RESERVED, EID)
_ON_CARD = (StockState.DOWNLOADED, EID)


@pytest.mark.parametrize(
    "at, status, where",
    [
        ("GetEIS", "FAILED 1.6/4.2", _UNTOUCHED),
        ("CreateISDP", "FAILED 1.6/4.2", _MAYBE_THERE),
        ("SendData", "FAILED 1.6/4.2", _MAYBE_THERE),
        ("ProfileDownloadCompleted", "FAILED 1.6/4.2", _MAYBE_THERE),
        ("EnableProfile", "EXECUTED_WITHWARNING 8.4/4.2", _ON_CARD),
    ],
)
def test_a_download_that_was_taken_up_too_often_holds_no_profile(
    world: World, at: str, status: str, where: tuple[StockState, Eid | None]
) -> None:
    """The stock says what it says of any download that failed there; the SM-SR is not called again."""
    reached, go_on = threading.Event(), threading.Event()

    def hold(function: Function, request: Request) -> None:
        if function.name == at:
            reached.set()
            assert go_on.wait(10)

    world.site.dp.service.fault = hold
    operation = world.call("DownloadProfile", download(EID, FIRST, enable_profile=True))
    assert reached.wait(10)
    stopping = threading.Thread(target=world.process.stop, args=(0.0,))
    stopping.start()
    stopping.join(0.1)
    go_on.set()
    stopping.join()
    with world.database.unit() as connection:
        connection.execute(text("UPDATE call SET attempts = 100"))
    asked = len(world.site.dp.service.calls)
    world.process = world.start()
    assert said(world.done(operation).status) == status
    assert len(world.site.dp.service.calls) == asked
    stock = world.process.profiles.get(FIRST)
    assert stock is not None
    assert (stock.state, stock.eid, stock.operation) == (*where, "")
    again = download(EID, FIRST, call=call(identifier="call-2"))
    complete = at in ("ProfileDownloadCompleted", "EnableProfile")  # the SM-SR had the call, and knows it
    wanted = "FAILED 8.2.1/3.3" if complete else "EXECUTED_SUCCESS"
    assert said(world.done(world.call("DownloadProfile", again)).status) == wanted


def test_a_queue_for_one_card(world: World) -> None:
    """Accepted one after the other, done one after the other."""
    operations = [
        world.call("DownloadProfile", download(EID, FIRST)),
        world.call("DeleteProfile", about(EID, FIRST, call(identifier="call-2"))),
        world.call("DownloadProfile", download(EID, FIRST, call=call(identifier="call-3"))),
        world.call("EnableProfile", about(EID, FIRST, call(identifier="call-4"))),
    ]
    assert [said(world.done(each).status) for each in operations] == ["EXECUTED_SUCCESS"] * 4
    _installed(world, ProfileState.ENABLED)


def test_cc_e2_08_a_notification_taken_is_kept_until_the_operator_has_it(world: World) -> None:
    world.done(world.call("DownloadProfile", download(EID, FIRST)))
    world.told.clear()
    message = _deleted(world)
    for _ in range(2):
        world.process.engine.notified(message[0], message[1], SM_SR_OID)
    end = time.monotonic() + 5
    while not world.told and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    kinds = [(entry.receiver, entry.function.name) for entry in world.told if isinstance(entry.message, Notification)]
    assert kinds == [(MNO_OID, "HandleProfileDeletedNotification")]
    stock = world.process.profiles.get(FIRST)
    assert stock is not None
    assert stock.state is StockState.AVAILABLE


def _deleted(world: World) -> tuple[Function, Notification]:
    """As the SM-SR tells it."""
    at = world.site.dp.desk.installer.now()
    message = RelayedProfileNotification(completion_timestamp=at, eid=EID, iccid=FIRST, mno_id=MNO_OID)
    return ES3["HandleProfileDeletedNotification"], message
