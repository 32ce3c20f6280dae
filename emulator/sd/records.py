# SPDX-License-Identifier: Apache-2.0
"""What the card keeps about itself and its security domains, as the records of its memory.

The coding is the card's own business (context tags of no standard, unless a standard object is kept as it is), but it
is declared like everything else, so that a record that does not read back is an error and not a surprise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apdu.gp.codes import LifeCycle
from apdu.ids import Aid, Eid
from apdu.keys.secret import KeyType
from apdu.tlv.declare import AID, BYTE, FLAG, RAW, UINT, Leaf, Template, tlv

__all__ = ["CardRecord", "EcasdRecord", "IsdPRecord", "IsdRRecord", "KeyRecord", "KeySetRecord", "NotificationRecord"]

_EID: Final[Leaf[Eid]] = Leaf(None, Eid, bytes)
_STATE: Final[Leaf[LifeCycle]] = Leaf(None, lambda data: LifeCycle(data[0]), lambda state: bytes((state,)), size=1)
_KEY_TYPE: Final[Leaf[KeyType]] = Leaf(None, lambda data: KeyType(data[0]), lambda kind: bytes((kind,)), size=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRecord(Template, tag=0x30, clause="none"):
    """What the EUM fixed for the whole card."""

    memory: int = tlv(0x80, UINT)
    """Bytes of non-volatile memory for profiles."""
    volatile: int = tlv(0x81, UINT)
    lab: bool = tlv(0x82, FLAG, optional=True, default=False)
    """A lab card has an SCP03 key set on its ISD-R, lets ISD-Ps be selected and takes known test keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EcasdRecord(Template, tag=0x30, clause="SGP.02 v4.2 2.2.2"):
    """Identity and roots: never changes after manufacture."""

    eid: Eid = tlv(0x5A, _EID)
    certificate: bytes = tlv(0x80, RAW)
    """CERT.ECASD.ECKA, the whole 7F21 object."""
    curve: int = tlv(0x81, BYTE)
    private_key: bytes = tlv(0x82, RAW)
    """SK.ECASD.ECKA, 32 bytes."""
    ca_identifier: bytes = tlv(0x42, RAW)
    ca_key_identifier: bytes = tlv(0x83, RAW)
    ca_public_key: bytes = tlv(0x84, RAW)
    """PK.CI.ECDSA, 04 X Y."""
    sin: bytes = tlv(0x85, RAW)
    sdin: bytes = tlv(0x45, RAW)

    def __repr__(self) -> str:
        return f"EcasdRecord({self.eid})"


@dataclass(frozen=True, slots=True, kw_only=True)
class IsdRRecord(Template, tag=0x30, clause="SGP.02 v4.2 2.2.1.1"):
    """The ISD-R's own data besides its keys."""

    sin: bytes = tlv(0x42, RAW)
    sdin: bytes = tlv(0x45, RAW)
    fallback: Aid | None = tlv(0x80, AID, optional=True)
    """The ISD-P that holds the Fall-Back Attribute."""
    addressing: tuple[bytes, ...] = tlv(0x81, RAW, many=True)
    """SM-SR addressing parameters: whole TLVs A3, A4, A5."""
    sequence: int = tlv(0x82, UINT)
    """Sequence number of the next default notification."""
    attached: bool = tlv(0x83, FLAG, optional=True, default=False)
    """The network has served the card: its first notification was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRecord(Template, tag=0x30, clause="SGP.02 v4.2 4.1.1.11"):
    """A first attach or a profile change that the SM-SR has not confirmed yet."""

    kind: int = tlv(0x4D, BYTE)
    sequence: int = tlv(0x4E, UINT)
    previous: tuple[Aid, ...] = tlv(0x80, AID, many=True)
    """The ISD-Ps that were enabled before, of earlier unconfirmed changes too: POL1 may want them deleted now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsdPRecord(Template, tag=0x30, clause="SGP.02 v4.2 2.2.1.3"):
    """One ISD-P in the registry."""

    aid: Aid = tlv(0x4F, AID)
    state: LifeCycle = tlv(0x80, _STATE)
    granted: int = tlv(0x8F, UINT)
    """Cumulative granted non-volatile memory, bytes; 0 without a quota."""
    used: int = tlv(0x91, UINT)
    """Bytes that the profile takes."""
    pol1: int = tlv(0x81, BYTE)
    connectivity: tuple[bytes, ...] = tlv(0x82, RAW, many=True)
    """Connectivity parameters: whole TLVs A0, A1, A2."""
    sin: bytes | None = tlv(0x42, RAW, optional=True)
    sdin: bytes | None = tlv(0x45, RAW, optional=True)
    provider: bytes | None = tlv(0x5F20, RAW, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord(Template, tag=0xC0, clause="GPCS 11.8"):
    """One key of a set."""

    kid: int = tlv(0x80, BYTE)
    type: KeyType = tlv(0x81, _KEY_TYPE)
    secret: bytes = tlv(0x82, RAW)
    usage: bytes = tlv(0x83, RAW)
    access: int = tlv(0x84, BYTE)

    def __repr__(self) -> str:
        return f"KeyRecord(KID {self.kid:02X}, {self.type.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySetRecord(Template, tag=0x30, clause="GPCS 11.8"):
    """All keys of one key version number: written and replaced as a whole."""

    kvn: int = tlv(0x80, BYTE)
    keys: tuple[KeyRecord, ...] = tlv(0xC0, KeyRecord, many=True)
    lab: bool = tlv(0x81, FLAG, optional=True, default=False)
    """The lab card's own set on the ISD-R: not replaceable, not deletable, not part of a handover."""
