# SPDX-License-Identifier: Apache-2.0
"""Listening: TLS in which both sides show certificates, and connections that do not outlive what they were let in for.

uvicorn reads HTTP; what it leaves open is closed here: how long a handshake and the head of a request may take, how
much a head may hold, and that a peer whose certificate is revoked or over is put out of connections that it has.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from email.utils import formatdate
from threading import Thread
from typing import Any, Final

import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from smsr.kit.tls import LiveTrust
from smsr.serving.http.app import App
from smsr.serving.http.limits import Limits
from smsr.serving.http.protocol import Door, PeerProtocol
from smsr.serving.logs import fields

__all__ = ["HttpServer", "Tls"]

_log: Final = logging.getLogger("smsr.serving.http")
_TICK: Final = 1.0
_GRACE: Final = 10.0
_GOODBYE: Final = 1.0
"""How long a peer may take to end TLS."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The context of the server, and the trust that is kept up to date with it."""

    context: ssl.SSLContext
    trust: LiveTrust


class _Handshake(ssl.SSLObject):
    """Whose certificate OpenSSL refuses never reaches a protocol: so this is where it is noted."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "broken off"
            _log.warning("handshake refused", extra=fields(reason=reason))
            raise


class HttpServer:
    """An application on a port, in a thread with an event loop of its own."""

    def __init__(
        self, app: App, host: str, port: int, limits: Limits, tls: Tls | None, now: Callable[[], float] = time.time
    ) -> None:
        """Without `tls`: for what anybody on this machine may see. `now`: seconds since the epoch."""
        self._app = app
        self._address = host, port
        self._limits = limits
        self._tls = tls
        self._door = Door(tls.trust if tls is not None else None, limits, now)
        self._state = ServerState()
        self._config = Config(
            app,
            loop="none",
            http=PeerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=limits.idle_time,
        )
        self._started: Future[tuple[str, int]] = Future()
        self._thread = Thread(target=self._run, name=f"http-{port}", daemon=True)
        self._stop: Callable[[], object] = lambda: None

    def start(self) -> tuple[str, int]:
        """Listen; host and port, the port chosen where 0 was asked for. OSError when that cannot be."""
        self._thread.start()
        return self._started.result()

    def close(self) -> None:
        """No new connections, an end to those that are idle, and ten seconds for what runs."""
        self._stop()
        self._thread.join()
        self._app.close()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except OSError as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        self._tick()
        server = await loop.create_server(self._protocol, *self._address, **self._tls_arguments())
        host, port, *_ = server.sockets[0].getsockname()
        self._started.set_result((host, port))
        while not stopped.is_set():
            self._tick()
            try:
                await asyncio.wait_for(stopped.wait(), _TICK)
            except TimeoutError:
                continue
        server.close()
        await self._drain()

    def _tls_arguments(self) -> dict[str, Any]:
        if self._tls is None:
            return {}
        self._tls.context.sslobject_class = _Handshake
        times = {"ssl_handshake_timeout": self._limits.handshake_time, "ssl_shutdown_timeout": _GOODBYE}
        return {"ssl": self._tls.context, **times}

    def _protocol(self) -> PeerProtocol:
        return PeerProtocol(self._config, self._state, self._door)

    def _tick(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        try:
            self._door.look_again(self._connections())
        except Exception:  # noqa: BLE001  # the loop that everything runs in must not end
            _log.exception("error")

    def _connections(self) -> list[PeerProtocol]:
        return [each for each in self._state.connections if isinstance(each, PeerProtocol)]

    async def _drain(self) -> None:
        for connection in self._connections():
            connection.shutdown()
        end = asyncio.get_running_loop().time() + _GRACE
        while self._state.tasks and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.02)
        for connection in self._connections():
            connection.transport.abort()
