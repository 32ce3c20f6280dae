# SPDX-License-Identifier: Apache-2.0
"""UICC toolkit application specific parameters (TS 102 226 8.2.1.3.2.2.1): TARs and minimum security level of an SD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from construct import Byte, Bytes, GreedyBytes, Prefixed, PrefixedArray, Struct

from apdu.errors import DecodeError
from apdu.ids import Tar
from apdu.tlv.declare import Leaf

__all__ = ["ToolkitParameters"]

MINIMUM_SPI1: Final = 0x01
"""First byte of the MSL field: the next one is the minimum SPI1 (TS 102 226 8.2.1.3.2.4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitParameters:
    """What a toolkit application may use, who addresses it and how well protected."""

    priority: int = 0x01
    timers: int = 0
    text_length: int = 0
    menu_entries: tuple[bytes, ...] = ()
    """Position and identifier each."""
    channels: int = 0
    security_level: bytes = b""
    """The MSL field as coded; empty = none."""
    tars: tuple[Tar, ...] = ()
    services: int = 0

    @property
    def minimum_security_level(self) -> int:
        """Least SPI1 of a command packet, 00 where no such rule is given."""
        field = self.security_level
        return field[1] if len(field) >= 2 and field[0] == MINIMUM_SPI1 else 0

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the field."""
        parts = _FIELD.decode(value)
        tars = parts["tars"]
        if len(tars) % 3 or len(parts["services"]) > 1:
            raise DecodeError("toolkit parameters with half a TAR or with bytes behind them")
        return cls(
            priority=parts["priority"],
            timers=parts["timers"],
            text_length=parts["text_length"],
            menu_entries=tuple(parts["menu_entries"]),
            channels=parts["channels"],
            security_level=parts["security_level"],
            tars=tuple(Tar(tars[at : at + 3]) for at in range(0, len(tars), 3)),
            services=parts["services"][0] if parts["services"] else 0,
        )

    def encode(self) -> bytes:
        """Build the field."""
        parts = {name: getattr(self, name) for name in self.__slots__}
        return _FIELD.encode(parts | {"services": bytes((self.services,)), "tars": b"".join(self.tars)})


_FIELD: Final[Leaf[Mapping[str, Any]]] = Leaf(
    Struct(
        "priority" / Byte,
        "timers" / Byte,
        "text_length" / Byte,
        "menu_entries" / PrefixedArray(Byte, Bytes(2)),
        "channels" / Byte,
        "security_level" / Prefixed(Byte, GreedyBytes),
        "tars" / Prefixed(Byte, GreedyBytes),
        "services" / GreedyBytes,
    )
)
