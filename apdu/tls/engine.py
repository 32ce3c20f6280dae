# SPDX-License-Identifier: Apache-2.0
"""One end of a TLS-PSK connection: records in, clear data out, and the other way round (SGP.02 v4.2 2.4.4).

    engine = PskClient(identity, key)
    send(engine.outgoing())
    clear = engine.receive(recv())
    engine.send(request)
    send(engine.outgoing())

TLS 1.2 with two cipher suites, no resumption, no renegotiation, no compression. Nothing here waits for anything. An
identity that a server does not know gets a key that is drawn, so that the handshake ends where a wrong key ends it and
nobody learns which identities there are.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, unique
from typing import Any, Final, NoReturn

from apdu.errors import LocalProtocolError, RemoteProtocolError
from apdu.keys.entropy import Entropy
from apdu.keys.secret import SecretKey
from apdu.tls.binding import Asking, client_context, remember, server_context

__all__ = ["PskClient", "PskServer", "TlsEngine", "TlsFailed", "TlsState"]

_PIECE: Final = 16 * 1024
_KEY: Final = 16
_MAX_IDENTITY: Final = 128
"""Bytes of an identity that are looked up; OpenSSL takes up to 256."""


class TlsFailed(RemoteProtocolError):
    """The connection is over: the other end broke the protocol, has another key, or offers no suite of ours."""


@unique
class TlsState(Enum):
    """How far a connection has come."""

    HANDSHAKE = "handshake"
    OPEN = "open"
    CLOSED = "closed"
    FAILED = "failed"


_HANDSHAKE, _OPEN, _CLOSED, _FAILED = TlsState


class TlsEngine:
    """What both ends share."""

    def __init__(self, context: Any, asking: Asking) -> None:
        from OpenSSL import SSL

        self._ssl: Any = SSL
        self._connection: Any = SSL.Connection(context, None)
        self._asking: Asking | None = asking
        remember(self._connection, asking)
        self._state = _HANDSHAKE
        self._closing = False

    @property
    def state(self) -> TlsState:
        """Where it stands."""
        return self._state

    @property
    def cipher_suite(self) -> str:
        """The suite that was agreed on, by OpenSSL's name; empty before that."""
        return self._connection.get_cipher_name() or ""

    def receive(self, records: bytes) -> bytes:
        """Take bytes from the other end; clear data that they hold. TlsFailed when the connection cannot go on.

        `outgoing` then still holds the alert that tells the other end.
        """
        if self._state in (_CLOSED, _FAILED):
            return b""
        clear = bytearray()
        for at in range(0, len(records), _PIECE):
            self._connection.bio_write(records[at : at + _PIECE])
            clear += self._advance()
        return bytes(clear)

    def end_of_stream(self) -> None:
        """The other end is gone; without its close notification what came may be cut short (TlsFailed)."""
        if self._state not in (_CLOSED, _FAILED):
            self._fail("the connection was cut")

    def send(self, clear: bytes) -> None:
        """Protect data for the other end; LocalProtocolError before the handshake is complete."""
        if self._state is not _OPEN or self._closing:
            raise LocalProtocolError(f"TLS is not open: {self._state.value}")
        for at in range(0, len(clear), _PIECE):
            self._connection.send(clear[at : at + _PIECE])

    def close(self) -> None:
        """Tell the other end that no more comes."""
        if self._state is _OPEN and not self._closing:
            self._closing = True
            try:
                self._connection.shutdown()
            except self._ssl.Error:
                self._state = _FAILED

    def outgoing(self) -> bytes:
        """Records that wait to be sent; they are given out once."""
        data = bytearray()
        try:
            while len(piece := self._connection.bio_read(_PIECE)) == _PIECE:
                data += piece
            data += piece
        except self._ssl.WantReadError:
            pass
        return bytes(data)

    # ---

    def _advance(self) -> bytes:
        """Go on with what has come."""
        ssl, clear = self._ssl, bytearray()
        try:
            if self._state is _HANDSHAKE:
                self._connection.do_handshake()
                self._state = _OPEN
                self._asking = None  # the key is not needed any more
            while self._state is _OPEN:
                clear += self._connection.recv(_PIECE)
        except ssl.WantReadError:
            pass
        except ssl.ZeroReturnError:
            self.close()
            self._state = _CLOSED
        except ssl.Error as error:
            self._fail(_reason(error))
        return bytes(clear)

    def _fail(self, reason: str) -> NoReturn:
        self._state = _FAILED
        self._asking = None
        raise TlsFailed(f"TLS ended: {reason}")


class PskClient(TlsEngine):
    """The card's end. It speaks first: `outgoing` holds its hello at once."""

    def __init__(self, identity: str, key: SecretKey) -> None:
        super().__init__(client_context(), Asking(identity.encode("utf-8"), key.reveal()))
        self._connection.set_connect_state()
        self._advance()


class PskServer(TlsEngine):
    """The SM-SR's end: `find` gives the key of an identity, None when there is none."""

    def __init__(self, find: Callable[[str], SecretKey | None], entropy: Entropy) -> None:
        self._find = find
        self._entropy = entropy
        self.identity: str | None = None
        """Who the other end says it is; it is true only when the connection is open."""
        super().__init__(server_context(), Asking(find=self._key))
        self._connection.set_accept_state()

    def _key(self, identity: bytes) -> bytes:
        try:
            name = identity[: _MAX_IDENTITY + 1].decode("utf-8")
        except UnicodeDecodeError:
            name = ""
        self.identity = name
        key = self._find(name) if 0 < len(name) <= _MAX_IDENTITY else None
        return self._entropy.draw(_KEY) if key is None else key.reveal()


def _reason(error: Exception) -> str:
    """What OpenSSL says, in its own words."""
    causes = error.args[0] if error.args else ()
    if isinstance(causes, list) and causes:
        return "; ".join(str(cause[-1]) for cause in causes)
    return str(error) or type(error).__name__
