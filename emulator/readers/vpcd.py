# SPDX-License-Identifier: Apache-2.0
"""A card in the virtual reader of pcscd (vsmartcard's vpcd), where every PC/SC program of the machine sees it.

The driver listens, the card connects. Both ways a message is its length in two bytes and its body. From the driver a
body of one byte is a control code, any other a command; answered are GET ATR, which the driver asks every 0.4 s to see
whether a card is there, and commands.

`Slot` is the protocol without a socket; `VpcdReader` keeps a card in a slot over restarts of pcscd.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, IntEnum, unique
from queue import Empty, SimpleQueue
from typing import Final

from apdu.errors import RemoteProtocolError
from emulator.atr import ATR
from emulator.card import Card

__all__ = ["DEFAULT_PORT", "Control", "Slot", "SlotState", "VpcdReader"]

DEFAULT_PORT: Final = 35963
"""Of the first slot in vpcd's configuration; the second has the next one."""
_LENGTH: Final = 2
_CHUNK: Final = 1 << 16
_RETRY: Final = 0.5
"""Seconds from one attempt to reach the driver to the next."""
_ABSENCE: Final = 1.0
"""Seconds for which a card stays away once its connection has ended, so that pcscd notices."""
_PATIENCE: Final = 3.0
"""Seconds of silence after which the driver is taken to be busy with another card: it polls much more often."""


@unique
class Control(IntEnum):
    """Bodies of one byte."""

    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    GET_ATR = 4


class Slot:
    """The card's end of one connection: bytes from the driver in, bytes for it out. Any split of the input will do.

    A command without power is a RemoteProtocolError, upon which the card should leave: cards were changed between two
    looks of pcscd, and leaving is what tells it.
    """

    __slots__ = ("_buffer", "_card")

    def __init__(self, card: Card) -> None:
        self._card = card
        self._buffer = b""

    def receive(self, data: bytes) -> bytes:
        """Carry out every message that is complete; what there is to answer."""
        buffer = self._buffer + data if self._buffer else data
        answers: list[bytes] = []
        at = 0
        while (start := at + _LENGTH) <= len(buffer):
            end = start + (buffer[at] << 8 | buffer[at + 1])
            if end > len(buffer):
                break
            answer = self._carry_out(buffer[start:end])
            if answer is not None:
                answers += (len(answer).to_bytes(_LENGTH, "big"), answer)
            at = end
        self._buffer = buffer[at:]
        return b"".join(answers)

    def _carry_out(self, body: bytes) -> bytes | None:
        if len(body) > 1:
            if not self._card.powered:
                raise RemoteProtocolError("a command without power: the driver takes this card for the one before")
            return self._card.transmit(body)
        match body[0] if body else None:
            case Control.GET_ATR:
                return self._card.atr or ATR  # also without power: it is how the driver looks for a card
            case Control.POWER_ON:
                self._card.power_on()
            case Control.RESET:
                self._card.reset()
            case Control.POWER_OFF:
                self._card.power_off()
        return None


@unique
class SlotState(Enum):
    """How it is with the card and the reader."""

    WAITING = "waiting for pcscd"
    TAKEN = "waiting: another card is in this slot"
    INSERTED = "in the reader"
    REMOVED = "out of the reader: pcscd has closed the connection"


class VpcdReader:
    """Puts a card into a slot and keeps it there until `stop`, which may be called from a signal handler."""

    def __init__(self, card: Card, host: str, port: int, report: Callable[[SlotState], None]) -> None:
        self._card = card
        self._address = (host, port)
        self._report = report
        self._stopped = False
        self._stops: SimpleQueue[None] = SimpleQueue()
        """An Event, set by a handler while its own thread just begins to wait for it, would stop that for ever."""
        self._socket: socket.socket | None = None
        self._state: SlotState | None = None

    def run(self) -> None:
        """Serve, and connect again whenever the driver goes away. A command under way at the end is carried out."""
        while not self._stopped:
            connection = self._connect()
            if connection is None:
                self._tell(SlotState.WAITING)
                self._pause(_RETRY)
                continue
            with connection:
                self._socket = connection
                if not self._stopped:
                    self._serve(connection)
                self._socket = None
            self._card.power_off()
            self._pause(_ABSENCE)

    def stop(self) -> None:
        """End `run`."""
        self._stopped = True
        self._stops.put(None)
        connection = self._socket
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the other end was faster
                return

    def _pause(self, seconds: float) -> None:
        with suppress(Empty):
            self._stops.get(timeout=seconds)

    def _connect(self) -> socket.socket | None:
        try:
            return socket.create_connection(self._address, timeout=_PATIENCE)
        except OSError:
            return None

    def _serve(self, connection: socket.socket) -> None:
        slot = Slot(self._card)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            self._await_driver(connection, slot)
            # The driver sends length and body in two segments and waits for the acknowledgement in between, which the
            # kernel would put off for 40 ms. The option does not last.
            while data := connection.recv(_CHUNK):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                if answer := slot.receive(data):
                    connection.sendall(answer)
        except (OSError, RemoteProtocolError):
            pass  # a connection that breaks is a card that is pulled out
        if self._state is SlotState.INSERTED and not self._stopped:
            self._tell(SlotState.REMOVED)

    def _await_driver(self, connection: socket.socket, slot: Slot) -> None:
        """The first message: it does not come while the driver serves another card, which this one then waits for."""
        while not self._stopped:
            try:
                data = connection.recv(_CHUNK)
            except TimeoutError:
                self._tell(SlotState.TAKEN)
                continue
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            if data:
                self._tell(SlotState.INSERTED)
                connection.sendall(slot.receive(data))
            return

    def _tell(self, state: SlotState) -> None:
        if state is not self._state:
            self._state = state
            self._report(state)
