# SPDX-License-Identifier: Apache-2.0
"""One connection of a card, without I/O: TLS records in and out, HTTP inside, limits on everything that grows.

    connection.receive(data, now); send(connection.outgoing())
    connection.tick(now)               when `wake` has come
    if connection.closed: close the socket after what is outgoing

Who breaks a rule gets an answer where HTTP has one, and the connection ends. Nothing is kept of a request but its
header block and its body, both bounded; a request has to be complete in a time that does not depend on how busily its
sender drips bytes. Until the TLS handshake is over nothing at all distinguishes a wrong key from an unknown identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import h11

from apdu.keys.entropy import Entropy
from apdu.keys.secret import SecretKey
from apdu.ota.admin import MAX_BODY, MAX_HEADERS
from apdu.tls.engine import PskServer, TlsFailed, TlsState
from smsr.ota.admin import AdminReply, AdminRequest

__all__ = ["AdminConnection", "Desk", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds that a card may take, and how many may come."""

    handshake: float = 20.0
    request: float = 120.0
    """From the first byte of a request to its last."""
    idle: float = 60.0
    """Between two requests."""
    connections: int = 4096
    unauthenticated: int = 64
    """Connections of one address that have not shown a key yet: many cards may stand behind one address."""


class Desk(Protocol):
    """Who answers the requests of all cards."""

    def find_key(self, identity: str) -> SecretKey | None:
        """The key of a PSK identity."""
        ...

    def admit(self, connection: AdminConnection, now: float) -> bool:
        """Whether a card may talk now: not when it does so already over another connection."""
        ...

    def post(self, connection: AdminConnection, request: AdminRequest, now: float) -> AdminReply | None:
        """The answer to a request; None while it is held."""
        ...

    def poll(self, connection: AdminConnection, now: float) -> AdminReply | None:
        """The answer to a held request, if there is one by now."""
        ...

    def hold_until(self, connection: AdminConnection) -> float | None:
        """When a held request is answered in any case."""
        ...

    def leave(self, connection: AdminConnection) -> None:
        """The connection has ended."""
        ...


_POST: Final = b"POST"
_END: Final = h11.EndOfMessage()
_MAX_PIECES: Final = 4096
"""Chunks of one body: a card sends as much as its channel's buffer holds in each."""


