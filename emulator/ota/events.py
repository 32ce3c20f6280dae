# SPDX-License-Identifier: Apache-2.0
"""The card's event list: one for all that want to hear of something (TS 102 223 6.4.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from apdu.cat.codes import CommandType, Device, Event
from apdu.cat.commands import SetUpEventList
from apdu.cat.comprehension import CommandDetails, DeviceIdentities, Result
from apdu.cat.terminal import Facility

if TYPE_CHECKING:
    from emulator.iso.toolkit import Toolkit

__all__ = ["EventList"]

_FACILITIES: Final = {
    Event.LOCATION_STATUS: Facility.EVENT_LOCATION_STATUS,
    Event.DATA_AVAILABLE: Facility.EVENT_DATA_AVAILABLE,
    Event.CHANNEL_STATUS: Facility.EVENT_CHANNEL_STATUS,
}
"""Events that this card wants, and how a terminal announces them: a list with others is refused as a whole."""


class EventList:
    """What the terminal was asked to report in this card session."""

    __slots__ = ("_events", "_toolkit")

    def __init__(self, toolkit: Toolkit) -> None:
        self._toolkit = toolkit
        self._events: frozenset[Event] = frozenset()

    def want(self, *events: Event) -> None:
        """Ask for events too, as far as the terminal has them."""
        profile = self._toolkit.profile
        known = {event for event in events if profile is not None and profile.has(_FACILITIES[event])}
        if known <= self._events:
            return
        self._events |= known
        command = SetUpEventList(
            details=CommandDetails(0x01, CommandType.SET_UP_EVENT_LIST, 0x00),
            devices=DeviceIdentities(Device.UICC, Device.TERMINAL),
            events=bytes(sorted(self._events)),
        )
        self._toolkit.submit(command, self._answered)

    def _answered(self, result: Result) -> None:
        """A list that the terminal refuses leaves the one before in force, and is asked for again another time."""
        if result.performed:
            self._toolkit.reported = self._events
        else:
            self._events = frozenset(event for event in self._events if event in self._toolkit.reported)
