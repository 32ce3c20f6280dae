# SPDX-License-Identifier: Apache-2.0
"""Captured frames down to the datagram for GSMTAP that they may carry: link layer, IP, UDP.

Link types have the numbers of tcpdump.org/linktypes.html; that of Ethernet is in the first frame of most captures, raw
IP in what Wireshark exports, and the user's own types carry GSMTAP with or without IP around it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from apdu.trace.sources.gsmtap import GSMTAP_PORT, VERSION

__all__ = ["LINKTYPE_RAW", "find_datagram", "is_known"]

LINKTYPE_RAW: Final = 101
_USER: Final = range(147, 163)
_IPV4: Final = 0x0800
_IPV6: Final = 0x86DD
_VLAN: Final = (0x8100, 0x88A8)
_UDP: Final = 17
_EXTENSIONS: Final = (0, 43, 60)
"""Hop-by-hop options, routing, destination options (RFC 8200 4)."""
_FRAGMENT: Final = 44
_UDP_HEADER: Final = 8
_CUT: Final = "is cut inside its headers"
_PARTS: Final = "is a fragment of a datagram"


class _Protocol(NamedTuple):
    """Where the field is that says what follows, and where that begins."""

    field: int
    size: int


_LINKS: Final = {
    1: _Protocol(12, 14),  # Ethernet
    113: _Protocol(14, 16),  # Linux cooked
    276: _Protocol(0, 20),  # Linux cooked, version 2
}
_WITHOUT_PROTOCOL: Final = {
    0: 4,  # BSD loopback
    108: 4,  # OpenBSD loopback
    12: 0,  # raw IP
    14: 0,
    LINKTYPE_RAW: 0,
    228: 0,  # IPv4
    229: 0,  # IPv6
}


def is_known(link_type: int) -> bool:
    """Whether frames of this type can be read."""
    return link_type in _LINKS or link_type in _WITHOUT_PROTOCOL or link_type in _USER


def find_datagram(link_type: int, frame: bytes) -> bytes | str | None:
    """The datagram to or from GSMTAP's port; why it cannot be had; None when the frame is other traffic."""
    if link_type in _USER:
        return frame if frame[:1] and frame[0] == VERSION else _ip(frame)
    if link_type in _WITHOUT_PROTOCOL:
        return _ip(frame[_WITHOUT_PROTOCOL[link_type] :])
    field, size = _LINKS[link_type]
    protocol = int.from_bytes(frame[field : field + 2], "big")
    while protocol in _VLAN and len(frame) >= size + 4:
        protocol, size = int.from_bytes(frame[size + 2 : size + 4], "big"), size + 4
    return _ip(frame[size:]) if protocol in (_IPV4, _IPV6) else None


def _ip(packet: bytes) -> bytes | str | None:
    version = packet[0] >> 4 if packet else 0
    if version == 4:
        return _ipv4(packet)
    return _ipv6(packet) if version == 6 else None


def _ipv4(packet: bytes) -> bytes | str | None:
    size = 4 * (packet[0] & 0x0F)
    if len(packet) < 20 or size < 20 or len(packet) < size:
        return _CUT
    if packet[9] != _UDP:
        return None
    fragment = int.from_bytes(packet[6:8], "big")
    if fragment & 0x1FFF:
        return None  # the first one is told
    return _udp(packet[size:], whole=not fragment & 0x2000)


def _ipv6(packet: bytes) -> bytes | str | None:
    if len(packet) < 40:
        return _CUT
    following, at, whole = packet[6], 40, True
    while following in _EXTENSIONS or following == _FRAGMENT:
        if len(packet) < at + 8:
            return _CUT
        if following == _FRAGMENT:
            fragment = int.from_bytes(packet[at + 2 : at + 4], "big")
            if fragment & 0xFFF8:
                return None
            whole, size = not fragment & 1, 8
        else:
            size = 8 * (packet[at + 1] + 1)
        following, at = packet[at], at + size
    return _udp(packet[at:], whole=whole) if following == _UDP else None


def _udp(packet: bytes, *, whole: bool) -> bytes | str | None:
    if len(packet) < _UDP_HEADER:
        return _CUT
    if GSMTAP_PORT not in (int.from_bytes(packet[0:2], "big"), int.from_bytes(packet[2:4], "big")):
        return None
    if not whole:
        return _PARTS
    size = int.from_bytes(packet[4:6], "big")
    if not _UDP_HEADER <= size <= len(packet):
        return f"has {len(packet)} of {size} bytes of a datagram"
    return packet[_UDP_HEADER:size]
