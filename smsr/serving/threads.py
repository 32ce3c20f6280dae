# SPDX-License-Identifier: Apache-2.0
"""The threads of a server: workers, those that send from the outbox, and the one that shows that the process lives."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from smsr.serving.outbox import Sender, SqlOutbox
from smsr.serving.worker import Worker

__all__ = ["Threads"]

_LOG: Final = logging.getLogger(__name__)
_POLL: Final = 0.25
"""Seconds after which work of other processes is looked for."""
_DRAIN: Final = 10.0


class Threads:
    """Runs a worker and an outbox until it is stopped."""

    def __init__(
        self, worker: Worker, outbox: SqlOutbox, sender: Sender, *, lease: float, workers: int = 2, senders: int = 4
    ) -> None:
        self._worker = worker
        self._outbox = outbox
        self._sender = sender
        self._lease = lease
        self._stopping = threading.Event()
        self._to_send = threading.Event()
        outbox.wake = self._to_send.set
        self._threads = [
            *(threading.Thread(target=self._work, name=f"worker-{number}") for number in range(workers)),
            *(threading.Thread(target=self._send, name=f"sender-{number}") for number in range(senders)),
            threading.Thread(target=self._renew, name="lease"),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = _DRAIN) -> None:
        """Claim nothing any more, let what runs end for so long, give the rest back, and end the threads."""
        self._worker.drain()
        until = time.monotonic() + seconds
        while self._worker.running and time.monotonic() < until:
            time.sleep(0.02)
        self._stopping.set()
        self._worker.wake()
        self._to_send.set()
        for thread in self._threads:
            thread.join(max(0.1, until - time.monotonic()))
        self._worker.abandon()

    # ---

    def _work(self) -> None:
        self._loop(self._worker.work, self._worker.wait)

    def _send(self) -> None:
        self._loop(lambda: self._outbox.deliver_one(self._sender), self._wait_to_send)

    def _wait_to_send(self, seconds: float) -> None:
        self._to_send.wait(seconds)
        self._to_send.clear()

    def _loop(self, work: Callable[[], bool], wait: Callable[[float], None]) -> None:
        while not self._stopping.is_set():
            try:
                worked = work()
            except Exception:  # noqa: BLE001 - the database may be away for a while; the thread must not be
                _LOG.exception("a unit of work failed")
                worked = False
            if not worked:
                wait(_POLL)

    def _renew(self) -> None:
        while not self._stopping.wait(self._lease / 3):
            try:
                self._worker.renew()
            except Exception:  # noqa: BLE001 - as in _loop
                _LOG.exception("leases were not renewed")
