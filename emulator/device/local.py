# SPDX-License-Identifier: Apache-2.0
"""What a terminal tells about itself; polling and timers (TS 102 223 6.4.6, 6.4.14, 6.4.15, 6.4.21)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from apdu.cat.codes import GeneralResult, LocalInformation, LocationStatus, TerminalProblem, TimerAction
from apdu.cat.commands import PollingOff, PollInterval, ProvideLocalInformation, TimerManagement
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility
from apdu.cat.values import Duration
from apdu.errors import EncodeError
from apdu.sms.coding import write_time
from emulator.device.answers import Refusal, answer
from emulator.device.timers import TIMERS

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = [
    "FACILITIES",
    "poll_interval",
    "polling_off",
    "provide_local_information",
    "timer_management",
]

FACILITIES: Final = (
    Facility.TIMER_EXPIRATION,
    Facility.TIMER_GET_VALUE,
    Facility.DATE_TIME,
    Facility.LANGUAGE,
    Facility.ACCESS_TECHNOLOGY,
    Facility.IMEISV,
    Facility.SEARCH_MODE,
    Facility.BATTERY,
)


def poll_interval(device: Device, command: PollInterval) -> TerminalAnswer:
    """Poll as often as the card wants, but not more often than this terminal does."""
    wanted = command.duration
    kept = wanted if wanted.seconds >= device.settings.shortest_poll else Duration.of(device.settings.shortest_poll)
    device.poll_every(kept.seconds)
    return replace(answer(command), duration=kept)


def polling_off(device: Device, command: PollingOff) -> TerminalAnswer:
    """No STATUS any more."""
    device.poll_every(None)
    return answer(command)


def timer_management(device: Device, command: TimerManagement) -> TerminalAnswer:
    """Start, stop, read. What is asked of a timer that does not run contradicts its state."""
    timer, timers = command.timer, device.timers
    if timer not in TIMERS:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
    action = command.details.qualifier
    if action == TimerAction.START:
        if command.seconds is None:
            raise Refusal(GeneralResult.VALUES_MISSING)
        if not command.seconds:
            raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
        timers.start(timer, command.seconds)
        return answer(command).but(timer=timer)
    if action not in (TimerAction.DEACTIVATE, TimerAction.GET):
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
    left = timers.stop(timer) if action == TimerAction.DEACTIVATE else timers.remaining(timer)
    if left is None:
        return answer(command, GeneralResult.TIMER_CONTRADICTION).but(timer=timer)
    return answer(command).but(timer=timer, timer_seconds=left)


def provide_local_information(device: Device, command: ProvideLocalInformation) -> TerminalAnswer:
    """Whatever the qualifier asks for; what this device does not know is beyond its capabilities."""
    tell = _TOLD.get(command.details.qualifier)
    if tell is None:
        raise Refusal(GeneralResult.BEYOND_CAPABILITIES)
    return tell(device, answer(command))


def _location(device: Device, said: TerminalAnswer) -> TerminalAnswer:
    network, service = device.network, device.service
    if network is None or service is LocationStatus.NO_SERVICE:
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.NO_SERVICE,)))
    if service is LocationStatus.LIMITED:
        said = said.but(result=said.result._replace(general=GeneralResult.LIMITED_SERVICE))
    return said.but(location=network.place)


def _access_technology(device: Device, said: TerminalAnswer) -> TerminalAnswer:
    if device.network is None or device.service is LocationStatus.NO_SERVICE:
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.NO_SERVICE,)))
    return said.but(access_technology=bytes((device.network.technology,)))


def _date_time(device: Device, said: TerminalAnswer) -> TerminalAnswer:
    now = datetime.fromtimestamp(device.clock(), device.settings.zone)
    try:
        return said.but(date_time=write_time(now))
    except EncodeError:  # a clock that was never set
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.NO_CAUSE,))) from None


_TOLD: Final[dict[int, Callable[[Device, TerminalAnswer], TerminalAnswer]]] = {
    LocalInformation.LOCATION: _location,
    LocalInformation.IMEI: lambda device, said: said.but(imei=device.settings.imei),
    LocalInformation.DATE_TIME: _date_time,
    LocalInformation.LANGUAGE: lambda device, said: said.but(language=device.settings.language.encode("ascii")),
    LocalInformation.ACCESS_TECHNOLOGY: _access_technology,
    LocalInformation.IMEISV: lambda device, said: said.but(imeisv=device.settings.imeisv),
    LocalInformation.SEARCH_MODE: lambda device, said: said.but(search_mode=device.settings.search_mode),
    LocalInformation.BATTERY: lambda device, said: said.but(battery=device.settings.battery),
}
