# SPDX-License-Identifier: Apache-2.0
"""Runs asynchronous calls, one unit of work at a time: claims them, begins their steps, goes on with their outcomes.

A step is begun after everything before it was kept, with the name and note that say which it is. No thread waits for
it: its outcome comes into a queue. A call that another process had begun is run with the step that it was interrupted
at; what became of that step the procedure finds out.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from apdu.errors import M2mError
from smsr.api.functions import Function
from smsr.api.json_codec import encode
from smsr.api.messages import Response
from smsr.api.status import Code, ExecutionStatus, Status, failed
from smsr.kit.oid import Oid
from smsr.serving.calls import Calls, Claim, Lost, StoredCall
from smsr.serving.database import Database, Stale
from smsr.serving.outbox import SqlOutbox
from smsr.serving.procedure import Functions, Outcome, Performer, Procedure, Step, advance

__all__ = ["EngineSettings", "Worker", "expired"]

_LOG: Final = logging.getLogger(__name__)
_OVER: Final = 0.0
"""A lease that nobody has."""
_MOST_ATTEMPTS: Final = 100
"""How often a call is taken up; one that ends its process each time would otherwise block its card for ever.

Taken up once more it is given up: its next step fails without being begun, and so do those that it tries then.
"""
_GIVEN_UP: Final = f"the call was begun {_MOST_ATTEMPTS} times"
_INTERNAL: Final = failed(Code.INTERNAL, _GIVEN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Limits, and times in seconds."""

    max_queue: int = 1000
    """Calls that are not done; more are told to come again."""
    max_running: int = 256
    """Calls that one process has begun."""
    lease: float = 30.0
    """After which the calls of a process that does not show itself are another one's."""
    retry_after: int = 5
    """What those are told who come when the queue is full."""


@dataclass(slots=True, eq=False)
class _Running:
    """A call that this process has claimed."""

    claim: Claim
    begun: float
    """When this process began it."""
    procedure: Procedure[Response] | None = None
    decided: Step | Response | None = None
    """What it came to when it was accepted, and is still to be done."""
    busy: threading.Lock = field(default_factory=threading.Lock)
    """Held by the thread that works on it."""
    dropped: bool = False

    @property
    def card(self) -> str:
        """The card, or what stands for it."""
        card: str = self.claim.call.row["card"]
        return card


class _StillHere(Exception):
    """A call was claimed of whose card this process still has an earlier one."""


