# SPDX-License-Identifier: Apache-2.0
"""One of the terminal's timers, for one purpose (TS 102 223 6.4.21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from apdu.cat.codes import CommandType, Device, TimerAction
from apdu.cat.commands import TimerManagement
from apdu.cat.comprehension import Result
from apdu.cat.terminal import Facility

if TYPE_CHECKING:
    from emulator.iso.toolkit import Toolkit

__all__ = ["Timer"]


_POLL: Final = 30
"""Seconds that are counted for a STATUS of a terminal that keeps no timers (D): the default of its poll interval."""


class Timer:
    """A timer; `ended` is called when it ran out and nobody has stopped it in the meantime.

    At a terminal without timers, or that refuses to start one, the card counts how often it is polled.
    """

    __slots__ = ("_again", "_ended", "_number", "_polls", "_seconds", "_toolkit", "running")

    def __init__(self, toolkit: Toolkit, number: int, ended: Callable[[], None]) -> None:
        self._toolkit = toolkit
        self._number = number
        self._ended = ended
        self._polls = 0
        """Polls until it ends; 0: the terminal keeps the time."""
        self._seconds = 0
        self._again = False
        """It runs once more when it has run out."""
        self.running = False

    def start(self, seconds: int) -> None:
        """Start it, again if it runs; it never ends before this returns."""
        seconds = max(seconds, 1)
        self.running, self._again, self._polls, self._seconds = True, False, 0, seconds
        polls = -(-seconds // _POLL)
        if self._available:
            self._toolkit.submit(self._command(TimerAction.START, seconds), lambda result: self._started(result, polls))
        else:
            self._polls = polls

    def prolong(self, seconds: int) -> None:
        """Grant so many seconds from now, and at most as many again.

        A timer that the terminal runs for as long is left alone, and started again when it has run out: that is one
        command for all that happens meanwhile, instead of one each time.
        """
        if self.running and not self._polls and self._seconds == seconds:
            self._again = True
        else:
            self.start(seconds)

    def stop(self) -> None:
        """Stop it if it runs."""
        if self.running and not self._polls:
            self._toolkit.submit(self._command(TimerAction.DEACTIVATE))
        self.running = False

    def expired(self, number: int) -> None:
        """One of the terminal's timers ran out."""
        if not self.running or number != self._number:
            return
        if self._again:
            self.start(self._seconds)
        else:
            self.running = False
            self._ended()

    def polled(self) -> None:
        """The terminal sent STATUS."""
        if self.running and self._polls:
            self._polls -= 1
            if not self._polls:
                self.expired(self._number)

    @property
    def _available(self) -> bool:
        profile = self._toolkit.profile
        return (
            profile is not None
            and profile.supports(CommandType.TIMER_MANAGEMENT)
            and profile.has(Facility.TIMER_EXPIRATION)
        )

    def _started(self, result: Result, polls: int) -> None:
        if not result.performed:
            self._polls = polls

    def _command(self, action: TimerAction, seconds: int | None = None) -> TimerManagement:
        time = {} if seconds is None else {"seconds": seconds}
        return TimerManagement.to(Device.TERMINAL, CommandType.TIMER_MANAGEMENT, action, timer=self._number, **time)
