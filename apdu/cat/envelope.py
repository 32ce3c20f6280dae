# SPDX-License-Identifier: Apache-2.0
"""Envelopes: what the terminal and the network tell the card (TS 102 223 7, TS 31.111 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from apdu.cat.bip import CHANNEL_STATUS, ChannelStatus
from apdu.cat.codes import Device, EnvelopeTag, Event
from apdu.cat.comprehension import DEVICE_IDENTITIES, Comprehension, DeviceIdentities
from apdu.cat.tags import CatTag
from apdu.cat.values import ADDRESS, ALPHA, LOCATION, TIMER_VALUE, Alpha, LocationInformation
from apdu.sms.address import Address
from apdu.tlv.declare import BYTE, FLAG, RAW, tlv

__all__ = [
    "CallControl",
    "CellBroadcastDownload",
    "EnvelopeTag",
    "Event",
    "EventDownload",
    "MenuSelection",
    "MoSmsControl",
    "SmsPpDownload",
    "TimerExpiration",
    "UssdDownload",
]

_FROM_NETWORK: Final = DeviceIdentities(Device.NETWORK, Device.UICC)
_FROM_TERMINAL: Final = DeviceIdentities(Device.TERMINAL, Device.UICC)
_FROM_KEYPAD: Final = DeviceIdentities(Device.KEYPAD, Device.UICC)


@dataclass(frozen=True, kw_only=True)
class SmsPpDownload(Comprehension, tag=EnvelopeTag.SMS_PP_DOWNLOAD, clause="TS 31.111 7.1.1.2", open=True):
    """A short message for the card."""

    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    service_centre: Address | None = tlv(CatTag.ADDRESS, ADDRESS, optional=True)
    tpdu: bytes = tlv(CatTag.SMS_TPDU, RAW)

    @classmethod
    def of(cls, tpdu: bytes, service_centre: Address | None = None) -> Self:
        """An SMS-DELIVER as it came from the network."""
        return cls(devices=_FROM_NETWORK, service_centre=service_centre, tpdu=tpdu)


@dataclass(frozen=True, kw_only=True)
class CellBroadcastDownload(
    Comprehension, tag=EnvelopeTag.CELL_BROADCAST_DOWNLOAD, clause="TS 31.111 7.1.2.2", open=True
):
    """A page of cell broadcast for the card."""

    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    page: bytes = tlv(CatTag.CELL_BROADCAST_PAGE, RAW)


@dataclass(frozen=True, kw_only=True)
class MenuSelection(Comprehension, tag=EnvelopeTag.MENU_SELECTION, clause="TS 102 223 7.2.2", open=True):
    """The user chose a line of the card's menu."""

    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    item: int = tlv(CatTag.ITEM_IDENTIFIER, BYTE)
    help: bool = tlv(CatTag.HELP_REQUEST, FLAG, optional=True, default=False)

    @classmethod
    def of(cls, item: int, *, help: bool = False) -> Self:
        """The choice of an item, or help about it."""
        return cls(devices=_FROM_KEYPAD, item=item, help=help)


@dataclass(frozen=True, kw_only=True)
class CallControl(Comprehension, tag=EnvelopeTag.CALL_CONTROL, clause="TS 31.111 7.3.1.6", open=True):
    """May this call, supplementary service, USSD or packet context be set up?"""

    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    address: Address | None = tlv(CatTag.ADDRESS, ADDRESS, optional=True)
    ss: Address | None = tlv(CatTag.SS_STRING, ADDRESS, optional=True)
    ussd: bytes | None = tlv(CatTag.USSD_STRING, RAW, optional=True)
    pdp_context: bytes | None = tlv(CatTag.PDP_CONTEXT_ACTIVATION_PARAMETERS, RAW, optional=True)
    pdn_connection: bytes | None = tlv(CatTag.EPS_PDN_CONNECTION_ACTIVATION_PARAMETERS, RAW, optional=True)
    capabilities: tuple[bytes, ...] = tlv(CatTag.CAPABILITY_CONFIGURATION, RAW, many=True)
    subaddress: bytes | None = tlv(CatTag.SUBADDRESS, RAW, optional=True)
    location: LocationInformation | None = tlv(CatTag.LOCATION_INFORMATION, LOCATION, optional=True)
    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)