class Worker:
    """The calls that this process runs. All methods may be called from any thread."""

    def __init__(
        self,
        calls: Calls,
        does: Functions,
        performer: Performer,
        database: Database,
        clock: Callable[[], float],
        outbox: SqlOutbox,
        settings: EngineSettings,
    ) -> None:
        self._calls = calls
        self._does = does
        self._performer = performer
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._settings = settings
        self._ready: SimpleQueue[tuple[_Running, Outcome | None] | None] = SimpleQueue()
        """What to go on with; None: look what there is."""
        self._running: dict[str, _Running] = {}
        """By card."""
        self._behind: Counter[str] = Counter()
        """By card: calls that came while another one was under way. Those that others accepted are found in time."""
        self._draining = False
        self.serves = False
        """Whether threads work here, so that what this process accepts it may begin at once."""

    # --- what threads, or a test instead of them, call

    def work(self, seconds: float = 0.0) -> bool:
        """Do one unit of work, waiting so long for some; False when there is none."""
        found = self._next(seconds)
        if found is None:
            return self._claim()
        running, outcome = found
        with running.busy:
            if running.dropped:
                return True
            if running.decided is None:
                self._go_on(running, outcome)
            elif self._clock() < running.begun + self._settings.lease / 2 or self._still_holds(running):
                decided, running.decided = running.decided, None
                self._go_out(running, decided)
        return True

    def _still_holds(self, running: _Running) -> bool:
        """Whether what was decided a while ago is still to be done here; otherwise it is dropped."""
        try:
            with self._database.unit():
                self._calls.prolong(running.claim, self._clock() + self._settings.lease)
        except Lost as error:
            self._drop(running, error)
            return False
        except Exception as error:  # noqa: BLE001 - as in _go_on
            self._give_back(running, error)
            return False
        return True

    def _next(self, seconds: float) -> tuple[_Running, Outcome | None] | None:
        """What to go on with, before anything new is begun."""
        try:
            found = self._ready.get(timeout=seconds) if seconds else self._ready.get_nowait()
            return self._ready.get_nowait() if found is None else found
        except Empty:
            return None

    def renew(self) -> None:
        """Show that this process lives: prolong the leases of its calls. To be called several times in a lease."""
        lost = []
        with self._database.unit(durable=False):
            for running in tuple(self._running.values()):
                try:
                    self._calls.prolong(running.claim, self._clock() + self._settings.lease)
                except Lost:
                    lost.append(running)
        for running in lost:
            self._drop_unless_busy(running)

    def drain(self) -> None:
        """Claim nothing any more; what runs goes on."""
        self._draining = True

    def abandon(self) -> None:
        """Stop what still runs and let other processes take it up at once."""
        self._draining = True
        for running in tuple(self._running.values()):
            with running.busy:
                if not running.dropped:
                    self._give_back(running)

    @property
    def running(self) -> int:
        """How many calls this process has."""
        return len(self._running)

    def wake(self) -> None:
        """There may be something to begin."""
        self._ready.put(None)

    def accepted(self, call: StoredCall) -> None:
        """A call was accepted in the unit that is open: it is this process's at once where nothing is before it.

        Then it is brought to its first step in here, which a thread that works begins. Whatever goes wrong inside goes
        out, and nothing of it is to be kept.
        """
        if self.serves and self._has_room and call.row["card"] not in self._running:
            now = self._clock()
            claim = self._calls.claim_this(call, now, now + self._settings.lease)
            if claim is not None:
                running = _Running(claim, now)
                try:
                    running.decided = self._advanced(running, None)
                except BaseException:
                    if running.procedure is not None:
                        running.procedure.close()
                    raise
                self._database.after(lambda: self._begin(running))
                return
        self.put_by(call)

    def put_by(self, call: StoredCall) -> None:
        """A call was accepted in the unit that is open, and is begun later."""
        self._behind[call.row["card"]] += 1
        self._database.after(self.wake)

    # --- one call

    @property
    def _has_room(self) -> bool:
        return not self._draining and len(self._running) < self._settings.max_running

    def _begin(self, running: _Running) -> None:
        self._end_before(running.card)
        self._running[running.card] = running
        self._ready.put((running, None))

    def _end_before(self, card: str) -> None:
        """What this process still has of a card that is to be claimed: it was late, and its lease is over."""
        before = self._running.get(card)
        if before is not None:
            with before.busy:
                if self._running.get(card) is before:  # it was not just about to be forgotten
                    self._give_back(before, Lost())

    def _claim(self) -> bool:
        """Claim a call and bring it to its first step: one unit of work."""
        now, running = self._clock(), None
        if not self._has_room or not self._calls.waiting(now):
            return False
        try:
            with self._database.unit():
                claim = self._calls.claim(now, now + self._settings.lease)
                if claim is None:
                    return False
                if (card := claim.call.row["card"]) in self._running:
                    raise _StillHere
                running = _Running(claim, self._clock())
                found = self._advanced(running, None)
        except _StillHere:
            self._end_before(card)
        except Exception as error:
            if running is None:
                raise
            self._drop(running, error)
            with self._database.unit():
                self._calls.claim(now, _OVER)  # nothing was kept but this: that it was tried
        else:
            with running.busy:
                self._running[card] = running
                self._go_out(running, found)
        return True

    def _go_on(self, running: _Running, outcome: Outcome | None) -> None:
        """From one step to the next, or to the end: one unit of work."""
        try:
            with self._database.unit():
                self._calls.hold(running.claim)
                found = self._advanced(running, outcome)
        except Lost as error:
            self._drop(running, error)
        except Exception as error:  # noqa: BLE001 - whatever it is must not end the worker, nor leave the card locked
            self._give_back(running, error)
        else:
            self._go_out(running, found)

    def _advanced(self, running: _Running, outcome: Outcome | None) -> Step | Response:
        if running.procedure is None:
            found = self._started(running)
        else:
            found = advance(running.procedure, outcome)
        if isinstance(found, Response):
            self._finish(running, found)
        else:
            self._calls.begin_step(running.claim, found.name, found.note)
        return found

    def _go_out(self, running: _Running, found: Step | Response) -> None:
        """What was decided is kept: do it."""
        if isinstance(found, Response):
            self._forget(running)
            return

        def done(outcome: Outcome) -> None:
            self._ready.put((running, outcome))

        try:
            self._performer.perform(found, done)
        except Exception as error:  # noqa: BLE001 - as in _go_on
            self._give_back(running, error)

    def _started(self, running: _Running) -> Step | Response:
        call = running.claim.call
        interrupted, deadline = call.interrupted, call.row["deadline"]
        if interrupted is None and deadline is not None and self._clock() >= deadline:
            return expired(call.function)
        attempts = call.row["attempts"]
        if attempts > _MOST_ATTEMPTS:  # giving it up has failed, too
            return _failed(call.function)
        running.procedure = self._does.run(call.function, call.request, interrupted)
        found = advance(running.procedure, None)
        return found if attempts < _MOST_ATTEMPTS else _given_up(running.procedure, found)

    def _finish(self, running: _Running, response: Response) -> None:
        call, now = running.claim.call, self._clock()
        deadline = call.row["deadline"]
        if deadline is not None and now >= deadline and response.status.status is Status.FAILED:
            response = expired(call.function, response.status)
        written = encode(timed(response, running.begun, now))
        self._calls.finish(running.claim, written)
        reply = call.reply
        if reply is not None:
            self._outbox.call_back(Oid(call.row["requester"]), call.function, written, reply, call.row["id"])
        if not self._has_room or self._behind[running.card] > 0:
            self._behind -= Counter([running.card])
            self._database.after(self.wake)  # another one can begin

    # --- the end of a call in this process

    def _drop_unless_busy(self, running: _Running) -> None:
        if running.busy.acquire(blocking=False):
            try:
                if self._running.get(running.card) is running:  # it may be over since
                    self._drop(running, Lost())
            finally:
                running.busy.release()

    def _drop(self, running: _Running, why: Exception | None) -> None:
        """Close the procedure; what it writes while it closes is not kept."""
        if isinstance(why, Lost | Stale):
            _LOG.warning("call %s was stopped: %s", running.claim.call.row["id"], type(why).__name__)
        elif why is not None:
            _LOG.error("call %s failed inside", running.claim.call.row["id"], exc_info=why)
        running.dropped = True
        self._forget(running)
        if running.procedure is not None:
            try:
                with self._database.discarded():
                    running.procedure.close()
            except SQLAlchemyError:  # no database, so what it writes now is not kept either
                with suppress(SQLAlchemyError):
                    running.procedure.close()

    def _give_back(self, running: _Running, why: Exception | None = None) -> None:
        """Nothing of its last unit was kept: it is taken up again, here or elsewhere, as after a crash."""
        self._drop(running, why)
        self._calls.release(running.claim)

    def _forget(self, running: _Running) -> None:
        if self._running.get(running.card) is running:
            del self._running[running.card]


def expired(function: Function, failure: ExecutionStatus | None = None) -> Response:
    """The answer of a call whose validity period was over before it began, or before it failed."""
    assert function.response is not None
    code = Code.EXPIRED
    text = code.text if failure is None else f"{code.text}: {failure.message}"
    return function.response(status=ExecutionStatus(Status.EXPIRED, code.pair, message=text))


def timed(response: Response, begun: float, ended: float) -> Response:
    """A response with ProcessingStart and ProcessingEnd (SGP.02 v4.2 5.1.5)."""
    start, end = (datetime.fromtimestamp(each, UTC) for each in (begun, ended))
    return replace(response, processing_start=start, processing_end=end)


def _given_up(procedure: Procedure[Response], found: Step | Response) -> Response:
    """End a procedure without its steps: as after any failure it leaves in order what it can, and keeps the rest."""
    while not isinstance(found, Response):
        found = advance(procedure, Outcome(error=M2mError(f"{found.name}: {_GIVEN_UP}")))
    return replace(found, status=_INTERNAL) if found.status.status is Status.FAILED else found


def _failed(function: Function) -> Response:
    assert function.response is not None
    return function.response(status=_INTERNAL)
