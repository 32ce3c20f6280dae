# SPDX-License-Identifier: Apache-2.0
"""Kept connections to other servers, each to the party that it was meant for.

A host name in a certificate says which machine it is; the object identifier says who, and is what matters here.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPSConnection

from apdu.errors import M2mError, SecurityError
from smsr.kit.oid import Oid
from smsr.kit.tls import peer_of
from smsr.kit.trust import ROLE_NAMES, Peer, Trust
from smsr.serving.parties import Address

__all__ = ["Connections", "Reply", "Unreachable"]

_KEPT: Final = 8
"""Connections to one party that wait for their next use."""
_CONNECT: Final = 10.0
"""Seconds that a connection may take to come about."""
_MAX_ANSWER: Final = 4 * 1024 * 1024


class Unreachable(M2mError):
    """No answer: nobody is there, or not who should be, or the connection broke. What became of it is unknown."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    body: bytes
    type: str
    """Media type, without parameters."""
    retry_after: int
    """Seconds; 0: it does not say."""


class Connections:
    """To any party; used by any thread."""

    __slots__ = ("_context", "_lock", "_now", "_pools", "_timeout", "_trust")

    def __init__(
        self,
        context: ssl.SSLContext,
        trust: Callable[[], Trust],
        timeout: float = 30.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`trust` is asked for each new connection; `timeout` in seconds, for each part of an answer."""
        self._context = context
        self._trust = trust
        self._now = now
        self._timeout = urllib3.Timeout(connect=_CONNECT, read=timeout)
        self._pools: dict[tuple[Oid, str, int], urllib3.HTTPSConnectionPool] = {}
        self._lock = Lock()

    def send(self, receiver: Oid, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """One exchange; Unreachable. Redirections are answers like others."""
        try:
            return self._send(self._pool(receiver, Address.parse(url)), method, url, headers, body)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{receiver} at {_shown(url)}: {_reason(error)}") from None
        except SecurityError as error:
            raise Unreachable(f"{receiver} at {_shown(url)}: {error}") from None

    def identify(self, url: str) -> Peer:
        """Who answers at an address, as its verified certificate says; Unreachable."""
        at = Address.parse(url)
        try:
            with (
                socket.create_connection((at.host, at.port), _CONNECT) as plain,
                self._context.wrap_socket(plain, server_hostname=at.host) as connection,
            ):
                return peer_of(connection, self._trust(), ROLE_NAMES, self._now())
        except (OSError, SecurityError) as error:
            raise Unreachable(f"{_shown(url)}: {_reason(error)}") from None

    def close(self) -> None:
        """Let go of what is kept."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    def _send(
        self,
        pool: urllib3.HTTPSConnectionPool,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Reply:
        target = "/" + url.split("/", 3)[3] if url.count("/") > 2 else "/"
        answer = pool.urlopen(
            method, target, body=body, headers=dict(headers), retries=False, redirect=False, preload_content=False
        )
        try:
            content = answer.read(_MAX_ANSWER + 1, decode_content=False)
            if len(content) > _MAX_ANSWER:
                answer.close()
                raise urllib3.exceptions.HTTPError("an answer that is too large")
        finally:
            answer.release_conn()
        wait = answer.headers.get("retry-after", "")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Reply(answer.status, content, kind, int(wait) if wait.isascii() and wait.isdigit() else 0)

    def _pool(self, receiver: Oid, at: Address) -> urllib3.HTTPSConnectionPool:
        key = receiver, at.host, at.port
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                pool = urllib3.HTTPSConnectionPool(
                    at.host, at.port, timeout=self._timeout, maxsize=_KEPT, ssl_context=self._context
                )
                pool.ConnectionCls = self._checked(receiver)
                self._pools[key] = pool
        return pool

    def _checked(self, receiver: Oid) -> type[HTTPSConnection]:
        """A connection that looks who is at its other end, and sends a request at once."""
        trust, now = self._trust, self._now

        class Checked(HTTPSConnection):
            held: bytearray | None = None

            def request(self, *arguments: Any, **named: Any) -> None:
                # otherwise head and body are two records of TLS, for each of which the other side wakes up
                self.held = bytearray()
                try:
                    super().request(*arguments, **named)
                finally:
                    data, self.held = self.held, None
                super().send(data)

            def send(self, data: Any) -> None:
                if self.held is None:
                    super().send(data)
                else:
                    self.held += data

            def connect(self) -> None:
                super().connect()
                try:
                    assert isinstance(self.sock, ssl.SSLSocket)
                    found = peer_of(self.sock, trust(), ROLE_NAMES, now())
                    if found.oid != receiver:
                        raise SecurityError(f"it is {found.oid} that answers there")
                except (M2mError, OSError):
                    self.close()
                    raise

        return Checked


def _shown(url: str) -> str:
    return url[:100]


def _reason(error: Exception) -> str:
    """The words at the bottom, without urllib3's objects."""
    cause = error.__cause__ or error.__context__ or error
    inner = getattr(error, "reason", None)
    if isinstance(inner, ssl.SSLCertVerificationError) or isinstance(cause, ssl.SSLCertVerificationError):
        found = inner if isinstance(inner, ssl.SSLCertVerificationError) else cause
        return f"its certificate is refused: {getattr(found, 'verify_message', '')}"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return str(error).rpartition(": ")[2] or type(error).__name__
