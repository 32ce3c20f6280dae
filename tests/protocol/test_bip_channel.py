# SPDX-License-Identifier: Apache-2.0
"""One channel of the card against terminals that hand over what came in pieces, and that fail in between."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

import pytest

from apdu.cat.bip import ChannelStatus, CloseChannel, OpenChannel, ReceiveData, SendData, TransportLevel
from apdu.cat.catalogue import read_command
from apdu.cat.codes import CommandType, Device, Event, GeneralResult
from apdu.cat.comprehension import CommandDetails, DeviceIdentities, Result
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import TerminalProfile
from emulator.iso.toolkit import Toolkit
from emulator.ota.bip import BipChannel, State

TCP, UDP = 0x02, 0x01
TOGETHER: Final = 2048
BROKEN: Final = Result(GeneralResult.BIP_ERROR, b"\x02")


class User:
    """Who has the channel: everything that it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []

    def opened(self, buffer: int) -> None:
        self.told.append("opened")

    def received(self, data: bytes) -> None:
        self.told.append(data)

    def closed(self) -> None:
        self.told.append("closed")


class Bench:
    """A card's toolkit with an open channel, and its terminal by hand."""

    def __init__(self, protocol: int) -> None:
        self.toolkit = Toolkit()
        self.toolkit.terminal_profile(TerminalProfile(b"\xff" * 30))
        self.toolkit.reported = frozenset((Event.DATA_AVAILABLE, Event.CHANNEL_STATUS))
        self.user = User()
        self.channel = BipChannel(self.toolkit, self.user)
        self.channel.open(
            OpenChannel(
                details=CommandDetails(1, CommandType.OPEN_CHANNEL, 1),
                devices=DeviceIdentities(Device.UICC, Device.TERMINAL),
                bearer=b"\x03",
                buffer_size=1400,
                transport=TransportLevel(protocol, 443),
                addresses=(ip_address("127.0.0.1"),),
            )
        )
        self.answer(channel_status=(ChannelStatus(1, True).to_bytes(),), buffer_size=1400)
        assert self.user.told == ["opened"]
        self.user.told.clear()

    def answer(self, result: Result = Result(GeneralResult.DONE), **parts: object) -> ProactiveCommand:  # noqa: B008
        """Fetch what the card asks for, and answer it."""
        command = read_command(self.toolkit.fetch(self.toolkit.waiting))
        self.toolkit.respond(TerminalAnswer.to(command, result).but(**parts).value())
        return command

    def arrive(self, length: int) -> None:
        """Data came."""
        event = EventDownload.of(Event.DATA_AVAILABLE)
        self.channel.event(event.but(channel_status=ChannelStatus(1, True), channel_data_length=min(length, 255)))

    def hand_over(self, data: bytes, left: int) -> None:
        """Answer RECEIVE DATA."""
        command = self.answer(channel_data=data, channel_data_length=min(left, 255))
        assert isinstance(command, ReceiveData)


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_what_waits_at_the_terminal_comes_together(protocol: int) -> None:
    bench = Bench(protocol)
    bench.arrive(500)
    bench.hand_over(b"a" * 237, 263)
    assert bench.user.told == []
    bench.hand_over(b"b" * 237, 26)
    assert bench.user.told == []
    bench.hand_over(b"c" * 26, 0)
    assert bench.user.told == [b"a" * 237 + b"b" * 237 + b"c" * 26]
    assert not bench.toolkit.waiting


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_who_sends_without_end_fills_no_memory(protocol: int) -> None:
    bench = Bench(protocol)
    bench.arrive(255)
    for _ in range(40):
        bench.hand_over(bytes(237), 255)
    pieces = [len(piece) for piece in bench.user.told]
    assert set(pieces) == {-(-TOGETHER // 237) * 237}
    assert sum(pieces) > 40 * 237 - TOGETHER


@pytest.mark.parametrize("protocol, told", [(TCP, [b"a" * 237, "closed"]), (UDP, ["closed"])])
def test_of_a_stream_that_breaks_counts_what_came_and_of_a_datagram_nothing(
    protocol: int, told: list[bytes | str]
) -> None:
    bench = Bench(protocol)
    bench.arrive(500)
    bench.hand_over(b"a" * 237, 263)
    assert isinstance(bench.answer(BROKEN), ReceiveData)
    assert isinstance(bench.answer(), CloseChannel)
    assert bench.user.told == told
    assert bench.channel.state is State.CLOSED


def test_nothing_is_sent_where_there_is_nothing_to_send() -> None:
    bench = Bench(TCP)
    bench.channel.send(b"")
    assert not bench.toolkit.waiting
    bench.channel.send(b"x" * 300)
    first, second = bench.answer(channel_data_length=255), bench.answer(channel_data_length=255)
    assert isinstance(first, SendData)
    assert isinstance(second, SendData)
    assert first.data + second.data == b"x" * 300
    assert not bench.toolkit.waiting
