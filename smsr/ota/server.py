# SPDX-License-Identifier: Apache-2.0
"""The admin server: TCP around `AdminConnection`, with asyncio.

server = AdminServer(desk, entropy=…, clock=…)
await server.start("127.0.0.1", 0)
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from threading import get_ident
from typing import Final

from apdu.keys.entropy import Entropy
from apdu.trace.observer import Clock
from smsr.ota.connection import AdminConnection, Desk, Limits

__all__ = ["AdminServer"]

_BACKLOG: Final = 512
_SWEEP: Final = 0.25
"""Seconds between two looks at what takes too long."""
_MAX_UNSENT: Final = 256 * 1024
"""Bytes that a card may leave unread."""


class AdminServer:
    """Accepts cards; what they say is the desk's affair. `tick` is called several times a second (Dispatcher.tick)."""

    def __init__(
        self,
        desk: Desk,
        *,
        entropy: Entropy,
        clock: Clock,
        limits: Limits | None = None,
        tick: Callable[[], None] | None = None,
    ) -> None:
        self.desk = desk
        self._tick = tick
        self.limits = limits or Limits()
        self.clock = clock
        self.entropy = entropy
        self.connections: set[_Protocol] = set()
        self.newcomers: Counter[str] = Counter()
        """Connections by address that have not shown a key yet."""
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, listener: socket.socket | None = None) -> int:
        """Listen, or take a socket that does; returns the port."""
        loop = asyncio.get_running_loop()
        if listener is None:
            self._server = await loop.create_server(lambda: _Protocol(self), host, port, backlog=_BACKLOG)
        else:
            self._server = await loop.create_server(lambda: _Protocol(self), sock=listener, backlog=_BACKLOG)
        self._sweeper = asyncio.create_task(self._sweep())
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def cipher_suites(self) -> tuple[str, ...]:
        """Of the connections whose cards have shown their keys, by OpenSSL's names."""
        return tuple(protocol.cipher_suite for protocol in self.connections if protocol.cipher_suite)

    def tick(self) -> None:
        """Time has passed: end what took too long."""
        now = self.clock()
        for protocol in tuple(self.connections):
            protocol.tick(now)

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        for protocol in tuple(self.connections):
            protocol.abort()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            if self._tick is not None:
                self._tick()
            self.tick()


class _Protocol(asyncio.Protocol):
    """One socket."""

    def __init__(self, server: AdminServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._address = ""
        self._new = True
        self._transport: asyncio.Transport
        self._connection: AdminConnection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or refuse it where there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        server = self._server
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        server.newcomers[self._address] += 1
        full = len(server.connections) >= server.limits.connections
        if full or server.newcomers[self._address] > server.limits.unauthenticated:
            transport.abort()
            return
        connection = AdminConnection(server.desk, server.entropy, server.limits, server.clock())
        connection.wake_up = self._wake_up
        self._connection = connection
        server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes from the card."""
        connection = self._connection
        if connection is not None:
            connection.receive(data, self._server.clock())
            if connection.admitted:
                self._known()
            self._flush(connection)

    def eof_received(self) -> bool:
        """The card closed its side; so do we."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        self._known()
        self._server.connections.discard(self)
        if self._connection is not None:
            self._connection.end_of_stream()

    def tick(self, now: float) -> None:
        """Time has passed."""
        connection = self._connection
        if connection is None or now < connection.wake:
            return
        if connection.closed:  # it does not take what it is told
            self._transport.abort()
        else:
            connection.tick(now)
            self._flush(connection)

    def abort(self) -> None:
        """Close without a word."""
        self._transport.abort()

    @property
    def cipher_suite(self) -> str:
        """What its TLS agreed on; empty before that."""
        return "" if self._connection is None else self._connection.cipher_suite

    # ---

    def _wake_up(self) -> None:
        """From any thread: a held request may be answered. The loop's own thread does not have to be woken."""
        if get_ident() == self._thread:
            self._loop.call_soon(self._poll)
        else:
            self._loop.call_soon_threadsafe(self._poll)

    def _poll(self) -> None:
        if self._connection is not None:
            self._connection.poll(self._server.clock())
            self._flush(self._connection)

    def _flush(self, connection: AdminConnection) -> None:
        data = connection.outgoing()
        if data and not self._transport.is_closing():
            self._transport.write(data)
        if self._transport.get_write_buffer_size() > _MAX_UNSENT:
            self._transport.abort()
        elif connection.closed:
            self._transport.close()

    def _known(self) -> None:
        """The connection does not count among the newcomers of its address any more."""
        if self._new:
            self._new = False
            server = self._server
            server.newcomers[self._address] -= 1
            if server.newcomers[self._address] <= 0:
                del server.newcomers[self._address]
