# SPDX-License-Identifier: Apache-2.0
"""Envelopes: what the terminal and the network tell the card (TS 102 223 7, TS 31.111 7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Self

from apdu.cat.comprehension import DEVICE_IDENTITIES, Comprehension, Device, DeviceIdentities
from apdu.tlv.declare import RAW, tlv

__all__ = ["EnvelopeTag", "Event", "EventDownload"]


@unique
class EnvelopeTag(IntEnum):
    """The kinds of envelopes (TS 101 220 7.2, TS 31.111 7)."""

    SMS_PP_DOWNLOAD = 0xD1
    CELL_BROADCAST_DOWNLOAD = 0xD2
    MENU_SELECTION = 0xD3
    CALL_CONTROL = 0xD4
    MO_SMS_CONTROL = 0xD5
    EVENT_DOWNLOAD = 0xD6
    TIMER_EXPIRATION = 0xD7
    USSD_DOWNLOAD = 0xD9


@unique
class Event(IntEnum):
    """Events of an event list (TS 102 223 8.25)."""

    MT_CALL = 0x00
    CALL_CONNECTED = 0x01
    CALL_DISCONNECTED = 0x02
    LOCATION_STATUS = 0x03
    USER_ACTIVITY = 0x04
    IDLE_SCREEN = 0x05
    CARD_READER_STATUS = 0x06
    LANGUAGE_SELECTION = 0x07
    BROWSER_TERMINATION = 0x08
    DATA_AVAILABLE = 0x09
    CHANNEL_STATUS = 0x0A
    ACCESS_TECHNOLOGY_CHANGE = 0x0B
    NETWORK_REJECTION = 0x12


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDownload(Comprehension, tag=EnvelopeTag.EVENT_DOWNLOAD, clause="TS 102 223 7.5", open=True):
    """An event happened; what an event brings along besides is read by who asked for it."""

    events: bytes = tlv(0x19, RAW)
    """One event in practice; the coding is that of an event list."""
    devices: DeviceIdentities = tlv(0x02, DEVICE_IDENTITIES)

    @classmethod
    def of(cls, event: int, source: int = Device.TERMINAL) -> Self:
        """The report of one event that brings nothing along."""
        return cls(events=bytes((event,)), devices=DeviceIdentities(source, Device.UICC))
