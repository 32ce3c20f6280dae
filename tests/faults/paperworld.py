# SPDX-License-Identifier: Apache-2.0
"""One SM-SR of two processes with a paper card, in which nothing happens unless somebody chooses it.

A choice is one unit of work of a process, one step that the card carries out or answers, the arrival of a call, the
end of a process, time that passes. What a process has sent may reach the card after its end, but not after something
that another process sent later: counters see to that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from apdu.errors import M2mError
from apdu.gp.codes import LifeCycle
from apdu.gp.sgp02 import Notification, NotificationType
from apdu.ids import Aid
from smsr.api.eis import Eis
from smsr.api.eis_parts import Operation as Recorded
from smsr.api.eis_parts import ProfileState
from smsr.api.functions import Exchange, Interface
from smsr.api.messages import Call, CreateIsdpResponse, EisResponse, Request, Response
from smsr.api.status import Code, Status
from smsr.cardsteps import CardStep, ResetCard, RunCommands
from smsr.kit.oid import Oid
from smsr.ota.task import OutcomeUnknown
from smsr.procedures import LEASE as SILENCE
from smsr.serving.outbox import Entry, EntryKind
from smsr.serving.procedure import Outcome
from smsr.serving.service import Binding, Operation, OperationState, ReplyTo
from tests.faults.paperprocess import AS_ON_CARD, FALL_BACK, LEASE, Flight, Place, Process, make_card
from tests.unit.kit.world import EID, NOW
from tests.unit.smsr.scene import ROWS, request

__all__ = ["Ask", "Faults", "Result", "World"]

_LAST: Final = 99
"""The number of the audit after which everybody knows everything."""
_NOT_BEGUN: Final = (Code.BUSY.pair, Code.EXPIRED.pair)
_RECORDS: Final = {
    "CreateISDP": "CREATE_ISDP",
    "EnableProfile": "ENABLE",
    "DisableProfile": "DISABLE",
    "DeleteISDP": "DELETE",
    "DeleteProfile": "DELETE",
    "AuditEIS": "AUDIT",
}
Choices = dict[str, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Ask:
    """A function that somebody calls; or, without a name, a card that falls back by itself."""

    interface: Interface = Interface.ES3
    name: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    requester: Oid | None = None

    def request(self, identifier: str, period: int | None) -> Request:
        """As it is sent."""
        made = request(ROWS[self.interface, self.name], self.requester, **self.values)
        return replace(made, call=Call(made.call.requester, identifier, period))


@dataclass(slots=True)
class Faults:
    """How many of each may still be chosen."""

    deaths: int = 0
    stalls: int = 0
    """Time passes for longer than a lease, and a process does not show that it lives."""
    lost: int = 0
    """Answers of the card that do not arrive."""
    repeats: int = 0
    """Calls that come once more."""
    notifications: bool = False
    """Whether the card tells of each switch."""


@dataclass(frozen=True, slots=True)
class Result:
    """What is left in the end, without times and names."""

    answers: Mapping[int, tuple[object, ...]]
    card: Mapping[Aid, LifeCycle]
    profiles: tuple[object, ...]
    memory: int
    notices: Counter[tuple[object, ...]]
    trail: Counter[tuple[object, ...]]


@dataclass(slots=True)
class _Called:
    """A call that has come, or will."""

    number: int
    ask: Ask
    request: Request
    came: bool = False
    operation: Operation | None = None
    response: Response | None = None
    """Of a synchronous one."""


class World:
    """The database, the card, two processes, and calls to come."""

    def __init__(self, place: Place, asks: Mapping[int, Ask], faults: Faults, period: int | None = None) -> None:
        place.clear()
        self.place = place
        self.now = NOW
        self.born = 0
        self.sent = 0
        self.card = make_card()
        self.faults = faults
        self.faulty = False
        """Whether a process has ended, or seemed to."""
        self.lost = False
        """Whether an answer of the card was lost."""
        self.told: list[bytes] = []
        """Notifications of the card that are under way."""
        self._sequence = 0
        self._fell_back = False
        self._orphans: list[Flight] = []
        self.processes = [Process(self, "A"), Process(self, "B")]
        self.calls = [
            _Called(number, ask, ask.request(f"call-{number}", period)) for number, ask in asks.items() if ask.name
        ]
        self._falls_back = any(not ask.name for ask in asks.values())

    def clock(self) -> float:
        """It stands still unless time passes."""
        return self.now

    def stir(self) -> None:
        """Something has changed: there may be work for everybody."""
        for process in self.processes:
            process.idle = False

    # --- choices

    def choices(self) -> Choices:
        """What can happen now, in an order that is always the same; nothing: all is over."""
        found: Choices = {}
        for process in self.processes:
            self._of(process, found)
        for flight in self._orphans:
            if not flight.stale:
                found[f"the card gets {flight.step.name} of a process that ended"] = lambda f=flight: self._late(f)  # type: ignore[misc]
        self._arrivals(found)
        if not found:
            if any(each.came and not self._is_done(each) for each in self.calls):
                found["time passes"] = self._pass
        elif any(not self._is_done(each) for each in self.calls):
            self._faults(found)
        return found

    def _of(self, process: Process, found: Choices) -> None:
        name = process.name
        for flight in process.flights:
            if flight.outcome is None and not flight.stale:
                found[f"the card gets {flight.step.name} of {name}"] = lambda f=flight: self._execute(f)  # type: ignore[misc]
                if self.faults.lost:
                    found[f"{flight.step.name} of {name} is lost"] = lambda f=flight: self._lose(f)  # type: ignore[misc]
            else:
                found[f"{name} hears of {flight.step.name}"] = lambda f=flight: self._answer(f)  # type: ignore[misc]
                if self.faults.lost and flight.outcome is not None:
                    found[f"the answer to {flight.step.name} of {name} is lost"] = lambda f=flight: self._lose(f)  # type: ignore[misc]
        if not process.idle:
            found[f"{name} works"] = process.work

    def _arrivals(self, found: Choices) -> None:
        for call in self.calls:
            if not call.came:
                for process in self.processes:
                    found[f"call {call.number} comes to {process.name}"] = lambda c=call, p=process: self.come(c, p)  # type: ignore[misc]
        for number, raw in enumerate(self.told):
            for process in self.processes:
                found[f"notification {raw[-19:-17].hex() or number} comes to {process.name}"] = (
                    lambda n=number, p=process: self._notified(n, p)  # type: ignore[misc]
                )
        if self._falls_back and not self._fell_back:
            found["the card falls back"] = self._fall_back

    def _faults(self, found: Choices) -> None:
        for process in self.processes:
            if self.faults.deaths and process.engine.worker.running:
                found[f"{process.name} dies"] = lambda p=process: self._die(p)  # type: ignore[misc]
        if self.faults.stalls and any(each.engine.worker.running for each in self.processes):
            found["nobody shows that he lives"] = self._stall
        if self.faults.repeats:
            for call in self.calls:
                for process in self.processes if call.came else ():
                    found[f"call {call.number} comes again, to {process.name}"] = (
                        lambda c=call, p=process: self._repeat(c, p)  # type: ignore[misc]
                    )

    # --- what happens

    def come(self, call: _Called, process: Process) -> None:
        """A call arrives."""
        call.came = True
        row = ROWS[call.ask.interface, call.ask.name]
        found = process.engine.call(row, call.request, _reply(call))
        if isinstance(found, Response):
            assert row.exchange is Exchange.SYNCHRONOUS
            call.response = found
        else:
            call.operation = found
        self.stir()

    def _repeat(self, call: _Called, process: Process) -> None:
        self.faults.repeats -= 1
        self.ask_again(call, process)

    def ask_again(self, call: _Called, process: Process) -> None:
        """The same call: the same answer."""
        row = ROWS[call.ask.interface, call.ask.name]
        found = process.engine.call(row, call.request, _reply(call))
        if isinstance(found, Response):
            if call.response is not None and call.response.status.code == Code.BUSY.pair:
                call.response = found  # who was told to come again is not answered yet
            assert _said(found) == _said(call.response), "a repeated call has another answer"
        else:
            assert call.operation is not None
            assert found.id == call.operation.id, "a repeated call is another operation"

    def _execute(self, flight: Flight) -> None:
        """The card carries a step out; what others have sent before comes too late."""
        try:
            flight.outcome = Outcome(result=self._on_card(flight.step))
        except M2mError as error:
            flight.outcome = Outcome(error=error)
        for other in self._flights():
            if other.number < flight.number and other.outcome is None:
                other.stale = True

    def _on_card(self, step: CardStep) -> Any:
        before = self._enabled_on_card()
        if isinstance(step, ResetCard):
            self.card.reset()
            return None
        if not isinstance(step, RunCommands):
            return self.card.run_profile(step.script)
        try:
            return self.card.run(step.script)
        finally:
            if self.faults.notifications and self._enabled_on_card() != before:
                self._tell(NotificationType.PROFILE_CHANGED)

    def _late(self, flight: Flight) -> None:
        self._execute(flight)
        self._orphans.remove(flight)

    def _answer(self, flight: Flight) -> None:
        """A process hears what came of its step, and goes on."""
        flight.process.flights.remove(flight)
        outcome = flight.outcome or Outcome(error=OutcomeUnknown("the card has seen a later counter"))
        flight.done(outcome)
        flight.process.work()

    def _lose(self, flight: Flight) -> None:
        self.faults.lost -= 1
        self.lost = True
        flight.outcome = Outcome(error=OutcomeUnknown("no answer"))

    def _die(self, process: Process) -> None:
        """Without a warning; another one takes its place."""
        self.faults.deaths -= 1
        self.faulty = True
        self.born += 1
        self._orphans += [each for each in process.flights if each.outcome is None and not each.stale]
        self.processes[self.processes.index(process)] = Process(self, process.name)
        self.stir()

    def _stall(self) -> None:
        self.faults.stalls -= 1
        self.faulty = True
        self._pass()

    def _pass(self) -> None:
        self.now += LEASE + 1
        self.stir()

    def _fall_back(self) -> None:
        """The card has lost its network, and takes the profile that it has for that."""
        self._fell_back = True
        assert self.card.fall_back is not None
        if self._enabled_on_card() != self.card.fall_back:
            self.card._enable(self.card.fall_back)
            self._tell(NotificationType.FALL_BACK)

    def _tell(self, type: NotificationType) -> None:
        self._sequence += 1
        told = Notification(eid=EID, type=type, sequence=self._sequence, isd_p=self._enabled_on_card())
        self.told.append(told.encode())

    def _notified(self, number: int, process: Process) -> None:
        """It is confirmed by a script that changes nothing here: POL1 of paper cards has no rules."""
        process.notifications.accept(EID, self.told.pop(number))
        self.stir()

    # --- what is there

    def _flights(self) -> Iterator[Flight]:
        for process in self.processes:
            yield from process.flights
        yield from self._orphans

    def _enabled_on_card(self) -> Aid | None:
        return next((aid for aid, state in self.card.isd_ps.items() if state is LifeCycle.ENABLED), None)

    def _is_done(self, call: _Called) -> bool:
        if call.operation is not None and call.operation.state is not OperationState.DONE:
            call.operation = self._operation(call)
        return call.response is not None if call.operation is None else call.operation.state is OperationState.DONE

    def _operation(self, call: _Called, process: Process | None = None) -> Operation:
        assert call.operation is not None
        engine = (process or self.processes[0]).engine
        found = engine.operation(call.request.call.requester, call.operation.id)
        assert found is not None
        return found

    def response(self, call: _Called) -> Response:
        """The answer; the same whichever process is asked."""
        if call.operation is None:
            assert call.response is not None
            return call.response
        found = [self._operation(call, process).response for process in self.processes]
        assert found[0] is not None, f"call {call.number} is not answered"
        assert found[0] == found[1]
        return found[0]

    def known(self) -> Eis:
        """The EIS."""
        eis = self.processes[0].eis.get(EID)
        assert eis is not None
        return eis

    # --- invariants

    def check(self) -> None:
        """What holds at any moment."""
        eis = self.known()
        assert sum(each.state is ProfileState.ENABLED for each in eis.profiles) <= 1, "two profiles are enabled"
        for kind in (lambda each: each.iccid, lambda each: each.isd_p_aid):
            assert len(set(map(kind, eis.profiles))) == len(eis.profiles), "a profile is there twice"
        assert eis.find(FALL_BACK) is not None, "a profile was lost"

    def one_by_one(self, order: Sequence[int]) -> None:
        """Each call after the one before it, in a single process, and nothing else."""
        for call in sorted(self.calls, key=lambda each: order.index(each.number)):
            self.come(call, self.processes[0])
            while not self._is_done(call) or self.told:
                next(do for name, do in self.choices().items() if " comes to B" not in name and "call " not in name)()

    def check_end(self) -> Result:
        """What holds when all is over; what has come of it."""
        if self.lost:  # nobody may know how the card is, but it can be asked
            self.faults = Faults()
            self.now += SILENCE + 1  # the audit is not to be told that a download is under way
            ask = Ask(Interface.ES3, "AuditEIS")
            self.calls.append(_Called(_LAST, ask, ask.request("last", None)))
            while choices := self.choices():
                next(iter(choices.values()))()
        for call in self.calls:
            for process in self.processes:
                self.ask_again(call, process)
        self._check_card()
        self.processes[0].eis.verify_trail(EID)
        result = self.result()
        wanted = Counter(
            (record, iccid)
            for call in self.calls
            if (record := _RECORDS.get(call.ask.name)) is not None
            and self.response(call).status.status is Status.EXECUTED_SUCCESS
            for iccid in [getattr(call.request, "iccid", None)]
        )
        assert result.trail == wanted, f"the audit trail tells of {result.trail}, the answers of {wanted}"
        return result

    def _check_card(self) -> None:
        eis = self.known()
        states = {each.isd_p_aid: each.state for each in eis.profiles}
        assert states.keys() == self.card.isd_ps.keys(), f"EIS {states}, card {self.card.isd_ps}"
        for aid, state in states.items():
            assert self.card.isd_ps[aid] in AS_ON_CARD.get(state, ()), f"EIS {states}, card {self.card.isd_ps}"
        assert eis.remaining_memory == self.card.memory, f"{eis.remaining_memory} of {self.card.memory} bytes"

    def result(self) -> Result:
        """What is left."""
        eis = self.known()
        return Result(
            answers={call.number: _said(self.response(call)) for call in self.calls},
            card=dict(self.card.isd_ps),
            profiles=tuple(
                sorted(
                    (each.iccid, each.isd_p_aid, each.state, each.pol2, each.subscription, each.fall_back)
                    for each in eis.profiles
                )
            ),
            memory=eis.remaining_memory,
            notices=self._notices(),
            trail=Counter(
                (Recorded(each.operation).name, each.iccid)
                for each in eis.audit_trail
                if each.status is not None and each.status.status is Status.EXECUTED_SUCCESS
            ),
        )

    def _notices(self) -> Counter[tuple[object, ...]]:
        """What was told; the callbacks of one operation all say the same."""
        entries: list[Entry] = []

        class Collects:
            def deliver(self, entry: Entry) -> None:
                entries.append(entry)

        while self.processes[0].outbox.deliver_one(Collects()):
            pass
        for call in self.calls:
            mine = [each for each in entries if call.operation is not None and each.operation == call.operation.id]
            assert bool(mine) == (call.operation is not None), f"call {call.number} was not called back"
            assert all(each.message == self.response(call) for each in mine)
        told = [each for each in entries if each.kind is EntryKind.NOTIFICATION]
        return Counter((each.receiver, each.function.name, getattr(each.message, "iccid", None)) for each in told)

    def begun(self) -> list[int]:
        """The calls that were not told to come again."""
        return [each.number for each in self.calls if self.response(each).status.code not in _NOT_BEGUN]


def _reply(call: _Called) -> ReplyTo:
    return ReplyTo(binding=Binding.JSON, message_id=call.request.call.identifier)


def _said(response: Response | None) -> tuple[object, ...]:
    assert response is not None
    said: tuple[object, ...] = (response.status.status, response.status.code)
    if isinstance(response, CreateIsdpResponse):
        return (*said, response.isd_p_aid)
    if isinstance(response, EisResponse) and response.eis is not None:
        return (*said, *sorted((each.iccid, each.state) for each in response.eis.profiles))
    return (*said, getattr(response, "data", b""))
