# SPDX-License-Identifier: Apache-2.0
"""REFRESH: what a device reads again, initialises again, or resets (TS 102 223 6.4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from apdu.cat.codes import GeneralResult, RefreshMode, TerminalProblem
from apdu.cat.proactive import Refresh
from apdu.cat.response import TerminalAnswer
from emulator.device.answers import Refusal, answer

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = ["refresh"]

_WITH_FILES: Final = (RefreshMode.FILE_CHANGE, RefreshMode.INITIALISATION_AND_FILE_CHANGE)
_APPLICATION: Final = (RefreshMode.APPLICATION_RESET, RefreshMode.SESSION_RESET)
_READ: Final = frozenset(bytes.fromhex(fid) for fid in ("2F00", "2FE2", "6F07", "6FAD", "6F38", "6F42"))
"""EF.DIR, EF.ICCID, EF.IMSI, EF.AD, EF.UST, EF.SMSP: what a device reads, and keeps, when it is switched on."""
_KNOWN: Final = range(RefreshMode.INITIALISATION_AND_FULL_FILE_CHANGE, RefreshMode.STEERING_OF_ROAMING)


def refresh(device: Device, command: Refresh) -> TerminalAnswer | None:
    """Do what the mode says. A UICC reset is its own answer: None."""
    mode = command.details.qualifier
    if mode not in _KNOWN:
        raise Refusal(GeneralResult.BEYOND_CAPABILITIES)
    if mode in _WITH_FILES and command.files is None:
        raise Refusal(GeneralResult.VALUES_MISSING)
    if device.call is not None and (mode == RefreshMode.UICC_RESET or mode in _APPLICATION):
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.BUSY_ON_CALL,)))
    if device.refreshed is not None:
        device.refreshed(command)
    if mode == RefreshMode.UICC_RESET:
        device.power_up(again=True)
        return None
    active = device.identity
    if command.aid is not None and (active is None or command.aid != active.usim):
        return answer(command, GeneralResult.REFRESH_NAA_NOT_ACTIVE)
    if mode in _APPLICATION:
        device.end_application()
    if mode == RefreshMode.FILE_CHANGE and not _READ.intersection(path[-2:] for path in command.files or ()):
        return answer(command)  # nothing that the device keeps has changed
    if not device.initialise():
        raise Refusal(GeneralResult.TERMINAL_UNABLE, bytes((TerminalProblem.NO_NAA_ACTIVE,)))
    more = mode == RefreshMode.FILE_CHANGE
    return answer(command, GeneralResult.REFRESH_WITH_ADDITIONAL_FILES if more else GeneralResult.DONE)
