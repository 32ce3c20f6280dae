# SPDX-License-Identifier: Apache-2.0
"""How a profile describes files: Fcp, the File sequence and generic file management (SAIP 8.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import ClassVar, Final, TypeAlias

from apdu.ids import Aid
from apdu.profile.choice import Alternative, ChoiceList, SequenceOf
from apdu.profile.compound import Extensions, Nested, Sequence, component
from apdu.profile.der import NULL, UINT15, UINT16, Null, Octets, Wrapped
from apdu.tlv.scan import Tlv

__all__ = [
    "AID",
    "DO_NOT_CREATE",
    "FILE",
    "DoNotCreate",
    "Fcp",
    "File",
    "FileItem",
    "FileManagement",
    "FilePath",
    "PeGenericFileManagement",
    "PeHeader",
    "ProprietaryInfo",
]

AID: Final = Wrapped(5, 16, Aid)
"""ApplicationIdentifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeHeader(Sequence):
    """What every profile element but the header starts with."""

    HOT: ClassVar = True
    mandated: bool = component("mandated", 0x80, NULL, flag=True)
    """The card must support this element or refuse the package."""
    identification: int = component("identification", 0x81, UINT15)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProprietaryInfo(Sequence):
    """Proprietary information of an EF (A5, TS 102 222 6.3.2.2)."""

    HOT: ClassVar = True
    special: bytes | None = component("specialFileInformation", 0xC0, Octets(1, 1), optional=True)
    """80 high update activity, 40 readable and updatable when deactivated; DEFAULT 00."""
    fill_pattern: bytes | None = component("fillPattern", 0xC1, Octets(1, 200), optional=True)
    repeat_pattern: bytes | None = component("repeatPattern", 0xC2, Octets(1, 200), optional=True)
    maximum_size: bytes | None = component("maximumFileSize", 0x86, Octets(), optional=True)
    details: bytes | None = component("fileDetails", 0x84, Octets(1, 1), optional=True)
    """Coding of BER-TLV contents; DEFAULT 01, DER."""
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fcp(Sequence):
    """File control parameters; in a template's file only what differs from the template."""

    HOT: ClassVar = True
    descriptor: bytes | None = component("fileDescriptor", 0x82, Octets(2, 4), optional=True)
    """Descriptor byte, data coding 21 and for records their length in two bytes; the number of records is not in it."""
    file_id: bytes | None = component("fileID", 0x83, Octets(2, 2), optional=True)
    df_name: Aid | None = component("dfName", 0x84, AID, optional=True)
    life_cycle: bytes | None = component("lcsi", 0x8A, Octets(1, 1), optional=True)
    """DEFAULT 05, operational and activated."""
    access_rule: bytes | None = component("securityAttributesReferenced", 0x8B, Octets(1, 3), optional=True)
    size: bytes | None = component("efFileSize", 0x80, Octets(), optional=True)
    pin_status: bytes | None = component("pinStatusTemplateDO", 0xC6, Octets(), optional=True)
    """Key references only; the card builds the data object from them."""
    short_id: bytes | None = component("shortEFID", 0x88, Octets(0, 1), optional=True)
    """Absent, empty (none) or one byte, SFI x 8."""
    proprietary: ProprietaryInfo | None = component("proprietaryEFInfo", 0xA5, Nested(ProprietaryInfo), optional=True)
    link_path: bytes | None = component("linkPath", 0xC7, Octets(0, 8), optional=True)
    extensions: Extensions = ()


@unique
class DoNotCreate(Enum):
    """The NULL alternative of a File: leave out what the template would create."""

    DO_NOT_CREATE = True


DO_NOT_CREATE: Final = DoNotCreate.DO_NOT_CREATE


class FilePath(bytes):
    """Path from the MF, up to four file identifiers; an ADF by its temporary one."""

    __slots__ = ()


FileItem: TypeAlias = DoNotCreate | Fcp | int | bytes | Tlv
"""One step of a File: an Fcp, an int = fillFileOffset, bytes = fillFileContent; a Tlv is none that the module names."""
File: TypeAlias = tuple[FileItem, ...]

FILE: Final[ChoiceList[FileItem]] = ChoiceList(
    Alternative("doNotCreate", 0x80, Null(DO_NOT_CREATE), DoNotCreate),
    Alternative("fileDescriptor", 0xA1, Nested(Fcp), Fcp),
    Alternative("fillFileOffset", 0x82, UINT16, int),
    Alternative("fillFileContent", 0x83, Octets(), bytes),
)

FileManagement: TypeAlias = tuple[FilePath | Fcp | int | bytes | Tlv, ...]

_FILE_MANAGEMENT: Final[ChoiceList[FilePath | Fcp | int | bytes | Tlv]] = ChoiceList(
    Alternative("filePath", 0x80, Wrapped(0, 8, FilePath), FilePath),
    Alternative("createFCP", 0x62, Nested(Fcp), Fcp),
    Alternative("fillFileOffset", 0x02, UINT16, int),  # a tag in this CHOICE switches automatic tagging off
    Alternative("fillFileContent", 0x81, Octets(), bytes),
    low=1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeGenericFileManagement(Sequence):
    """Files that no template foresees (SAIP 8.3.5)."""

    KIND: ClassVar = "genericFileManagement"
    TAG: ClassVar = 0xA1
    header: PeHeader = component("gfm-header", 0xA0, Nested(PeHeader))
    commands: tuple[FileManagement, ...] = component("fileManagementCMD", 0xA1, SequenceOf(0x30, _FILE_MANAGEMENT, 1))
    extensions: Extensions = ()
