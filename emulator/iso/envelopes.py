# SPDX-License-Identifier: Apache-2.0
"""What the card does with each kind of envelope (TS 102 223 7). Imported with the first one that comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from apdu.cat.codes import EnvelopeTag
from apdu.cat.comprehension import Device, DeviceIdentities
from apdu.cat.envelope import EventDownload, SmsPpDownload, TimerExpiration
from apdu.command.apdu import ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.tlv.scan import split
from emulator.channels import Channel
from emulator.errors import CardError

__all__ = ["receive"]


def _event_download(channel: Channel, value: bytes) -> bytes:
    """An event, for whoever has set up an event list."""
    event = EventDownload.decode(value)
    if channel.card.toolkit.listener is not None:
        channel.card.toolkit.listener.event(event)
    return b""


def _timer_expiration(channel: Channel, value: bytes) -> bytes:
    """A timer ran out: 6A81 where the card has started none."""
    if channel.card.toolkit.listener is None:
        raise CardError(SW.FUNCTION_NOT_SUPPORTED)
    channel.card.toolkit.listener.expired(TimerExpiration.decode(value).timer)
    return b""


def _sms_pp_download(channel: Channel, value: bytes) -> bytes | ResponseApdu:
    """A short message from the network."""
    download = SmsPpDownload.decode(value)
    if download.devices != _FROM_NETWORK:
        raise CardError(SW.WRONG_DATA)
    return channel.card.ota.download(download.tpdu)


_FROM_NETWORK: Final = DeviceIdentities(Device.NETWORK, Device.UICC)
_ENVELOPES: Final[dict[int, Callable[[Channel, bytes], bytes | ResponseApdu]]] = {
    EnvelopeTag.EVENT_DOWNLOAD: _event_download,
    EnvelopeTag.SMS_PP_DOWNLOAD: _sms_pp_download,
    EnvelopeTag.TIMER_EXPIRATION: _timer_expiration,
}
"""What the card does with an envelope. A kind that is assigned but not here is 6A81, any other tag 6A80."""
_ASSIGNED: Final = frozenset(EnvelopeTag)
_ANY_TIME: Final = (EnvelopeTag.EVENT_DOWNLOAD, EnvelopeTag.SMS_PP_DOWNLOAD)
"""Accepted while a proactive command is outstanding; the others answer 9300 then."""


def receive(channel: Channel, data: bytes) -> bytes | ResponseApdu:
    """Hand an envelope to who deals with its kind."""
    try:
        objects = split(data)
        if len(objects) != 1 or objects[0].tag not in _ASSIGNED:
            raise CardError(SW.WRONG_DATA)
        tag, value = objects[0]
        if channel.card.toolkit.outstanding is not None and tag not in _ANY_TIME:
            raise CardError(SW.TOOLKIT_BUSY)
        handler = _ENVELOPES.get(tag)
        if handler is None:
            raise CardError(SW.FUNCTION_NOT_SUPPORTED)
        return handler(channel, value)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
