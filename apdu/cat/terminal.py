# SPDX-License-Identifier: Apache-2.0
"""What a terminal says about itself: TERMINAL PROFILE and TERMINAL CAPABILITY (TS 102 223 5.2, TS 102 221 11.1.19)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from apdu.cat.codes import CommandType
from apdu.errors import DecodeError
from apdu.tlv.declare import RAW, Template, tlv

__all__ = ["COMMAND_FACILITIES", "Facility", "TerminalCapability", "TerminalProfile"]

COMMAND_FACILITIES: Final[dict[int, tuple[int, int]]] = {
    CommandType.REFRESH: (3, 8),
    CommandType.MORE_TIME: (3, 4),
    CommandType.POLL_INTERVAL: (3, 6),
    CommandType.POLLING_OFF: (3, 7),
    CommandType.SET_UP_EVENT_LIST: (5, 1),
    CommandType.SET_UP_CALL: (4, 5),
    CommandType.SEND_SS: (4, 3),
    CommandType.SEND_USSD: (4, 4),
    CommandType.SEND_SHORT_MESSAGE: (4, 2),
    CommandType.SEND_DTMF: (9, 2),
    CommandType.LAUNCH_BROWSER: (9, 7),
    CommandType.GEOGRAPHICAL_LOCATION_REQUEST: (30, 6),
    CommandType.PLAY_TONE: (3, 5),
    CommandType.DISPLAY_TEXT: (3, 1),
    CommandType.GET_INKEY: (3, 2),
    CommandType.GET_INPUT: (3, 3),
    CommandType.SELECT_ITEM: (4, 1),
    CommandType.SET_UP_MENU: (4, 6),
    CommandType.PROVIDE_LOCAL_INFORMATION: (4, 7),
    CommandType.TIMER_MANAGEMENT: (8, 1),
    CommandType.SET_UP_IDLE_MODE_TEXT: (8, 5),
    CommandType.PERFORM_CARD_APDU: (7, 3),
    CommandType.POWER_ON_CARD: (7, 1),
    CommandType.POWER_OFF_CARD: (7, 2),
    CommandType.GET_READER_STATUS: (7, 4),
    CommandType.RUN_AT_COMMAND: (8, 6),
    CommandType.LANGUAGE_NOTIFICATION: (9, 6),
    CommandType.OPEN_CHANNEL: (12, 1),
    CommandType.CLOSE_CHANNEL: (12, 2),
    CommandType.RECEIVE_DATA: (12, 3),
    CommandType.SEND_DATA: (12, 4),
    CommandType.GET_CHANNEL_STATUS: (12, 5),
    CommandType.SERVICE_SEARCH: (12, 6),
    CommandType.GET_SERVICE_INFORMATION: (12, 7),
    CommandType.DECLARE_SERVICE: (12, 8),
    CommandType.SET_FRAMES: (23, 1),
    CommandType.GET_FRAMES_STATUS: (23, 2),
    CommandType.RETRIEVE_MULTIMEDIA_MESSAGE: (22, 6),
    CommandType.SUBMIT_MULTIMEDIA_MESSAGE: (22, 7),
    CommandType.DISPLAY_MULTIMEDIA_MESSAGE: (22, 8),
    CommandType.ACTIVATE: (30, 5),
    CommandType.CONTACTLESS_STATE_CHANGED: (31, 1),
    CommandType.COMMAND_CONTAINER: (31, 8),
    CommandType.ENCAPSULATED_SESSION_CONTROL: (31, 8),
}
"""Byte (from 1) and bit (from 1) of the terminal profile that announce a proactive command (TS 102 223 5.2)."""


class Facility(Enum):
    """What a terminal profile announces besides commands: byte and bit (TS 102 223 5.2, TS 31.111 5.2)."""

    PROFILE_DOWNLOAD = (1, 1)
    SMS_PP_DOWNLOAD = (1, 2)
    CELL_BROADCAST_DOWNLOAD = (1, 3)
    MENU_SELECTION = (1, 4)
    SMS_PP_DOWNLOAD_SUPPORTED = (1, 5)
    """Set together with bit 2 (TS 31.111 5.2)."""
    TIMER_EXPIRATION = (1, 6)
    CALL_CONTROL = (1, 7)
    COMMAND_RESULT = (2, 1)
    MO_SMS_CONTROL = (2, 4)
    UCS2_ENTRY = (2, 6)
    UCS2_DISPLAY = (2, 7)
    NETWORK_MEASUREMENT = (4, 8)
    EVENT_MT_CALL = (5, 2)
    EVENT_CALL_CONNECTED = (5, 3)
    EVENT_CALL_DISCONNECTED = (5, 4)
    EVENT_LOCATION_STATUS = (5, 5)
    EVENT_USER_ACTIVITY = (5, 6)
    EVENT_IDLE_SCREEN = (5, 7)
    EVENT_CARD_READER_STATUS = (5, 8)
    EVENT_LANGUAGE_SELECTION = (6, 1)
    EVENT_BROWSER_TERMINATION = (6, 2)
    EVENT_DATA_AVAILABLE = (6, 3)
    EVENT_CHANNEL_STATUS = (6, 4)
    EVENT_ACCESS_TECHNOLOGY_CHANGE = (6, 5)
    TIMER_GET_VALUE = (8, 2)
    DATE_TIME = (8, 3)
    GET_INKEY_BINARY = (8, 4)
    LANGUAGE = (9, 4)
    TIMING_ADVANCE = (9, 5)
    ACCESS_TECHNOLOGY = (9, 8)
    BEARER_GPRS = (13, 2)
    NO_DISPLAY = (14, 6)
    NO_KEYPAD = (14, 7)
    TCP_CLIENT = (17, 1)
    UDP_CLIENT = (17, 2)
    BEARER_E_UTRAN = (17, 7)
    IMEISV = (18, 7)
    SEARCH_MODE = (18, 8)
    BATTERY = (22, 2)
    EVENT_NETWORK_REJECTION = (25, 5)


_CHANNELS: Final = 13
"""The byte whose bits 8 to 6 count BIP channels."""


class TerminalProfile(bytes):
    """The facilities of a terminal, one bit each; bytes that are not sent count as zero."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        if not value:
            raise DecodeError("a terminal profile has at least one byte")
        return super().__new__(cls, value)

    @classmethod
    def of(cls, *types: CommandType, facilities: Iterable[Facility] = (), channels: int = 0) -> Self:
        """The profile of a terminal that does these commands and has these facilities and BIP channels."""
        places = [COMMAND_FACILITIES[type] for type in types] + [facility.value for facility in facilities]
        if channels:
            places += [(_CHANNELS, 6 + bit) for bit in range(3) if channels >> bit & 1]
        profile = bytearray(max((byte for byte, _ in places), default=1))
        profile[0] = 0x01
        for byte, bit in places:
            profile[byte - 1] |= 1 << (bit - 1)
        return cls(bytes(profile))

    def _has(self, byte: int, bit: int) -> bool:
        return 0 < byte <= len(self) and bool(self[byte - 1] >> (bit - 1) & 1)

    def supports(self, type: int) -> bool:
        """Whether the terminal carries out a type of proactive command."""
        return self._has(*COMMAND_FACILITIES.get(type, (0, 0)))

    def has(self, facility: Facility) -> bool:
        """Whether a facility is announced."""
        return self._has(*facility.value)

    @property
    def channels(self) -> int:
        """How many BIP channels the terminal has."""
        return self[_CHANNELS - 1] >> 5 if len(self) >= _CHANNELS else 0

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
