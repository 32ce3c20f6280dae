# SPDX-License-Identifier: Apache-2.0
"""Chains of commands that carry one thing together: STORE DATA and PUT KEY blocks, and ISO command chaining.

The whole is put together for the last command of a chain (GPCS 11.8.2.3, 11.11.2; ISO/IEC 7816-4 5.3.3).
"""

from __future__ import annotations

from typing import Final

from apdu.command.cla import CLASSES, PROPRIETARY
from apdu.trace.decode.model import Exchange, part, visible
from apdu.trace.events import Masked, Octets

__all__ = ["Chains"]

_STORE_DATA: Final = 0xE2
_LAST: Final = 0x80
_LIMIT: Final = 1 << 20
"""Bytes of a chain that are put together at the most."""


class Chains:
    """Chains under way, by channel."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[int, list[Octets]] = {}

    def reset(self) -> None:
        """The card was reset."""
        self._open.clear()

    def take(self, exchange: Exchange) -> Octets:
        """What the chain carried when this exchange ends one of several commands; empty otherwise."""
        plain = exchange.plain
        raw = visible(plain)
        if raw is None or len(raw) < 6:
            return b""
        known = CLASSES[raw[0]]
        stores = raw[1] == _STORE_DATA and known is not None and known.kind == PROPRIETARY
        first, last = (raw[3] == 0, bool(raw[2] & _LAST)) if stores else (False, known is None or not known.chained)
        if not stores and last and exchange.channel not in self._open:
            return b""
        if first:
            self._open.pop(exchange.channel, None)
        pieces = self._open.setdefault(exchange.channel, [])
        pieces.append(_data(plain, raw))
        if not last:
            if sum(map(len, pieces)) > _LIMIT:
                del self._open[exchange.channel]
            return b""
        del self._open[exchange.channel]
        return _join(pieces) if len(pieces) > 1 else b""


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
