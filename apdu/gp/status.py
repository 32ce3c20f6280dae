# SPDX-License-Identifier: Apache-2.0
"""GET STATUS: what is asked for and the registry entries that come back (GPCS 11.4, SGP.02 v4.1 table 28)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, unique
from typing import Final, Self

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.gp.codes import Ins, Privilege
from apdu.gp.install import MEMORY
from apdu.ids import Aid
from apdu.tlv.declare import AID, BYTE, RAW, Leaf, Template, tlv
from apdu.tlv.scan import split

__all__ = [
    "ISD_P_TAGS",
    "IsdPAttribute",
    "RegistryEntry",
    "StatusQuery",
    "StatusScope",
    "Tag",
    "decode_entries",
    "decode_tag_list",
    "encode_tag_list",
]


@unique
class StatusScope(IntEnum):
    """P1: what is listed."""

    ISSUER_SECURITY_DOMAIN = 0x80
    APPLICATIONS = 0x40
    LOAD_FILES = 0x20
    LOAD_FILES_AND_MODULES = 0x10


@unique
class Tag(IntEnum):
    """Objects of a registry entry."""

    AID = 0x4F
    STATE = 0x9F70
    PRIVILEGES = 0xC5
    IMPLICIT_SELECTION = 0xCF
    LOAD_FILE = 0xC4
    SECURITY_DOMAIN = 0xCC
    VERSION = 0xCE
    MODULE = 0x84
    ATTRIBUTES = 0x53
    GRANTED_MEMORY = 0x8F
    REMAINING_MEMORY = 0x91


class IsdPAttribute(IntFlag):
    """Object 53 of an ISD-P's entry."""

    FALL_BACK = 0x01
    EMERGENCY = 0x02
    """(U) SGP.02 v3.2 and later."""


ISD_P_TAGS: Final = (Tag.AID, Tag.STATE, Tag.ATTRIBUTES, Tag.GRANTED_MEMORY, Tag.REMAINING_MEMORY)
"""What an audit asks of every ISD-P."""

_PRIVILEGES: Final[Leaf[Privilege]] = Leaf(None, Privilege.from_bytes_field, Privilege.to_field)
_ATTRIBUTES: Final[Leaf[IsdPAttribute]] = Leaf(
    None, lambda data: IsdPAttribute(BYTE.decode(data)), lambda a: bytes((a,))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry(Template, tag=0xE3, clause="GPCS 11.4.3.1; SGP.02 v4.1 table 28"):
    """One application, security domain or load file. Only what the query listed is there."""

    aid: Aid | None = tlv(Tag.AID, AID, optional=True)
    state: int | None = tlv(Tag.STATE, BYTE, optional=True)
    privileges: Privilege | None = tlv(Tag.PRIVILEGES, _PRIVILEGES, optional=True)
    implicit_selection: tuple[bytes, ...] = tlv(Tag.IMPLICIT_SELECTION, RAW, many=True)
    load_file: Aid | None = tlv(Tag.LOAD_FILE, AID, optional=True)
    security_domain: Aid | None = tlv(Tag.SECURITY_DOMAIN, AID, optional=True)
    version: bytes | None = tlv(Tag.VERSION, RAW, optional=True)
    modules: tuple[Aid, ...] = tlv(Tag.MODULE, AID, many=True)
    attributes: IsdPAttribute | None = tlv(Tag.ATTRIBUTES, _ATTRIBUTES, optional=True)
    granted_memory: int | None = tlv(Tag.GRANTED_MEMORY, MEMORY, optional=True)
    remaining_memory: int | None = tlv(Tag.REMAINING_MEMORY, MEMORY, optional=True)

    def only(self, tags: tuple[int, ...]) -> RegistryEntry:
        """The same entry with no more than the objects listed."""
        kept = {item.name: getattr(self, item.name) for tag, item in self._declared().items() if tag in tags}
        return RegistryEntry(**kept)


def decode_entries(data: bytes) -> tuple[RegistryEntry, ...]:
    """Read the entries of one response."""
    entries: list[RegistryEntry] = []
    for tag, value in split(data):
        if tag != RegistryEntry.TAG:
            raise DecodeError(f"object {tag:X} among the registry entries", path=("GetStatus",))
        entries.append(RegistryEntry.decode(value))
    return tuple(entries)


def decode_tag_list(data: bytes) -> tuple[int, ...]:
    """Read a tag list (ISO 7816-4 8.5.1): tags one after the other."""
    tags: list[int] = []
    at = 0
    while at < len(data):
        start = at
        at += 1
        if data[start] & 0x1F == 0x1F:
            while at < len(data) and data[at] & 0x80:
                at += 1
            at += 1
        if at > len(data) or at - start > 4:
            raise DecodeError("the tag list ends inside a tag", offset=start)
        tags.append(int.from_bytes(data[start:at], "big"))
    return tuple(tags)


def encode_tag_list(tags: tuple[int, ...]) -> bytes:
    """Code a tag list."""
    return b"".join(int(tag).to_bytes((int(tag).bit_length() + 7) // 8 or 1, "big") for tag in tags)


_TAG_LIST: Final[Leaf[tuple[int, ...]]] = Leaf(None, decode_tag_list, encode_tag_list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Criteria(Template, tag=0, clause="GPCS 11.4.2.3", ordered=True):
    aid: bytes = tlv(Tag.AID, RAW)
    tags: tuple[int, ...] | None = tlv(0x5C, _TAG_LIST, optional=True)


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """One GET STATUS in the TLV form; `following` asks for what comes after the last answer (6310)."""

    scope: int = StatusScope.APPLICATIONS
    aid: bytes = b""
    """The AID, or the beginning of it; empty for all."""
    tags: tuple[int, ...] | None = None
    following: bool = False

    @classmethod
    def decode(cls, p1: int, p2: int, data: bytes) -> Self | None:
        """Read P1, P2 and the data field; None for P1 or P2 that are not assigned (6A86)."""
        if p1 not in _SCOPES or p2 not in (0x02, 0x03):
            return None
        criteria = _Criteria.decode(data)
        if len(criteria.aid) > 16:
            raise DecodeError(f"an AID has at most 16 bytes, not {len(criteria.aid)}", path=("GetStatus",))
        return cls(StatusScope(p1), criteria.aid, criteria.tags, p2 == 0x03)

    def command(self, *, cla: int = 0x80) -> CommandApdu:
        """The whole command."""
        data = _Criteria(aid=self.aid, tags=self.tags).value()
        return CommandApdu(cla, Ins.GET_STATUS, self.scope, 0x03 if self.following else 0x02, data, 256)


_SCOPES: Final = frozenset(StatusScope)
