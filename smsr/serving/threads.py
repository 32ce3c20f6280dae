# SPDX-License-Identifier: Apache-2.0
"""The threads of a server: workers, those that send from the outbox, and the one that shows that the process lives."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from smsr.serving.outbox import Begun, Sender, SqlOutbox
from smsr.serving.worker import Worker

__all__ = ["Threads"]

_LOG: Final = logging.getLogger(__name__)
_POLL: Final = 0.25
"""Seconds after which work of other processes is looked for."""
_DRAIN: Final = 10.0
_SWEEP: Final = 3600.0


class Threads:
    """Runs a worker and an outbox until it is stopped."""

    def __init__(
        self,
        worker: Worker,
        outbox: SqlOutbox,
        sender: Sender,
        *,
        lease: float,
        workers: int = 4,
        senders: int = 8,
        sweep: Callable[[], object] | None = None,
    ) -> None:
        """`sweep` is called now and then (smsr.serving.housekeeping)."""
        self._worker = worker
        self._outbox = outbox
        self._sender = sender
        self._lease = lease
        self._stopping = threading.Event()
        self._to_send: SimpleQueue[Begun | None] = SimpleQueue()
        """Entries that this process has kept; None: look what there is."""
        self._threads = [
            *(threading.Thread(target=self._work, name=f"worker-{number}") for number in range(workers)),
            *(threading.Thread(target=self._send, name=f"sender-{number}") for number in range(senders)),
            threading.Thread(target=self._renew, name="lease"),
        ]
        if sweep is not None:
            self._threads.append(threading.Thread(target=self._keep_house, args=(sweep,), name="sweep"))

    def start(self) -> None:
        """Begin."""
        self._worker.serves = True
        self._outbox.begun = self._to_send.put
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = _DRAIN) -> None:
        """Claim nothing any more, let what runs end for so long, give the rest back, and end the threads."""
        self._worker.drain()
        until = time.monotonic() + seconds
        while self._worker.running and time.monotonic() < until:
            time.sleep(0.02)
        self._stopping.set()
        for _ in self._threads:
            self._worker.wake()
            self._to_send.put(None)
        for thread in self._threads:
            thread.join(max(0.1, until - time.monotonic()))
        with suppress(SQLAlchemyError):  # they are sent once more
            self._outbox.settle()
        self._worker.abandon()

    # ---

    def _work(self) -> None:
        self._loop(lambda: self._worker.work(_POLL))

    def _send(self) -> None:
        self._loop(self._send_some)

    def _send_some(self) -> None:
        """What this process has kept; when that is all, what is due besides."""
        begun = None
        with suppress(Empty):
            begun = self._to_send.get(timeout=_POLL)
        if begun is not None:
            self._outbox.deliver(begun, self._sender)
            return
        while not self._stopping.is_set() and self._outbox.deliver_one(self._sender):
            pass

    def _loop(self, work: Callable[[], object]) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except Exception:  # noqa: BLE001 - the database may be away for a while; the thread must not be
                _LOG.exception("a unit of work failed")
                self._stopping.wait(_POLL)

    def _keep_house(self, sweep: Callable[[], object]) -> None:
        while not self._stopping.wait(_SWEEP):
            try:
                sweep()
            except Exception:  # noqa: BLE001 - as in _loop
                _LOG.exception("old rows were not deleted")

    def _renew(self) -> None:
        while not self._stopping.wait(self._lease / 3):
            try:
                self._worker.renew()
            except Exception:  # noqa: BLE001 - as in _loop
                _LOG.exception("leases were not renewed")
