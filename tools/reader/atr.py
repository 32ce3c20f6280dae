# SPDX-License-Identifier: Apache-2.0
"""An answer to reset in words (ISO 7816-3 8.2, historical bytes ISO 7816-4 8.1, TS 102 221 6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import Final

from apdu.errors import DecodeError

__all__ = ["Atr"]

_COMPACT_TLV: Final = 0x80
_CONVENTIONS: Final = {0x3B: "direct", 0x3F: "inverse"}
_FI: Final = {1: 372, 2: 558, 3: 744, 4: 1116, 5: 1488, 6: 1860, 9: 512, 10: 768, 11: 1024, 12: 1536, 13: 2048}
_DI: Final = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 6: 32, 7: 64, 8: 12, 9: 20}
_SERVICES: Final = (
    (0x80, "SELECT by full DF name"),
    (0x40, "SELECT by partial DF name"),
    (0x20, "EF.DIR"),
    (0x10, "EF.ATR"),
)
_CHANNELS: Final = 8


@dataclass(frozen=True, slots=True)
class Atr:
    """What one says."""

    raw: bytes
    convention: str
    interface: tuple[tuple[str, int], ...]
    """TA1, TD1, ... with their values."""
    protocols: tuple[int, ...]
    historical: bytes
    check: bool | None
    """Whether TCK is right; None where there is none."""

    @classmethod
    def parse(cls, raw: bytes) -> Atr:
        """Read it; DecodeError where it ends too early or begins wrong."""
        if len(raw) < 2 or raw[0] not in _CONVENTIONS:
            raise DecodeError(f"{raw.hex().upper() or 'nothing'} is no ATR", path=("ATR",))
        count, at, flags, group = raw[1] & 0x0F, 2, raw[1] >> 4, 1
        interface: list[tuple[str, int]] = []
        protocols: list[int] = []
        while flags:
            following = 0
            for bit, letter in enumerate("ABCD"):
                if flags >> bit & 1:
                    if at >= len(raw):
                        raise DecodeError("it ends inside the interface bytes", offset=at, path=("ATR",))
                    interface.append((f"T{letter}{group}", raw[at]))
                    if letter == "D":
                        protocols.append(raw[at] & 0x0F)
                        following = raw[at] >> 4
                    at += 1
            flags, group = following, group + 1
        has_check = any(protocols)
        if len(raw) != at + count + has_check:
            raise DecodeError(f"{at + count + has_check} bytes expected, not {len(raw)}", path=("ATR",))
        check = reduce(xor, raw[1:]) == 0 if has_check else None
        chosen = tuple(dict.fromkeys(each for each in protocols if each != 15)) or (0,)
        return cls(raw, _CONVENTIONS[raw[0]], tuple(interface), chosen, raw[at : at + count], check)

    def lines(self) -> list[str]:
        """It in words, a line for each part."""
        parts = ["protocols " + ", ".join(f"T={each}" for each in self.protocols), f"{self.convention} convention"]
        if self.check is not None:
            parts.append("TCK right" if self.check else "TCK WRONG")
        found = [", ".join(parts)]
        speed = dict(self.interface).get("TA1")
        if speed is not None and speed >> 4 in _FI and speed & 0x0F in _DI:
            found.append(f"Fi {_FI[speed >> 4]}, Di {_DI[speed & 0x0F]}")
        return found + self._historical()

    def _historical(self) -> list[str]:
        data = self.historical
        if not data:
            return ["no historical bytes"]
        if data[0] != _COMPACT_TLV:
            return [f"historical bytes {data.hex().upper()}"]
        found: list[str] = []
        at = 1
        while at < len(data):
            tag, size = data[at] >> 4, data[at] & 0x0F
            found.append(_object(tag, data[at + 1 : at + 1 + size]))
            at += 1 + size
        return found


def _object(tag: int, value: bytes) -> str:
    """One COMPACT-TLV object."""
    if tag == 3 and value:
        return "services: " + (", ".join(text for bit, text in _SERVICES if value[0] & bit) or "none")
    if tag == 7 and len(value) == 3:
        return "capabilities: " + ", ".join(_capabilities(value[2]))
    if tag in (5, 6):
        text = value.decode("ascii", "replace")
        name = "card issuer's data" if tag == 5 else "pre-issuing data"
        return f"{name}: {value.hex().upper()}{f' ({text})' if text.isprintable() and text.isascii() else ''}"
    return f"object {tag:X}: {value.hex().upper()}"


def _capabilities(third: int) -> list[str]:
    """The third software function table."""
    count = (third & 0x07) + 1
    found = [f"{count} or more logical channels" if count == _CHANNELS else f"{count} logical channels"]
    if third & 0x80:
        found.append("command chaining")
    if third & 0x40:
        found.append("extended lengths")
    return found
