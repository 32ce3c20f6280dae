# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM as a wish that a command ends, to be waited for."""

from __future__ import annotations

import signal
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Self

__all__ = ["Ending"]


class Ending:
    """Takes both signals while its block is open. For the main thread.

    Not an Event: a handler that sets one for which its own thread just begins to wait never comes back.
    """

    def __init__(self) -> None:
        self._came: SimpleQueue[None] = SimpleQueue()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for a signal, so long at most; whether one came. Each counts once."""
        with suppress(Empty):
            self._came.get(timeout=seconds)
            return True
        return False

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._came.put(None)
