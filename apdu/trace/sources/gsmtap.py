# SPDX-License-Identifier: Apache-2.0
"""GSMTAP datagrams with SIM frames, as osmocom's tools send them over UDP port 4729 (libosmocore, gsmtap.h).

    version 02 | header length in words | type 04 SIM | timeslot | ARFCN 2 | signal | SNR | frame number 4
    | sub-type | antenna | sub-slot | reserved || payload

A payload of sub-type APDU holds command and response; T=0 in pieces comes as header, body, body, status word. Other
types than SIM are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum, unique
from typing import Final, NamedTuple

from apdu.trace.events import LinkEvent, LinkKind, Side
from apdu.trace.sources.source import Damage, Item
from apdu.trace.sources.split import CLAUSE, split_exchange

__all__ = ["GSMTAP_PORT", "HEADER_SIZE", "TYPE_LOG", "TYPE_SIM", "VERSION", "Gsmtap", "Seen", "SimType"]

GSMTAP_PORT: Final = 4729
VERSION: Final = 2
HEADER_SIZE: Final = 16
TYPE_SIM: Final = 0x04
TYPE_LOG: Final = 0x10
"""A line of libosmocore's log."""
_SUB_TYPE: Final = 12
_TS: Final = (0x3B, 0x3F)
"""First byte of an ATR (ISO 7816-3 8.1)."""
_SENDERS: Final = 256


@unique
class SimType(IntEnum):
    """Sub-types of SIM frames."""

    APDU = 0
    ATR = 1
    PPS_REQUEST = 2
    PPS_RESPONSE = 3
    TPDU_HEADER = 4
    TPDU_COMMAND = 5
    TPDU_RESPONSE = 6
    TPDU_STATUS = 7


class Seen(NamedTuple):
    """When and where a datagram was seen."""

    time: float
    reader: str
    offset: int
    number: int

    def damage(self, reason: str, clause: str = "") -> Damage:
        """It cannot be read."""
        return Damage(offset=self.offset, number=self.number, reason=reason, unit="packet", clause=clause)

    def event(self, kind: LinkKind, data: bytes) -> LinkEvent:
        """It says this."""
        return LinkEvent(time=self.time, side=Side.READER, kind=kind, data=data, reader=self.reader)


_WHOLE: Final = {
    SimType.ATR: LinkKind.ATR,
    SimType.PPS_REQUEST: LinkKind.PPS,
    SimType.PPS_RESPONSE: LinkKind.PPS,
}


class _Tpdu(NamedTuple):
    """A T=0 exchange under way."""

    command: bytes
    response: bytes = b""


class Gsmtap:
    """Turns datagrams into events."""

    def __init__(self) -> None:
        self._tpdus: dict[str, _Tpdu] = {}

    def datagram(self, data: bytes, seen: Seen) -> Iterator[Item]:
        """The events of one datagram, header included."""
        if len(data) < HEADER_SIZE:
            yield seen.damage("is shorter than a header of GSMTAP")
            return
        size = 4 * data[1]
        if data[0] != VERSION or not HEADER_SIZE <= size <= len(data):
            yield seen.damage(f"has no header of GSMTAP version {VERSION}")
        elif data[2] == TYPE_SIM:
            yield from self._sim(data[_SUB_TYPE], data[size:], seen)

    def _sim(self, kind: int, payload: bytes, seen: Seen) -> Iterator[Item]:
        if kind == SimType.APDU:
            yield from self._exchange(payload, seen)
        elif kind in _WHOLE:
            yield seen.event(_WHOLE[SimType(kind)], payload)
        elif kind in _STEPS:
            yield from _STEPS[SimType(kind)](self, payload, seen)
        else:
            yield seen.damage(f"has the unknown sub-type {kind} of SIM frames")

    @staticmethod
    def _exchange(payload: bytes, seen: Seen) -> Iterator[Item]:
        halves = split_exchange(payload)
        if not isinstance(halves, str):
            yield seen.event(LinkKind.COMMAND, halves.command)
            yield seen.event(LinkKind.RESPONSE, halves.response)
        elif payload[:1] and payload[0] in _TS:  # older senders know no sub-type for it
            yield seen.event(LinkKind.ATR, payload)
        else:
            yield seen.damage(halves, CLAUSE)

    def _header(self, payload: bytes, seen: Seen) -> Iterator[Item]:
        under_way = self._tpdus.pop(seen.reader, None)
        if under_way is not None:
            yield seen.event(LinkKind.COMMAND, under_way.command)
            yield seen.damage("begins a command before the status word of the one before", CLAUSE)
        if len(self._tpdus) >= _SENDERS:
            del self._tpdus[next(iter(self._tpdus))]
        self._tpdus[seen.reader] = _Tpdu(payload)

    def _command(self, payload: bytes, seen: Seen) -> Iterator[Item]:
        under_way = self._tpdus.get(seen.reader)
        if under_way is None or len(under_way.command) + len(payload) > _LONGEST:
            yield seen.damage("continues a command that did not begin", CLAUSE)
        else:
            self._tpdus[seen.reader] = under_way._replace(command=under_way.command + payload)

    def _response(self, payload: bytes, seen: Seen) -> Iterator[Item]:
        under_way = self._tpdus.get(seen.reader)
        if under_way is None or len(under_way.response) + len(payload) > _LONGEST:
            yield seen.damage("answers a command that did not begin", CLAUSE)
        else:
            self._tpdus[seen.reader] = under_way._replace(response=under_way.response + payload)

    def _status(self, payload: bytes, seen: Seen) -> Iterator[Item]:
        under_way = self._tpdus.pop(seen.reader, None)
        if under_way is None:
            yield seen.damage("answers a command that did not begin", CLAUSE)
            return
        yield seen.event(LinkKind.COMMAND, under_way.command)
        yield seen.event(LinkKind.RESPONSE, under_way.response + payload)


_LONGEST: Final = 5 + 256
"""A header and what its P3 can announce."""
_STEPS: Final = {
    SimType.TPDU_HEADER: Gsmtap._header,
    SimType.TPDU_COMMAND: Gsmtap._command,
    SimType.TPDU_RESPONSE: Gsmtap._response,
    SimType.TPDU_STATUS: Gsmtap._status,
}
