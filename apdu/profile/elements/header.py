# SPDX-License-Identifier: Apache-2.0
"""The profile header and what a card can do, in the same words (SAIP 8.2, annex A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from apdu.ids import Aid
from apdu.profile.choice import SequenceOf
from apdu.profile.compound import Extensions, Nested, Sequence, component
from apdu.profile.der import UINT8, Octets, Oid, OidCodec, Text
from apdu.profile.elements.files import AID
from apdu.profile.names import BitNames, Names

__all__ = ["SERVICES", "UICC_CAPABILITY", "IotOptions", "MandatoryAid", "ProfileHeader"]

SERVICES: Final = Names("""
    contactless usim isim csim milenage tuak128 cave gba-usim gba-isim mbms eap javacard multos multiple-usim
    multiple-isim multiple-csim tuak256 usim-test-algorithm ber-tlv dfLink cat-tp get-identity profile-a-x25519
    profile-b-p256 suciCalculatorApi dns-resolution scp11ac scp11c-authorization-mechanism s16mode eaka
""")
"""ServicesList."""

UICC_CAPABILITY: Final = BitNames("""
    contactlessSupport usimSupport isimSupport csimSupport akaMilenage akaCave akaTuak128 akaTuak256 usimTestAlgorithm
    rfu2 gbaAuthenUsim gbaAuthenISim mbmsAuthenUsim eapClient javacard multos multipleUsimSupport multipleIsimSupport
    multipleCsimSupport berTlvFileSupport dfLinkSupport catTp getIdentity profile-a-x25519 profile-b-p256
    suciCalculatorApi dns-resolution scp11ac scp11c-authorization-mechanism s16mode eaka iotminimal
""")
"""UICCCapability: what a card can do, for the eligibility check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MandatoryAid(Sequence):
    """A library that the card must hold, and its version."""

    aid: Aid = component("aid", 0x80, AID)
    version: bytes = component("version", 0x81, Octets(2, 2))
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IotOptions(Sequence):
    """Of an IoT Minimal Profile: the PIX of its ADF."""

    pix: bytes = component("pix", 0x80, Octets(7, 11))
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileHeader(Sequence):
    """The first element: what the profile is and what it demands of the card."""

    KIND: ClassVar = "header"
    TAG: ClassVar = 0xA0
    major_version: int = component("major-version", 0x80, UINT8)
    minor_version: int = component("minor-version", 0x81, UINT8)
    profile_type: str | None = component("profileType", 0x82, Text(1, 100), optional=True)
    iccid: bytes = component("iccid", 0x83, Octets(10, 10))
    """In reading order, unlike EF.ICCID."""
    pol: bytes | None = component("pol", 0x84, Octets(), optional=True)
    """POL1; absent = 00."""
    services: tuple[str, ...] = component("eUICC-Mandatory-services", 0xA5, SERVICES)
    templates: tuple[Oid, ...] = component("eUICC-Mandatory-GFSTEList", 0xA6, SequenceOf(0x06, OidCodec()))
    connectivity: bytes | None = component("connectivityParameters", 0x87, Octets(), optional=True)
    aids: tuple[MandatoryAid, ...] | None = component(
        "eUICC-Mandatory-AIDs", 0xA8, SequenceOf(0x30, Nested(MandatoryAid)), optional=True
    )
    iot_options: IotOptions | None = component("iotOptions", 0xA9, Nested(IotOptions), optional=True)
    extensions: Extensions = ()
