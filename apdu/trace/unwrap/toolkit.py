# SPDX-License-Identifier: Apache-2.0
"""Bearers on the link to a card: what toolkit commands and envelopes carry (TS 102 223 6.4.27, TS 31.111 7.1).

A proactive command counts when the terminal has said how it went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from apdu.cat.bip import ChannelStatus, CloseChannel, OpenChannel, SendData
from apdu.cat.catalogue import read_command, read_envelope
from apdu.cat.codes import CommandType, Event
from apdu.cat.commands import SendShortMessage
from apdu.cat.envelope import EventDownload, SmsPpDownload
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.sms.coding import CLASS_2_DATA
from apdu.sms.tpdu import Deliver, Submit
from apdu.sms.userdata import UserData
from apdu.trace.events import Direction, Json, Layer
from apdu.trace.events import Event as TraceEvent
from apdu.trace.unwrap.domains import Domains
from apdu.trace.unwrap.keys import KeyRing
from apdu.trace.unwrap.packets import PacketFollower
from apdu.trace.unwrap.scripts import RemoteScripts
from apdu.trace.unwrap.seen import Seen

if TYPE_CHECKING:
    from apdu.trace.unwrap.https import ChannelFollower

__all__ = ["TOOLKIT", "ToolkitFollower"]

_FETCH, _TERMINAL_RESPONSE, _ENVELOPE = 0x12, 0x14, 0xC2
TOOLKIT: Final = frozenset((_FETCH, _TERMINAL_RESPONSE, _ENVELOPE))
"""Instructions of which every exchange is wanted."""
_LAST_CHANNEL: Final = 7
_PROTOCOLS: Final = {1: "UDP", 2: "TCP"}
_Events = Iterator[TraceEvent]


class ToolkitFollower:
    """One card's toolkit: its channels and its short messages."""

    __slots__ = ("_channels", "_fetched", "_packets", "_ring", "_scripts")

    def __init__(self, ring: KeyRing, domains: Domains) -> None:
        self._ring = ring
        self._scripts = RemoteScripts(Layer.SCP81, domains)
        self._packets = PacketFollower(ring, RemoteScripts(Layer.SCP80, domains))
        self._channels: dict[int, ChannelFollower] = {}
        self._fetched: ProactiveCommand | None = None

    def reset(self) -> None:
        """The card was reset: its channels are closed."""
        self._channels.clear()
        self._fetched = None

    def exchange(self, command: CommandApdu, response: bytes, seen: Seen) -> list[TraceEvent]:
        """Take an exchange of one of the instructions of TOOLKIT; what a bearer carried by it."""
        events: list[TraceEvent] = []
        with suppress(DecodeError):  # what is wrong with it is told by the decoder
            events.extend(_BY_INS[command.ins](self, command.data, response[:-2], seen))
        return events

    def _fetch(self, data: bytes, answer: bytes, seen: Seen) -> _Events:
        self._fetched = None
        if answer:
            self._fetched = read_command(answer)
        return iter(())

    def _respond(self, data: bytes, answer: bytes, seen: Seen) -> _Events:
        command, self._fetched = self._fetched, None
        said = TerminalAnswer.decode(data)
        if command is None or said.details != command.details:
            return
        carried = _CARRIED.get(command.details.type)
        if carried is not None and said.result.performed:
            yield from carried(self, command, said, seen)

    # --- channels

    def _open(self, command: ProactiveCommand, said: TerminalAnswer, seen: Seen) -> _Events:
        assert isinstance(command, OpenChannel)
        status = ChannelStatus.from_bytes(said.channel_status[0]) if said.channel_status else None
        if status is None or not 1 <= status.channel <= _LAST_CHANNEL:
            return
        described = _described(status.channel, command)
        yield from self._end(status.channel, seen)
        self._begin(status.channel, described)
        yield seen.message(Layer.BIP, Direction.FROM_CARD, "BIP channel opened", fields=described)

    def _close(self, command: ProactiveCommand, said: TerminalAnswer, seen: Seen) -> _Events:
        assert isinstance(command, CloseChannel)
        channel = self._channels.get(command.channel)
        yield from self._end(command.channel, seen)
        if channel is not None:
            yield seen.message(Layer.BIP, Direction.FROM_CARD, "BIP channel closed", fields=channel.described)

    def _send(self, command: ProactiveCommand, said: TerminalAnswer, seen: Seen) -> _Events:
        assert isinstance(command, SendData)
        yield from self._carry(command.channel, Direction.FROM_CARD, command.data, seen)

    def _receive(self, command: ProactiveCommand, said: TerminalAnswer, seen: Seen) -> _Events:
        yield from self._carry(command.devices.destination & 0x0F, Direction.TO_CARD, said.channel_data or b"", seen)

    def _carry(self, number: int, direction: Direction, data: bytes, seen: Seen) -> _Events:
        if not data or not 1 <= number <= _LAST_CHANNEL:
            return
        if number not in self._channels:  # it was opened before the trace begins
            self._begin(number, {"channel": number})
        yield from self._channels[number].carry(direction, data, seen)

    def _begin(self, number: int, described: Mapping[str, Json]) -> None:
        from apdu.trace.unwrap.https import ChannelFollower  # with TLS and HTTP: not without need

        self._channels[number] = ChannelFollower(described, self._ring, self._scripts)

    def _end(self, number: int, seen: Seen) -> _Events:
        channel = self._channels.pop(number, None)
        if channel is not None:
            yield from channel.end(seen)

    # --- short messages

    def _submit(self, command: ProactiveCommand, said: TerminalAnswer, seen: Seen) -> _Events:
        assert isinstance(command, SendShortMessage)
        if command.tpdu is None:
            return
        yield seen.message(Layer.SMS, Direction.FROM_CARD, "SMS-SUBMIT", command.tpdu)
        message = Submit.decode(command.tpdu)
        yield from self._packets.part(Direction.FROM_CARD, str(message.destination), message.data, seen)

    def _envelope(self, data: bytes, answer: bytes, seen: Seen) -> _Events:
        envelope = read_envelope(data)
        if isinstance(envelope, SmsPpDownload):
            yield seen.message(Layer.SMS, Direction.TO_CARD, "SMS-DELIVER", envelope.tpdu)
            message = Deliver.decode(envelope.tpdu)
            yield from self._packets.part(Direction.TO_CARD, str(message.originator), message.data, seen)
            if answer and message.data.elements:
                said = UserData.decode(bytes((len(answer),)) + answer, CLASS_2_DATA, with_header=True)
                yield from self._packets.part(Direction.FROM_CARD, "", said, seen)
        elif isinstance(envelope, EventDownload) and envelope.events[:1] == bytes((Event.CHANNEL_STATUS,)):
            status = envelope.channel_status
            if status is not None and not status.linked and status.channel in self._channels:
                channel = self._channels[status.channel]
                yield from self._end(status.channel, seen)
                yield seen.message(Layer.BIP, Direction.TO_CARD, "BIP channel dropped", fields=channel.described)


