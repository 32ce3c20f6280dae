# SPDX-License-Identifier: Apache-2.0
"""Which task goes to which card when, and over which bearer.

Tasks for one card run one after the other, in their order; cards do not wait for each other. Short commands go by SMS,
downloads over HTTPS; what is to be said while a card's session is open is said there. Nothing here waits for a card:
`submit` returns at once, `tick` is called when `wake` has come, and a task says itself when it is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition, RLock
from typing import Any, Final

from apdu.ids import Eid
from apdu.trace.observer import Clock
from smsr.api.status import Code
from smsr.errors import Refused
from smsr.ota.carrier import Carrier, Way
from smsr.ota.parcels import Chain, Opener
from smsr.ota.task import OutcomeUnknown, Outstanding, Task
from smsr.store import EisStore

__all__ = ["Dispatcher", "Policy"]

_TOGETHER: Final = 60.0
"""Seconds in which the next of commands that belong together should come."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which bearer is preferred; the next is used where a card does not have it."""

    commands: tuple[Way, ...] = (Way.SMS, Way.HTTPS, Way.READER)
    downloads: tuple[Way, ...] = (Way.HTTPS, Way.SMS, Way.READER)


@dataclass(slots=True)
class _Queued:
    task: Task[Any]
    way: Way
    outstanding: Outstanding | None = None


@dataclass(slots=True)
class _Card:
    chain: Chain = field(default_factory=Chain)
    current: _Queued | None = None
    waiting: deque[_Queued] = field(default_factory=deque)
    patient: deque[_Queued] = field(default_factory=deque)
    used: float = 0.0
    """When the last task was done."""


class Dispatcher:
    """The queues of all cards. One lock guards everything below it; it may be called from any thread."""

    def __init__(self, store: EisStore, *, clock: Clock, policy: Policy | None = None) -> None:
        self.lock = RLock()
        self.clock = clock
        self.carriers: Mapping[Way, Carrier] = {}
        """Set once, when they are made: they know the dispatcher's lock."""
        self._store = store
        self._policy = policy or Policy()
        self._cards: dict[Eid, _Card] = {}
        self._changed = Condition(self.lock)

    def chain_of(self, eid: Eid) -> Chain:
        """What a card remembers from one script to the next."""
        return self._card(eid).chain

    def choose(self, eid: Eid, download: bool, forced: Way | None = None) -> Way:
        """The bearer for a task; Refused where there is none."""
        with self.lock:
            eis = self._store.get(eid)
            wanted = self._policy.downloads if download else self._policy.commands
            ways = [forced] if forced is not None else [way for way in wanted if way in self.carriers]
            usable = [
                way for way in ways if eis is not None and way in self.carriers and self.carriers[way].reaches(eis)
            ]
            if not usable:
                raise Refused(
                    Code.ISD_R_FAILED, f"the card cannot be reached by {' or '.join(ways) or 'any bearer'}", eid
                )
            return next((way for way in usable if self.carriers[way].open_to(eid)), usable[0])

    def submit(
        self,
        eid: Eid,
        task: Task[Any],
        way: Way | None = None,
        *,
        outstanding: Outstanding | None = None,
        patient: bool = False,
    ) -> None:
        """Take a task; it is done at some later time, in the order in which the tasks of its card came.

        One that is `patient` lets the others go first, and does not come between commands that belong together.
        """
        with self.lock:
            card = self._card(eid)
            chosen = self.choose(eid, task.is_profile, way)
            report = task.finished

            def finished() -> None:
                report()
                self._finished(eid, task)

            task.finished = finished
            (card.patient if patient else card.waiting).append(_Queued(task, chosen, outstanding))
            self._next(eid, card)

    def give_up(self, task: Task[Any], reason: str) -> None:
        """Nobody waits for a task any more: what of it was not sent will not be."""
        with self.lock:
            task.fail(OutcomeUnknown(reason))

    def release(self, eid: Eid) -> None:
        """A procedure ends, or the card is to reset: no bearer keeps it waiting."""
        with self.lock:
            for carrier in self.carriers.values():
                carrier.release(eid)

    def restarted(self, eid: Eid) -> None:
        """The card was reset: it remembers nothing."""
        with self.lock:
            self._card(eid).chain.break_off()

    @property
    def wake(self) -> float | None:
        """When `tick` has something to do."""
        with self.lock:
            times = [carrier.wake for carrier in self.carriers.values()]
            return min((time for time in times if time is not None), default=None)

    def tick(self) -> None:
        """Time has passed."""
        with self.lock:
            now = self.clock()
            for carrier in self.carriers.values():
                carrier.tick(now)
            for eid, card in tuple(self._cards.items()):
                if card.patient:
                    self._next(eid, card)
            self._changed.notify_all()

    def wait_for(self, done: Callable[[], bool]) -> None:
        """Wait in this thread; others call `tick`, and what cards say comes in by them."""
        with self._changed:
            self._changed.wait_for(done)

    # ---

    def _card(self, eid: Eid) -> _Card:
        return self._cards.setdefault(eid, _Card())

    def _next(self, eid: Eid, card: _Card) -> None:
        if card.current is not None:
            return
        belongs = card.chain.opener is Opener.PERSONALIZATION and self.clock() < card.used + _TOGETHER
        if card.waiting:
            queued = card.waiting.popleft()
            if queued.task.done:
                self._next(eid, card)
                return
        elif card.patient and not belongs:
            queued = card.patient.popleft()
        else:
            return
        card.current = queued
        carrier = self.carriers[queued.way]
        if queued.outstanding is None:
            carrier.carry(eid, queued.task, card.chain)
        else:
            carrier.resume(eid, queued.task, queued.outstanding, card.chain)

    def _finished(self, eid: Eid, task: Task[Any]) -> None:
        with self.lock:
            card = self._card(eid)
            if card.current is not None and card.current.task is task:
                card.current = None
                card.used = self.clock()
                self._next(eid, card)
            self._changed.notify_all()
