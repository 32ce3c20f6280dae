# SPDX-License-Identifier: Apache-2.0
"""Channels when networks and peers misbehave: drops at each point, slow and flooding peers, half-closed streams."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest

from apdu.cat.bip import ChannelStatus
from apdu.cat.response import TerminalAnswer
from tests.unit.device.net import (
    BACKGROUND,
    DEMAND,
    NetBench,
    accept,
    close,
    full_server,
    open_channel,
    port_of,
    read,
    receive,
    send,
)

CHANNEL_CLOSED = (0x3A, b"\x02")
NO_SERVICE = (0x20, b"\x04")
NOT_NOW = (0x20, b"\x00")
NO_BUFFER = (0x3A, b"\x04")


def reset(peer: socket.socket) -> None:
    """End a connection with RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def opened(on: NetBench, server: socket.socket, *, size: int = 1024) -> socket.socket:
    assert on.result(open_channel(port_of(server), size=size)) == (0, b"")
    return accept(server)


@pytest.mark.parametrize("end", [socket.socket.close, reset], ids=["closed", "reset"])
@pytest.mark.parametrize("after", range(5), ids=["open", "sent", "received", "half received", "all received"])
def test_link_that_drops_at_each_point(server: socket.socket, after: int, end: Callable[[socket.socket], None]) -> None:
    on = NetBench()
    peer = opened(on, server)
    if after >= 1:
        assert on.result(send(1, b"question")) == (0, b"")
        assert read(peer, 8) == b"question"
    if after >= 2:
        peer.sendall(b"answer")
        on.data_available(1, 6)
    if after >= 3:
        assert on.ask(receive(1, 3)).channel_data == b"ans"
    if after >= 4:
        assert on.ask(receive(1, 3)).channel_data == b"wer"
    end(peer)
    if after in (2, 3):  # what came before the end can still be had, and the end is told after it
        on.until(lambda: on.statuses() == [ChannelStatus(1, False, 5)])
        assert on.card.envelopes == []
        assert on.result(send(1, b"more")) == CHANNEL_CLOSED
        assert on.ask(receive(1, 6)).channel_data == b"answer"[3 * (after - 2) :]
    on.dropped(1)
    assert on.result(receive(1, 1)) == CHANNEL_CLOSED
    assert on.result(send(1, b"x")) == CHANNEL_CLOSED
    assert on.statuses() == [ChannelStatus(1, False, 5)]
    on.rest()
    assert on.card.envelopes == []  # told once
    assert on.result(close(1)) == (0, b"")
    again = opened(on, server)
    assert on.result(send(1, b"again")) == (0, b"")
    assert read(again, 5) == b"again"


def test_peer_that_stops_sending_gets_what_was_accepted_for_it(server: socket.socket) -> None:
    on = NetBench()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer = opened(on, server)
    sent = fill(on)
    peer.shutdown(socket.SHUT_WR)
    on.dropped(1)
    assert on.result(send(1, b"x")) == CHANNEL_CLOSED
    got = b""
    while part := drain(on, peer):
        got += part
    assert got == sent


def taken(on: NetBench, data: bytes, *, now: bool = True) -> bool:
    """Whether the terminal takes it; it says nothing else than that it cannot now."""
    said = on.ask(send(1, data, now=now)).result
    assert said in ((0, b""), NOT_NOW)
    return said != NOT_NOW


