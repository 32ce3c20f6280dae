# SPDX-License-Identifier: Apache-2.0
"""Commands of the toolkit: TERMINAL PROFILE, TERMINAL CAPABILITY, FETCH, TERMINAL RESPONSE, ENVELOPE.

TS 102 221 11.2 and 11.1.19, TS 102 223 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from apdu.cat.comprehension import Device, DeviceIdentities
from apdu.cat.envelope import EnvelopeTag, EventDownload, SmsPpDownload, TimerExpiration
from apdu.cat.terminal import TerminalCapability, TerminalProfile
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.tlv.scan import split
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.iso.toolkit import Toolkit

__all__ = ["Toolkit", "envelope", "fetch", "terminal_capability", "terminal_profile", "terminal_response"]


def _data(command: CommandApdu) -> bytes:
    """The data field of a command whose P1 and P2 are zero and that must have one."""
    if command.p1 or command.p2:
        raise CardError(SW.WRONG_P1P2)
    if not command.data:
        raise CardError(SW.WRONG_LENGTH)
    return command.data


def terminal_profile(channel: Channel, command: CommandApdu) -> bytes:
    """What the terminal can do; the proactive session starts."""
    channel.card.toolkit.terminal_profile(TerminalProfile(_data(command)))
    channel.card.introduced()
    return b""


def terminal_capability(channel: Channel, command: CommandApdu) -> bytes:
    """Power supply, channels, eUICC features of the terminal."""
    try:
        channel.card.toolkit.capability = TerminalCapability.from_tlv(_data(command))
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    return b""


def fetch(channel: Channel, command: CommandApdu) -> bytes:
    """The proactive command that 91xx announced."""
    if command.p1 or command.p2:
        raise CardError(SW.WRONG_P1P2)
    if command.data or command.le is None:
        raise CardError(SW.WRONG_LENGTH)
    return channel.card.toolkit.fetch(command.le)


def terminal_response(channel: Channel, command: CommandApdu) -> bytes:
    """How the terminal carried out the command that it fetched."""
    channel.card.toolkit.respond(_data(command))
    return b""


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


def envelope(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """Hand an envelope to who deals with its kind."""
    try:
        objects = split(_data(command))
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
