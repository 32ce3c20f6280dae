# SPDX-License-Identifier: Apache-2.0
"""One channel of the bearer independent protocol, as the card uses it (TS 102 223 6.4.27 to 6.4.31).

    OPEN CHANNEL ─► SEND DATA … ─► Data available ─► RECEIVE DATA … ─► CLOSE CHANNEL

The terminal carries out one command after the other, so there is at most one of the channel's on its way; what to do
next is decided when the answer to the last has come: take what has arrived, then send, then close. When the link is
gone, what had arrived before is fetched all the same. A terminal that does not report events is asked whenever it
polls the card.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, unique
from typing import TYPE_CHECKING, Final, Protocol

from apdu.cat.bip import ChannelStatus, CloseChannel, GetChannelStatus, OpenChannel, ReceiveData, SendData
from apdu.cat.codes import CommandType, Device, Event
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.errors import DecodeError

if TYPE_CHECKING:
    from emulator.iso.toolkit import Toolkit

__all__ = ["MAX_PIECE", "BipChannel", "ChannelUser", "State"]

MAX_PIECE: Final = 0xED
"""Bytes of one SEND DATA or RECEIVE DATA: what fits a command of 256 bytes beside the other objects."""
_RECEIVE_DATA: Final = CommandType.RECEIVE_DATA
_SEND_DATA: Final = CommandType.SEND_DATA
_UDP: Final = 0x01
_IMMEDIATELY: Final = 0x01
_STORE: Final = 0x00
_CHANNEL: Final = 0x20
_LINK_DROPPED: Final = 0x05
_MAX_TOGETHER: Final = 2048
"""Bytes that are put together before their user gets them: one datagram, or what has come of a stream (D)."""
_MOST: Final = 0xFF
"""A channel data length: 255 or more."""
_EVENTS: Final = frozenset((Event.DATA_AVAILABLE, Event.CHANNEL_STATUS))


class ChannelUser(Protocol):
    """Who has a channel. After `closed` nothing comes any more."""

    def opened(self, buffer: int) -> None:
        """The link is there, with a buffer of so many bytes."""
        ...

    def received(self, data: bytes) -> None:
        """Bytes that came; of a datagram all."""
        ...

    def closed(self) -> None:
        """It is gone: the terminal could not, the link was dropped, or it was closed as its user wished."""
        ...


@unique
class State(Enum):
    """Where a channel stands."""

    CLOSED = "closed"
    OPENING = "OPEN CHANNEL under way"
    OPEN = "open"
    CLOSING = "CLOSE CHANNEL under way"


_OPEN: Final = State.OPEN


class BipChannel:
    """One channel; closed, it can be opened again."""

    __slots__ = (
        "_arrived",
        "_busy",
        "_datagrams",
        "_dropped",
        "_ending",
        "_incoming",
        "_number",
        "_outgoing",
        "_toolkit",
        "_user",
        "state",
    )

    def __init__(self, toolkit: Toolkit, user: ChannelUser) -> None:
        self._toolkit = toolkit
        self._user = user
        self.state = State.CLOSED
        self._forget()

    def _forget(self) -> None:
        self._number = 0
        self._busy = False
        self._ending = False
        self._dropped = False
        self._datagrams = False
        self._arrived = 0
        """Bytes that wait at the terminal, FF for 255 or more."""
        self._incoming = b""
        self._outgoing: list[tuple[int, bytes]] = []

    # --- what its user asks for

    def open(self, command: OpenChannel) -> None:
        """Have the terminal open it."""
        self._forget()
        self.state = State.OPENING
        self._datagrams = command.transport is not None and command.transport.protocol == _UDP
        self._toolkit.ask(command, self._opened)

    def send(self, data: bytes) -> None:
        """Send bytes, or one datagram, in pieces that fit a command."""
        if not data:
            return
        pieces = [data[at : at + MAX_PIECE] for at in range(0, len(data), MAX_PIECE)]
        last = len(pieces) - 1
        for number, piece in enumerate(pieces):
            whole = not self._datagrams or number == last
            self._outgoing.append((_IMMEDIATELY if whole else _STORE, piece))
        self._next()

    def close(self) -> None:
        """Close it when what is to be sent has been sent."""
        self._ending = True
        self._next()

    # --- what the terminal says by itself

    def event(self, event: EventDownload) -> None:
        """Data available or channel status, if it is about this channel."""
        status = event.channel_status
        if self.state is not _OPEN or status is None or status.channel != self._number:
            return
        if event.events[:1] == bytes((Event.DATA_AVAILABLE,)):
            self._arrived = event.channel_data_length or self._arrived
        elif event.events[:1] == bytes((Event.CHANNEL_STATUS,)) and _is_gone(status):
            self._dropped = True
        self._next()

    def polled(self) -> None:
        """The terminal has time: ask how the channel is, where no events tell."""
        if not self._toolkit.reported >= _EVENTS and self.state is _OPEN and not self._busy:
            self._ask(GetChannelStatus.to(Device.TERMINAL, CommandType.GET_CHANNEL_STATUS), self._told)

    # --- one command after the other

    def _next(self) -> None:
        if self._busy or self.state is not _OPEN:
            return
        device = _CHANNEL | self._number
        if self._arrived and not self._ending:
            length = min(self._arrived, MAX_PIECE)
            self._ask(ReceiveData.to(device, _RECEIVE_DATA, length=length), self._received)
        elif self._outgoing and not self._dropped:
            qualifier, piece = self._outgoing.pop(0)
            self._ask(SendData.to(device, _SEND_DATA, qualifier, data=piece), self._sent)
        elif self._ending or self._dropped:
            self.state = State.CLOSING
            self._ask(CloseChannel.to(device, CommandType.CLOSE_CHANNEL), self._closed)

    def _ask(self, command: ProactiveCommand, answered: Callable[[TerminalAnswer], None]) -> None:
        self._busy = True
        self._toolkit.ask(command, answered)

    def _opened(self, answer: TerminalAnswer) -> None:
        status = _status(answer)
        if not answer.result.performed or status is None or not status.channel:
            self._end()
            return
        self.state, self._number = _OPEN, status.channel
        if status.linked and not self._ending:
            self._user.opened(answer.buffer_size or 0)
        self._dropped = self._dropped or not status.linked
        self._next()

    def _sent(self, answer: TerminalAnswer) -> None:
        self._busy = False
        self._dropped = self._dropped or not answer.result.performed
        self._next()

    def _received(self, answer: TerminalAnswer) -> None:
        self._busy = False
        if answer.result.performed:
            data = answer.channel_data or b""
            self._arrived = (answer.channel_data_length or 0) if data else 0
            self._incoming += data
        else:
            self._arrived, self._dropped = 0, True
            if self._datagrams:  # a part of one is none
                self._incoming = b""
        if self._incoming and not (self._arrived and len(self._incoming) < _MAX_TOGETHER):
            whole, self._incoming = self._incoming, b""
            self._user.received(whole)
        self._next()

    def _told(self, answer: TerminalAnswer) -> None:
        """GET CHANNEL STATUS: one object for each channel."""
        self._busy = False
        found = [status for status in map(_read, answer.channel_status) if status and status.channel == self._number]
        self._dropped = self._dropped or not answer.result.performed or not found or not found[0].linked
        self._arrived = self._arrived or _MOST
        self._next()

    def _closed(self, answer: TerminalAnswer) -> None:
        """However it went: the terminal has no use for the channel any more."""
        self._end()

    def _end(self) -> None:
        self._forget()
        self.state = State.CLOSED
        self._user.closed()


def _read(raw: bytes) -> ChannelStatus | None:
    try:
        return ChannelStatus.from_bytes(raw)
    except DecodeError:
        return None


def _status(answer: TerminalAnswer) -> ChannelStatus | None:
    return next((status for raw in answer.channel_status if (status := _read(raw)) is not None), None)


def _is_gone(status: ChannelStatus) -> bool:
    return not status.linked or status.further == _LINK_DROPPED
