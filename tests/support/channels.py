# SPDX-License-Identifier: Apache-2.0
"""A terminal's channels to an admin server in the same process: no sockets, and links that break where a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from apdu.cat.bip import ChannelStatus, OnChannel, OpenChannel, ReceiveData, SendData
from apdu.cat.codes import CommandType, Device, Event, GeneralResult
from apdu.cat.comprehension import DeviceIdentities, Result
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility
from apdu.keys.entropy import Entropy
from smsr.ota.connection import AdminConnection, Limits
from smsr.ota.desk import HttpsCarrier

__all__ = ["Crash", "LocalChannels"]


class Crash(BaseException):
    """The process of a server ends."""


_DEVICES = DeviceIdentities(Device.TERMINAL, Device.UICC)
_MOST = 237


@dataclass
class _Channel:
    connection: AdminConnection
    arrived: bytearray = field(default_factory=bytearray)
    announced: bool = False
    dropped: bool = False
    told: bool = False


class LocalChannels:
    """A BipHandler with channel 1. `cut` may say, for each piece of data that crosses it, that the link breaks."""

    channels = 1
    facilities: Sequence[Facility] = (Facility.BEARER_GPRS, Facility.TCP_CLIENT)

    def __init__(self, desk: HttpsCarrier, entropy: Entropy, clock: Callable[[], float]) -> None:
        self.desk: HttpsCarrier | None = desk
        self.cut: Callable[[bool, bytes], bool] = lambda up, data: False
        self.opened = 0
        self.crossed: list[tuple[bool, bytes]] = []
        self.crashed: BaseException | None = None
        """What ended the server's process while it worked on something from here."""
        self._entropy = entropy
        self._clock = clock
        self._channel: _Channel | None = None

    # --- time

    @property
    def wake(self) -> float | None:
        return self._channel.connection.wake if self._channel is not None else None

    @property
    def linked(self) -> bool:
        return self._channel is not None and not self._channel.dropped

    def tick(self) -> None:
        channel = self._channel
        if channel is not None and not channel.dropped:
            if self._clock() >= channel.connection.wake:
                channel.connection.tick(self._clock())
            self._flow(channel)

    # --- BipHandler

    def serve(self, available: bool) -> None:
        if not available:
            self.drop()

    def finished(self) -> TerminalAnswer | None:
        return None

    def reset(self) -> None:
        self.drop()
        self._channel = None

    def carry_out(self, command: ProactiveCommand) -> TerminalAnswer:
        said = TerminalAnswer.to(command, Result(GeneralResult.DONE))
        kind = command.details.type
        if isinstance(command, OpenChannel):
            return self._open(command, said)
        channel = self._channel
        if channel is None or not isinstance(command, OnChannel):
            return TerminalAnswer.to(command, Result(GeneralResult.BIP_ERROR, b"\x03"))
        if kind == CommandType.CLOSE_CHANNEL:
            self.drop()
            self._channel = None
            return said
        if isinstance(command, SendData):
            if channel.dropped:
                return TerminalAnswer.to(command, Result(GeneralResult.BIP_ERROR, b"\x05"))
            self._up(channel, command.data)
            return replace(said, channel_data_length=0xFF)
        assert isinstance(command, ReceiveData)
        size = min(command.length, _MOST)
        data = bytes(channel.arrived[:size])
        del channel.arrived[:size]
        left = min(len(channel.arrived), 0xFF)
        return replace(said, channel_data=data, channel_data_length=left)

    def events(self) -> Sequence[EventDownload]:
        channel = self._channel
        if channel is None:
            return ()
        self._flow(channel)
        if channel.arrived and not channel.announced:
            channel.announced = True
            return (self._event(Event.DATA_AVAILABLE, channel, min(len(channel.arrived), 0xFF)),)
        if not channel.arrived:
            channel.announced = False
            if channel.dropped and not channel.told:
                channel.told = True
                return (self._event(Event.CHANNEL_STATUS, channel, None),)
        return ()

    # ---

    def drop(self) -> None:
        """The link breaks."""
        channel = self._channel
        if channel is not None and not channel.dropped:
            channel.dropped = True
            channel.connection.end_of_stream()

    def _open(self, command: OpenChannel, said: TerminalAnswer) -> TerminalAnswer:
        if self.desk is None or self._channel is not None:
            return TerminalAnswer.to(command, Result(GeneralResult.BIP_ERROR, b"\x01"))
        self.opened += 1
        self._channel = _Channel(AdminConnection(self.desk, self._entropy, Limits(), self._clock()))
        return replace(
            said,
            channel_status=(ChannelStatus(1, True).to_bytes(),),
            bearer=command.bearer,
            buffer_size=command.buffer_size,
        )

    def _up(self, channel: _Channel, data: bytes) -> None:
        self.crossed.append((True, data))
        if self.cut(True, data):
            self.drop()
            return
        try:
            channel.connection.receive(data, self._clock())
        except Crash as crash:
            self.crashed, channel.dropped, self.desk = crash, True, None
        self._flow(channel)

    def _flow(self, channel: _Channel) -> None:
        """What the server has to say."""
        if channel.dropped:
            return
        channel.connection.poll(self._clock())
        data = channel.connection.outgoing()
        if data:
            self.crossed.append((False, data))
            if self.cut(False, data):
                self.drop()
                return
            channel.arrived += data
            channel.announced = False
        if channel.connection.closed:
            channel.dropped = True

    @staticmethod
    def _event(kind: int, channel: _Channel, length: int | None) -> EventDownload:
        status = ChannelStatus(1, not channel.dropped, 5 if channel.dropped else 0)
        return EventDownload(events=bytes((kind,)), devices=_DEVICES, channel_status=status, channel_data_length=length)