class AdminConnection:
    """One TCP connection."""

    def __init__(self, desk: Desk, entropy: Entropy, limits: Limits, now: float) -> None:
        self._desk = desk
        self._limits = limits
        self._tls = PskServer(desk.find_key, entropy)
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEADERS)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._pieces = 0
        self._held = False
        self._deadline = now + limits.handshake
        self.admitted = False
        """The card has shown its key, and may talk."""
        self.seen = now
        """When it last sent something."""
        self.closed = False
        self.wake_up: Callable[[], None] = _nothing
        """Called when a held request may be answered: `poll` is to be called, from wherever I/O is done."""

    @property
    def identity(self) -> str:
        """The PSK identity; true once the connection is admitted."""
        return self._tls.identity or ""

    @property
    def cipher_suite(self) -> str:
        """What TLS agreed on, by OpenSSL's name; empty before the card is admitted."""
        return self._tls.cipher_suite if self.admitted else ""

    @property
    def wake(self) -> float:
        """When `tick` has something to do."""
        held = self._desk.hold_until(self) if self._held else None
        return self._deadline if held is None else held

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the socket."""
        if self.closed:
            return
        self.seen = now
        try:
            clear = self._tls.receive(data)
        except TlsFailed:
            self._end()
            return
        if self._tls.state is not TlsState.HANDSHAKE and not self.admitted:
            self.admitted = self._desk.admit(self, now)
            self._deadline = now + self._limits.idle
            if not self.admitted:
                self._end()
                return
        if clear:
            self._receive_http(clear, now)
        if self._tls.state is TlsState.CLOSED:
            self._end()

    def end_of_stream(self) -> None:
        """The other side closed the socket."""
        self._end()

    def tick(self, now: float) -> None:
        """Give up what took too long."""
        if self._held:
            self.poll(now)
        elif now >= self._deadline:
            if self._request is not None or self._http.trailing_data[0]:
                self._answer(AdminReply(408, last=True), now)
            self._end()

    def poll(self, now: float) -> None:
        """Answer a held request, if there is an answer by now."""
        if self._held and not self.closed:
            reply = self._desk.poll(self, now)
            if reply is not None:
                self._held = False
                self._answer(reply, now)

    def outgoing(self) -> bytes:
        """Bytes for the socket; they are given out once."""
        return self._tls.outgoing()

    # ---

    def _receive_http(self, clear: bytes, now: float) -> None:
        if self._held:  # a card that waits has nothing to say: what comes is no card
            self._end()
            return
        if self._request is None and not self._http.trailing_data[0]:
            self._deadline = now + self._limits.request
        try:
            self._http.receive_data(clear)
            while not self.closed and not self._held:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                self._take(event, now)
                if type(event) is h11.EndOfMessage and not self._http.trailing_data[0]:
                    return
        except h11.RemoteProtocolError as error:
            self._answer(AdminReply(error.error_status_hint, last=True), now)
            self._end()

    def _take(self, event: object, now: float) -> None:
        # h11's classes are abstract ones, of which `isinstance` takes its time
        if type(event) is h11.Request:
            self._request = event
            self._body.clear()
            self._pieces = 0
            refusal = _refusal(event)
            if refusal:
                self._answer(AdminReply(refusal, last=True), now)
        elif type(event) is h11.Data:
            self._body += event.data
            self._pieces += 1
            if len(self._body) > MAX_BODY or self._pieces > _MAX_PIECES:
                self._answer(AdminReply(413, last=True), now)
        elif type(event) is h11.EndOfMessage:
            self._complete(now)
        else:
            self._end()

    def _complete(self, now: float) -> None:
        request, self._request = self._request, None
        assert request is not None
        # a list; the object itself counts its way through
        fields = request.headers.raw_items()
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in fields}
        asked = AdminRequest(request.target.decode("latin-1"), headers, bytes(self._body))
        self._body.clear()
        reply = self._desk.post(self, asked, now)
        if reply is None:
            self._held = True
        else:
            self._answer(reply, now)

    def _answer(self, reply: AdminReply, now: float) -> None:
        if not self._writable():
            self._end()
            return
        headers = [*reply.headers]
        if reply.status != 204:
            headers.append(("Transfer-Encoding", "chunked") if reply.body else ("Content-Length", "0"))
        if reply.last:
            headers.append(("Connection", "close"))
        send = self._http.send
        clear = send(h11.Response(status_code=reply.status, headers=headers)) or b""
        if reply.body:
            clear += send(h11.Data(data=reply.body)) or b""
        clear += send(_END) or b""
        self._tls.send(clear)
        if reply.last or not self._reusable():
            self._end()
            return
        self._http.start_next_cycle()
        self._deadline = now + self._limits.idle

    def _writable(self) -> bool:
        return self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE) and self._tls.state is TlsState.OPEN

    def _reusable(self) -> bool:
        return self._http.our_state is self._http.their_state is h11.DONE

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self._tls.close()
            self._desk.leave(self)


def _refusal(request: h11.Request) -> int:
    """Why a request is refused before its body; 0 where it is not."""
    if request.method != _POST:
        return 405
    fields = request.headers.raw_items()
    if len(request.target) + sum(len(name) + len(value) for name, value in fields) > MAX_HEADERS:
        return 431  # h11 bounds what is not complete yet, and this came in one piece
    headers = {name.lower(): value for name, value in fields}
    length = headers.get(b"content-length")
    if length is not None and b"transfer-encoding" in headers:  # two ways to find its end
        return 400
    return 413 if int(length or 0) > MAX_BODY else 0


def _nothing() -> None:
    """Nobody does I/O."""
