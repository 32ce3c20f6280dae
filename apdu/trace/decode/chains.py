# SPDX-License-Identifier: Apache-2.0
"""Commands that carry one thing together, and whom it is for.

STORE DATA blocks and ISO command chains are put together for the command that completes what they carry (GPCS 11.11.2,
ISO/IEC 7816-4 5.3.3). INSTALL [for personalization] says which application gets the STORE DATA that follow, until the
last block, another selection or a reset (GPCS 11.5.2.3.6).
"""

from __future__ import annotations

from typing import Final

from apdu.command.cla import CLASSES, PROPRIETARY
from apdu.trace.decode.model import Exchange, part, visible
from apdu.trace.events import Masked, Octets
from apdu.trace.spans import DgiStream

__all__ = ["Chains"]

_SELECT: Final = 0xA4
_STORE_DATA: Final = 0xE2
_INSTALL: Final = 0xE6
_FOR_PERSONALIZATION: Final = 0x20
_LAST: Final = 0x80
_STRUCTURE: Final = 0x18
_DGI: Final = 0x08
_LIMIT: Final = 1 << 20
"""Bytes of a chain that are put together at the most."""

_CHAINED: Final = frozenset(cla for cla in range(256) if (known := CLASSES[cla]) is not None and known.chained)
_PROPRIETARY: Final = frozenset(
    cla for cla in range(256) if (known := CLASSES[cla]) is not None and known.kind == PROPRIETARY
)


class _Chain:
    """One under way: its blocks, and where in its data groupings the last of them ended."""

    __slots__ = ("pieces", "size", "stream")

    def __init__(self) -> None:
        self.pieces: list[Octets] = []
        self.size = 0
        self.stream = DgiStream()


class Chains:
    """Chains under way, by channel."""

    __slots__ = ("_open", "_recipients")

    def __init__(self) -> None:
        self._open: dict[int, _Chain] = {}
        self._recipients: dict[int, bytes] = {}

    def reset(self) -> None:
        """The card was reset."""
        self._open.clear()
        self._recipients.clear()

    def take(self, exchange: Exchange, raw: bytes) -> None:
        """Note in an exchange what its chain carried and for whom it is; `raw` is its plain command."""
        ins = raw[1]
        if ins == _STORE_DATA and raw[0] in _PROPRIETARY:
            self._store(exchange, raw)
        elif ins == _INSTALL and raw[2] == _FOR_PERSONALIZATION and raw[0] in _PROPRIETARY:
            aid = raw[8 : 8 + raw[7]] if len(raw) > 8 else b""
            self._recipients[exchange.channel] = aid
            self._open.pop(exchange.channel, None)
        elif ins == _SELECT:
            self._recipients.pop(exchange.channel, None)
            self._open.pop(exchange.channel, None)
        elif raw[0] in _CHAINED or exchange.channel in self._open:
            self._add(exchange, raw, last=raw[0] not in _CHAINED)

    def _store(self, exchange: Exchange, raw: bytes) -> None:
        channel = exchange.channel
        exchange.recipient = self._recipients.get(channel, b"")
        if raw[3] == 0:
            self._open.pop(channel, None)
        last = bool(raw[2] & _LAST)
        self._add(exchange, raw, last=last, groups=raw[2] & _STRUCTURE == _DGI)
        if last:
            self._recipients.pop(channel, None)

    def _add(self, exchange: Exchange, raw: bytes, *, last: bool, groups: bool = False) -> None:
        if len(raw) < 6:
            return
        chain = self._open.setdefault(exchange.channel, _Chain())
        data = _data(exchange.plain, raw)
        chain.pieces.append(data)
        chain.size += len(data)
        complete = last
        if groups:
            chain.stream.feed(visible(data) or b"")
            complete = complete or chain.stream.between
        if not complete and chain.size <= _LIMIT:
            return
        del self._open[exchange.channel]
        if complete and len(chain.pieces) > 1:
            exchange.assembled = _join(chain.pieces)


def _data(command: Octets, raw: bytes) -> Octets:
    """The data field, after a short or an extended length."""
    if raw[4]:
        return part(command, 5, raw[4])
    return part(command, 7, raw[5] << 8 | raw[6]) if len(raw) > 7 else b""


def _join(pieces: list[Octets]) -> Octets:
    spans: list[tuple[int, int]] = []
    data = bytearray()
    for piece in pieces:
        raw = visible(piece)
        if isinstance(piece, Masked):
            spans.extend((len(data) + at, size) for at, size in piece.spans)
        elif raw is None:
            spans.append((len(data), len(piece)))
        data += bytes(len(piece)) if raw is None else raw
    return Masked(bytes(data), tuple(spans)) if spans else bytes(data)
