# SPDX-License-Identifier: Apache-2.0
"""A server's calls as transactions (Service): each has one effect and one answer, whatever happens to processes.

A synchronous function runs at once: its effect, its answer and what it has to tell are one unit of work. An
asynchronous one is kept as it comes and run by workers (smsr.serving.worker), one call at a time for each card. A call
with the identifier of another one of the same requester is that call: it gets the same answer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sqlalchemy.exc import IntegrityError

from apdu.errors import M2mError
from smsr.api.functions import Exchange, Function
from smsr.api.json_codec import encode
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.api.status import Code, failed
from smsr.kit.oid import Oid
from smsr.serving.answers import Answers
from smsr.serving.calls import Calls, Queue, StoredCall, card_of, digest_of
from smsr.serving.database import Database, Stale
from smsr.serving.outbox import SqlOutbox
from smsr.serving.procedure import Functions, Outcome, Performer, Procedure, Step, advance
from smsr.serving.service import Operation, OperationState, Overloaded, ReplyTo
from smsr.serving.worker import EngineSettings, Worker, expired, timed

__all__ = ["Engine", "EngineSettings", "Listener"]

_LOG: Final = logging.getLogger(__name__)
_ATTEMPTS: Final = 5
"""How often a synchronous function is begun when others write to the same rows meanwhile."""
_MAX_PERIOD: Final = 10 * 365 * 86_400
"""Seconds; a longer validity period is this one."""
_PATIENCE: Final = 60.0
"""Seconds that a synchronous function waits for a step."""


class Listener(Protocol):
    """What a server does with messages that are no calls. Both are part of a unit of work."""

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        """A notification."""
        ...

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        """A callback; it is kept already."""
        ...


class Engine:
    """Service over a server's functions. It has no threads of its own: `work` and `renew` are called by some."""

    def __init__(
        self,
        oid: Oid,
        *,
        functions: Sequence[Function],
        does: Functions,
        performer: Performer,
        database: Database,
        clock: Callable[[], float],
        outbox: SqlOutbox,
        settings: EngineSettings,
        listener: Listener | None = None,
    ) -> None:
        self._oid = oid
        self._functions = tuple(each for each in functions if each.exchange is not Exchange.NOTIFICATION)
        self._does = does
        self._performer = performer
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._settings = settings
        self._listener = listener
        self._calls = Calls(database, {str(function): function for function in self._functions})
        self._queue = Queue(self._calls, settings.max_queue)
        self.answers = Answers(database, clock)
        self.worker = Worker(self._calls, does, performer, database, clock, outbox, settings)

    @property
    def oid(self) -> Oid:
        """Who it is."""
        return self._oid

    @property
    def functions(self) -> Sequence[Function]:
        """The functions that it answers."""
        return self._functions

    @property
    def open_calls(self) -> int:
        """How many calls are accepted and not done, in all processes; the queue's bound at most."""
        return self._calls.open(self._settings.max_queue)

    # --- calls

    def call(self, function: Function, request: Request, reply: ReplyTo | None = None) -> Response | Operation:
        """Do a synchronous function, or accept an asynchronous one; Overloaded. The same call again has one effect."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._call(function, request, reply)
            except (IntegrityError, Stale):  # another call came between: look again what there is now
                continue
        return self._call(function, request, reply)

    def _call(self, function: Function, request: Request, reply: ReplyTo | None) -> Response | Operation:
        if function.exchange is Exchange.ASYNCHRONOUS:
            return self._accept(function, request, reply)
        if function.reads:
            return self._read(function, request)
        return self._write(function, request)

    def operation(self, requester: Oid, id: str) -> Operation | None:
        """An operation of this requester."""
        stored = self._calls.by_id(id)
        if stored is None or stored.row["requester"] != requester or not stored.row["request"]:
            return None
        return stored.operation

    # --- asynchronous

    def _accept(self, function: Function, request: Request, reply: ReplyTo | None) -> Response | Operation:
        try:
            return self._accepted(function, request, reply, self.worker.accepted)
        except Overloaded:
            raise
        except Exception as error:  # noqa: BLE001 - it is kept all the same, and taken up as after a crash
            if not isinstance(error, Stale):
                _LOG.exception("%s failed inside", function)
            return self._accepted(function, request, reply, self.worker.put_by)

    def _accepted(
        self, function: Function, request: Request, reply: ReplyTo | None, begin: Callable[[StoredCall], None]
    ) -> Response | Operation:
        with self._database.unit():
            stored = self._added(function, request, reply) if self._queue.has_room() else None
            if stored is not None:
                begin(stored)
                return stored.operation
            stored = self._same(request)
            if stored is None:
                raise Overloaded(f"{self._settings.max_queue} calls are under way", self._settings.retry_after)
            if stored.row["digest"] != digest_of(function, request):
                return _reused(function, request)
            if stored.state is OperationState.DONE and reply is not None:
                self._outbox.call_back(
                    request.call.requester, function, stored.row["response"].encode(), reply, stored.row["id"]
                )
            return stored.operation

    def _added(self, function: Function, request: Request, reply: ReplyTo | None) -> StoredCall | None:
        now = self._clock()
        return self._calls.add(
            function,
            request,
            reply=encode(reply).decode() if reply is not None else "",
            accepted=now,
            deadline=_deadline(request, now),
            state=OperationState.ACCEPTED,
        )

    # --- synchronous

    def _read(self, function: Function, request: Request) -> Response:
        """Nothing changes, so nothing is kept, and a repeated call is answered anew."""
        if _is_over(request):
            return expired(function)
        procedure, begun = self._does.run(function, request), self._clock()
        outcome: Outcome | None = None
        while True:
            with self._database.reading():
                found = advance(procedure, outcome)
            if isinstance(found, Response):
                return timed(found, begun, self._clock())
            outcome = self._performed(found)

    def _write(self, function: Function, request: Request) -> Response:
        procedure: Procedure[Response] | None = None
        outcome: Outcome | None = None
        begun = self._clock()
        try:
            while True:
                with self._database.unit():
                    if procedure is None:
                        if (answer := self._unbegun(function, request)) is not None:
                            return answer
                        procedure = self._does.run(function, request)
                    found = advance(procedure, outcome)
                    if isinstance(found, Response):
                        found = timed(found, begun, self._clock())
                        self._keep(function, request, found)
                        return found
                outcome = self._performed(found)
        except BaseException:
            if procedure is not None:
                with self._database.discarded():
                    procedure.close()
            raise

    def _unbegun(self, function: Function, request: Request) -> Response | None:
        """The answer of a call that is not begun: it was done before, came too late, or its card is busy."""
        stored = self._same(request)
        if stored is not None:
            if stored.row["digest"] != digest_of(function, request) or stored.response is None:
                return _reused(function, request)
            return stored.response
        if _is_over(request):
            return expired(function)
        card = card_of(request)
        if card and not self._calls.lock_free(card):
            assert function.response is not None
            return function.response(status=failed(Code.BUSY, subject_identifier=card))
        return None

    def _keep(self, function: Function, request: Request, response: Response) -> None:
        if request.call.identifier:
            now = self._clock()
            written = encode(response).decode()
            kept = self._calls.add(function, request, accepted=now, state=OperationState.DONE, response=written)
            if kept is None:
                raise Stale(f"call {request.call.identifier}")  # the same one, on another connection

    def _performed(self, step: Step) -> Outcome:
        """A step of a synchronous function: the requester waits for it."""
        outcomes: list[Outcome] = []
        over = threading.Event()

        def done(outcome: Outcome) -> None:
            outcomes.append(outcome)
            over.set()

        self._performer.perform(step, done)
        if not over.wait(_PATIENCE):
            return Outcome(error=M2mError(f"{step.name}: no answer within {_PATIENCE:.0f} s"))
        return outcomes[0]

    def _same(self, request: Request) -> StoredCall | None:
        call = request.call
        return self._calls.find(call.requester, call.identifier) if call.identifier else None

    # --- messages that are no calls

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        """Take a notification; when this returns it is kept."""
        if self._listener is None:
            _LOG.info("%s from %s: nobody here listens", function, sender)
            return
        with self._database.unit():
            self._listener.notified(function, notification, sender)

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        """Take a callback; when this returns it is kept. One that nobody waits for is taken, too."""
        with self._database.unit():
            self.answers.keep(function, response, sender, relates_to)
            if self._listener is not None:
                self._listener.answered(function, response, sender, relates_to)


def _is_over(request: Request) -> bool:
    return request.call.validity_period == 0


def _deadline(request: Request, now: float) -> float | None:
    period = request.call.validity_period
    return None if period is None else now + min(period, _MAX_PERIOD)


def _reused(function: Function, request: Request) -> Response:
    assert function.response is not None
    return function.response(status=failed(Code.IDENTIFIER_IN_USE, subject_identifier=request.call.identifier))
