# SPDX-License-Identifier: Apache-2.0
"""Proactive commands and terminal responses (TS 102 223 6.4, 6.6, 6.8)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, unique
from typing import Final, Self

from apdu.cat.comprehension import (
    COMMAND_DETAILS,
    DEVICE_IDENTITIES,
    RESULT,
    CommandDetails,
    Comprehension,
    Device,
    DeviceIdentities,
    Result,
)
from apdu.errors import DecodeError, EncodeError
from apdu.ids import Aid
from apdu.tlv.declare import AID, Leaf, tlv

__all__ = ["CommandType", "ProactiveCommand", "Refresh", "RefreshMode", "TerminalResponse"]


@unique
class CommandType(IntEnum):
    """Type of command (TS 102 223 9.4)."""

    REFRESH = 0x01
    MORE_TIME = 0x02
    POLL_INTERVAL = 0x03
    POLLING_OFF = 0x04
    SET_UP_EVENT_LIST = 0x05
    SET_UP_CALL = 0x10
    SEND_SHORT_MESSAGE = 0x13
    PLAY_TONE = 0x20
    DISPLAY_TEXT = 0x21
    GET_INKEY = 0x22
    GET_INPUT = 0x23
    SELECT_ITEM = 0x24
    SET_UP_MENU = 0x25
    PROVIDE_LOCAL_INFORMATION = 0x26
    TIMER_MANAGEMENT = 0x27
    OPEN_CHANNEL = 0x40
    CLOSE_CHANNEL = 0x41
    RECEIVE_DATA = 0x42
    SEND_DATA = 0x43
    GET_CHANNEL_STATUS = 0x44


@unique
class RefreshMode(IntEnum):
    """Qualifier of REFRESH (TS 102 223 8.6)."""

    INITIALISATION_AND_FULL_FILE_CHANGE = 0x00
    FILE_CHANGE = 0x01
    INITIALISATION_AND_FILE_CHANGE = 0x02
    INITIALISATION = 0x03
    UICC_RESET = 0x04
    APPLICATION_RESET = 0x05
    SESSION_RESET = 0x06


@dataclass(frozen=True, slots=True, kw_only=True)
class ProactiveCommand(Comprehension, tag=0xD0, clause="TS 102 223 6.6", open=True):
    """What all proactive commands share; reading any of them as this class passes the rest over."""

    details: CommandDetails = tlv(0x01, COMMAND_DETAILS)
    devices: DeviceIdentities = tlv(0x02, DEVICE_IDENTITIES)

    def numbered(self, number: int) -> Self:
        """The same command under another number."""
        return replace(self, details=self.details._replace(number=number))


_MF: Final = b"\x3f\x00"


def _read_files(raw: bytes) -> tuple[bytes, ...]:
    """Full paths stand one behind the other, so each starts where the next 3F00 does (TS 102 223 8.18)."""
    if len(raw) % 2 == 0 or raw[1:3] != _MF:
        raise DecodeError("a file list is a number of files and paths from 3F00")
    paths: list[bytes] = []
    for at in range(1, len(raw), 2):
        fid = raw[at : at + 2]
        if fid == _MF:
            paths.append(fid)
        else:
            paths[-1] += fid
    if len(paths) != raw[0]:
        raise DecodeError(f"a file list of {raw[0]} files holds {len(paths)} paths")
    return tuple(paths)


def _build_files(paths: tuple[bytes, ...]) -> bytes:
    if not all(path[:2] == _MF and len(path) % 2 == 0 for path in paths):
        raise EncodeError("the paths of a file list start with 3F00")
    return bytes((len(paths),)) + b"".join(paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.13"):
    """REFRESH: what the terminal has read of the card is no longer true."""

    files: tuple[bytes, ...] | None = tlv(0x12, Leaf(None, _read_files, _build_files), optional=True)
    """Full paths of the changed files, 3F00 included."""
    aid: Aid | None = tlv(0x2F, AID, optional=True)
    """The application that modes 00 to 03, 05 and 06 concern."""

    @classmethod
    def of(cls, mode: RefreshMode, *, files: tuple[bytes, ...] | None = None, aid: Aid | None = None) -> Self:
        """A REFRESH that waits for its number."""
        details = CommandDetails(0x01, CommandType.REFRESH, mode)
        return cls(details=details, devices=DeviceIdentities(Device.UICC, Device.TERMINAL), files=files, aid=aid)


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalResponse(Comprehension, tag=0x00, clause="TS 102 223 6.8", open=True):
    """How a proactive command went. It is the command's whole data field and has no tag: use `decode` and `value`."""

    details: CommandDetails = tlv(0x01, COMMAND_DETAILS)
    devices: DeviceIdentities = tlv(0x02, DEVICE_IDENTITIES)
    result: Result = tlv(0x03, RESULT)

    @classmethod
    def to(cls, command: ProactiveCommand, result: Result) -> Self:
        """The response to a command."""
        return cls(details=command.details, devices=DeviceIdentities(Device.TERMINAL, Device.UICC), result=result)
