# SPDX-License-Identifier: Apache-2.0
"""A service centre in a thread of the test, servers that hear, and a wire that is listened to."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

from apdu.sms.address import Address
from apdu.sms.transport import NO_TROUBLE, Trouble
from smsr.bearers.smpp import Account, SmppTransport
from tools.smsc.centre import Centre

SM_SR, DEVICE = Address.of("+491710000001"), Address.of("+491720000001")


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(reached: Callable[[], object], seconds: float = 10) -> None:
    """Until something is so."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


class Smsc:
    """A `Centre` that serves until the block ends."""

    def __init__(self, port: int, trouble: Trouble = NO_TROUBLE, chance: Callable[[], float] = lambda: 1.0) -> None:
        self.port = port
        self.said: list[str] = []
        self._centre = Centre(trouble, chance, self.said.append)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._centre.serve("127.0.0.1", self.port, ready=self._ready.set))
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            return
        finally:
            self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(5)
        assert not self._thread.is_alive()

    def until(self, text: str, count: int = 1) -> None:
        """Until it has said something so often."""
        wait_for(lambda: sum(text in line for line in self.said) >= count)


class Hears:
    """An SM-SR that keeps what it hears."""

    def __init__(self) -> None:
        self.messages: list[tuple[Address, bytes]] = []
        self.reports: list[tuple[Address, bytes, bool]] = []
        self.told: list[tuple[bool, str]] = []

    def submitted(self, sender: Address, tpdu: bytes) -> None:
        self.messages.append((sender, tpdu))

    def reported(self, to: Address, report: bytes, error: bool) -> None:
        self.reports.append((to, report, error))

    def tell(self, bound: bool, text: str) -> None:
        self.told.append((bound, text))

    def transport(self, port: int) -> SmppTransport:
        """Its way out."""
        account = Account(host="127.0.0.1", port=port, system_id=SM_SR.number)
        return SmppTransport(account, self, self.tell)

    def bound(self) -> None:
        """Until it is bound."""
        wait_for(lambda: self.told and self.told[-1][0])


class Wire:
    """A port in front of another one; what passes is kept, with its direction."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.passed: list[tuple[bool, bytes]] = []
        """Whether it came from the server, and the bytes."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        near, _ = self._server.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        for source, sink, back in ((near, far, False), (far, near, True)):
            threading.Thread(target=self._pass, args=(source, sink, back), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        try:
            while data := source.recv(65_536):
                self.passed.append((back, data))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def close(self) -> None:
        self._server.close()
