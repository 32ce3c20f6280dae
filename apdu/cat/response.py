# SPDX-License-Identifier: Apache-2.0
"""Terminal responses with all that they bring along (TS 102 223 6.8, TS 31.111 6.8)."""

from __future__ import annotations

from dataclasses import dataclass

from apdu.cat.proactive import TerminalResponse
from apdu.cat.tags import CatTag
from apdu.cat.values import (
    DURATION,
    IMEI,
    LOCATION,
    TEXT_STRING,
    TIMER_VALUE,
    Duration,
    LocationInformation,
    TextString,
)
from apdu.tlv.declare import BYTE, RAW, UINT16, tlv

__all__ = ["TerminalAnswer"]


@dataclass(frozen=True, kw_only=True)
class TerminalAnswer(TerminalResponse, tag=0x00, clause="TS 102 223 6.8"):
    """A terminal response whole; a card that wants to know only how it went reads a `TerminalResponse`."""

    duration: Duration | None = tlv(CatTag.DURATION, DURATION, optional=True)
    """POLL INTERVAL: the interval that the terminal keeps."""
    texts: tuple[TextString, ...] = tlv(CatTag.TEXT_STRING, TEXT_STRING, many=True)
    """GET INKEY, GET INPUT, SEND USSD: what came."""
    item: int | None = tlv(CatTag.ITEM_IDENTIFIER, BYTE, optional=True)
    """SELECT ITEM: what was chosen."""
    location: LocationInformation | None = tlv(CatTag.LOCATION_INFORMATION, LOCATION, optional=True)
    imei: str | None = tlv(CatTag.IMEI, IMEI, optional=True)
    measurement: bytes | None = tlv(CatTag.NETWORK_MEASUREMENT_RESULTS, RAW, optional=True)
    bcch_channels: bytes | None = tlv(CatTag.BCCH_CHANNEL_LIST, RAW, optional=True)
    date_time: bytes | None = tlv(CatTag.DATE_TIME_AND_TIME_ZONE, RAW, optional=True)
    language: bytes | None = tlv(CatTag.LANGUAGE, RAW, optional=True)
    timing_advance: bytes | None = tlv(CatTag.TIMING_ADVANCE, RAW, optional=True)
    access_technology: bytes | None = tlv(CatTag.ACCESS_TECHNOLOGY, RAW, optional=True)
    imeisv: str | None = tlv(CatTag.IMEISV, IMEI, optional=True)
    search_mode: int | None = tlv(CatTag.SEARCH_MODE, BYTE, optional=True)
    battery: int | None = tlv(CatTag.BATTERY_STATE, BYTE, optional=True)
    requested_action: bytes | None = tlv(CatTag.CALL_CONTROL_REQUESTED_ACTION, RAW, optional=True)
    reader_status: bytes | None = tlv(CatTag.CARD_READER_STATUS, RAW, optional=True)
    card_atr: bytes | None = tlv(CatTag.CARD_ATR, RAW, optional=True)
    r_apdu: bytes | None = tlv(CatTag.R_APDU, RAW, optional=True)
    timer: int | None = tlv(CatTag.TIMER_IDENTIFIER, BYTE, optional=True)
    timer_seconds: int | None = tlv(CatTag.TIMER_VALUE, TIMER_VALUE, optional=True)
    """What the timer would still run."""
    at_response: bytes | None = tlv(CatTag.AT_RESPONSE, RAW, optional=True)
    channel_data: bytes | None = tlv(CatTag.CHANNEL_DATA, RAW, optional=True)
    channel_data_length: int | None = tlv(CatTag.CHANNEL_DATA_LENGTH, BYTE, optional=True)
    """RECEIVE DATA: what is left; SEND DATA: room that is left; FF is 255 or more."""
    channel_status: tuple[bytes, ...] = tlv(CatTag.CHANNEL_STATUS, RAW, many=True)
    bearer: bytes | None = tlv(CatTag.BEARER_DESCRIPTION, RAW, optional=True)
    buffer_size: int | None = tlv(CatTag.BUFFER_SIZE, UINT16, optional=True)
    addresses: tuple[bytes, ...] = tlv(CatTag.OTHER_ADDRESS, RAW, many=True)
    dns_servers: tuple[bytes, ...] = tlv(CatTag.DISPLAY_PARAMETERS, RAW, many=True)
