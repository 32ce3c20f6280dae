# SPDX-License-Identifier: Apache-2.0
"""Things to be done after some time, all in one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from threading import Condition, Thread

__all__ = ["Timer"]


class Timer:
    """One thread, which begins with the first thing to be done. What is done in it must not block."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._wake = Condition()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._thread: Thread | None = None
        self._closed = False

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later."""
        with self._wake:
            if self._closed:
                return
            heappush(self._due, (time.monotonic() + seconds, next(self._numbers), action))
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self) -> None:
        """Do nothing any more."""
        with self._wake:
            self._closed = True
            self._wake.notify()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            action()

    def _next(self) -> Callable[[], None] | None:
        with self._wake:
            while not self._closed:
                now = time.monotonic()
                if self._due and self._due[0][0] <= now:
                    return heappop(self._due)[2]
                self._wake.wait(self._due[0][0] - now if self._due else None)
        return None
