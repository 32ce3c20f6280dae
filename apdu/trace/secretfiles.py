# SPDX-License-Identifier: Apache-2.0
"""Which reads and updates touch files that hold keys: follows what is selected on each channel of a link.

While it is not known which directory is selected, a file that would be secret in one of them counts as secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from apdu.trace.spans import Header

__all__ = ["SecretFiles"]

_MF: Final = 0x3F00
_ADF: Final = 0x7FFF
"""The directory of the current application (TS 102 221 8.4.2); here that of a USIM."""
_NONE: Final = 0
"""A directory without secret files."""
_USIM: Final = bytes.fromhex("A0000000871002")
_DF_GSM: Final = 0x7F20
_DF_GSM_ACCESS: Final = 0x5F3B
_DF_5GS: Final = 0x5FC0

_FILES: Final[dict[tuple[int, int], int | None]] = {
    (_ADF, 0x6F08): 0x08,  # EF.Keys
    (_ADF, 0x6F09): 0x09,  # EF.KeysPS
    (_ADF, 0x6FC3): None,  # EF.HiddenKey
    (_ADF, 0x6FE4): 0x18,  # EF.EPSNSC
    (_DF_GSM_ACCESS, 0x4F20): 0x01,  # EF.Kc
    (_DF_GSM_ACCESS, 0x4F52): 0x02,  # EF.KcGPRS
    (_DF_5GS, 0x4F03): 0x03,  # EF.5GS3GPPNSC
    (_DF_5GS, 0x4F04): 0x04,  # EF.5GSN3GPPNSC
    (_DF_5GS, 0x4F05): 0x05,  # EF.5GAUTHKEYS
    (_DF_GSM, 0x6F20): None,  # EF.Kc
    (_DF_GSM, 0x6F52): None,  # EF.KcGPRS
}
"""Directory and file with its short identifier (TS 31.102 4.2, 4.4; TS 51.011 10.3)."""
_IDENTIFIERS: Final = frozenset(file for _, file in _FILES)
_SHORT: Final[Mapping[tuple[int | None, int], int]] = {
    (place, sfi): file
    for (directory, file), sfi in reversed(_FILES.items())
    if sfi is not None
    for place in (directory, None)
}
"""By directory and short identifier; of the directories that have one, the first stands for one that is not known."""
_SELECT: Final = 0xA4
_BINARY: Final = frozenset((0xB0, 0xD0, 0xD6))
_RECORD: Final = frozenset((0xB2, 0xA2, 0xD2, 0xDC))
_OTHERS: Final = frozenset((0xB1, 0xB3, 0xCB, 0xD1, 0xD7, 0xDB, 0xDD, 0xE2))
"""Odd instructions, data of BER-TLV files, APPEND RECORD: the current file."""
_SELECTED: Final = frozenset((0x61, 0x62, 0x63, 0x90, 0x91, 0x9F))
"""First byte of the status words with which SELECT has selected (TS 102 221 10.2, TS 51.011 9.4)."""
_CHANNELS: Final = 32


class _Place(NamedTuple):
    """What is selected: None as a directory is one that is not known."""

    directory: int | None = None
    file: int | None = None

    @property
    def secret(self) -> bool:
        """Whether the file is one of those."""
        return self.file in _IDENTIFIERS if self.directory is None else (self.directory, self.file) in _FILES

    def short(self, sfi: int) -> int | None:
        """The one of those that a short identifier may name here."""
        return _SHORT.get((self.directory, sfi))

    def enter(self, fid: int) -> _Place:
        """The place after a file identifier."""
        return _Place(fid) if fid >> 8 in (0x3F, 0x5F, 0x7F) else self._replace(file=fid)


class SecretFiles:
    """One link to a card."""

    __slots__ = ("_before", "_places")

    def __init__(self) -> None:
        self._places: dict[int, _Place] = {}
        self._before: tuple[int, _Place] | None = None

    def reset(self) -> None:
        """After a reset the MF is selected."""
        self._places = {0: _Place(_MF)}
        self._before = None

    def command(self, head: Header, data: bytes) -> bool:
        """Take one command in clear; whether what it reads or writes is secret."""
        self._before = None
        channel = max(head.channel, 0)  # the class A0 of GSM has the basic channel only
        place = self._places.get(channel, _Place())
        if head.ins == _SELECT:
            self._before = (channel, place)
            self._put(channel, _select(place, head, data[head.body : head.end]))
            return False
        sfi = _short_identifier(head)
        if sfi:
            file = place.short(sfi)
            self._put(channel, place._replace(file=file))
            return file is not None
        return place.secret and (head.ins in _BINARY or head.ins in _RECORD or head.ins in _OTHERS)

    def answer(self, sw1: int) -> None:
        """A SELECT that the card refused has changed nothing."""
        before, self._before = self._before, None
        if before is not None and sw1 not in _SELECTED:
            self._put(*before)

    def _put(self, channel: int, place: _Place) -> None:
        if channel in self._places or len(self._places) < _CHANNELS:
            self._places[channel] = place


def _short_identifier(head: Header) -> int:
    if head.ins in _BINARY and head.p1 & 0x80:
        return head.p1 & 0x1F
    return head.p2 >> 3 if head.ins in _RECORD else 0


def _select(place: _Place, head: Header, data: bytes) -> _Place:
    if head.p1 == 0x04:
        return _Place(_ADF if data.startswith(_USIM) or _USIM.startswith(data) else _NONE)
    if head.p1 == 0x03 or len(data) < 2:
        return _Place()
    start = _Place(_MF) if head.p1 == 0x08 else place
    for fid in _identifiers(data):
        start = start.enter(fid)
    return start


def _identifiers(path: bytes) -> Iterator[int]:
    return (int.from_bytes(path[at : at + 2], "big") for at in range(0, len(path) - 1, 2))
