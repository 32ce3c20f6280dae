# SPDX-License-Identifier: Apache-2.0
"""What GET DATA tells about a card: recognition data 66, key information E0, resources FF21, forwarded ECASD data BF30.

GPCS 11.3 and H.2, TS 102 226 8.2.1.7, SGP.02 v4.2 4.1.1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.gp.codes import Ins
from apdu.gp.install import MEMORY
from apdu.gp.status import decode_tag_list, encode_tag_list
from apdu.tlv.declare import RAW, UINT, Leaf, OneLevel, Template, tlv
from apdu.tlv.scan import ber, split

__all__ = [
    "ECASD_DATA",
    "OID_GLOBALPLATFORM",
    "CardData",
    "CardRecognition",
    "EcasdData",
    "ExtendedCardResources",
    "KeyComponentInfo",
    "KeyInformation",
    "KeyInformationTemplate",
    "Oid",
    "decode_ecasd_query",
    "get_data",
    "get_ecasd_data",
    "scp_oid",
]

OID_GLOBALPLATFORM: Final = bytes.fromhex("2A864886FC6B")
ECASD_DATA: Final = 0xBF30


def get_data(tag: int, *, cla: int = 0x80) -> CommandApdu:
    """GET DATA of one object, P1 P2 its tag."""
    return CommandApdu(cla, Ins.GET_DATA, tag >> 8, tag & 0xFF, b"", 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oid(Template, tag=0x60, clause="GPCS H.2"):
    """An object identifier inside one of the recognition data's objects."""

    oid: bytes = tlv(0x06, RAW)


def scp_oid(protocol: int, options: int) -> Oid:
    """The identifier of a secure channel protocol with its options `i` (GPCS H.3): {globalPlatform 4 scp i}."""
    arc = bytes((protocol,)) if protocol < 0x80 else bytes((0x80 | protocol >> 7, protocol & 0x7F))
    return Oid(oid=OID_GLOBALPLATFORM + b"\x04" + arc + bytes((options,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRecognition(Template, tag=0x73, clause="GPCS H.2 table H-1", open=True):
    """Security domain management data: which specification, which secure channel protocols."""

    oid: bytes = tlv(0x06, RAW)
    version: Oid | None = tlv(0x60, Oid, optional=True)
    identification: Oid | None = tlv(0x63, Oid, optional=True)
    protocols: tuple[Oid, ...] = tlv(0x64, Oid, many=True)
    configuration: bytes | None = tlv(0x65, RAW, optional=True)
    chip: bytes | None = tlv(0x66, RAW, optional=True)
    trust_point: bytes | None = tlv(0x67, RAW, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData(Template, tag=0x66, clause="GPCS 11.3.3.1", open=True):
    """Card recognition data as GET DATA returns them."""

    recognition: CardRecognition = tlv(0x73, CardRecognition)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedCardResources(Template, tag=0xFF21, clause="TS 102 226 8.2.1.7.2", open=True):
    """Installed applications and free memory of the whole eUICC."""

    applications: int = tlv(0x81, UINT)
    free_nonvolatile: int = tlv(0x82, MEMORY)
    free_volatile: int = tlv(0x83, MEMORY)


@dataclass(frozen=True, slots=True)
class KeyComponentInfo:
    """Type and length in bytes of a key's component; for F0 the length stands for the curve's reference."""

    type: int
    length: int


@dataclass(frozen=True, slots=True)
class KeyInformation:
    """One key: its identifier, version and components (GPCS 11.3.3.1.1)."""

    kid: int
    kvn: int
    components: tuple[KeyComponentInfo, ...]


def _key_information(data: bytes) -> KeyInformation:
    if len(data) < 4 or len(data) % 2:
        raise DecodeError(f"key information of {len(data)} bytes")
    if 0xFF in data[2::2]:
        raise DecodeError("key information in the extended format")  # no SD of SGP.02 holds such a key
    components = tuple(KeyComponentInfo(data[at], data[at + 1]) for at in range(2, len(data), 2))
    return KeyInformation(data[0], data[1], components)


def _key_information_bytes(key: KeyInformation) -> bytes:
    return bytes((key.kid, key.kvn)) + b"".join(bytes((item.type, item.length)) for item in key.components)


_KEY_INFORMATION: Final[Leaf[KeyInformation]] = Leaf(None, _key_information, _key_information_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInformationTemplate(Template, tag=0xE0, clause="GPCS 11.3.3.1.1"):
    """All keys of a security domain."""

    keys: tuple[KeyInformation, ...] = tlv(0xC0, _KEY_INFORMATION, many=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class EcasdData(OneLevel, tag=ECASD_DATA, clause="SGP.02 v4.2 4.1.1.5", open=True):
    """What the ISD-R hands on from the ECASD: its certificate, its recognition data."""

    certificate_value: bytes | None = tlv(0x7F21, RAW, optional=True)
    recognition: CardData | None = tlv(0x66, CardData, optional=True)

    @property
    def certificate(self) -> bytes | None:
        """The whole object 7F21."""
        return None if self.certificate_value is None else ber(0x7F21, self.certificate_value)


def get_ecasd_data(*tags: int, cla: int = 0x80) -> CommandApdu:
    """GET DATA BF30 with a tag list: 7F21 the certificate, 66 the recognition data."""
    data = ber(0x5C, encode_tag_list(tags))
    return CommandApdu(cla, Ins.GET_DATA, ECASD_DATA >> 8, ECASD_DATA & 0xFF, data, 256)


def decode_ecasd_query(data: bytes) -> tuple[int, ...]:
    """The tags that a GET DATA BF30 asks for."""
    objects = split(data)
    if len(objects) != 1 or objects[0].tag != 0x5C:
        raise DecodeError("one tag list 5C expected", path=("EcasdData",))
    return decode_tag_list(objects[0].value)
