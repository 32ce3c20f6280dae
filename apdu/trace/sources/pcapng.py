# SPDX-License-Identifier: Apache-2.0
"""Captures as Wireshark writes them: pcapng, in both byte orders, with any number of sections and interfaces.

Blocks that our own writer made give back the events that it got. A block whose two lengths do not agree is damage;
reading goes on at the next place that looks like a block.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, cast

from apdu.errors import DecodeError
from apdu.trace.events import AnyEvent
from apdu.trace.jsonl import from_object, parse_json
from apdu.trace.pcapng import BLOCK_OVERHEAD, BYTE_ORDER, Block, Option, read_options, unmarked
from apdu.trace.sources.frames import find_datagram, is_known
from apdu.trace.sources.gsmtap import HEADER_SIZE, Gsmtap, Seen
from apdu.trace.sources.lines import MAX_LINE
from apdu.trace.sources.pcap import ByteOrder, read_frame
from apdu.trace.sources.source import Damage, Item

__all__ = ["PcapngSource", "is_pcapng"]

_MAX_BLOCK: Final = 4 * MAX_LINE
_MAGIC: Final = Block.SECTION.to_bytes(4, "big")
_PLAUSIBLE: Final[dict[ByteOrder, re.Pattern[bytes]]] = {
    "big": re.compile(rb"(?=\x0a\x0d\x0d\x0a|\0\0\0[\1-\6]\0)", re.DOTALL),
    "little": re.compile(rb"(?=\x0a\x0d\x0d\x0a|[\1-\6]\0\0\0.{3}\0)", re.DOTALL),
}
_INTERFACES: Final = 1024
_MICROSECONDS: Final = 6
_PACKET_HEAD: Final = 20
"""Interface, time in two halves, kept length, whole length."""


def is_pcapng(head: bytes) -> bool:
    """Whether a trace that begins like this is one."""
    return head[:4] == _MAGIC


class _Interface(NamedTuple):
    link_type: int
    name: str
    units: int
    """Of time, in a second."""
    since: int


class PcapngSource:
    """Reads such a capture."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._number = 0
        self._order: ByteOrder = "little"
        self._interfaces: list[_Interface] = []
        self._lost = False
        self._gsmtap = Gsmtap()

    def feed(self, data: bytes) -> Iterator[Item]:
        """What the next bytes complete."""
        self._buffer += data
        return self._blocks(ended=False)

    def end(self) -> Iterator[Item]:
        """What is left when no more bytes come."""
        while self._buffer:
            yield from self._blocks(ended=True)
            if self._buffer:  # its length may be wrong: there may be blocks in what is left
                yield self._damage("ends before the block does")
                self._lost = True
                self._drop(1)

    def _blocks(self, *, ended: bool) -> Iterator[Item]:
        while True:
            if self._lost and not self._find(ended=ended):
                return
            if len(self._buffer) < BLOCK_OVERHEAD:
                return
            size = self._size(0)
            if size is not None and len(self._buffer) < size:
                return
            if size is None or self._number_at(size - 4) != size:
                yield self._damage("is no block: the next one is searched for")
                self._lost = True
                self._drop(1)
            else:
                yield from self._block(bytes(self._buffer[:size]))
                self._drop(size)

    def _size(self, at: int) -> int | None:
        """The size of the block at a place; None when there cannot be one. A section says its own byte order."""
        if self._buffer[at : at + 4] == _MAGIC:
            mark = bytes(self._buffer[at + 8 : at + 12])
            order: ByteOrder = "big" if mark == BYTE_ORDER.to_bytes(4, "big") else "little"
            if mark != BYTE_ORDER.to_bytes(4, order):
                return None
            self._order = order
        size = self._number_at(at + 4)
        return size if BLOCK_OVERHEAD <= size <= _MAX_BLOCK and size % 4 == 0 else None

    def _number_at(self, at: int) -> int:
        return int.from_bytes(self._buffer[at : at + 4], self._order)

    def _find(self, *, ended: bool) -> bool:
        """Drop bytes up to where a whole block stands, or nothing comes."""
        order, at = self._order, -1
        while (match := _PLAUSIBLE[order].search(self._buffer, at + 1)) is not None:
            at = match.start()
            if len(self._buffer) < at + BLOCK_OVERHEAD and not ended:
                break
            size = self._size(at)
            if size is not None and len(self._buffer) < at + size and not ended:
                self._drop(at)
                return False
            if size is not None and self._number_at(at + size - 4) == size:
                self._drop(at)
                self._lost = False
                return True
            self._order = order
        self._drop(len(self._buffer) if ended else max(0, len(self._buffer) - BLOCK_OVERHEAD))
        return False

    def _block(self, block: bytes) -> Iterator[Item]:
        self._number += 1
        kind, body = int.from_bytes(block[:4], self._order), block[8:-4]
        if kind == Block.SECTION:
            self._interfaces = []
            yield from self._own(unmarked(read_options(body[16:], self._order)), b"")
        elif kind == Block.INTERFACE:
            yield from self._interface(body)
        elif kind in (Block.ENHANCED_PACKET, Block.OLD_PACKET):
            yield from self._packet(kind, body)
        elif kind == Block.SIMPLE_PACKET and self._interfaces:
            size = min(int.from_bytes(body[:4], self._order), len(body) - 4)
            yield from self._frame(self._interfaces[0], body[4 : 4 + size], 0.0)

    def _interface(self, body: bytes) -> Iterator[Item]:
        options = dict(read_options(body[8:], self._order))
        resolution = (options.get(Option.INTERFACE_RESOLUTION) or bytes((_MICROSECONDS,)))[0]
        units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        since = int.from_bytes(options.get(Option.INTERFACE_OFFSET, b"")[:8], self._order, signed=True)
        name = options.get(Option.INTERFACE_NAME, b"").decode("utf-8", "replace")
        link_type = int.from_bytes(body[:2], self._order)
        if len(self._interfaces) >= _INTERFACES:
            yield self._damage(f"is an interface beyond {_INTERFACES}")
            return
        if not is_known(link_type):
            yield self._damage(f"is an interface of the link type {link_type}, which is not known here")
        self._interfaces.append(_Interface(link_type, name, units, since))

    def _packet(self, kind: int, body: bytes) -> Iterator[Item]:
        if len(body) < _PACKET_HEAD:
            yield self._damage("is shorter than what stands before a packet")
            return
        number, high, low, kept, whole = (
            int.from_bytes(body[at : at + 4], self._order) for at in range(0, _PACKET_HEAD, 4)
        )
        if kind == Block.OLD_PACKET:  # 16 bits of interface, 16 of lost packets
            number = number & 0xFFFF if self._order == "little" else number >> 16
        if number >= len(self._interfaces) or kept > len(body) - _PACKET_HEAD:
            yield self._damage("belongs to no interface" if kept <= len(body) else "is shorter than it says")
            return
        interface = self._interfaces[number]
        frame = body[_PACKET_HEAD : _PACKET_HEAD + kept]
        own = unmarked(read_options(body[_PACKET_HEAD + kept + -kept % 4 :], self._order))
        if own:
            yield from self._own(own, self._payload(interface, frame))
        elif whole > kept:
            yield self._damage(f"was captured only in part: {kept} of {whole} bytes")
        else:
            seconds, rest = divmod(high << 32 | low, interface.units)
            yield from self._frame(interface, frame, interface.since + seconds + rest / interface.units)

    def _frame(self, interface: _Interface, frame: bytes, time: float) -> Iterator[Item]:
        if is_known(interface.link_type):
            seen = Seen(time, interface.name, self._offset, self._number)
            yield from read_frame(self._gsmtap, interface.link_type, frame, seen)

    @staticmethod
    def _payload(interface: _Interface, frame: bytes) -> bytes:
        datagram = find_datagram(interface.link_type, frame) if is_known(interface.link_type) else None
        return datagram[HEADER_SIZE:] if isinstance(datagram, bytes) else b""

    def _own(self, text: str, payload: bytes) -> Iterator[Item]:
        """The events that our writer put into comments."""
        if not text:
            return
        try:
            yield from _events(text, payload)
        except DecodeError as error:
            yield self._damage(f"has a comment with no event of ours: {error}")

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._offset += size

    def _damage(self, reason: str) -> Damage:
        return Damage(offset=self._offset, number=self._number, reason=reason, unit="block")


def _events(text: str, payload: bytes) -> list[AnyEvent]:
    content = parse_json(text)
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise DecodeError("no list of objects")
    return [_event(each, payload) for each in cast(Sequence[dict[str, object]], content)]


def _event(content: dict[str, object], payload: bytes) -> AnyEvent:
    place = content.get("data")
    if isinstance(place, list):
        match place:
            case [int(start), int(size)] if 0 <= start <= start + size <= len(payload):
                content["data"] = payload[start : start + size].hex()
            case _:
                raise DecodeError(f"{json.dumps(place)[:40]} lies outside the packet")
    return from_object(content)