def _described(number: int, command: OpenChannel) -> Mapping[str, Json]:
    """What is known about a channel from its beginning."""
    described: dict[str, Json] = {"channel": number}
    if command.transport is not None:
        described["protocol"] = _PROTOCOLS.get(command.transport.protocol, f"{command.transport.protocol:02X}")
        if command.destination is not None:
            described["address"] = str(command.destination)
        described["port"] = command.transport.port
    described["buffer"] = command.buffer_size
    return described


_BY_INS: Final[Mapping[int, Callable[[ToolkitFollower, bytes, bytes, Seen], _Events]]] = {
    _FETCH: ToolkitFollower._fetch,
    _TERMINAL_RESPONSE: ToolkitFollower._respond,
    _ENVELOPE: ToolkitFollower._envelope,
}
_CARRIED: Final[Mapping[int, Callable[[ToolkitFollower, ProactiveCommand, TerminalAnswer, Seen], _Events]]] = {
    CommandType.OPEN_CHANNEL: ToolkitFollower._open,
    CommandType.CLOSE_CHANNEL: ToolkitFollower._close,
    CommandType.SEND_DATA: ToolkitFollower._send,
    CommandType.RECEIVE_DATA: ToolkitFollower._receive,
    CommandType.SEND_SHORT_MESSAGE: ToolkitFollower._submit,
}
