# SPDX-License-Identifier: Apache-2.0
"""What all proactive commands share, REFRESH, and the terminal response (TS 102 223 6.4, 6.6, 6.8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

from apdu.cat.codes import CommandType, Device, RefreshMode
from apdu.cat.comprehension import (
    COMMAND_DETAILS,
    DEVICE_IDENTITIES,
    RESULT,
    CommandDetails,
    Comprehension,
    DeviceIdentities,
    Result,
)
from apdu.cat.tags import CatTag
from apdu.cat.values import ALPHA, FILES, Alpha
from apdu.ids import Aid
from apdu.tlv.declare import AID, RAW, tlv

__all__ = ["CommandType", "ProactiveCommand", "Refresh", "RefreshMode", "TerminalResponse", "renumbered"]


_FROM_TERMINAL: Final = DeviceIdentities(Device.TERMINAL, Device.UICC)


@dataclass(frozen=True, kw_only=True)
class ProactiveCommand(Comprehension, tag=0xD0, clause="TS 102 223 6.6", open=True):
    """What all proactive commands share; reading any of them as this class passes the rest over."""

    details: CommandDetails = tlv(CatTag.COMMAND_DETAILS, COMMAND_DETAILS)
    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)

    @classmethod
    def to(cls, device: int, type: CommandType, qualifier: int = 0, **parts: Any) -> Self:
        """A command of the card to a device that waits for its number; `parts` are fields, those with values only."""
        details, devices = _head(device, type, qualifier)
        return cls._made({"details": details, "devices": devices, **parts})


@lru_cache(maxsize=256)
def _head(device: int, type: CommandType, qualifier: int) -> tuple[CommandDetails, DeviceIdentities]:
    return CommandDetails(0x01, type, qualifier), DeviceIdentities(Device.UICC, device)


def renumbered(raw: bytes, number: int) -> bytes:
    """A command of at most 256 bytes, as it was built, under another number: that stands in its first object (6.6)."""
    at = 4 if raw[1] < 0x80 else 5  # D0, one or two bytes of length, 81 03
    return raw[:at] + bytes((number,)) + raw[at + 1 :]


@dataclass(frozen=True, kw_only=True)
class Refresh(ProactiveCommand, tag=0xD0, clause="TS 102 223 6.6.13"):
    """REFRESH: what the terminal has read of the card is no longer true."""

    files: tuple[bytes, ...] | None = tlv(CatTag.FILE_LIST, FILES, optional=True)
    """Full paths of the changed files, 3F00 included."""
    aid: Aid | None = tlv(CatTag.AID, AID, optional=True)
    """The application that modes 00 to 03, 05 and 06 concern."""
    alpha: Alpha | None = tlv(CatTag.ALPHA_IDENTIFIER, ALPHA, optional=True)
    icon: bytes | None = tlv(CatTag.ICON_IDENTIFIER, RAW, optional=True)
    text_attribute: bytes | None = tlv(CatTag.TEXT_ATTRIBUTE, RAW, optional=True)
    plmn_list: bytes | None = tlv(CatTag.PLMN_WACT_LIST, RAW, optional=True)
    """Steering of roaming."""
    policy: bytes | None = tlv(CatTag.CARD_READER_IDENTIFIER, RAW, optional=True)
    """REFRESH enforcement policy."""

    @classmethod
    def of(cls, mode: RefreshMode, *, files: tuple[bytes, ...] | None = None, aid: Aid | None = None) -> Self:
        """A REFRESH that waits for its number."""
        details = CommandDetails(0x01, CommandType.REFRESH, mode)
        return cls(details=details, devices=DeviceIdentities(Device.UICC, Device.TERMINAL), files=files, aid=aid)


@dataclass(frozen=True, kw_only=True)
class TerminalResponse(Comprehension, tag=0x00, clause="TS 102 223 6.8", open=True):
    """How a proactive command went. It is the command's whole data field and has no tag: use `decode` and `value`."""

    details: CommandDetails = tlv(CatTag.COMMAND_DETAILS, COMMAND_DETAILS)
    devices: DeviceIdentities = tlv(CatTag.DEVICE_IDENTITIES, DEVICE_IDENTITIES)
    result: Result = tlv(CatTag.RESULT, RESULT)

    @classmethod
    def to(cls, command: ProactiveCommand, result: Result) -> Self:
        """The response to a command."""
        return cls._made({"details": command.details, "devices": _FROM_TERMINAL, "result": result})
