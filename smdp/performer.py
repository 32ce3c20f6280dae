# SPDX-License-Identifier: Apache-2.0
"""Does the ES3 calls of an SM-DP's procedures. No thread waits for an SM-SR that has accepted a call.

An accepted call ends with the SM-SR's callback. A callback that does not come is not waited for: the operation is
looked at, or, where it cannot be, the same call is made again, which has one effect and one answer. So is a call whose
own answer was lost. All this for a time, and then the procedure hears that nobody answered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final, NamedTuple, Protocol

from apdu.errors import M2mError, RemoteProtocolError
from smdp.errors import Refused, Unanswered
from smdp.es3 import Es3Call, Pause
from smdp.timer import Timer
from smsr.api.functions import Exchange, Function
from smsr.api.messages import Request, Response
from smsr.api.status import Code
from smsr.kit.oid import Oid
from smsr.serving.procedure import Outcome, Step
from smsr.serving.service import Binding, Operation, Overloaded, ReplyTo, Service

__all__ = ["Es3Performer", "KeptAnswers", "Patience", "Peer", "ServicePeer"]

_LOG: Final = logging.getLogger(__name__)
_WORKERS: Final = 8
_REFUSALS: Final = 3
"""How often what is no answer is taken for an accident."""


class Peer(Protocol):
    """An SM-SR that can be called. Both block, for as long as one exchange takes.

    Overloaded: it did not take the call. RemoteProtocolError: it answered, and that was no answer. Any other M2mError:
    nobody knows whether it took the call.
    """

    def call(self, function: Function, request: Request) -> Response | Operation:
        """Call a function."""
        ...

    def look(self, operation: Operation) -> Operation:
        """How far an operation is that has an id."""
        ...


class KeptAnswers(Protocol):
    """Callbacks that have come, whichever process has taken them."""

    def find(self, kind: type[Response], sender: Oid, relates_to: str) -> Response | None:
        """The answer of one server to one call."""
        ...


class Patience(NamedTuple):
    """How long a call may take, in seconds, and when an operation without a callback is looked at."""

    synchronous: float = 60.0
    asynchronous: float = 3600.0
    """To this comes the call's own ValidityPeriod."""
    first_look: float = 5.0
    """The next one after twice the time, and so on."""
    last_look: float = 60.0
    """No longer than this between two looks."""

    def of(self, call: Es3Call) -> float:
        """For one call."""
        if call.function.exchange is Exchange.SYNCHRONOUS:
            return self.synchronous
        return self.asynchronous + (call.request.call.validity_period or 0)


