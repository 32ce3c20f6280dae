# SPDX-License-Identifier: Apache-2.0
"""Traces as captures that Wireshark opens: pcapng with GSMTAP over UDP.

A command with its response is one SIM frame, with what was seen between them in its comments. Everything else, and
exchanges that the dissector would call malformed, are lines of GSMTAP's log type. Each block has a comment in words for
each of its events and one from which `sources.pcapng` makes the events again, to the last bit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from apdu.trace.decode.text import printable
from apdu.trace.events import AnyEvent, HeaderEvent, LinkEvent, LinkKind, Masked, Octets, Withheld
from apdu.trace.jsonl import dump_json, to_object
from apdu.trace.pcapng import BYTE_ORDER, Block, Option, build_block, build_options, marked
from apdu.trace.redact import UNREDACTED, Redaction, Redactor
from apdu.trace.sinks.wireshark import is_dissected
from apdu.trace.sinks.words import says
from apdu.trace.sources.frames import LINKTYPE_RAW
from apdu.trace.sources.gsmtap import GSMTAP_PORT, HEADER_SIZE, TYPE_LOG, TYPE_SIM, VERSION, SimType

__all__ = ["PcapngWriter"]

_NANOSECONDS: Final = 9
_LAST_TIME: Final = (1 << 63) - 1
_HOME: Final = bytes((127, 0, 0, 1))
_LONGEST_DATAGRAM: Final = 0xFFFF - 20 - 8 - HEADER_SIZE
_MAX_HELD: Final = 64
"""Events between a command and its response; more are written one by one."""
_INTERFACES: Final = 256
_LONGEST_NAME: Final = 200
_WHOLE_KINDS: Final = {LinkKind.ATR: SimType.ATR, LinkKind.PPS: SimType.PPS_REQUEST}
_MAX_INLINE: Final = 0xFFFF
_APPLICATION: Final = b"euicc"
_WARNING: Final = "UNREDACTED: nothing is hidden, as secret as the keys and PINs in it"


class PcapngWriter:
    """A sink of events that writes blocks, redacted unless `UNREDACTED` is passed; `end` writes what waits."""

    def __init__(self, write: Callable[[bytes], object], redaction: Redaction | None = None) -> None:
        self._write = write
        self._redaction: Redaction = Redactor() if redaction is None else redaction
        self._interfaces: dict[str, int] = {}
        self._held: list[AnyEvent] = []
        self._begun = False

    def __call__(self, event: AnyEvent) -> None:
        if isinstance(event, HeaderEvent):  # of the file where the events come from
            return
        self._begin(event.time)
        shown = self._redaction.redact(event)
        if isinstance(shown, LinkEvent) and shown.kind == LinkKind.COMMAND:
            self._release()
            self._held.append(shown)
        elif not self._held:
            self._single(shown)
        else:
            self._held.append(shown)
            if _answers(shown, self._held[0]):
                self._exchange()
            elif isinstance(shown, LinkEvent) or len(self._held) >= _MAX_HELD:
                self._release()

    def end(self) -> None:
        """Write what waits for a response, and at least the header."""
        self._begin(0.0)
        self._release()

    def _begin(self, time: float) -> None:
        if self._begun:
            return
        self._begun = True
        unredacted = self._redaction is UNREDACTED
        header = HeaderEvent(time=time, unredacted=unredacted)
        words = f"APDU trace, format {header.format}. {_WARNING if unredacted else 'Keys and PINs are hidden.'}"
        options = [
            (Option.COMMENT, words.encode()),
            *marked(dump_json([to_object(header)])),
            (Option.SECTION_APPLICATION, _APPLICATION),
        ]
        head = struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1)
        self._write(build_block(Block.SECTION, head + build_options(options)))
        self._interface("")

    def _interface(self, reader: str) -> int:
        """The number of a reader's interface, described when it is first used."""
        number = self._interfaces.get(reader)
        if number is None:
            if len(self._interfaces) >= _INTERFACES:
                return 0  # the comments name the reader
            number = self._interfaces[reader] = len(self._interfaces)
            name = (printable(reader) or "card")[:_LONGEST_NAME].encode("utf-8", "replace")
            options = [
                (Option.INTERFACE_NAME, name),
                (Option.INTERFACE_RESOLUTION, bytes((_NANOSECONDS,))),
            ]
            self._write(build_block(Block.INTERFACE, struct.pack("<HHI", LINKTYPE_RAW, 0, 0) + build_options(options)))
        return number

    # --- what becomes a packet

    def _release(self) -> None:
        """A command whose response did not come, and what came instead."""
        held, self._held = self._held, []
        for event in held:
            self._single(event)

    def _exchange(self) -> None:
        held, self._held = self._held, []
        command, response = held[0], held[-1]
        assert isinstance(command, LinkEvent)
        assert isinstance(response, LinkEvent)
        head, tail = _bytes(command.data), _bytes(response.data)
        if len(head) == 4:
            head += b"\0"  # P3 of T=0: without it the first byte of the response would be read as P3
        if len(head) + len(tail) > _LONGEST_DATAGRAM or not is_dissected(head + tail):
            for event in held:
                self._single(event)
            return
        objects = [to_object(event) for event in held]
        _place(objects[0], command.data, 0)
        _place(objects[-1], response.data, len(head))
        self._packet(TYPE_SIM, SimType.APDU, head + tail, held, objects)

    def _single(self, event: AnyEvent) -> None:
        content = to_object(event)
        if isinstance(event, LinkEvent) and event.kind in _WHOLE_KINDS and is_dissected(_bytes(event.data)):
            _place(content, event.data, 0)
            kind = _WHOLE_KINDS[LinkKind(event.kind)]
            self._packet(TYPE_SIM, kind, _bytes(event.data), [event], [content])
        else:
            self._packet(TYPE_LOG, 0, _log(event), [event], [content])

    def _packet(
        self, kind: int, sub_type: int, payload: bytes, events: Sequence[AnyEvent], objects: Sequence[object]
    ) -> None:
        first = events[0]
        interface = self._interface(getattr(first, "reader", ""))
        time = _nanoseconds(first.time)
        frame = _framed(struct.pack(">BBBx8xBxxx", VERSION, HEADER_SIZE // 4, kind, sub_type) + payload)
        comments = [(Option.COMMENT, says(event).encode("utf-8", "replace")) for event in events]
        head = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame))
        options = build_options([*comments, *marked(dump_json(objects))])
        self._write(build_block(Block.ENHANCED_PACKET, head + frame + bytes(-len(frame) % 4) + options))


