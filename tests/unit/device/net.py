# SPDX-License-Identifier: Apache-2.0
"""A device with channels around the fake card, and peers on loopback."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from ipaddress import ip_address

from apdu.cat.bip import ChannelStatus, TransportLevel
from apdu.cat.response import TerminalAnswer
from apdu.tlv.scan import split_comprehension
from emulator.device.channels import Channels, Limits
from emulator.device.device import Surroundings
from emulator.device.sockets import AllowList
from emulator.device.user import User
from emulator.device.waiting import Waiting
from emulator.network.network import Network
from tests.unit.device.fake import Bench, Clock, proactive

EVENTS = "D00D 8103010500 82028182 9902090A"
LOCAL = "127.0.0.1"
TCP, UDP = 0x02, 0x01
NOW, DEMAND, BACKGROUND = 0x01, 0x00, 0x04


def open_channel(
    port: int, *, qualifier: int = NOW, protocol: int = TCP, size: int = 1024, host: str = LOCAL, bearer: str = "350103"
) -> str:
    """OPEN CHANNEL as a card builds it."""
    transport = TransportLevel(protocol, port).to_bytes().hex()
    address = ip_address(host)
    other = ("21" if address.version == 4 else "57") + address.packed.hex()
    return (
        f"D000 81030140{qualifier:02X} 82028182 {bearer} 3902{size:04X} 3C03{transport} 3E{len(other) // 2:02X}{other}"
    )


def send(channel: int, data: bytes, *, now: bool = True) -> str:
    size = f"{len(data):02X}" if len(data) < 128 else f"81{len(data):02X}"
    return f"D000 81030143{int(now):02X} 820281{0x20 + channel:02X} 36{size}{data.hex()}"


def receive(channel: int, length: int) -> str:
    return f"D000 8103014200 820281{0x20 + channel:02X} 3701{length:02X}"


def close(channel: int) -> str:
    return f"D000 8103014100 820281{0x20 + channel:02X}"


STATUS = "D009 8103014400 82028182"


class NetBench(Bench):
    """A device with channels; real sockets, the tests' clock."""

    def __init__(
        self, *, allowed: AllowList | None = None, limits: Limits | None = None, user: User | None = None
    ) -> None:
        self.network = Network()
        self.waiting = Waiting()
        self.time = Clock()
        self.channels = Channels(self.time, self.waiting, allowed=allowed, limits=limits)
        super().__init__(around=Surroundings(network=self.network, bip=self.channels, user=user))
        assert self.result(EVENTS) == (0, b"")

    def ask(self, command: str) -> TerminalAnswer:
        """Let the card ask, wait for the answer, and return it."""
        before = len(self.card.answers)
        self.card.queue.append(proactive(command))
        self.poll()
        self.until(lambda: len(self.card.answers) > before)
        return TerminalAnswer.decode(self.card.answers[-1])

    def until(self, reached: Callable[[], object]) -> None:
        """Let the device run until something has happened."""
        end = time.monotonic() + 60  # whatever else the computer has to do
        self.device.settle()
        while not reached():
            assert time.monotonic() < end, "it does not happen"
            self.waiting.turn(0.01)
            self.device.settle()

    def rest(self) -> None:
        """Let the device run for a moment, in which nothing has to happen."""
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            self.waiting.turn(0.01)
            self.device.settle()

    def envelope(self) -> list[tuple[int, str]]:
        """The objects of the next event, in their order."""
        self.until(lambda: self.card.envelopes)
        envelope = self.card.envelopes.pop(0)
        assert envelope[0] == 0xD6
        assert envelope[1] == len(envelope) - 2
        return [(tlv.tag & 0x7F, tlv.value.hex().upper()) for tlv in split_comprehension(envelope[2:])]

    def data_available(self, channel: int, length: int) -> None:
        """The next event says that."""
        assert self.envelope() == [
            (0x19, "09"), (0x02, "8281"), (0x38, f"8{channel}00"), (0x37, f"{length:02X}"),
        ]  # fmt: skip

    def dropped(self, channel: int) -> None:
        """The next event says that the link is gone."""
        assert self.envelope() == [(0x19, "0A"), (0x02, "8281"), (0x38, f"0{channel}05")]

    def statuses(self) -> list[ChannelStatus]:
        """GET CHANNEL STATUS."""
        return [ChannelStatus.from_bytes(raw) for raw in self.ask(STATUS).channel_status]


def listening(*, backlog: int = 8, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """A server's socket on loopback."""
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind((LOCAL if family == socket.AF_INET else "::1", 0))
    server.listen(backlog)
    server.settimeout(5)
    return server


def accept(server: socket.socket) -> socket.socket:
    """The next connection."""
    peer, _ = server.accept()
    peer.settimeout(5)
    return peer


def read(peer: socket.socket, count: int) -> bytes:
    """So many bytes of a stream."""
    data = b""
    while len(data) < count:
        part = peer.recv(count - len(data))
        assert part, f"the stream ends after {len(data)} bytes"
        data += part
    return data


def port_of(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


def full_server() -> tuple[socket.socket, list[socket.socket]]:
    """A server that takes no further connections, and what fills it."""
    server = listening(backlog=0)
    fill = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((LOCAL, port_of(server)))
        fill.append(client)
    return server, fill
