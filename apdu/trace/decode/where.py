# SPDX-License-Identifier: Apache-2.0
"""Where on the card a command happens: follows SELECT, short file identifiers and MANAGE CHANNEL (TS 102 221 8.4)."""

from __future__ import annotations

from typing import Final

from apdu.command.cla import CLASSES
from apdu.command.status import is_success
from apdu.files.catalogue import ADFS, by_identifier, by_short_identifier, children
from apdu.trace.decode.model import HOME, Place

__all__ = ["Whereabouts", "channel_of", "short_identifier"]

_SELECT: Final = 0xA4
_MANAGE_CHANNEL: Final = 0x70
_GSM: Final = 0xA0
_MF: Final = 0x3F00
_CURRENT_ADF: Final = 0x7FFF
_BY_FID, _CHILD, _PARENT, _BY_AID, _FROM_MF, _FROM_HERE = 0x00, 0x01, 0x03, 0x04, 0x08, 0x09
_GSM_DIRECTORY: Final = 0x7F20
_IN_P1: Final = frozenset((0xB0, 0xD6, 0x32, 0xCB, 0xDB))
"""READ and UPDATE BINARY, INCREASE, RETRIEVE and SET DATA: bit 8 of P1 says that its low bits are an SFI."""
_IN_P2: Final = frozenset((0xB2, 0xDC, 0xA2))
"""Commands for records: bits 8 to 4 of P2."""
_MAY_MOVE: Final = _IN_P1 | _IN_P2 | {_SELECT, _MANAGE_CHANNEL}

_CHANNELS: Final = tuple(0 if known is None else known.channel for known in CLASSES)


def channel_of(cla: int) -> int:
    """The logical channel that a class byte names; 0 for classes that name none."""
    return _CHANNELS[cla]


def short_identifier(ins: int, p1: int, p2: int) -> int:
    """The short file identifier in the parameters of a command for files; 0 for none (TS 102 221 11.1.3 to 11.1.8)."""
    if ins in _IN_P1:
        return p1 & 0x1F if p1 & 0x80 or ins in (0xCB, 0xDB) else 0
    return p2 >> 3 if ins in _IN_P2 else 0


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

    def follow(self, channel: int, command: bytes, sw: int, response: bytes) -> Place | None:
        """Take an exchange that may have changed what is selected; for a SELECT, what it asked for."""
        ins = command[1]
        if ins not in _MAY_MOVE:
            return None
        if ins == _SELECT:
            place = self._selected(self.at(channel), command)
            if is_success(sw) or sw >> 8 in (0x62, 0x9F):
                self._places[channel] = place
            return place
        if ins == _MANAGE_CHANNEL:
            if is_success(sw):
                self._manage(channel, command, response)
            return None
        sfi = short_identifier(ins, command[2], command[3])
        if sfi and (is_success(sw) or sw >> 8 in (0x62, 0x63)):
            here = self.at(channel)
            file = by_short_identifier(here.directory, sfi) or f"sfi-{sfi:02x}"
            self._places[channel] = here._replace(file=file)
        return None

    def _manage(self, channel: int, command: bytes, response: bytes) -> None:
        """A channel opened from another one than the basic one begins where that one is (TS 102 221 11.1.17)."""
        number = response[0] if len(response) == 3 else command[3]
        self._places.pop(number, None)
        if not command[2] & 0x80 and channel:
            self._places[number] = self.at(channel)

    def _selected(self, here: Place, command: bytes) -> Place:
        p1, data = command[2], command[5 : 5 + command[4]] if len(command) > 5 else b""
        if p1 == _BY_AID:
            directory = next((name for name, prefix in ADFS.items() if data.startswith(prefix)), "")
            return Place(data, directory)
        if p1 in (_FROM_MF, _FROM_HERE):
            place = Place(here.application, "mf") if p1 == _FROM_MF else here
            for at in range(0, len(data) - 1, 2):
                place = _step(place, data[at] << 8 | data[at + 1])
            return place
        if p1 == _PARENT:
            return _parent(here)
        if p1 in (_BY_FID, _CHILD) and len(data) >= 2:
            return _step(here, data[0] << 8 | data[1], gsm=command[0] == _GSM)
        return HOME if p1 == _BY_FID else here


def _parent(here: Place) -> Place:
    if here.directory in ADFS or here.directory == "mf":
        return HOME
    below = any(entry.name == here.directory for entry in children("mf"))
    return Place(here.application, "mf" if below else _adf(here))


def _adf(here: Place) -> str:
    return next((name for name, prefix in ADFS.items() if here.application.startswith(prefix)), "adf-usim")


def _step(here: Place, fid: int, *, gsm: bool = False) -> Place:
    """One identifier further: in this directory, else beside or above it."""
    if fid == _MF:
        return HOME
    if fid == _CURRENT_ADF:
        return Place(here.application, _adf(here))
    if gsm and fid == _GSM_DIRECTORY:  # DF.GSM of a SIM has the files that are those of a USIM now
        return Place(here.application, "adf-usim")
    for directory in (here.directory, "mf", _adf(here)):
        entry = by_identifier(directory, fid)
        if entry is not None:
            if entry.is_directory:
                return Place(here.application, entry.name)
            return Place(here.application, directory, entry.name)
    if fid >> 8 in (0x7F, 0x5F):
        return Place(here.application, f"df-{fid:04x}")
    return here._replace(file=f"ef-{fid:04x}")
