# SPDX-License-Identifier: Apache-2.0
"""One connection: who is at its other end, and how long and how much it may send before there is a request."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from apdu.errors import M2mError, SecurityError
from smsr.kit.tls import LiveTrust, peer_of
from smsr.kit.trust import ROLE_NAMES, Peer, Trust
from smsr.serving.http.app import PEER
from smsr.serving.http.limits import Limits
from smsr.serving.logs import fields

__all__ = ["Door", "PeerProtocol"]

_log: Final = logging.getLogger("smsr.serving.http")
_INTERVAL: Final = 60.0
"""How often all peers are looked at again, in seconds; at once when roots or lists change."""
_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Door:
    """Who is let in, and stays."""

    __slots__ = ("_live", "_looked", "_now", "_trust", "limits")

    def __init__(self, live: LiveTrust | None, limits: Limits, now: Callable[[], float]) -> None:
        self._live = live
        self._now = now
        self.limits = limits
        self._trust: Trust | None = None
        self._looked = time.monotonic()

    def admit(self, connection: ssl.SSLObject) -> Peer:
        """Who it is; SecurityError for somebody who may not come in."""
        return peer_of(connection, self._current(), ROLE_NAMES, self._now())

    def look_again(self, connections: Iterable[PeerProtocol]) -> None:
        """Put those out whose certificates are not good any more."""
        if self._live is None:
            return
        try:
            trust = self._current()
        except SecurityError as error:
            for connection in connections:
                connection.put_out(str(error))
            return
        if trust is self._trust and time.monotonic() - self._looked < _INTERVAL:
            return
        self._trust, self._looked = trust, time.monotonic()
        for connection in connections:
            if connection.peer is not None:
                try:
                    der = connection.peer.certificate.public_bytes(Encoding.DER)
                    trust.verify_peer(der, ROLE_NAMES, self._now())
                except SecurityError as error:
                    connection.put_out(str(error))

    def _current(self) -> Trust:
        assert self._live is not None
        try:
            return self._live.current()
        except (OSError, M2mError) as error:
            raise SecurityError(f"nobody is let in: {error}") from None


class PeerProtocol(HttpToolsProtocol):
    """HTTP/1.1 of uvicorn with the peer in the scope of each request."""

    def __init__(self, config: Config, state: ServerState, door: Door) -> None:
        super().__init__(config, state, {})
        self.peer: Peer | None = None
        self._door = door
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = self._unread = 0
        self._too_long = False

    # --- connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the peer in, or not."""
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        if connection is not None:
            try:
                self.peer = self._door.admit(connection)
            except SecurityError as error:
                self.put_out(str(error))
                return
        if len(self.connections) > self._door.limits.connections:
            _log.warning("connection refused", extra=fields(reason="too many", caller=self._who()))
            transport.write(_FULL)
            transport.close()
            return
        self._await_head(self._door.limits.head_time)

    def put_out(self, reason: str) -> None:
        """End it now."""
        address = self.client[0] if self.client else None
        _log.warning("connection refused", extra=fields(reason=reason, caller=self._who(), address=address))
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._stop_waiting()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def _who(self) -> str | None:
        return None if self.peer is None else str(self.peer.oid)

    # --- how long and how much

    def _await_head(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head gets too long."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._unread += len(data)
            if self._unread > self._door.limits.head:
                self._too_long = True
                self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, and heads that are too long."""
        if self.transport.is_closing():
            return
        status = 431 if self._too_long else 400
        _log.warning("request refused", extra=fields(status=status, caller=self._who()))
        body = b'{"error":"the headers are too long"}' if self._too_long else b'{"error":"no HTTP that is taken here"}'
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    # --- parser

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = self._unread = 0
        self._await_head(self._door.limits.head_time)

    def on_url(self, url: bytes) -> None:
        """Part of the path."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind the body."""
        self._count(name + value)
        super().on_header(name, value)

    def _count(self, part: bytes) -> None:
        self._head_bytes += len(part)
        if self._head_bytes > self._door.limits.head:
            self._too_long = True
            raise ValueError("too long")  # the parser stops, and send_400_response is called

    def on_headers_complete(self) -> None:
        """A request: from here on the application counts the time."""
        self._in_head = False
        self._stop_waiting()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        if self.peer is not None:
            scope[PEER] = self.peer
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Wait for the next one."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self.pipeline:
            self._await_head(float(self._door.limits.idle_time))
