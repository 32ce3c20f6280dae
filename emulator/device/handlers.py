# SPDX-License-Identifier: Apache-2.0
"""Which function carries out which proactive command, and what a device announces because of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from apdu.cat.codes import CommandType
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility, TerminalProfile
from emulator.device import events, local, outside, refresh, user
from emulator.device.answers import answer
from emulator.device.bip import BIP_COMMANDS, BipHandler

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = ["HANDLERS", "Handler", "announced"]

Handler = Callable[["Device", Any], TerminalAnswer | None]
"""Gets the command in the class of its type (`apdu.cat.catalogue`)."""


def _more_time(device: Device, command: ProactiveCommand) -> TerminalAnswer:
    return answer(command)


HANDLERS: Final[dict[int, Handler]] = {
    CommandType.REFRESH: refresh.refresh,
    CommandType.MORE_TIME: _more_time,
    CommandType.POLL_INTERVAL: local.poll_interval,
    CommandType.POLLING_OFF: local.polling_off,
    CommandType.SET_UP_EVENT_LIST: events.set_up_event_list,
    CommandType.SET_UP_CALL: outside.set_up_call,
    CommandType.SEND_SS: outside.send_ss,
    CommandType.SEND_USSD: outside.send_ussd,
    CommandType.SEND_SHORT_MESSAGE: outside.send_short_message,
    CommandType.SEND_DTMF: outside.send_dtmf,
    CommandType.LAUNCH_BROWSER: outside.launch_browser,
    CommandType.PLAY_TONE: user.play_tone,
    CommandType.DISPLAY_TEXT: user.display_text,
    CommandType.GET_INKEY: user.get_inkey,
    CommandType.GET_INPUT: user.get_input,
    CommandType.SELECT_ITEM: user.select_item,
    CommandType.SET_UP_MENU: user.set_up_menu,
    CommandType.PROVIDE_LOCAL_INFORMATION: local.provide_local_information,
    CommandType.TIMER_MANAGEMENT: local.timer_management,
    CommandType.SET_UP_IDLE_MODE_TEXT: user.set_up_idle_mode_text,
    CommandType.LANGUAGE_NOTIFICATION: user.language_notification,
}
"""A type that is not here is beyond this device's capabilities."""

_FACILITIES: Final = (
    Facility.SMS_PP_DOWNLOAD,
    Facility.SMS_PP_DOWNLOAD_SUPPORTED,
    Facility.MENU_SELECTION,
    Facility.COMMAND_RESULT,
    Facility.UCS2_ENTRY,
    Facility.UCS2_DISPLAY,
    *local.FACILITIES,
    *events.FACILITIES,
)


def announced(bip: BipHandler | None) -> TerminalProfile:
    """The terminal profile: the commands above, their facilities, and channels where somebody opens them."""
    return _profile(None, 0) if bip is None else _profile(tuple(bip.facilities), bip.channels)


@lru_cache(maxsize=16)
def _profile(bearers: tuple[Facility, ...] | None, channels: int) -> TerminalProfile:
    types = [CommandType(type) for type in HANDLERS]
    if bearers is None:
        return TerminalProfile.of(*types, facilities=_FACILITIES)
    facilities = (*_FACILITIES, *events.CHANNEL_FACILITIES, *bearers)
    return TerminalProfile.of(*types, *BIP_COMMANDS, facilities=facilities, channels=channels)
