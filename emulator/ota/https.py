# SPDX-License-Identifier: Apache-2.0
"""HTTP over TLS-PSK over one channel, at the card's end (SGP.02 v4.2 2.4.4, GP Amendment B 4).

h11 reads and writes HTTP. All that a server can send is counted: header block, body, and the bytes on the channel from
one request to the next, so that neither endless chunks nor endless small records nor interim answers keep a card busy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import h11

from apdu.errors import LocalProtocolError
from apdu.keys.secret import SecretKey
from apdu.ota.admin import MAX_BODY, MAX_HEADERS
from apdu.tls.engine import PskClient, TlsFailed, TlsState
from emulator.ota.bip import BipChannel

if TYPE_CHECKING:
    from apdu.cat.bip import OpenChannel
    from apdu.cat.envelope import EventDownload
    from emulator.iso.toolkit import Toolkit

__all__ = ["HttpsConnection", "HttpsUser", "Request", "Response"]

_MAX_BYTES: Final = 2 * MAX_BODY + MAX_HEADERS
"""Bytes on the channel for one answer (D): room for chunks of a few bytes and for the records around them."""
_LINE: Final = 4
"""What stands in a header line beside name and value."""
_OVERHEAD: Final = 80
"""What a record adds to a chunk, and a chunk to its data, at most."""
_MIN_PIECE, _MAX_PIECE = 16, 1024
_END: Final = h11.EndOfMessage()


@dataclass(frozen=True, slots=True)
class Request:
    """A POST; without a body (None) nothing says that there is one."""

    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    """By name in lower case; of one that stands twice the first."""
    body: bytes


class HttpsUser(Protocol):
    """Who has a connection. After `disconnected` nothing comes any more."""

    def connected(self) -> None:
        """Both ends have shown that they have the key."""
        ...

    def acknowledged(self) -> None:
        """The first line of an answer came: the server has the request."""
        ...

    def answered(self, response: Response) -> None:
        """The whole answer came."""
        ...

    def disconnected(self) -> None:
        """The connection is gone, for whatever reason."""
        ...


class HttpsConnection:
    """One connection; disconnected, it can be used again."""

    __slots__ = ("_body", "_bytes", "_channel", "_head", "_http", "_identity", "_key", "_piece", "_tls", "_user")

    def __init__(self, toolkit: Toolkit, user: HttpsUser, identity: str, key: SecretKey) -> None:
        self._channel = BipChannel(toolkit, self)
        self._user = user
        self._identity = identity
        self._key = key
        self._piece = _MAX_PIECE
        self._forget()

    def _forget(self) -> None:
        self._tls: PskClient | None = None
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADERS)
        self._head: h11.Response | None = None
        self._body = bytearray()
        self._bytes = 0

    # --- what its user asks for

    def connect(self, command: OpenChannel) -> None:
        """Open the channel, then TLS."""
        self._channel.open(command)

    def post(self, request: Request) -> None:
        """Send a request; with the connection no longer fit for one, it is closed."""
        tls = self._tls
        if tls is None or tls.state is not TlsState.OPEN:
            self.close()
            return
        self._bytes = 0
        try:
            self._write(tls, request)
        except (h11.LocalProtocolError, LocalProtocolError):  # the server wanted the last answer to be the last
            self.close()
            return
        self._channel.send(tls.outgoing())

    def close(self) -> None:
        """Tell the server that no more comes, and close the channel."""
        if self._tls is not None:
            self._tls.close()
            self._channel.send(self._tls.outgoing())
        self._channel.close()

    def _write(self, tls: PskClient, request: Request) -> None:
        """Header block, chunks and end, together in one record as far as they fit the largest."""
        record = b""
        for clear in self._written(request):
            if record and len(record) + len(clear) > self._piece + _OVERHEAD:
                tls.send(record)
                record = b""
            record += clear
        tls.send(record)

    def _written(self, request: Request) -> Iterator[bytes]:
        headers = list(request.headers)
        if request.body is not None:
            headers.append(("Transfer-Encoding", "chunked"))
        event = h11.Request(method="POST", target=request.target, headers=headers)
        yield self._http.send(event) or b""
        body = request.body or b""
        for at in range(0, len(body), self._piece):
            yield self._http.send(h11.Data(body[at : at + self._piece])) or b""
        yield self._http.send(_END) or b""

    # --- what the channel and the terminal say

    def event(self, event: EventDownload) -> None:
        """An event that may be about the channel."""
        self._channel.event(event)

    def polled(self) -> None:
        """The terminal has time."""
        self._channel.polled()

    def opened(self, buffer: int) -> None:
        """The channel is there: the card speaks first."""
        self._piece = min(max(buffer - _OVERHEAD, _MIN_PIECE), _MAX_PIECE)
        self._tls = PskClient(self._identity, self._key)
        self._channel.send(self._tls.outgoing())

    def received(self, data: bytes) -> None:
        """Records came."""
        tls = self._tls
        if tls is None:
            return
        self._bytes += len(data)
        if self._bytes > _MAX_BYTES:
            self.close()
            return
        shaking = tls.state is TlsState.HANDSHAKE
        try:
            clear = tls.receive(data)
        except TlsFailed:
            self._channel.send(tls.outgoing())
            self._channel.close()
            return
        self._channel.send(tls.outgoing())
        if shaking and tls.state is TlsState.OPEN:
            self._user.connected()
        if clear:
            self._read(clear)
        if tls.state is TlsState.CLOSED:  # a body may end with the connection
            self._read(b"")
        if tls.state in (TlsState.CLOSED, TlsState.FAILED):
            self._channel.close()

    def closed(self) -> None:
        """The channel is gone."""
        self._forget()
        self._user.disconnected()

    # --- HTTP

    def _read(self, clear: bytes) -> None:
        http = self._http
        try:
            http.receive_data(clear)
            while http is self._http:
                event = http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED or type(event) is h11.ConnectionClosed:
                    return
                self._take(event)
                if type(event) is h11.EndOfMessage:  # what follows it unasked is refused already
                    return
        except h11.RemoteProtocolError:
            self.close()

    def _take(self, event: object) -> None:
        # h11's classes are abstract ones, of which `isinstance` takes its time
        if type(event) is h11.Response:
            if sum(len(name) + len(value) + _LINE for name, value in event.headers.raw_items()) > MAX_HEADERS:
                raise h11.RemoteProtocolError("the header block is too long")
            self._head, self._body = event, bytearray()
            self._user.acknowledged()
        elif type(event) is h11.Data:
            self._body += event.data
            if len(self._body) > MAX_BODY:
                raise h11.RemoteProtocolError("the body is too long")
        elif type(event) is h11.EndOfMessage and self._head is not None:
            self._finish(self._head)

    def _finish(self, head: h11.Response) -> None:
        headers: dict[str, str] = {}
        for name, value in head.headers.raw_items():  # a list; the object itself counts its way through
            headers.setdefault(name.decode("ascii").lower(), value.decode("latin-1"))
        response = Response(head.status_code, headers, bytes(self._body))
        self._head, self._body = None, bytearray()
        if self._http.trailing_data[0]:
            raise h11.RemoteProtocolError("an answer that nobody has asked for")
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        self._user.answered(response)
