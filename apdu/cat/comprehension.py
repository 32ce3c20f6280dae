# SPDX-License-Identifier: Apache-2.0
"""Data objects made of COMPREHENSION-TLVs, declared like BER ones (TS 101 220 7.1.1, TS 102 223 8).

The object's own tag (D0, D6, ...) is BER; a terminal response has none: use `decode` and `value`. Tags are declared
without the comprehension-required bit, which receivers ignore and which is set on everything that is built here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, unique
from typing import ClassVar, Final, NamedTuple, Self

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


@unique
class Device(IntEnum):
    """Device identities (TS 102 223 8.7)."""

    KEYPAD = 0x01
    DISPLAY = 0x02
    EARPIECE = 0x03
    CHANNEL_1 = 0x21
    CHANNEL_7 = 0x27
    UICC = 0x81
    TERMINAL = 0x82
    NETWORK = 0x83


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


@unique
class GeneralResult(IntEnum):
    """How the terminal carried a command out (TS 102 223 8.12)."""

    DONE = 0x00
    PARTIAL_COMPREHENSION = 0x01
    MISSING_INFORMATION = 0x02
    REFRESH_WITH_ADDITIONAL_FILES = 0x03
    ICON_NOT_DISPLAYED = 0x04
    MODIFIED_BY_CALL_CONTROL = 0x05
    LIMITED_SERVICE = 0x06
    SESSION_ENDED_BY_USER = 0x10
    BACKWARD_MOVE = 0x11
    NO_RESPONSE_FROM_USER = 0x12
    TERMINAL_UNABLE = 0x20
    NETWORK_UNABLE = 0x21
    USER_DECLINED = 0x22
    BEYOND_CAPABILITIES = 0x30
    TYPE_NOT_UNDERSTOOD = 0x31
    DATA_NOT_UNDERSTOOD = 0x32
    NUMBER_UNKNOWN = 0x33
    SS_ERROR = 0x34
    SMS_RP_ERROR = 0x35
    VALUES_MISSING = 0x36
    BIP_ERROR = 0x3A


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