@dataclass(frozen=True, kw_only=True)
class MoSmsControl(Comprehension, tag=EnvelopeTag.MO_SMS_CONTROL, clause="TS 31.111 7.3.2.2", open=True):
    """May this short message be sent? The service centre's address, then the recipient's."""

    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    addresses: tuple[Address, ...] = tlv(CatTag.ADDRESS, ADDRESS, many=True)
    location: LocationInformation | None = tlv(CatTag.LOCATION_INFORMATION, LOCATION, optional=True)


@dataclass(frozen=True, kw_only=True)
class EventDownload(Comprehension, tag=EnvelopeTag.EVENT_DOWNLOAD, clause="TS 102 223 7.5", open=True):
    """An event happened, and what it brings along."""

    events: bytes = tlv(CatTag.EVENT_LIST, RAW)
    """One event in practice; the coding is that of an event list."""
    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    transactions: bytes | None = tlv(CatTag.TRANSACTION_IDENTIFIER, RAW, optional=True)
    address: Address | None = tlv(CatTag.ADDRESS, ADDRESS, optional=True)
    subaddress: bytes | None = tlv(CatTag.SUBADDRESS, RAW, optional=True)
    cause: bytes | None = tlv(CatTag.CAUSE, RAW, optional=True)
    location_status: int | None = tlv(CatTag.LOCATION_STATUS, BYTE, optional=True)
    location: LocationInformation | None = tlv(CatTag.LOCATION_INFORMATION, LOCATION, optional=True)
    reader_status: bytes | None = tlv(CatTag.CARD_READER_STATUS, RAW, optional=True)
    language: bytes | None = tlv(CatTag.LANGUAGE, RAW, optional=True)
    browser_cause: int | None = tlv(CatTag.BROWSER_TERMINATION_CAUSE, BYTE, optional=True)
    channel_status: ChannelStatus | None = tlv(CatTag.CHANNEL_STATUS, CHANNEL_STATUS, optional=True)
    channel_data_length: int | None = tlv(CatTag.CHANNEL_DATA_LENGTH, BYTE, optional=True)
    """FF: 255 or more."""
    bearer: bytes | None = tlv(CatTag.BEARER_DESCRIPTION, RAW, optional=True)
    """Channel status, after OPEN CHANNEL in background mode."""
    access_technology: bytes | None = tlv(CatTag.ACCESS_TECHNOLOGY, RAW, optional=True)
    search_mode: int | None = tlv(CatTag.SEARCH_MODE, BYTE, optional=True)
    tracking_area: bytes | None = tlv(CatTag.TRACKING_AREA_IDENTIFICATION, RAW, optional=True)
    attach_type: int | None = tlv(CatTag.UPDATE_ATTACH_TYPE, BYTE, optional=True)
    rejection_cause: bytes | None = tlv(CatTag.REJECTION_CAUSE_CODE, RAW, optional=True)

    @classmethod
    def of(cls, event: int, source: int = Device.TERMINAL) -> Self:
        """The report of one event that brings nothing along."""
        return cls._made({"events": bytes((event,)), "devices": DeviceIdentities(source, Device.UICC)})


@dataclass(frozen=True, kw_only=True)
class TimerExpiration(Comprehension, tag=EnvelopeTag.TIMER_EXPIRATION, clause="TS 102 223 7.4.1", open=True):
    """A timer ran out; the time is what passed since it was started."""

    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    timer: int = tlv(CatTag.TIMER_IDENTIFIER, BYTE)
    seconds: int = tlv(CatTag.TIMER_VALUE, TIMER_VALUE)

    @classmethod
    def of(cls, timer: int, seconds: int) -> Self:
        """The end of a timer."""
        return cls(devices=_FROM_TERMINAL, timer=timer, seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class UssdDownload(Comprehension, tag=EnvelopeTag.USSD_DOWNLOAD, clause="TS 31.111 7.1.3", open=True):
    """A USSD string for the card."""

    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    ussd: bytes = tlv(CatTag.USSD_STRING, RAW)
