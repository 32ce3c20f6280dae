# SPDX-License-Identifier: Apache-2.0
"""Captures in the classic format of tcpdump: pcap, in both byte orders, with microseconds or nanoseconds.

A header of 24 bytes names link type and byte order; before each packet stand its time, how much of it was kept, and
its size. Where that cannot be true, reading goes on at the next place where it can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from apdu.trace.sources.frames import find_datagram, is_known
from apdu.trace.sources.gsmtap import Gsmtap, Seen
from apdu.trace.sources.source import Damage, Item

__all__ = ["MAX_PACKET", "ByteOrder", "PcapSource", "is_pcap", "read_frame"]

ByteOrder = Literal["big", "little"]

MAX_PACKET: Final = 1 << 18
"""The most that tcpdump keeps of a packet."""
_HEADER: Final = 24
_RECORD: Final = 16
_LINK_TYPE: Final = 0x0FFF_FFFF


class _Kind(NamedTuple):
    order: ByteOrder
    parts: int
    """Of a second, in times."""


_MAGIC: Final[dict[bytes, _Kind]] = {
    bytes.fromhex("A1B2C3D4"): _Kind("big", 10**6),
    bytes.fromhex("D4C3B2A1"): _Kind("little", 10**6),
    bytes.fromhex("A1B23C4D"): _Kind("big", 10**9),
    bytes.fromhex("4D3CB2A1"): _Kind("little", 10**9),
}
_PLAUSIBLE: Final[dict[ByteOrder, re.Pattern[bytes]]] = {
    "big": re.compile(rb"(?=.{4}[\0-\x3b].{3}\0[\0-\4].{2}\0[\0-\x0f].{2})", re.DOTALL),
    "little": re.compile(rb"(?=.{4}.{3}[\0-\x3b].{2}[\0-\4]\0.{2}[\0-\x0f]\0)", re.DOTALL),
}
"""What the four numbers before a packet look like."""


def is_pcap(head: bytes) -> bool:
    """Whether a trace that begins like this is one."""
    return head[:4] in _MAGIC


def read_frame(gsmtap: Gsmtap, link_type: int, frame: bytes, seen: Seen) -> Iterator[Item]:
    """The events of one captured frame; other traffic has none."""
    datagram = find_datagram(link_type, frame)
    if isinstance(datagram, str):
        yield seen.damage(datagram)
    elif datagram is not None:
        yield from gsmtap.datagram(datagram, seen)


class PcapSource:
    """Reads such a capture."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._number = 0
        self._kind = _Kind("little", 10**6)
        self._link_type = -1
        self._lost = False
        self._gsmtap = Gsmtap()

    def feed(self, data: bytes) -> Iterator[Item]:
        """What the next bytes complete."""
        self._buffer += data
        if self._link_type < 0:
            if len(self._buffer) < _HEADER:
                return
            yield from self._begin()
        yield from self._packets(ended=False)

    def end(self) -> Iterator[Item]:
        """What is left when no more bytes come."""
        if self._link_type < 0:
            if self._buffer:
                yield self._damage("ends inside the header of the capture")
            return
        while self._buffer:
            yield from self._packets(ended=True)
            if self._buffer:  # its length may be wrong: there may be packets in what is left
                yield self._damage("ends before the packet does")
                self._lost = True
                self._drop(1)

    def _begin(self) -> Iterator[Item]:
        self._kind = _MAGIC.get(bytes(self._buffer[:4]), self._kind)
        self._link_type = int.from_bytes(self._buffer[20:24], self._kind.order) & _LINK_TYPE
        if not is_known(self._link_type):
            yield self._damage(f"is a capture of the link type {self._link_type}, which is not known here")
        self._drop(_HEADER)

    def _packets(self, *, ended: bool) -> Iterator[Item]:
        if not is_known(self._link_type):
            self._buffer.clear()
            return
        while True:
            if self._lost and not self._find(ended=ended):
                return
            if len(self._buffer) < _RECORD:
                return
            size, plausible = self._record(0)
            if not plausible:
                yield self._damage("has a length or time that cannot be: the next packet is searched for")
                self._lost = True
                self._drop(1)
            elif len(self._buffer) < _RECORD + size:
                return
            else:
                yield from self._packet(size)

    def _record(self, at: int) -> tuple[int, bool]:
        """How much of the packet was kept, and whether its numbers can be true."""
        order = self._kind.order
        part, kept = (int.from_bytes(self._buffer[at + n : at + n + 4], order) for n in (4, 8))
        return kept, part < self._kind.parts and kept <= MAX_PACKET

    def _packet(self, size: int) -> Iterator[Item]:
        self._number += 1
        second, part, _, whole = (
            int.from_bytes(self._buffer[at : at + 4], self._kind.order) for at in range(0, _RECORD, 4)
        )
        frame = bytes(self._buffer[_RECORD : _RECORD + size])
        seen = Seen(second + part / self._kind.parts, "", self._offset, self._number)
        if whole > size:
            yield seen.damage(f"was captured only in part: {size} of {whole} bytes")
        else:
            yield from read_frame(self._gsmtap, self._link_type, frame, seen)
        self._drop(_RECORD + size)

    def _find(self, *, ended: bool) -> bool:
        """Drop bytes up to where a packet begins behind which another one begins, or nothing comes."""
        at = -1
        while (match := _PLAUSIBLE[self._kind.order].search(self._buffer, at + 1)) is not None:
            at = match.start()
            size, plausible = self._record(at)
            following = at + _RECORD + size
            if not plausible or not size:
                continue
            if len(self._buffer) < following + _RECORD and not (ended and len(self._buffer) >= following):
                if ended:
                    continue
                self._drop(at)
                return False
            if len(self._buffer) == following or self._record(following)[1]:
                self._drop(at)
                self._lost = False
                return True
        self._drop(len(self._buffer) if ended else max(0, len(self._buffer) - _RECORD))
        return False

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._offset += size

    def _damage(self, reason: str) -> Damage:
        return Damage(offset=self._offset, number=self._number + 1, reason=reason, unit="packet")
