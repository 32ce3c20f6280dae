# SPDX-License-Identifier: Apache-2.0
"""The over-the-air bearer for whoever wants to wait: a task is submitted, and time passes until it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from apdu.errors import M2mError
from apdu.ids import Eid
from apdu.script import ApduScript, ProfileScript
from apdu.trace.events import FunctionEvent, Layer
from apdu.trace.observer import IGNORE, Observer
from smsr.ota.carrier import Way
from smsr.ota.dispatcher import Dispatcher
from smsr.ota.notifications import Notifications
from smsr.ota.task import Task, command_task, profile_task

__all__ = ["OtaBearer", "Wait"]

T = TypeVar("T")
Wait = Callable[[Callable[[], bool]], None]
"""Lets time pass, and messages, until something is so."""
NOTIFICATION_PATIENCE: Final = 300.0
"""Seconds from a profile switch to the card's notification; then the card is asked."""


class OtaBearer:
    """One card over the air (Bearer); `way` forces a bearer where the dispatcher's policy would choose one."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        notifications: Notifications,
        eid: Eid,
        wait: Wait,
        *,
        way: Way | None = None,
        patience: float = NOTIFICATION_PATIENCE,
        observer: Observer = IGNORE,
    ) -> None:
        self._dispatcher = dispatcher
        self._notifications = notifications
        self._eid = eid
        self._wait = wait
        self._way = way
        self._patience = patience
        self._observer = observer
        self._confirmed = 0

    def run(self, script: ApduScript[T], name: str = "") -> T:
        """Run a script of commands."""
        return self._through(command_task(script, name))

    def run_profile(self, script: ProfileScript[T], name: str = "") -> T:
        """Run a script of SCP03t TLVs."""
        return self._through(profile_task(script, name))

    def reset(self) -> None:
        """Let the card have the REFRESH that it asks for: until a notification is confirmed, or none comes in time."""
        self._dispatcher.release(self._eid)
        if self._way is Way.READER:
            return
        deadline = self._dispatcher.clock() + self._patience
        self._wait(lambda: self._notified or self._dispatcher.clock() >= deadline)
        self._dispatcher.restarted(self._eid)

    @property
    def _notified(self) -> bool:
        """Whether a notification was confirmed since the last script was sent."""
        return self._notifications.confirmed(self._eid) > self._confirmed

    def _through(self, task: Task[T]) -> T:
        self._confirmed = self._notifications.confirmed(self._eid)
        self._report(task.name, "")
        try:
            self._dispatcher.submit(self._eid, task, self._way)
            self._wait(lambda: task.done)
            if not task.done:
                self._dispatcher.give_up(task, f"nobody waited for card {self._eid} any longer")
            result = task.result
        except M2mError as error:
            self._report(task.name, str(error))
            raise
        self._report(task.name, "ok")
        return result

    def _report(self, name: str, outcome: str) -> None:
        if name and self._observer is not IGNORE:
            layer = Layer.ES8 if name.startswith("ES8") else Layer.ES5
            event = FunctionEvent(time=self._dispatcher.clock(), layer=layer, name=name, outcome=outcome)
            self._observer.event(event)