PATIENT: Final = Patience()


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call without an answer so far."""

    call: Es3Call
    done: Callable[[Outcome], None]
    deadline: float
    pause: float
    operation: Operation | None = None
    delivered: bool = False
    refusals: int = 0
    reason: str = "no answer"

    @property
    def key(self) -> tuple[Oid, str, str]:
        return self.call.receiver, self.call.name, self.call.request.call.identifier


class Es3Performer:
    """The steps of an SM-DP (Performer)."""

    def __init__(
        self,
        peers: Mapping[Oid, Peer],
        patience: Patience = PATIENT,
        answers: KeptAnswers | None = None,
        workers: int = _WORKERS,
    ) -> None:
        self._answers = answers
        self._peers = peers
        self._patience = patience
        self._pool = ThreadPoolExecutor(workers, "es3")
        self._timer = Timer("es3-timer")
        self._lock = Lock()
        self._waiting: dict[tuple[Oid, str, str], list[_Waiting]] = {}

    def perform(self, step: Step, done: Callable[[Outcome], None]) -> None:
        """Begin a step; `done` is called once, from another thread."""
        if isinstance(step, Pause):
            self._timer.after(step.seconds, lambda: done(Outcome()))
            return
        assert isinstance(step, Es3Call), step
        if step.receiver not in self._peers:
            done(Outcome(error=Refused(Code.SM_SR_UNKNOWN, subject_identifier=step.receiver)))
            return
        deadline = time.monotonic() + self._patience.of(step)
        waiting = _Waiting(step, done, deadline, self._patience.first_look)
        with self._lock:
            self._waiting.setdefault(waiting.key, []).append(waiting)
        self._pool.submit(self._run, waiting)

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        """Take a callback; one that nobody waits for changes nothing. `relates_to` is the call's own identifier."""
        with self._lock:
            found = self._waiting.pop((sender, function.name, relates_to), [])
        for waiting in found:
            waiting.done(Outcome(response))

    @property
    def waiting(self) -> int:
        """How many calls have no answer so far."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """Begin nothing any more; what is under way is not answered."""
        self._timer.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- inside

    def _run(self, waiting: _Waiting) -> None:
        """In a thread of the pool, which nobody looks at: a step ends, whatever happens."""
        if not self._is_waiting(waiting):
            return
        try:
            self._ask(waiting)
        except Exception as error:  # noqa: BLE001 - as above
            _LOG.exception("%s failed inside", waiting.call.function)
            waiting.reason = f"failed inside ({type(error).__name__})"
            self._give_up(waiting)

    def _ask(self, waiting: _Waiting) -> None:
        """One exchange with the SM-SR, and what follows from it."""
        try:
            found = self._exchange(waiting)
        except Overloaded as error:
            waiting.reason = str(error)
            self._again(waiting, error.retry_after)
        except RemoteProtocolError as error:
            waiting.reason, waiting.operation = str(error), None
            waiting.refusals += 1
            if waiting.refusals >= _REFUSALS:
                self._give_up(waiting)
            else:
                self._later(waiting)
        except M2mError as error:
            waiting.reason = str(error)
            self._later(waiting)
        else:
            self._heard(waiting, found)

    def _exchange(self, waiting: _Waiting) -> Response | Operation:
        call, peer = waiting.call, self._peers[waiting.call.receiver]
        if waiting.operation is not None and self._answers is not None and call.function.response is not None:
            kept = self._answers.find(call.function.response, call.receiver, call.request.call.identifier)
            if kept is not None:
                return kept
        if waiting.operation is not None and waiting.operation.id:
            return peer.look(waiting.operation)
        return peer.call(call.function, call.request)

    def _heard(self, waiting: _Waiting, found: Response | Operation) -> None:
        response = found if isinstance(found, Response) else found.response
        if response is not None:
            self._finish(waiting, Outcome(response))
            return
        assert isinstance(found, Operation)
        waiting.operation, waiting.delivered, waiting.refusals = found, True, 0
        waiting.reason = "accepted, and never answered"
        self._later(waiting)

    def _later(self, waiting: _Waiting) -> None:
        pause, waiting.pause = waiting.pause, min(2 * waiting.pause, self._patience.last_look)
        self._again(waiting, pause)

    def _again(self, waiting: _Waiting, seconds: float) -> None:
        left = waiting.deadline - time.monotonic()
        if left <= 0:
            self._give_up(waiting)
        else:
            self._timer.after(min(seconds, left), lambda: self._submit(waiting))

    def _submit(self, waiting: _Waiting) -> None:
        if self._is_waiting(waiting):
            with suppress(RuntimeError):  # closed meanwhile
                self._pool.submit(self._run, waiting)

    def _give_up(self, waiting: _Waiting) -> None:
        error = Unanswered(str(waiting.call.function), waiting.reason, delivered=waiting.delivered)
        self._finish(waiting, Outcome(error=error))

    def _is_waiting(self, waiting: _Waiting) -> bool:
        with self._lock:
            return waiting in self._waiting.get(waiting.key, ())

    def _finish(self, waiting: _Waiting, outcome: Outcome) -> None:
        with self._lock:
            found = self._waiting.get(waiting.key, [])
            if waiting not in found:
                return  # its callback was first
            found.remove(waiting)
            if not found:
                del self._waiting[waiting.key]
        waiting.done(outcome)


class ServicePeer:
    """An SM-SR in the same process."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def call(self, function: Function, request: Request) -> Response | Operation:
        """Call a function; its callback relates to the call's identifier, as with the bindings."""
        reply = ReplyTo(binding=Binding.JSON, message_id=request.call.identifier)
        return self._service.call(function, request, reply)

    def look(self, operation: Operation) -> Operation:
        """How far an operation is."""
        found = self._service.operation(operation.requester, operation.id)
        if found is None:
            raise RemoteProtocolError(f"operation {operation.id} is not known any more")
        return found
