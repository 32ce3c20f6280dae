# SPDX-License-Identifier: Apache-2.0
"""An admin server in a thread of its own, and clients that are cards, or worse."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from apdu.ids import ISD_R, Eid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import SecretKey
from apdu.ota.admin import PskIdentity, admin_from
from apdu.tls.engine import PskClient, TlsFailed, TlsState
from smsr.ota.connection import Desk, Limits
from smsr.ota.server import AdminServer

__all__ = ["PATIENCE", "Client", "ServerThread", "identity_of", "post"]

PATIENCE = 10.0


def identity_of(eid: Eid, kvn: int = 0x40, kid: int = 1) -> str:
    """The PSK identity of a card."""
    return str(PskIdentity(eid, ISD_R, kid, kvn))


def post(eid: Eid, uri: str = "/adm", *more: str, body: bytes = b"") -> bytes:
    """The request of a well-behaved card."""
    lines = [
        f"POST {uri} HTTP/1.1",
        "Host: 127.0.0.1",
        "X-Admin-Protocol: globalplatform-remote-admin/1.0",
        f"X-Admin-From: {admin_from(eid)}",
        *more,
    ]
    if body:
        lines.append("Transfer-Encoding: chunked")
        body = b"%X\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class ServerThread:
    """Runs an AdminServer until `stop`."""

    def __init__(
        self,
        desk: Desk,
        clock: Callable[[], float],
        limits: Limits | None = None,
        tick: Callable[[], None] | None = None,
    ) -> None:
        self.errors: list[dict[str, Any]] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: self.errors.append(context))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.server = AdminServer(desk, entropy=SeededEntropy(b"server"), clock=clock, limits=limits, tick=tick)
        self.port: int = self._do(self.server.start())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def stop(self) -> None:
        """Close everything."""
        self._do(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


class Client:
    """A TCP connection with the project's own TLS end, which the interoperability tests prove."""

    def __init__(self, port: int, identity: str = "", key: SecretKey | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.tls = PskClient(identity, key) if key is not None else None
        self.raw = b""
        """Everything that came, as records."""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def handshake(self) -> bool:
        """Whether TLS opens."""
        assert self.tls is not None
        try:
            while self.tls.state is TlsState.HANDSHAKE:
                self.socket.sendall(self.tls.outgoing())
                data = self.socket.recv(4096)
                self.raw += data
                if not data:
                    return False
                self.tls.receive(data)
        except (TlsFailed, ConnectionError):
            return False
        return True

    def send(self, clear: bytes) -> None:
        """Protect and send."""
        assert self.tls is not None
        self.tls.send(clear)
        self.socket.sendall(self.tls.outgoing())

    def receive(self, enough: Callable[[bytes], bool] | None = None) -> bytes:
        """Clear data until it is enough, or the server closes."""
        assert self.tls is not None
        clear = b""
        while enough is None or not enough(clear):
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                break
            if not data:
                break
            with suppress(TlsFailed):
                clear += self.tls.receive(data)
            if self.tls.state in (TlsState.CLOSED, TlsState.FAILED):
                break
        return clear

    def ask(self, request: bytes) -> bytes:
        """A request and its whole answer."""
        self.send(request)
        return self.receive(_is_whole)

    def gone(self) -> bool:
        """Whether the server closes without another word in clear."""
        if self.tls is not None and self.tls.state is TlsState.OPEN:
            return self.receive() == b""
        try:
            return self.socket.recv(65536) == b""
        except ConnectionError:
            return True


def _is_whole(answer: bytes) -> bool:
    head, mark, body = answer.partition(b"\r\n\r\n")
    if not mark:
        return False
    if b"transfer-encoding: chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    return True
