# SPDX-License-Identifier: Apache-2.0
"""Security domains, applications and remote file management (SAIP 8.6 to 8.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from apdu.ids import Aid, Tar
from apdu.profile.choice import SequenceOf
from apdu.profile.compound import Extensions, Nested, Sequence, component
from apdu.profile.der import UINT8, UINT16, Octets, Wrapped
from apdu.profile.elements.files import AID, PeHeader

__all__ = [
    "AdfRfmAccess",
    "ApplicationInstance",
    "ApplicationLoadPackage",
    "ApplicationSystemParameters",
    "CatTpParameters",
    "ContactlessParameters",
    "ControlReferenceTemplate",
    "KeyComponent",
    "KeyObject",
    "OpenPersoData",
    "PeApplication",
    "PeRfm",
    "PeSecurityDomain",
    "UiccApplicationParameters",
]

DEFAULT_LIFE_CYCLE: Final = 0x07
DEFAULT_MAC_LENGTH: Final = 8

_QUOTA: Final = Octets(2, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyComponent(Sequence):
    """Type and clear value of a key's part."""

    type: bytes = component("keyType", 0x80, Octets())
    data: bytes = component("keyData", 0x86, Octets(), secret=True)
    mac_length: int | None = component("macLength", 0x87, UINT8, optional=True)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyObject(Sequence):
    """One key of a security domain (SAIP 8.6.3)."""

    usage: bytes = component("keyUsageQualifier", 0x95, Octets(1, 2))
    access: bytes | None = component("keyAccess", 0x96, Octets(1, 1), optional=True)
    kid: bytes = component("keyIdentifier", 0x82, Octets(1, 1))
    kvn: bytes = component("keyVersionNumber", 0x83, Octets(1, 1))
    counter: bytes | None = component("keyCounterValue", 0x85, Octets(), optional=True)
    components: tuple[KeyComponent, ...] = component("keyComponents", 0x30, SequenceOf(0x30, Nested(KeyComponent), 1))
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactlessParameters(Sequence):
    """TS102226AdditionalContactlessParameters."""

    data: bytes = component("protocolParameterData", 0x80, Octets())
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSystemParameters(Sequence):
    """System specific parameters EF of INSTALL (GPCS table 11-49)."""

    volatile_quota: bytes | None = component("volatileMemoryQuotaC7", 0xC7, _QUOTA, optional=True)
    non_volatile_quota: bytes | None = component("nonVolatileMemoryQuotaC8", 0xC8, _QUOTA, optional=True)
    global_service: bytes | None = component("globalServiceParameters", 0xCB, Octets(), optional=True)
    implicit_selection: bytes | None = component("implicitSelectionParameter", 0xCF, Octets(), optional=True)
    volatile_reserved: bytes | None = component("volatileReservedMemory", 0xD7, _QUOTA, optional=True)
    non_volatile_reserved: bytes | None = component("nonVolatileReservedMemory", 0xD8, _QUOTA, optional=True)
    sim_toolkit: bytes | None = component("ts102226SIMFileAccessToolkitParameter", 0xCA, Octets(), optional=True)
    additional_contactless: ContactlessParameters | None = component(
        "ts102226AdditionalContactlessParameters", 0xA0, Nested(ContactlessParameters), optional=True
    )
    contactless_protocol: bytes | None = component("contactlessProtocolParameters", 0xD9, Octets(), optional=True)
    user_interaction: bytes | None = component("userInteractionContactlessParameters", 0xDA, Octets(), optional=True)
    granted_volatile: bytes | None = component("cumulativeGrantedVolatileMemory", 0x82, _QUOTA, optional=True)
    granted_non_volatile: bytes | None = component("cumulativeGrantedNonVolatileMemory", 0x83, _QUOTA, optional=True)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UiccApplicationParameters(Sequence):
    """UICC system specific parameters EA of INSTALL (TS 102 226 8.2.1.3.2)."""

    toolkit: bytes | None = component("uiccToolkitApplicationSpecificParametersField", 0x80, Octets(), optional=True)
    access: bytes | None = component("uiccAccessApplicationSpecificParametersField", 0x81, Octets(), optional=True)
    administrative_access: bytes | None = component(
        "uiccAdministrativeAccessApplicationSpecificParametersField", 0x82, Octets(), optional=True
    )
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReferenceTemplate(Sequence):
    """Who provides an application."""

    provider: bytes = component("applicationProviderIdentifier", 0x5F20, Octets())
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationInstance(Sequence):
    """INSTALL [for install] of an application or security domain (SAIP 8.7.3); order tells its AIDs apart."""

    load_package: Aid = component("applicationLoadPackageAID", 0x4F, AID)
    module: Aid = component("classAID", 0x4F, AID)
    aid: Aid = component("instanceAID", 0x4F, AID)
    domain: Aid | None = component("extraditeSecurityDomainAID", 0x4F, AID, optional=True)
    privileges: bytes = component("applicationPrivileges", 0x82, Octets())
    life_cycle: bytes | None = component("lifeCycleState", 0x83, Octets(1, 1), optional=True)
    parameters: bytes = component("applicationSpecificParametersC9", 0xC9, Octets())
    system: ApplicationSystemParameters | None = component(
        "systemSpecificParameters", 0xEF, Nested(ApplicationSystemParameters), optional=True
    )
    uicc: UiccApplicationParameters | None = component(
        "applicationParameters", 0xEA, Nested(UiccApplicationParameters), optional=True
    )
    process_data: tuple[bytes, ...] | None = component(
        "processData", 0x30, SequenceOf(0x04, Octets(), 1), optional=True, secret=True
    )
    control_reference: ControlReferenceTemplate | None = component(
        "controlReferenceTemplate", 0xB0, Nested(ControlReferenceTemplate), optional=True
    )
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPersoData(Sequence):
    """Data for the card's OPEN (SAIP 8.6.6)."""

    restrict: bytes | None = component("restrictParameter", 0xD9, Octets(1, 1), optional=True)
    contactless_protocol: bytes | None = component("contactlessProtocolParameters", 0x04, Octets(), optional=True)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatTpParameters(Sequence):
    """Limits of CAT_TP (SAIP 8.6.7)."""

    max_sdu: int = component("catTpMaxSduSize", 0x80, UINT16)
    max_pdu: int = component("catTpMaxPduSize", 0x81, UINT16)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeSecurityDomain(Sequence):
    """A security domain; the first one of a package is its MNO-SD (SAIP 8.6)."""

    KIND: ClassVar = "securityDomain"
    TAG: ClassVar = 0xA6
    header: PeHeader = component("sd-Header", 0xA0, Nested(PeHeader))
    instance: ApplicationInstance = component("instance", 0xA1, Nested(ApplicationInstance))
    keys: tuple[KeyObject, ...] | None = component(
        "keyList", 0xA2, SequenceOf(0x30, Nested(KeyObject), 1), optional=True
    )
    personalisation: tuple[bytes, ...] | None = component(
        "sdPersoData", 0xA3, SequenceOf(0x04, Octets(), 1), optional=True, secret=True
    )
    open_personalisation: OpenPersoData | None = component("openPersoData", 0xA4, Nested(OpenPersoData), optional=True)
    cat_tp: CatTpParameters | None = component("catTpParameters", 0xA5, Nested(CatTpParameters), optional=True)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationLoadPackage(Sequence):
    """LOAD of an executable load file (SAIP 8.7.2)."""

    aid: Aid = component("loadPackageAID", 0x4F, AID)
    domain: Aid | None = component("securityDomainAID", 0x4F, AID, optional=True)
    code_limit: bytes | None = component("nonVolatileCodeLimitC6", 0xC6, Octets(), optional=True)
    volatile_limit: bytes | None = component("volatileDataLimitC7", 0xC7, Octets(), optional=True)
    data_limit: bytes | None = component("nonVolatileDataLimitC8", 0xC8, Octets(), optional=True)
    hash: bytes | None = component("hashValue", 0xC1, Octets(), optional=True)
    load_block: bytes = component("loadBlockObject", 0xC4, Octets())
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeApplication(Sequence):
    """An executable load file, its instances, or both (SAIP 8.7)."""

    KIND: ClassVar = "application"
    TAG: ClassVar = 0xA8
    header: PeHeader = component("app-Header", 0xA0, Nested(PeHeader))
    load_block: ApplicationLoadPackage | None = component(
        "loadBlock", 0xA1, Nested(ApplicationLoadPackage), optional=True
    )
    instances: tuple[ApplicationInstance, ...] | None = component(
        "instanceList", 0xA2, SequenceOf(0x30, Nested(ApplicationInstance), 1), optional=True
    )
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdfRfmAccess(Sequence):
    """Rights of remote file management in an ADF."""

    adf: Aid = component("adfAID", 0x80, AID)
    access_domain: bytes = component("adfAccessDomain", 0x81, Octets())
    admin_domain: bytes = component("adfAdminAccessDomain", 0x82, Octets())
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeRfm(Sequence):
    """A remote file management instance (SAIP 8.8); order tells equal tags apart."""

    KIND: ClassVar = "rfm"
    TAG: ClassVar = 0xA7
    header: PeHeader = component("rfm-header", 0xA0, Nested(PeHeader))
    aid: Aid = component("instanceAID", 0x4F, AID)
    domain: Aid | None = component("securityDomainAID", 0x4F, AID, optional=True)
    tars: tuple[Tar, ...] | None = component("tarList", 0xA0, SequenceOf(0x04, Wrapped(3, 3, Tar), 1), optional=True)
    minimum_security_level: bytes = component("minimumSecurityLevel", 0x81, Octets(1, 1))
    access_domain: bytes = component("uiccAccessDomain", 0x04, Octets())
    admin_domain: bytes = component("uiccAdminAccessDomain", 0x04, Octets())
    adf_access: AdfRfmAccess | None = component("adfRFMAccess", 0x30, Nested(AdfRfmAccess), optional=True)
    extensions: Extensions = ()
