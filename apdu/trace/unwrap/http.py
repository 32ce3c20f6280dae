# SPDX-License-Identifier: Apache-2.0
"""HTTP as somebody reads it who takes no part in it: bytes of both directions in, whole messages out (RFC 9112).

h11 reads each message with a connection of its own, because nothing here answers anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import h11

from apdu.trace.rules.table import Rule, Rules

__all__ = ["HttpMessage", "HttpReader"]

_MAX_HEADERS: Final = 16 * 1024
_MAX_BODY: Final = 1 << 20
"""Bytes of a body that are put together; what is longer is told as malformed."""
_ASKED: Final = h11.Request(method="POST", target="/", headers=[("Host", "x")])


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """One message; one with a rule is what came of one that cannot be read, or that is not whole."""

    start: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    broken: Rule | None = None
    why: str = ""

    def header(self, name: str) -> str:
        """The value of a header; empty where there is none."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")


class HttpReader:
    """One direction of one connection: requests, or responses."""

    __slots__ = ("_body", "_connection", "_head", "_requests", "dead")

    def __init__(self, *, requests: bool) -> None:
        self._requests = requests
        self.dead = False
        """Nothing can be read any more."""
        self._next(b"")

    def _next(self, begun: bytes) -> None:
        self._head: h11.Request | h11.Response | None = None
        self._body = bytearray()
        role = h11.SERVER if self._requests else h11.CLIENT
        self._connection = h11.Connection(role, max_incomplete_event_size=_MAX_HEADERS)
        if not self._requests:
            self._connection.send(_ASKED)
            self._connection.send(h11.EndOfMessage())
        if begun:
            self._connection.receive_data(begun)

    def feed(self, data: bytes) -> Iterator[HttpMessage]:
        """Take bytes; the messages that are whole now. Empty bytes say that no more come."""
        idle = self._head is None and not self._connection.trailing_data[0]
        self.dead = self.dead or (not data and idle)
        if self.dead:
            return
        try:
            self._connection.receive_data(data)
            yield from self._messages()
        except h11.RemoteProtocolError as error:
            self.dead = True
            begun = bytes(self._body) or self._connection.trailing_data[0] or data
            rule = Rules.HTTP if data else Rules.HTTP_CUT
            yield HttpMessage(_start(self._head), _headers(self._head), begun, rule, str(error))
        if not data:
            self.dead = True

    def _messages(self) -> Iterator[HttpMessage]:
        while True:
            event = self._connection.next_event()
            if isinstance(event, (h11.Request, h11.Response)):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > _MAX_BODY:
                    raise h11.RemoteProtocolError(f"a body of more than {_MAX_BODY} bytes")
            elif isinstance(event, h11.EndOfMessage):
                yield HttpMessage(_start(self._head), _headers(self._head), bytes(self._body))
                rest = self._connection.trailing_data[0]
                self._next(rest)
                if not rest:
                    return
            elif not isinstance(event, h11.InformationalResponse):
                return


def _start(head: h11.Request | h11.Response | None) -> str:
    if head is None:
        return "HTTP"
    version = head.http_version.decode("ascii")
    if isinstance(head, h11.Request):
        return f"{head.method.decode('ascii')} {head.target.decode('ascii')} HTTP/{version}"
    return f"HTTP/{version} {head.status_code} {bytes(head.reason).decode('latin-1')}".rstrip()


def _headers(head: h11.Request | h11.Response | None) -> tuple[tuple[str, str], ...]:
    if head is None:
        return ()
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items())
