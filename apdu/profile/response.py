# SPDX-License-Identifier: Apache-2.0
"""What a card answers about an installation: EUICCResponse with the status of elements (SAIP 8.11, annex A)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, unique
from typing import ClassVar, Self

from apdu.errors import DecodeError
from apdu.profile.choice import SequenceOf
from apdu.profile.compound import Extensions, Nested, Sequence, component
from apdu.profile.der import NULL, UINT8, UINT15, UINT31, Integer, Text
from apdu.tlv.scan import ber, split

__all__ = ["EuiccResponse", "PeStatus", "Status"]


@unique
class Status(IntEnum):
    """Outcome of one element."""

    OK = 0
    PE_NOT_SUPPORTED = 1
    MEMORY_FAILURE = 2
    BAD_VALUES = 3
    NOT_ENOUGH_MEMORY = 4
    INVALID_REQUEST_FORMAT = 5
    INVALID_PARAMETER = 6
    RUNTIME_NOT_SUPPORTED = 7
    LIB_NOT_SUPPORTED = 8
    TEMPLATE_NOT_SUPPORTED = 9
    FEATURE_NOT_SUPPORTED = 10
    PIN_CODE_MISSING = 11
    UNSUPPORTED_PROFILE_VERSION = 31

    @classmethod
    def text(cls, status: int) -> str:
        """The module's name; status words (6xxx, 9xxx) and proprietary values in hexadecimal digits."""
        try:
            return cls(status).name.lower().replace("_", "-")
        except ValueError:
            return f"{status:04X}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeStatus(Sequence):
    """Status of one element; `ok` for the whole package carries no identification."""

    status: int = component("status", 0x80, Integer(0, 0xFFFF))
    identification: int | None = component("identification", 0x81, UINT15, optional=True)
    additional: int | None = component("additional-information", 0x82, UINT8, optional=True)
    offset: int | None = component("offset", 0x83, UINT31, optional=True)
    extensions: Extensions = ()

    def __str__(self) -> str:
        parts = [Status.text(self.status)]
        if self.identification is not None:
            parts.append(f"element {self.identification}")
        if self.offset is not None:
            parts.append(f"offset {self.offset}")
        if self.additional is not None:
            parts.append(f"additional information {self.additional}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class EuiccResponse(Sequence):
    """The card's answer; `aborted` = nothing was installed."""

    TAG: ClassVar = 0x30
    statuses: tuple[PeStatus, ...] = component("peStatus", 0xA0, SequenceOf(0x30, Nested(PeStatus)))
    aborted: bool = component("profileInstallationAborted", 0x81, NULL, flag=True)
    message: str | None = component("statusMessage", 0x82, Text(2, 64), optional=True)
    extensions: Extensions = ()

    @classmethod
    def success(cls, warnings: tuple[PeStatus, ...] = ()) -> Self:
        """The answer after PE-End: what was skipped, and ok."""
        return cls(statuses=(*warnings, PeStatus(status=Status.OK)))

    @property
    def installed(self) -> bool:
        """Whether it says that the profile is installed."""
        return not self.aborted and any(status.status == Status.OK for status in self.statuses)

    @classmethod
    def from_tlv(cls, data: bytes) -> Self:
        """Read the whole object."""
        objects = split(data, der=True)
        if len(objects) != 1 or objects[0].tag != cls.TAG:
            raise DecodeError("one SEQUENCE expected", path=(cls.__name__,))
        return cls.decode(objects[0].value)

    def encode(self, limit: int | None = None) -> bytes:
        """Build the whole object; in a short answer the message goes first, then the oldest warnings."""
        data = ber(self.TAG, self.value())
        if limit is None or len(data) <= limit:
            return data
        data = ber(self.TAG, replace(self, message=None).value())
        if len(data) <= limit:
            return data
        sizes = [len(ber(0x30, status.value())) for status in self.statuses]
        excess, first = len(data) - limit, 0
        while excess > 0 and first < len(sizes) - 1:
            excess -= sizes[first]
            first += 1
        return ber(self.TAG, replace(self, message=None, statuses=self.statuses[first:]).value())
