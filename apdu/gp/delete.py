# SPDX-License-Identifier: Apache-2.0
"""DELETE: objects, keys, and the key ranges of ES5.FinaliseISDRhandover (GPCS 11.2, SGP.02 v4.2 4.1.1.4-9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from construct import Byte, Struct

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.gp.codes import Ins
from apdu.ids import Aid
from apdu.tlv.declare import AID, BYTE, RAW, Leaf, Template, tlv
from apdu.tlv.scan import split

__all__ = [
    "DELETE_ISD_P",
    "Delete",
    "DeleteKeys",
    "DeleteObject",
    "DeleteReference",
    "KeepKeys",
    "KeyRange",
    "decode_delete",
]

DELETE_ISD_P: Final = 0x40
"""P2 of ES5.DeleteProfile and ES5.MasterDelete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteReference(Template, tag=0xB6, clause="GPCS 11.2.2.3.3; SGP.02 v4.2 4.1.1.5", ordered=True):
    """Control reference template of a delete token: whose domain, which application provider, which token."""

    sdpin: bytes = tlv(0x42, RAW)
    sdin: bytes = tlv(0x45, RAW)
    provider: bytes | None = tlv(0x5F20, RAW, optional=True)
    token_id: bytes | None = tlv(0x93, RAW, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteObject(Template, tag=0, clause="GPCS 11.2.2.3.1", ordered=True):
    """DELETE of an application or load file; with a reference and a token it is ES5.MasterDelete."""

    aid: Aid = tlv(0x4F, AID)
    reference: DeleteReference | None = tlv(0xB6, DeleteReference, optional=True)
    token: bytes | None = tlv(0x9E, RAW, optional=True)

    def command(self, *, p2: int = DELETE_ISD_P, cla: int = 0x80) -> CommandApdu:
        """The whole command."""
        return CommandApdu(cla, Ins.DELETE, 0x00, p2, self.value(), 256)

    def token_input(self, *, p1: int = 0x00, p2: int = DELETE_ISD_P) -> bytes:
        """What the delete token is made over (GPCS C.4.6)."""
        body = DeleteObject(aid=self.aid, reference=self.reference).value()
        length = bytes((len(body),)) if len(body) <= 0xFF else b"\x00" + len(body).to_bytes(2, "big")
        return bytes((p1, p2)) + length + body


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteKeys(Template, tag=0, clause="GPCS 11.2.2.3.2"):
    """DELETE of one key (both), of a key version (D2 alone) or of a key identifier in all versions (D0 alone)."""

    kid: int | None = tlv(0xD0, BYTE, optional=True)
    kvn: int | None = tlv(0xD2, BYTE, optional=True)

    def command(self, *, cla: int = 0x80) -> CommandApdu:
        """The whole command."""
        return CommandApdu(cla, Ins.DELETE, 0x00, 0x00, self.value(), 256)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys of one version. The last byte is the last identifier, not a count (U): known examples fit both."""

    kvn: int
    first: int
    last: int


_KEY_RANGE: Final[Leaf[KeyRange]] = Leaf(
    Struct("kvn" / Byte, "first" / Byte, "last" / Byte),
    lambda fields: KeyRange(fields.kvn, fields.first, fields.last),
    lambda keys: {"kvn": keys.kvn, "first": keys.first, "last": keys.last},
    size=3,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepKeys(Template, tag=0, clause="SGP.02 v4.2 4.1.1.9"):
    """ES5.FinaliseISDRhandover: every key of the ISD-R but these goes."""

    keep: tuple[KeyRange, ...] = tlv(0xF2, _KEY_RANGE, many=True)

    def command(self, *, cla: int = 0x80) -> CommandApdu:
        """The whole command."""
        return CommandApdu(cla, Ins.DELETE, 0x00, 0x00, self.value(), 256)


Delete: TypeAlias = DeleteObject | DeleteKeys | KeepKeys


# Which object stands first decides what is deleted.
_KINDS: Final[dict[int, type[DeleteObject] | type[DeleteKeys] | type[KeepKeys]]] = {
    0x4F: DeleteObject,
    0xD0: DeleteKeys,
    0xD2: DeleteKeys,
    0xF2: KeepKeys,
}


def decode_delete(data: bytes) -> Delete:
    """Read the data field of DELETE."""
    objects = split(data)
    kind = _KINDS.get(objects[0].tag) if objects else None
    if kind is None:
        raise DecodeError("nothing that could be deleted is named", path=("Delete",))
    return kind.decode(data)
