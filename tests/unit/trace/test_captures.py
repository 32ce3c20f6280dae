# SPDX-License-Identifier: Apache-2.0
"""Captures of GSMTAP that others made: all layers below it, both formats, both byte orders; what is broken in them."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from apdu.trace.events import LinkEvent
from apdu.trace.sources import Damage, Item
from tests.support.capture import (
    block,
    cooked,
    enhanced,
    ethernet,
    gsmtap,
    interface,
    ipv4,
    ipv6,
    pcap,
    section,
    udp,
)
from tests.unit.trace.test_sources import links, read

H = bytes.fromhex
SELECT = gsmtap(0, H("A0A40000026F7E9F0F"))
ATR = gsmtap(1, H("3B9F96801FC78031A073BE21136743200718000001A5"))
PAIR = [("command", "A0A40000026F7E"), ("response", "9F0F")]
FRAMES = [ethernet(ipv4(udp(SELECT))), ethernet(ipv4(udp(ATR))), ethernet(ipv4(udp(SELECT, source=4729, target=9)))]
EVENTS = [*PAIR, ("atr", "3B9F96801FC78031A073BE21136743200718000001A5"), *PAIR]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap(order: str, nano: bool) -> None:
    items = read(pcap(FRAMES, order=order, nano=nano))
    assert links(items) == EVENTS
    assert [item.time for item in items if isinstance(item, LinkEvent)] == [
        1_700_000_000.5, 1_700_000_000.5, 1_700_000_001.5, 1_700_000_002.5, 1_700_000_002.5
    ]  # fmt: skip


LAYERS: list[tuple[int, bytes]] = [
    (1, ethernet(ipv4(udp(SELECT)))),
    (1, ethernet(ipv6(udp(SELECT)), 0x86DD)),
    (1, ethernet(ipv4(udp(SELECT)), 0x88A8, 0x8100, 0x0800)),
    (113, cooked(ipv4(udp(SELECT)))),
    (276, cooked(ipv4(udp(SELECT)), version=2)),
    (0, b"\x02\0\0\0" + ipv4(udp(SELECT))),
    (108, b"\0\0\0\x1e" + ipv6(udp(SELECT))),
    (12, ipv4(udp(SELECT))),
    (101, ipv6(bytes((43, 0)) + bytes(6) + bytes((17, 1)) + bytes(14) + udp(SELECT), following=0)),
    (101, ipv6(bytes((17, 0)) + bytes(6) + udp(SELECT), following=44)),
    (228, ipv4(udp(SELECT))),
    (229, ipv6(udp(SELECT))),
    (147, SELECT),
    (162, ipv4(udp(SELECT))),
]


@pytest.mark.parametrize("link_type, frame", LAYERS, ids=[f"{n}-{case[0]}" for n, case in enumerate(LAYERS)])
def test_layers_below(link_type: int, frame: bytes) -> None:
    assert links(read(pcap([frame], link_type))) == PAIR
    assert links(read(section() + interface(link_type) + enhanced(0, 0, frame))) == PAIR


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(ipv4(udp(SELECT, target=4730))),
        ethernet(ipv4(udp(SELECT), protocol=6)),
        ethernet(b"\0" * 28, 0x0806),
        ethernet(ipv4(udp(gsmtap(0, b"\0" * 20, kind=1)))),
        ethernet(ipv4(udp(SELECT)[8:], fragment=3)),
        ethernet(b""),
        b"",
    ],
)
def test_other_traffic_is_passed_over(frame: bytes) -> None:
    assert read(pcap([frame])) == []


@pytest.mark.parametrize(
    "frame, reason",
    [
        (ethernet(ipv4(udp(SELECT))[:19]), "is cut inside its headers"),
        (ethernet(ipv4(udp(SELECT))[:25]), "is cut inside its headers"),
        (ethernet(ipv6(udp(SELECT))[:39], 0x86DD), "is cut inside its headers"),
        (ethernet(ipv4(udp(SELECT), fragment=0x2000)), "is a fragment of a datagram"),
        (ethernet(ipv4(udp(SELECT)[:-2])), "has 31 of 33 bytes of a datagram"),
        (ethernet(ipv4(udp(SELECT[:15]))), "is shorter than a header of GSMTAP"),
        (ethernet(ipv4(udp(b"\x01" + SELECT[1:]))), "has no header of GSMTAP version 2"),
        (ethernet(ipv4(udp(b"\x02\x03" + SELECT[2:]))), "has no header of GSMTAP version 2"),
        (ethernet(ipv4(udp(b"\x02\xff" + SELECT[2:]))), "has no header of GSMTAP version 2"),
        (ethernet(ipv4(udp(gsmtap(8, b"")))), "has the unknown sub-type 8 of SIM frames"),
        (
            ethernet(ipv4(udp(SELECT[:-1] + b"\xff\xff"))),
            "does not end with a status word but with FFFF (ISO 7816-3 12.2)",
        ),
        (ethernet(ipv4(udp(gsmtap(5, b"\0")))), "continues a command that did not begin (ISO 7816-3 12.2)"),
        (ethernet(ipv4(udp(gsmtap(7, b"\0")))), "answers a command that did not begin (ISO 7816-3 12.2)"),
    ],
)  # fmt: skip
def test_broken_packets(frame: bytes, reason: str) -> None:
    found = links(read(pcap([*FRAMES[:1], frame, *FRAMES[1:]])))
    assert found == [*PAIR, ("damage", f"packet 2 at byte {24 + 16 + len(FRAMES[0])}: {reason}"), *EVENTS[2:]]


def test_exchanges_in_pieces() -> None:
    pieces = [(4, "00A4000402"), (5, "3F00"), (7, "6120"), (4, "00C0000020")]
    pieces += [(6, "62" * 20), (6, "41" * 12), (7, "9000")]
    frames = [ethernet(ipv4(udp(gsmtap(kind, H(data))))) for kind, data in pieces]
    read_back = [("command", "00A40004023F00"), ("response", "6120")]
    read_back += [("command", "00C0000020"), ("response", "62" * 20 + "41" * 12 + "9000")]
    assert links(read(pcap(frames))) == read_back
    broken = links(read(pcap([frames[0], *frames[3:]])))
    assert broken[0] == ("command", "00A4000402")
    assert broken[1][1].endswith("begins a command before the status word of the one before (ISO 7816-3 12.2)")
    assert broken[2:] == read_back[2:]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng(order: str) -> None:
    made = section(order=order) + interface(1, (2, b"lo"), (9, b"\x09"), order=order)
    made += interface(101, (2, b"tun0"), (9, b"\x8a"), (14, struct.pack(order + "q", 1_700_000_000)), order=order)
    made += block(4, b"names", order=order)
    made += enhanced(0, 1_700_000_000_500_000_000, FRAMES[0], (1, b"a comment of others"), order=order)
    made += enhanced(1, 256, ipv4(udp(SELECT)), order=order)
    made += block(3, struct.pack(order + "I", len(FRAMES[1])) + FRAMES[1], order=order)
    old = struct.pack(order + "HHIIII", 0, 7, 0x60A24, 0, len(FRAMES[0]), len(FRAMES[0])) + FRAMES[0]
    made += block(2, old, order=order)
    other = "<" if order == ">" else ">"
    made += section(order=other) + interface(1, order=other) + enhanced(0, 1_500_000, FRAMES[0], order=other)
    items = read(made)
    assert links(items) == [*PAIR, *PAIR, EVENTS[2], *PAIR, *PAIR]
    events = [item for item in items if isinstance(item, LinkEvent)]
    assert [event.reader for event in events] == ["lo", "lo", "tun0", "tun0", "lo", "lo", "lo", "", ""]
    assert events[0].time == 1_700_000_000.5
    assert events[2].time == 1_700_000_000.25
    assert events[-1].time == 1.5


def test_broken_blocks() -> None:
    start = section() + interface(1)
    assert [str(item) for item in read(start + enhanced(7, 0, b""))] == ["block 3 at byte 48: belongs to no interface"]
    assert "was captured only in part: 67 of 68 bytes" in str(read(start + enhanced(0, 0, FRAMES[0], whole=68)))
    assert "link type 189, which is not known" in str(read(section() + interface(189) + enhanced(0, 0, b"")))
    assert "shorter than what stands before" in str(read(start + block(6, b"\0" * 16)))
    unequal = enhanced(0, 0, FRAMES[0])[:-4] + bytes(4)
    assert "is no block: the next one is searched for" in str(read(start + unequal)[0])
    assert links(read(start + unequal + enhanced(0, 0, FRAMES[0])))[-2:] == PAIR
    assert "ends before the block does" in str(read(start + enhanced(0, 0, FRAMES[0])[:-1]))


GARBAGE = [b"\xff" * 333, b"\0" * 17, b"\x06\0\0\0" + b"\x01\x02\0\0" * 20, bytes(range(256))]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_reading_goes_on_behind_garbage(garbage: bytes) -> None:
    for start, packets in [
        (pcap([]), [pcap([frame])[24:] for frame in FRAMES]),
        (section() + interface(1), [enhanced(0, 0, frame) for frame in FRAMES]),
    ]:
        found = links(read(start + packets[0] + garbage + packets[1] + packets[2]))
        events = [each for each in found if each[0] != "damage"]
        assert events == EVENTS, found
        assert len(found) > len(events) or garbage[:1] == b"\0", found


def test_a_capture_cut_at_every_byte() -> None:
    for whole in (pcap(FRAMES), section() + interface(1) + b"".join(enhanced(0, 0, frame) for frame in FRAMES)):
        sizes = [len(links(read(whole[:size]))) for size in range(24, len(whole), 7)]
        assert all(later >= earlier - 1 for earlier, later in pairwise(sizes))
        last: list[Item] = read(whole[:-1])
        assert isinstance(last[-1], Damage)