def _nanoseconds(time: float) -> int:
    """As well as a capture can say it; the comment has the time itself."""
    seconds = int(time)
    return min(max(0, seconds * 10**_NANOSECONDS + round((time - seconds) * 10**_NANOSECONDS)), _LAST_TIME)


def _answers(event: AnyEvent, command: AnyEvent) -> bool:
    return (
        isinstance(event, LinkEvent)
        and isinstance(command, LinkEvent)
        and event.kind == LinkKind.RESPONSE
        and (event.side, event.layer, event.reader) == (command.side, command.layer, command.reader)
    )


def _bytes(octets: Octets) -> bytes:
    """Bytes of the same number; what is hidden or not there is zero."""
    if isinstance(octets, Withheld):
        return bytes(min(octets.length, _MAX_INLINE))
    return octets.data if isinstance(octets, Masked) else octets


def _place(content: dict[str, object], octets: Octets, start: int) -> None:
    """Say where bytes stand in the packet instead of repeating them; hidden ones are told in full."""
    if octets and isinstance(octets, bytes):
        content["data"] = [start, len(octets)]


def _log(event: AnyEvent) -> bytes:
    """A line of libosmocore's log: time, process, level, subsystem, source, text."""
    seconds = min(max(0.0, event.time), float(0xFFFFFFFF))
    text = says(event).encode("ascii", "replace")
    layer = printable(event.layer).encode("ascii", "replace")[:15]
    level = 5  # notice
    place = struct.pack(">16sIBxxx16s32sI", _APPLICATION, 0, level, layer, b"", 0)
    return struct.pack(">II", int(seconds), int(seconds % 1 * 10**6)) + place + text


def _framed(datagram: bytes) -> bytes:
    """IPv4 and UDP between loopback addresses (RFC 791, RFC 768); no UDP checksum."""
    size = 8 + len(datagram)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + size, 0, 0, 64, 17, 0, _HOME, _HOME)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = (total & 0xFFFF) + (total >> 16) ^ 0xFFFF
    ports = struct.pack(">HHHH", GSMTAP_PORT, GSMTAP_PORT, size, 0)
    return b"".join((head[:10], checksum.to_bytes(2, "big"), head[12:], ports, datagram))
