# SPDX-License-Identifier: Apache-2.0
"""Where on the card a command happens: follows SELECT and MANAGE CHANNEL through a trace (TS 102 221 8.4, 11.1.1)."""

from __future__ import annotations

from typing import Final

from apdu.command.cla import CLASSES
from apdu.command.status import is_success
from apdu.files.catalogue import ADFS, children
from apdu.trace.decode.model import HOME, Place

__all__ = ["Whereabouts", "channel_of"]

_SELECT: Final = 0xA4
_MANAGE_CHANNEL: Final = 0x70
_MF: Final = 0x3F00
_CURRENT_ADF: Final = 0x7FFF
_BY_FID, _BY_AID, _FROM_MF, _FROM_HERE = 0x00, 0x04, 0x08, 0x09


def channel_of(cla: int) -> int:
    """The logical channel that a class byte names; 0 for classes that name none."""
    known = CLASSES[cla]
    return 0 if known is None else known.channel


class Whereabouts:
    """What is selected on each logical channel of one card."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}

    def reset(self) -> None:
        """The card was reset."""
        self._places.clear()

    def at(self, channel: int) -> Place:
        """What is selected on a channel."""
        return self._places.get(channel, HOME)

    def follow(self, channel: int, command: bytes, response: bytes) -> None:
        """Take an exchange that may have changed what is selected."""
        ins = command[1]
        if ins == _SELECT and len(response) >= 2:
            sw = response[-2] << 8 | response[-1]
            if is_success(sw) or response[-2] == 0x62:
                self._places[channel] = self._selected(channel, command)
        elif ins == _MANAGE_CHANNEL and len(response) >= 2 and is_success(response[-2] << 8 | response[-1]):
            self._places.pop(response[0] if len(response) == 3 else command[3], None)

    def _selected(self, channel: int, command: bytes) -> Place:
        p1, data = command[2], command[5 : 5 + command[4]] if len(command) > 5 else b""
        here = self.at(channel)
        if p1 == _BY_AID:
            directory = next((name for name, prefix in ADFS.items() if data.startswith(prefix)), "")
            return Place(data, directory)
        if p1 in (_FROM_MF, _FROM_HERE):
            place = Place(here.application, "mf") if p1 == _FROM_MF else here
            for at in range(0, len(data) - 1, 2):
                place = _step(place, data[at] << 8 | data[at + 1])
            return place
        if p1 == _BY_FID and len(data) >= 2:
            return _step(here, data[0] << 8 | data[1])
        return HOME if p1 == _BY_FID else here


def _step(here: Place, fid: int) -> Place:
    """One identifier further: in this directory, else beside or above it."""
    if fid == _MF:
        return HOME
    if fid == _CURRENT_ADF:
        return Place(here.application, "adf-usim") if not here.directory.startswith("adf-") else here._replace(file="")
    for directory in (here.directory, "mf", "adf-usim"):
        for entry in children(directory):
            if entry.fid == fid:
                if entry.is_directory:
                    return Place(here.application, entry.name)
                return Place(here.application, directory, entry.name)
    return here._replace(file=f"ef-{fid:04x}")
