# SPDX-License-Identifier: Apache-2.0
"""Does the card steps of the SM-SR's procedures (Performer): at once on a card in reach, over the air without waiting.

A step over the air is a task of the dispatcher, and its procedure goes on when the task is over, in whatever thread
that happens. A reset is over when the card's notification was confirmed, or was waited for in vain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from apdu.errors import M2mError
from apdu.ids import Eid
from apdu.trace.observer import Clock
from smsr.bearers.ota import NOTIFICATION_PATIENCE
from smsr.cardsteps import CardStep, Reach, ResetCard, RunCommands
from smsr.ota.ota import OverTheAir
from smsr.ota.task import Task, command_task, profile_task
from smsr.serving.procedure import Outcome, Step

__all__ = ["CardPerformer"]

Done = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class _Reset:
    """A reset that is waited for."""

    eid: Eid
    confirmed: int
    """Notifications that were confirmed before the script that causes it."""
    deadline: float
    done: Done


class CardPerformer:
    """Cards in reach, and all others over the air where there is a way; `tick` is called several times a second."""

    def __init__(self, reach: Reach, ota: OverTheAir | None, clock: Clock) -> None:
        self._reach = reach
        self._ota = ota
        self._clock = clock
        self._patience = ota.settings.notification if ota is not None else NOTIFICATION_PATIENCE
        self._lock = Lock()
        self._confirmed: dict[Eid, int] = {}
        self._resets: list[_Reset] = []
        if ota is not None:
            ota.notifications.concluded = lambda eid: self.tick()

    def perform(self, step: Step, done: Done) -> None:
        """Begin a step (Performer)."""
        assert isinstance(step, CardStep)
        if self._ota is None or self._reach.has(step.eid):
            done(_outcome(lambda: self._reach.perform(step)))
        elif isinstance(step, ResetCard):
            self._begin_reset(self._ota, step.eid, done)
        else:
            task: Task[Any]
            if isinstance(step, RunCommands):
                task = command_task(step.script, step.name)
            else:
                task = profile_task(step.script, step.name)
            self._submit(self._ota, step.eid, task, done)

    def tick(self) -> None:
        """Time has passed, or a card knows that it was heard: end resets that are over."""
        if self._ota is None or not self._resets:
            return
        confirmed, now = self._ota.notifications.confirmed, self._clock()
        with self._lock:
            over = [each for each in self._resets if confirmed(each.eid) > each.confirmed or now >= each.deadline]
            self._resets = [each for each in self._resets if each not in over]
        for each in over:
            self._ota.dispatcher.restarted(each.eid)
            each.done(Outcome())

    # ---

    def _submit(self, ota: OverTheAir, eid: Eid, task: Task[Any], done: Done) -> None:
        with ota.dispatcher.lock:
            self._confirmed[eid] = ota.notifications.confirmed(eid)
            task.finished = lambda: done(_outcome(lambda: task.result))
            try:
                ota.dispatcher.submit(eid, task)
            except M2mError as error:
                failure = Outcome(error=error)
            else:
                return
        done(failure)

    def _begin_reset(self, ota: OverTheAir, eid: Eid, done: Done) -> None:
        ota.dispatcher.release(eid)
        before = self._confirmed.pop(eid, ota.notifications.confirmed(eid))
        with self._lock:
            self._resets.append(_Reset(eid, before, self._clock() + self._patience, done))


def _outcome(work: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(result=work())
    except M2mError as error:
        return Outcome(error=error)
