# SPDX-License-Identifier: Apache-2.0
"""The event list of a card, and what is reported of it (TS 102 223 6.4.16, 7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from apdu.cat.codes import Device as Party
from apdu.cat.codes import Event, GeneralResult, LocationStatus
from apdu.cat.commands import SetUpEventList
from apdu.cat.envelope import EventDownload
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility
from emulator.device.answers import Refusal, answer

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = [
    "CHANNEL_FACILITIES",
    "FACILITIES",
    "idle_screen",
    "location_status",
    "report",
    "set_up_event_list",
    "technology_change",
    "user_activity",
]

_OWN: Final = {
    Event.LOCATION_STATUS: Facility.EVENT_LOCATION_STATUS,
    Event.USER_ACTIVITY: Facility.EVENT_USER_ACTIVITY,
    Event.IDLE_SCREEN: Facility.EVENT_IDLE_SCREEN,
    Event.ACCESS_TECHNOLOGY_CHANGE: Facility.EVENT_ACCESS_TECHNOLOGY_CHANGE,
}
_OF_CHANNELS: Final = {
    Event.DATA_AVAILABLE: Facility.EVENT_DATA_AVAILABLE,
    Event.CHANNEL_STATUS: Facility.EVENT_CHANNEL_STATUS,
}
FACILITIES: Final = tuple(_OWN.values())
CHANNEL_FACILITIES: Final = tuple(_OF_CHANNELS.values())
_ONCE: Final = (Event.USER_ACTIVITY, Event.IDLE_SCREEN)
"""Reported once; then the card has to ask again (TS 102 223 7.5.5, 7.5.6)."""


def set_up_event_list(device: Device, command: SetUpEventList) -> TerminalAnswer:
    """Replace the list; when one event is not known here, the list before stays (TS 102 223 6.4.16)."""
    known = {*_OWN, *(_OF_CHANNELS if device.bip is not None else ())}
    if any(event not in known for event in command.events):
        raise Refusal(GeneralResult.BEYOND_CAPABILITIES)
    device.event_list = frozenset(command.events)
    return answer(command)


def report(device: Device, event: EventDownload) -> bool:
    """Tell the card of an event that it wants to hear of."""
    number = event.events[0]
    if number not in device.event_list:
        return False
    if number in _ONCE:
        device.event_list -= {number}
    device.tell(event)
    return True


def location_status(device: Device) -> EventDownload:
    """Location status: the status, and the place where there is service."""
    event = EventDownload.of(Event.LOCATION_STATUS).but(location_status=device.service)
    if device.service is LocationStatus.NORMAL and device.network is not None:
        event = event.but(location=device.network.place)
    return event


def technology_change(technology: int) -> EventDownload:
    """Access technology change."""
    return EventDownload.of(Event.ACCESS_TECHNOLOGY_CHANGE).but(access_technology=bytes((technology,)))


def user_activity() -> EventDownload:
    """A key was pressed."""
    return EventDownload.of(Event.USER_ACTIVITY)


def idle_screen() -> EventDownload:
    """The screen is free."""
    return EventDownload.of(Event.IDLE_SCREEN, Party.DISPLAY)