def fill(on: NetBench) -> bytes:
    """Send until the terminal takes no more."""
    sent = b""
    while taken(on, block := bytes((len(sent) // 200 + at) & 0xFF for at in range(200))):
        sent += block
        assert len(sent) < 50_000_000
    return sent


def fill_to_the_brim(on: NetBench) -> bytes:
    """The same, six times in a row: what was on its way meanwhile makes room in the network, and more is taken then."""
    sent, refused = fill(on), 0
    while refused < 6:
        block = b"y" * 200
        if taken(on, block, now=refused % 2 == 0):
            sent, refused = sent + block + fill(on), 0
        else:
            refused += 1
        assert len(sent) < 50_000_000
    return sent


def drain(on: NetBench, peer: socket.socket) -> bytes:
    """What the peer reads next; the device goes on meanwhile."""
    peer.settimeout(0.02)
    for _ in range(1000):  # whatever else the computer has to do
        try:
            return peer.recv(65_536)
        except TimeoutError:
            on.rest()
    raise AssertionError("nothing comes, and no end")


def test_slow_peer_holds_the_card_back(server: socket.socket) -> None:
    on = NetBench()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer = opened(on, server)
    sent = fill_to_the_brim(on)
    got = b""
    while not taken(on, b"x" * 200):  # as soon as the peer has read enough, and what was only stored goes with it
        got += drain(on, peer)
    sent += b"x" * 200
    assert got
    while len(got) < len(sent):
        got += drain(on, peer)
    assert got == sent
    assert taken(on, b"on")
    assert on.result(close(1)) == (0, b"")
    assert drain(on, peer) == b"on"
    assert drain(on, peer) == b""


def test_data_for_which_no_buffer_is_large_enough(server: socket.socket) -> None:
    on = NetBench()
    peer = opened(on, server, size=100)
    assert on.result(send(1, b"x" * 101)) == NO_BUFFER
    assert on.ask(send(1, b"x" * 60, now=False)).channel_data_length == 40
    assert on.result(send(1, b"x" * 60, now=False)) == NOT_NOW
    assert on.ask(send(1, b"")).channel_data_length == 100  # sends what is stored
    assert read(peer, 60) == b"x" * 60


def test_flood_stays_with_the_peer(server: socket.socket) -> None:
    on = NetBench()
    peer = opened(on, server, size=500)
    flood = bytes(at * 7 & 0xFF for at in range(40_000))
    peer.sendall(flood)
    peer.close()
    on.data_available(1, 0xFF)
    on.rest()
    link = on.channels._open[1].link
    assert link is not None
    got = b""
    while len(got) < len(flood):
        assert len(link.received) <= 500
        said = on.ask(receive(1, 255))
        assert len(on.card.answers[-1]) <= 255
        assert said.channel_data is not None
        assert len(said.channel_data) <= 237
        got += said.channel_data
        if not said.channel_data_length and len(got) < len(flood):
            on.until(lambda: on.card.envelopes)
            assert on.envelope()[0] == (0x19, "09")
    assert got == flood
    on.dropped(1)


def test_event_comes_only_for_a_buffer_that_was_empty(server: socket.socket) -> None:
    on = NetBench()
    peer = opened(on, server)
    peer.sendall(b"one")
    on.data_available(1, 3)
    peer.sendall(b"two")
    on.until(lambda: on.ask(receive(1, 0)).channel_data_length == 6)
    assert on.card.envelopes == []
    said = on.ask(receive(1, 255))
    assert (said.result.general, said.channel_data, said.channel_data_length) == (2, b"onetwo", 0)
    peer.sendall(b"three")
    on.data_available(1, 5)


def test_channel_that_is_closed_still_sends_what_was_accepted(server: socket.socket) -> None:
    on = NetBench()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer = opened(on, server)
    sent = fill(on)
    assert on.result(close(1)) == (0, b"")
    got = b""
    while part := drain(on, peer):
        got += part
    assert got == sent
    on.rest()
    assert on.channels._leaving == []


@pytest.mark.parametrize("qualifier", [1, DEMAND, BACKGROUND])
def test_loss_of_coverage_drops_the_link(server: socket.socket, qualifier: int) -> None:
    on = NetBench()
    assert on.result(open_channel(port_of(server), qualifier=qualifier)) == (0, b"")
    assert on.result(send(1, b"x")) == (0, b"")
    peer = accept(server)
    on.rest()
    on.card.envelopes.clear()
    on.network.lose_coverage()
    on.dropped(1)
    assert read(peer, 1) == b"x"
    assert peer.recv(1) == b""
    assert on.result(open_channel(port_of(server))) == NO_SERVICE
    assert on.result(send(1, b"x")) == CHANNEL_CLOSED
    on.network.restore()
    assert on.result(close(1)) == (0, b"")
    opened(on, server)


def test_channel_on_demand_needs_service_when_it_sends(server: socket.socket) -> None:
    on = NetBench()
    assert on.result(open_channel(port_of(server), qualifier=DEMAND)) == (0, b"")
    on.network.limit()
    assert on.result(send(1, b"x")) == NO_SERVICE
    on.network.restore()
    assert on.result(send(1, b"y")) == (0, b"")
    assert read(accept(server), 1) == b"y"


def test_coverage_lost_while_a_link_is_made() -> None:
    on = NetBench()
    slow, clients = full_server()
    answers = len(on.card.answers)
    on.card.ask(open_channel(port_of(slow)))
    on.poll()
    assert len(on.card.answers) == answers
    on.network.lose_coverage()
    on.until(lambda: len(on.card.answers) > answers)
    assert TerminalAnswer.decode(on.card.answers[-1]).result == (0x3A, b"\x07")
    for each in (*clients, slow):
        each.close()


def test_reset_of_the_card_ends_every_link(server: socket.socket) -> None:
    on = NetBench()
    peers = [opened(on, server) for _ in range(3)]
    on.device.power_up()
    for peer in peers:
        assert peer.recv(1) == b""
    on.rest()
    assert on.card.envelopes == []
    assert on.statuses() == [ChannelStatus(0, False)]
