# SPDX-License-Identifier: Apache-2.0
"""Data objects made of COMPREHENSION-TLVs, declared like BER ones (TS 101 220 7.1.1, TS 102 223 8).

The object's own tag (D0, D6, ...) is BER; a terminal response has none: use `decode` and `value`. Tags are declared
without the comprehension-required bit, which receivers ignore and which is set on everything that is built here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, NamedTuple, Self

from apdu.cat.codes import Device, GeneralResult
from apdu.errors import DecodeError
from apdu.tlv.declare import Leaf, Template
from apdu.tlv.scan import Tlv, comprehension, split_comprehension

__all__ = [
    "COMMAND_DETAILS",
    "DEVICE_IDENTITIES",
    "RESULT",
    "CommandDetails",
    "Comprehension",
    "Device",
    "DeviceIdentities",
    "GeneralResult",
    "Result",
]


def _required(tag: int, value: bytes) -> bytes:
    return comprehension(tag, value, required=True)


class Comprehension(Template):
    """Base of declared objects whose parts are COMPREHENSION-TLVs."""

    __slots__ = ()
    _walk: ClassVar[bool] = False  # they do not nest: splitting reads every byte
    _split: ClassVar[Callable[[bytes], list[Tlv]]] = staticmethod(split_comprehension)
    _join: ClassVar[Callable[[int, bytes], bytes]] = staticmethod(_required)


class CommandDetails(NamedTuple):
    """Which proactive command: number, type, qualifier (TS 102 223 8.6)."""

    number: int
    type: int
    qualifier: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the three bytes."""
        if len(raw) != 3:
            raise DecodeError(f"command details have 3 bytes, not {len(raw)}")
        return cls(raw[0], raw[1], raw[2])


class DeviceIdentities(NamedTuple):
    """From whom to whom (TS 102 223 8.7); values without a name in `Device` stay as they are."""

    source: int
    destination: int

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the two bytes."""
        if len(raw) != 2:
            raise DecodeError(f"device identities have 2 bytes, not {len(raw)}")
        return cls(raw[0], raw[1])


class Result(NamedTuple):
    """General result and what follows it."""

    general: int
    additional: bytes = b""

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read one byte and the rest."""
        if not raw:
            raise DecodeError("a result has at least one byte")
        return cls(raw[0], raw[1:])

    def to_bytes(self) -> bytes:
        """Build it."""
        return bytes((self.general,)) + self.additional

    @property
    def performed(self) -> bool:
        """Whether the command was carried out, perhaps with something missing: 0X."""
        return self.general < 0x10


COMMAND_DETAILS: Final = Leaf(None, CommandDetails.from_bytes, bytes)
DEVICE_IDENTITIES: Final = Leaf(None, DeviceIdentities.from_bytes, bytes)
RESULT: Final = Leaf(None, Result.from_bytes, Result.to_bytes)
