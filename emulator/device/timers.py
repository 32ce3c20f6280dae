# SPDX-License-Identifier: Apache-2.0
"""The eight timers that a terminal keeps for its card (TS 102 223 4.10, 6.4.21)."""

from __future__ import annotations

from typing import Final

from apdu.trace import Clock

__all__ = ["TIMERS", "Timers"]

TIMERS: Final = range(1, 9)


class Timers:
    """Timers on a clock that is passed in; one that ran out stays until it is taken."""

    __slots__ = ("_clock", "_running")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[int, tuple[float, float]] = {}
        """Timer to when it was started and when it ends."""

    def start(self, timer: int, seconds: float) -> None:
        """Start a timer, again if it runs."""
        now = self._clock()
        self._running[timer] = (now, now + seconds)

    def remaining(self, timer: int) -> int | None:
        """Whole seconds that it still runs; None when it does not."""
        times = self._running.get(timer)
        return None if times is None else max(0, int(times[1] - self._clock()))

    def stop(self, timer: int) -> int | None:
        """Stop a timer; what it would still have run."""
        left = self.remaining(timer)
        self._running.pop(timer, None)
        return left

    def clear(self) -> None:
        """Stop all: the card was reset."""
        self._running.clear()

    @property
    def due(self) -> float | None:
        """When the next one ends."""
        return min((end for _, end in self._running.values()), default=None)

    def expired(self) -> tuple[int, int] | None:
        """The timer that ended first, and the seconds since it was started; it is taken away."""
        if not self._running:
            return None
        now = self._clock()
        ended = [(end, timer) for timer, (_, end) in self._running.items() if end <= now]
        if not ended:
            return None
        _, timer = min(ended)
        return timer, int(now - self._running.pop(timer)[0])
