# SPDX-License-Identifier: Apache-2.0
"""Sleeping until a socket is ready, until somebody wakes the sleeper, or until time is over."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

__all__ = ["READ", "WRITE", "Ready", "Waiting"]

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Ready = Callable[[int], None]
"""Called with READ, WRITE or both."""


class Waiting:
    """Sockets and what to call when they are ready. Everything runs in the thread of `turn`, but for `wake`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._watched: set[socket.socket] = set()
        self._bell: tuple[socket.socket, socket.socket] | None = None

    def watch(self, ready: socket.socket, events: int, call: Ready) -> None:
        """Call when this socket is ready; with no events, no more."""
        known = ready in self._watched
        if not events:
            if known:
                self._selector.unregister(ready)
                self._watched.discard(ready)
        elif known:
            self._selector.modify(ready, events, call)
        else:
            self._selector.register(ready, events, call)
            self._watched.add(ready)

    def turn(self, seconds: float = 0.0) -> None:
        """Wait so long at most for something to be ready, and call for it."""
        for key, events in self._selector.select(seconds):
            key.data(events)

    def bell(self) -> Callable[[], None]:
        """What another thread calls to end a `turn`."""
        if self._bell is None:
            listening, ringing = self._bell = socket.socketpair()
            listening.setblocking(False)
            ringing.setblocking(False)
            self.watch(listening, READ, lambda _: _drain(listening))
        return self._ring

    def _ring(self) -> None:
        if self._bell is None:
            return
        try:
            self._bell[1].send(b"\0")
        except OSError:  # full: it rings already; closed: nobody sleeps
            return

    def close(self) -> None:
        """Give up what the system keeps for this."""
        self._selector.close()
        self._watched.clear()
        for end in self._bell or ():
            end.close()
        self._bell = None


def _drain(listening: socket.socket) -> None:
    try:
        while listening.recv(4096):
            pass
    except BlockingIOError:
        return
