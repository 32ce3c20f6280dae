# SPDX-License-Identifier: Apache-2.0
"""File control information: what SELECT of a security domain or application returns (GPCS 11.9.3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from apdu.ids import Aid
from apdu.tlv.declare import AID, BYTE, RAW, Template, tlv

__all__ = ["FileControlInformation", "ProprietaryData"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProprietaryData(Template, tag=0xA5, clause="GPCS 11.9.3.1 table 11-82", open=True):
    """What an application says about itself at selection."""

    management_data: bytes | None = tlv(0x73, RAW, optional=True)
    """Security domain management data: the contents of the recognition data's object 73."""
    production_data: bytes | None = tlv(0x9F6E, RAW, optional=True)
    maximum_length: int | None = tlv(0x9F65, BYTE, optional=True)
    """The longest data field of a command, bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileControlInformation(Template, tag=0x6F, clause="GPCS 11.9.3.1 table 11-82"):
    """The FCI template."""

    aid: Aid = tlv(0x84, AID)
    proprietary: ProprietaryData = tlv(0xA5, ProprietaryData)
