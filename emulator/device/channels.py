# SPDX-License-Identifier: Apache-2.0
"""Channels of the bearer independent protocol over sockets (TS 102 223 6.4.27 to 6.4.31, 7.5.10, 7.5.11).

The card is a client, of TCP or UDP. A link goes to an address that the allow-list has, and nowhere else; names are the
card's affair. Nothing blocks: an answer that has to wait for a connection is given when that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from apdu.cat.bip import ChannelStatus, CloseChannel, GetChannelStatus, OnChannel, OpenChannel, ReceiveData, SendData
from apdu.cat.codes import BipProblem, CommandType, Event, GeneralResult, TerminalProblem
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility
from apdu.trace import Clock
from emulator.device.answers import Refusal, answer
from emulator.device.sockets import AllowList, Link, LinkState, Target, TcpLink, UdpLink
from emulator.device.waiting import Waiting

__all__ = ["Channel", "Channels", "Limits"]

_CONNECTING, _UP, _ENDED, _DOWN = LinkState
_DONE: Final = GeneralResult.DONE
_UDP, _TCP = 0x01, 0x02
_LINKS: Final[dict[int, type[Link]]] = {_UDP: UdpLink, _TCP: TcpLink}
"""Transport protocols (TS 102 223 8.59); servers and local links have no place here."""
_BEARERS: Final = {0x02: range(6, 7), 0x03: range(1), 0x0B: range(1, 32)}
"""Packet service, default bearer, E-UTRAN: how many bytes of parameters (TS 31.111 8.52)."""
_AT_ONCE, _IN_BACKGROUND = 0x01, 0x04
_DROPPED: Final = 0x05
_FIRST_DEVICE: Final = 0x21
_MANY: Final = 0xFF
_MAX_DATA: Final = 237
"""Channel data that a terminal response of 255 bytes has room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the channels of a device can do."""

    channels: int = 7
    buffer: int = 8192
    """The largest buffer, each way."""
    patience: float = 30.0
    """Seconds that a connection may take."""


@dataclass(slots=True)
class Channel:
    """One open channel. Without a link it waits for the first data to send."""

    number: int
    transport: int
    target: Target
    size: int
    bearer: bytes
    link: Link | None = None
    patience_ends: float = 0.0
    stored: bytearray = field(default_factory=bytearray)
    announced: bool = False
    """Whether the card knows that data are there."""
    known_linked: bool = False
    """What the card knows of the link."""
    awaited: bool = False
    """A link that is made in the background, and of which the card is to hear."""

    @property
    def connecting(self) -> bool:
        """Whether a link is being made."""
        return self.link is not None and self.link.state is _CONNECTING

    @property
    def linked(self) -> bool:
        """Whether data can go both ways."""
        return self.link is not None and self.link.state is _UP

    @property
    def closed(self) -> bool:
        """Whether there was a link and it is gone."""
        return self.link is not None and self.link.state in (_ENDED, _DOWN)

    @property
    def room(self) -> int:
        """Bytes that can still be sent."""
        return self.size - len(self.stored) - (self.link.unsent if self.link is not None else 0)

    @property
    def status(self) -> ChannelStatus:
        """As the card is told it."""
        return ChannelStatus(self.number, self.linked, _DROPPED if self.closed else 0)


class Channels:
    """The channels of one device: a `BipHandler`."""

    facilities: Final = (
        Facility.BEARER_GPRS,
        Facility.BEARER_E_UTRAN,
        Facility.TCP_CLIENT,
        Facility.UDP_CLIENT,
    )

    def __init__(
        self, clock: Clock, waiting: Waiting, *, allowed: AllowList | None = None, limits: Limits | None = None
    ) -> None:
        self._clock = clock
        self._waiting = waiting
        self._allowed = allowed or AllowList()
        self._limits = limits or Limits()
        self._open: dict[int, Channel] = {}
        self._closed: set[int] = set()
        """Numbers that were in use since the card was reset."""
        self._leaving: list[Link] = []
        """Links of closed channels that still have something to send."""
        self._service = False
        self._unfinished: tuple[ProactiveCommand, Channel] | None = None
        self._work: Final[dict[int, Callable[[Any], TerminalAnswer | None]]] = {
            CommandType.OPEN_CHANNEL: self._open_channel,
            CommandType.CLOSE_CHANNEL: self._close_channel,
            CommandType.RECEIVE_DATA: self._receive_data,
            CommandType.SEND_DATA: self._send_data,
            CommandType.GET_CHANNEL_STATUS: self._channel_status,
        }

    # --- the seam

    @property
    def channels(self) -> int:
        """How many there can be."""
        return self._limits.channels

    @property
    def linked(self) -> bool:
        """Whether a link is there or being made."""
        return any(channel.linked or channel.connecting for channel in self._open.values())

    @property
    def wake(self) -> float | None:
        """When the patience with a connection ends."""
        return min((one.patience_ends for one in self._open.values() if one.connecting), default=None)

    def serve(self, available: bool) -> None:
        """Whether there is service; without it every link drops."""
        self._service = available
        if available:
            return
        for channel in self._open.values():
            if channel.link is not None:
                channel.link.cut()
        self._abandon()

    def carry_out(self, command: ProactiveCommand) -> TerminalAnswer | None:
        """Answer a command."""
        self._turn()
        try:
            return self._work[command.details.type](command)
        except Refusal as refusal:
            return TerminalAnswer.to(command, refusal.result)

    def finished(self) -> TerminalAnswer | None:
        """The answer for which a link had to be there first."""
        if self._unfinished is None:
            return None
        self._turn()
        command, channel = self._unfinished
        if channel.connecting:
            return None
        self._unfinished = None
        opened = isinstance(command, OpenChannel)
        if channel.closed:
            if opened:
                del self._open[channel.number]
            channel.link = None  # made anew by the next data
            return answer(command, GeneralResult.BIP_ERROR, bytes((BipProblem.REMOTE_UNREACHABLE,)))
        channel.known_linked = True
        return _opened(command, channel) if isinstance(command, OpenChannel) else _sent(command, channel)

    def events(self) -> Sequence[EventDownload]:
        """What the card does not know yet, as far as it matters to it."""
        self._turn()
        return [event for channel in self._open.values() for event in _news(channel)]

    def reset(self) -> None:
        """The card was reset: nothing goes on."""
        for channel in self._open.values():
            if channel.link is not None:
                channel.link.cut()
        self._open.clear()
        self._closed.clear()
        self._abandon()
        self._unfinished = None

    def _turn(self) -> None:
        """Let the sockets work, and end what took too long."""
        self._waiting.turn()
        for channel in self._open.values():
            if channel.link is not None and channel.connecting and self._clock() >= channel.patience_ends:
                channel.link.cut()
        if self._leaving:
            self._leaving = [link for link in self._leaving if link.state is not _DOWN]

    def _abandon(self) -> None:
        for link in self._leaving:
            link.cut()
        self._leaving.clear()

    # --- the commands

    def _open_channel(self, command: OpenChannel) -> TerminalAnswer | None:
        transport, target = _wanted(command)
        if not self._service:
            raise _no_service()
        number = next((one for one in range(1, self.channels + 1) if one not in self._open), None)
        if number is None:
            raise _problem(BipProblem.NO_CHANNEL)
        if target.address not in self._allowed:
            raise _problem(BipProblem.REMOTE_UNREACHABLE)
        size = min(command.buffer_size, self._limits.buffer)
        channel = Channel(number, transport, target, size, command.bearer or b"")
        self._open[number] = channel
        qualifier = command.details.qualifier
        if qualifier & _IN_BACKGROUND:
            self._connect(channel)
            channel.awaited = True
        elif qualifier & _AT_ONCE:
            self._connect(channel)
            self._unfinished = (command, channel)
            return self.finished()
        return _opened(command, channel)

    def _connect(self, channel: Channel) -> None:
        channel.patience_ends = self._clock() + self._limits.patience
        channel.link = _LINKS[channel.transport](self._waiting, channel.target, channel.size)

    def _close_channel(self, command: CloseChannel) -> TerminalAnswer:
        channel = self._channel(command)
        del self._open[channel.number]
        self._closed.add(channel.number)
        if channel.link is not None:
            channel.link.close()
            self._leaving.append(channel.link)
            if len(self._leaving) > self._limits.channels:
                self._leaving.pop(0).cut()
        return answer(command)

    def _receive_data(self, command: ReceiveData) -> TerminalAnswer:
        channel = self._channel(command)
        link = channel.link
        if channel.closed and link is not None and not link.received:
            raise _problem(BipProblem.CHANNEL_CLOSED)
        data = link.take(min(command.length, _MAX_DATA)) if link is not None else b""
        left = len(link.received) if link is not None else 0
        channel.announced = bool(left)
        whole = len(data) == command.length
        said = answer(command, _DONE if whole else GeneralResult.MISSING_INFORMATION)
        return said.but(channel_data=data, channel_data_length=min(left, _MANY))

    def _send_data(self, command: SendData) -> TerminalAnswer | None:
        channel = self._channel(command)
        if channel.closed:
            raise _problem(BipProblem.CHANNEL_CLOSED)
        if len(command.data) > channel.size:
            raise _problem(BipProblem.BUFFER_SIZE)
        if len(command.data) > channel.room:
            raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.NO_CAUSE,)))
        if channel.link is None and not self._service:
            raise _no_service()
        if not command.details.qualifier & _AT_ONCE:
            channel.stored += command.data
            return _sent(command, channel)
        waits = channel.link is None
        if channel.link is None:
            self._connect(channel)
        assert channel.link is not None
        channel.link.send(bytes(channel.stored) + command.data)
        channel.stored.clear()
        if not waits:
            return _sent(command, channel)
        self._unfinished = (command, channel)
        return self.finished()

    def _channel_status(self, command: GetChannelStatus) -> TerminalAnswer:
        channels = [self._open[number] for number in sorted(self._open)]
        states = [channel.status for channel in channels] or [ChannelStatus(0, False)]
        return answer(command).but(channel_status=tuple(state.to_bytes() for state in states))

    def _channel(self, command: OnChannel) -> Channel:
        """The channel that is the destination of a command."""
        number = command.devices.destination - _FIRST_DEVICE + 1
        channel = self._open.get(number)
        if channel is None:
            raise _problem(BipProblem.CHANNEL_CLOSED if number in self._closed else BipProblem.CHANNEL_UNKNOWN)
        return channel


def _problem(problem: BipProblem) -> Refusal:
    return Refusal(GeneralResult.BIP_ERROR, bytes((problem,)))


def _no_service() -> Refusal:
    return Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.NO_SERVICE,)))


def _wanted(command: OpenChannel) -> tuple[int, Target]:
    """What a channel is asked for, checked in the order in which a terminal needs it."""
    if command.bearer is None:
        raise Refusal(GeneralResult.VALUES_MISSING)
    if not command.bearer:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
    parameters = _BEARERS.get(command.bearer[0])
    if parameters is None:
        raise Refusal(GeneralResult.BEYOND_CAPABILITIES)
    if len(command.bearer) - 1 not in parameters:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
    if command.transport is None or command.transport.protocol not in _LINKS:
        raise _problem(BipProblem.TRANSPORT_LEVEL)
    if command.destination is None:
        raise Refusal(GeneralResult.VALUES_MISSING)
    if not command.buffer_size:
        raise _problem(BipProblem.BUFFER_SIZE)
    return command.transport.protocol, Target(command.destination, command.transport.port)


def _opened(command: OpenChannel, channel: Channel) -> TerminalAnswer:
    """What an open channel is: its buffer may be smaller than asked for."""
    channel.known_linked = channel.linked
    smaller = channel.size != command.buffer_size
    said = answer(command, GeneralResult.DONE_WITH_MODIFICATION if smaller else GeneralResult.DONE)
    status = ChannelStatus(channel.number, channel.linked).to_bytes()
    return said.but(channel_status=(status,), bearer=command.bearer, buffer_size=channel.size)


def _sent(command: ProactiveCommand, channel: Channel) -> TerminalAnswer:
    return answer(command).but(channel_data_length=min(channel.room, _MANY))


def _news(channel: Channel) -> Iterator[EventDownload]:
    """Data in a buffer that was empty; a link that was made or lost. An end comes after the last data before it."""
    link = channel.link
    if link is None:
        return
    if channel.linked and channel.awaited:
        channel.awaited, channel.known_linked = False, True
        yield _status_event(channel, channel.bearer)
    if link.received and not channel.announced:
        channel.announced = True
        length = min(len(link.received), _MANY)
        status = ChannelStatus(channel.number, True)
        yield EventDownload.of(Event.DATA_AVAILABLE).but(channel_status=status, channel_data_length=length)
    if channel.closed and not link.received and (channel.known_linked or channel.awaited):
        bearer = channel.bearer if channel.awaited else None
        channel.awaited, channel.known_linked = False, False
        yield _status_event(channel, bearer)


def _status_event(channel: Channel, bearer: bytes | None) -> EventDownload:
    """Channel status; with the bearer when it is the outcome of a link made in the background (7.5.11.2)."""
    return EventDownload.of(Event.CHANNEL_STATUS).but(channel_status=channel.status, bearer=bearer)
