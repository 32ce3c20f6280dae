# SPDX-License-Identifier: Apache-2.0
"""What a terminal says about itself: TERMINAL PROFILE and TERMINAL CAPABILITY (TS 102 223 5.2, TS 102 221 11.1.19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from apdu.cat.proactive import CommandType
from apdu.errors import DecodeError
from apdu.tlv.declare import RAW, Template, tlv

__all__ = ["TerminalCapability", "TerminalProfile"]

_FACILITIES: Final[dict[int, tuple[int, int]]] = {
    CommandType.REFRESH: (3, 8),
    CommandType.MORE_TIME: (3, 4),
    CommandType.POLL_INTERVAL: (3, 6),
    CommandType.POLLING_OFF: (3, 7),
    CommandType.SET_UP_EVENT_LIST: (5, 1),
    CommandType.SET_UP_CALL: (4, 5),
    CommandType.SEND_SHORT_MESSAGE: (4, 2),
    CommandType.PLAY_TONE: (3, 5),
    CommandType.DISPLAY_TEXT: (3, 1),
    CommandType.GET_INKEY: (3, 2),
    CommandType.GET_INPUT: (3, 3),
    CommandType.SELECT_ITEM: (4, 1),
    CommandType.SET_UP_MENU: (4, 6),
    CommandType.PROVIDE_LOCAL_INFORMATION: (4, 7),
    CommandType.TIMER_MANAGEMENT: (8, 1),
    CommandType.OPEN_CHANNEL: (12, 1),
    CommandType.CLOSE_CHANNEL: (12, 2),
    CommandType.RECEIVE_DATA: (12, 3),
    CommandType.SEND_DATA: (12, 4),
    CommandType.GET_CHANNEL_STATUS: (12, 5),
}
"""Byte (from 1) and bit (from 1) of the terminal profile that announce a proactive command (TS 102 223 5.2)."""


class TerminalProfile(bytes):
    """The facilities of a terminal, one bit each; bytes that are not sent count as zero."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        if not value:
            raise DecodeError("a terminal profile has at least one byte")
        return super().__new__(cls, value)

    @classmethod
    def of(cls, *types: CommandType) -> Self:
        """The profile of a terminal that carries out these proactive commands, with profile download."""
        size = max((_FACILITIES[type][0] for type in types), default=1)
        profile = bytearray(size)
        profile[0] = 0x01
        for type in types:
            byte, bit = _FACILITIES[type]
            profile[byte - 1] |= 1 << (bit - 1)
        return cls(bytes(profile))

    def supports(self, type: int) -> bool:
        """Whether the terminal carries out a type of proactive command."""
        byte, bit = _FACILITIES.get(type, (0, 0))
        return 0 < byte <= len(self) and bool(self[byte - 1] >> (bit - 1) & 1)

    def __repr__(self) -> str:
        return f"TerminalProfile({self.hex().upper()})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalCapability(Template, tag=0xA9, clause="TS 102 221 11.1.19.2", open=True):
    """Data of TERMINAL CAPABILITY; other objects than these are passed over."""

    power: bytes | None = tlv(0x80, RAW, optional=True)
    """Actual voltage class, maximum power, actual frequency."""
    extended_channels: bytes | None = tlv(0x81, RAW, optional=True)
    """Present, and empty, when the terminal knows logical channels 4 to 19."""
    interfaces: bytes | None = tlv(0x82, RAW, optional=True)
    euicc: bytes | None = tlv(0x83, RAW, optional=True)
    """eUICC related capabilities (SGP.22)."""
