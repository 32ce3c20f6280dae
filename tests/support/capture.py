# SPDX-License-Identifier: Apache-2.0
"""Captures built from public layouts alone: gsmtap.h of libosmocore, RFC 768, 791, 8200, the drafts of pcap and pcapng.

Nothing here is taken from the project, so that what is read from such a capture is what others write.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = [
    "block",
    "cooked",
    "enhanced",
    "ethernet",
    "gsmtap",
    "interface",
    "ipv4",
    "ipv6",
    "pcap",
    "section",
    "tcp",
    "udp",
]

Option = tuple[int, bytes]


def gsmtap(sub_type: int, payload: bytes, *, kind: int = 4) -> bytes:
    """A datagram of GSMTAP version 2."""
    return struct.pack(">BBBBHbbIBBBB", 2, 4, kind, 0, 0, 0, 0, 0, sub_type, 0, 0, 0) + payload


def udp(payload: bytes, *, source: int = 55555, target: int = 4729) -> bytes:
    """A datagram without checksum."""
    return struct.pack(">HHHH", source, target, 8 + len(payload), 0) + payload


def tcp(payload: bytes, *, sequence: int, acknowledge: int, back: bool = False, server: int = 2775) -> bytes:
    """A segment between a client's port and a server's (RFC 9293), without checksum; `back`: from the server."""
    source, target = (server, 55555) if back else (55555, server)
    return struct.pack(">HHIIBBHHH", source, target, sequence, acknowledge, 0x50, 0x18, 0xFFFF, 0, 0) + payload


def ipv4(payload: bytes, *, protocol: int = 17, fragment: int = 0) -> bytes:
    """A packet between loopback addresses."""
    home = bytes((127, 0, 0, 1))
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0, home, home) + payload


def ipv6(payload: bytes, *, following: int = 17) -> bytes:
    """A packet between loopback addresses."""
    home = bytes(15) + b"\x01"
    if following == 17 and len(payload) >= 8:  # IPv6 demands the checksum (RFC 8200 8.1)
        pseudo = home + home + struct.pack(">II", len(payload), following) + payload + bytes(len(payload) % 2)
        total = sum(struct.unpack(f">{len(pseudo) // 2}H", pseudo))
        total = (total & 0xFFFF) + (total >> 16)
        checksum = 0xFFFF ^ (total & 0xFFFF) + (total >> 16) or 0xFFFF
        payload = payload[:6] + struct.pack(">H", checksum) + payload[8:]
    return struct.pack(">IHBB16s16s", 6 << 28, len(payload), following, 64, home, home) + payload


def ethernet(payload: bytes, *types: int) -> bytes:
    """A frame; several types are VLAN tags and what is inside."""
    tags = b"".join(struct.pack(">HH", kind, 5) for kind in types[:-1])
    return bytes(12) + tags + struct.pack(">H", types[-1] if types else 0x0800) + payload


def cooked(payload: bytes, *, version: int = 1) -> bytes:
    """A frame of Linux's "any" interface."""
    if version == 1:
        return struct.pack(">HHH8sH", 0, 772, 6, bytes(8), 0x0800) + payload
    return struct.pack(">HHIHBB8s", 0x0800, 0, 1, 772, 0, 6, bytes(8)) + payload


def pcap(frames: Sequence[bytes], link_type: int = 1, *, order: str = "<", nano: bool = False) -> bytes:
    """A capture; the packets are a second and a half unit of a second apart from 1700000000.5 on."""
    parts = 10**9 if nano else 10**6
    head = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)
    packets = [
        struct.pack(order + "IIII", 1_700_000_000 + number, parts // 2, len(frame), len(frame)) + frame
        for number, frame in enumerate(frames)
    ]
    return head + b"".join(packets)


def block(kind: int, body: bytes, *, order: str = "<") -> bytes:
    """A block of pcapng."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def options(given: Sequence[Option], order: str) -> bytes:
    """Options with their end."""
    parts = [struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in given]
    return b"".join(parts) + bytes(4) if parts else b""


def section(*given: Option, order: str = "<") -> bytes:
    """The header of a section."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + options(given, order), order=order)


def interface(link_type: int, *given: Option, order: str = "<") -> bytes:
    """The description of an interface."""
    return block(1, struct.pack(order + "HHI", link_type, 0, 0) + options(given, order), order=order)


def enhanced(number: int, time: int, frame: bytes, *given: Option, order: str = "<", whole: int | None = None) -> bytes:
    """A packet; its time is in units of its interface."""
    size = len(frame)
    head = struct.pack(order + "IIIII", number, time >> 32, time & 0xFFFFFFFF, size, size if whole is None else whole)
    return block(6, head + frame + bytes(-size % 4) + options(given, order), order=order)
