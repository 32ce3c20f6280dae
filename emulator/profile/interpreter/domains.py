# SPDX-License-Identifier: Apache-2.0
"""Security domains, applications and remote file management (SAIP 8.6 to 8.8)."""

from __future__ import annotations

from typing import Final

from apdu.errors import DecodeError
from apdu.ids import ISD_P_OWN, Aid, Tar
from apdu.keys.secret import KeyType, SecretKey
from apdu.profile.elements.domains import (
    DEFAULT_LIFE_CYCLE,
    DEFAULT_MAC_LENGTH,
    ApplicationInstance,
    KeyComponent,
    KeyObject,
    PeApplication,
    PeRfm,
    PeSecurityDomain,
)
from apdu.profile.response import Status
from apdu.profile.toolkit import ToolkitParameters
from apdu.tlv.scan import split, split_dgi
from emulator.profile.base import ApplicationSpec, DomainKey, DomainSpec, RfmSpec
from emulator.profile.interpreter.assembly import Assembly
from emulator.profile.interpreter.outcome import Refused
from emulator.profile.policy import is_test_key

__all__ = ["check_rfm", "define_application", "define_domain", "define_rfm"]

PERSONALIZED: Final = 0x0F
DAP_KVN: Final = 0x11
"""Version of the key with which the MNO-SD verifies load files (TS 102 226 8.2.1.5)."""
_PRIVILEGE_BYTES: Final = (1, 3)
_KEY_TYPES: Final = frozenset({KeyType.DES, KeyType.AES, KeyType.TLS_PSK})
_MAC_LENGTHS: Final = (4, 8)


def define_domain(assembly: Assembly, element: PeSecurityDomain) -> None:
    """A security domain: the first one is the MNO-SD, whatever its AID, load file and module (SAIP 8.6)."""
    instance = element.instance
    mno_sd = not assembly.domains
    if not mno_sd and (element.open_personalisation is not None or element.cat_tp is not None):
        raise Refused(Status.INVALID_PARAMETER, "openPersoData or catTpParameters outside the MNO-SD")
    toolkit, privileges, life_cycle = _instance(assembly, instance)
    keys: dict[tuple[int, int], DomainKey] = {}
    for item in element.keys or ():
        key = _key(assembly, item)
        if key.kvn == DAP_KVN and not mno_sd:
            raise Refused(Status.BAD_VALUES, "a DAP verification key outside the MNO-SD")
        if (key.kid, key.kvn) in keys:
            raise Refused(Status.BAD_VALUES, f"key {key.kid:02X} of version {key.kvn:02X} stands twice")
        keys[key.kid, key.kvn] = key
        assembly.take(sum(len(part) for part in key.components))
    parent = instance.domain
    if not mno_sd:
        parent = assembly.domains[0].aid if parent is None else parent
        _require_domain(assembly, parent, personalized=False)
    assembly.domains.append(
        DomainSpec(
            index=len(assembly.domains),
            aid=instance.aid,
            load_file=instance.load_package,
            module=instance.module,
            parent=None if mno_sd else parent,
            privileges=privileges,
            lifecycle=life_cycle,
            parameters_c9=instance.parameters,
            tars=toolkit.tars or _own_tar(instance.aid),
            minimum_security_level=toolkit.minimum_security_level,
            keys=tuple(keys.values()),
            personalisation=_personalisation(assembly, element),
        )
    )


def _instance(assembly: Assembly, instance: ApplicationInstance) -> tuple[ToolkitParameters, bytes, int]:
    """What domains and applications have in common: AID, privileges, life cycle, parameters."""
    assembly.claim_aid(instance.aid)
    if len(instance.privileges) not in _PRIVILEGE_BYTES:
        raise Refused(Status.BAD_VALUES, f"privileges of {len(instance.privileges)} bytes")
    life_cycle = DEFAULT_LIFE_CYCLE if instance.life_cycle is None else instance.life_cycle[0]
    try:
        split(instance.parameters)
        raw = instance.uicc.toolkit if instance.uicc is not None else None
        toolkit = ToolkitParameters() if raw is None else ToolkitParameters.decode(raw)
    except DecodeError as error:
        raise Refused(Status.BAD_VALUES, f"parameters of {instance.aid}: {error.message}") from None
    return toolkit, instance.privileges.ljust(3, b"\x00"), life_cycle


def _own_tar(aid: Aid) -> tuple[Tar, ...]:
    """Without a list, the TAR is that of the AID, which has to be 16 bytes long for that (TS 101 220)."""
    return (aid.tar,) if len(aid) == 16 else ()


def _personalisation(assembly: Assembly, element: PeSecurityDomain) -> tuple[bytes, ...]:
    """Data groupings as STORE DATA would bring them; their headers are not in the package (SAIP 8.6.4)."""
    groups = element.personalisation or ()
    try:
        for group in groups:
            split_dgi(group)
            assembly.take(len(group))
    except DecodeError as error:
        raise Refused(Status.BAD_VALUES, f"sdPersoData: {error.message}") from None
    return groups


def _key(assembly: Assembly, item: KeyObject) -> DomainKey:
    """One key object, with the types that this card can use (SAIP 8.6.3)."""
    if item.counter is not None and len(item.counter) > 5:
        raise Refused(Status.BAD_VALUES, f"a key counter of {len(item.counter)} bytes")
    return DomainKey(
        kvn=item.kvn[0],
        kid=item.kid[0],
        usage=item.usage,
        access=0 if item.access is None else item.access[0],
        components=tuple(_component(assembly, part) for part in item.components),
        counter=item.counter,
    )


def _component(assembly: Assembly, part: KeyComponent) -> SecretKey:
    if len(part.type) != 1 or part.type[0] not in _KEY_TYPES:
        raise Refused(Status.FEATURE_NOT_SUPPORTED, f"key type {part.type.hex().upper()} is not supported")
    if (DEFAULT_MAC_LENGTH if part.mac_length is None else part.mac_length) not in _MAC_LENGTHS:
        raise Refused(Status.FEATURE_NOT_SUPPORTED, f"a MAC of {part.mac_length} bytes is not supported")
    if not assembly.policy.test_keys and is_test_key(part.data):
        raise Refused(Status.BAD_VALUES, "a published test key")
    try:
        return SecretKey(part.data, KeyType(part.type[0]))
    except DecodeError as error:
        raise Refused(Status.BAD_VALUES, error.message) from None


def _require_domain(assembly: Assembly, aid: Aid | None, *, personalized: bool) -> Aid:
    """The security domain that something belongs to: the MNO-SD unless it is named."""
    if not assembly.domains:
        raise Refused(Status.INVALID_PARAMETER, "no security domain yet")
    if aid == ISD_P_OWN:
        return ISD_P_OWN
    found = next((domain for domain in assembly.domains if aid is None or domain.aid == aid), None)
    if found is None:
        raise Refused(Status.INVALID_PARAMETER, f"security domain {aid} is not there")
    if personalized and found.lifecycle != PERSONALIZED:
        raise Refused(Status.INVALID_PARAMETER, f"security domain {found.aid} is not PERSONALIZED")
    return found.aid


def define_application(assembly: Assembly, element: PeApplication) -> None:
    """A load package and instances: stored, bounded by the memory, never executed.

    This card has no runtime environment. What the package asks for is what GET STATUS and an audit show; a package that
    needs it to run names `javacard` in its header and is refused there.
    """
    load = element.load_block
    if load is None and element.instances is None:
        raise Refused(Status.INVALID_PARAMETER, "an application without load package and instance")
    if load is not None:
        domain = _require_domain(assembly, load.domain, personalized=True)
        assembly.claim_aid(load.aid)
        assembly.take(len(load.load_block))
        assembly.applications.append(ApplicationSpec(load.aid, None, None, domain, b"", 0x01, len(load.load_block)))
    for instance in element.instances or ():
        domain = _require_domain(assembly, instance.domain, personalized=True)
        _, privileges, life_cycle = _instance(assembly, instance)
        size = len(instance.parameters) + sum(map(len, instance.process_data or ()))
        assembly.take(size)
        assembly.applications.append(
            ApplicationSpec(instance.load_package, instance.module, instance.aid, domain, privileges, life_cycle, size)
        )


def define_rfm(assembly: Assembly, element: PeRfm) -> None:
    """A remote file management instance under a security domain."""
    domain = _require_domain(assembly, element.domain, personalized=True)
    assembly.claim_aid(element.aid)
    access = element.adf_access
    tars = element.tars or _own_tar(element.aid)
    if not tars:
        raise Refused(Status.BAD_VALUES, f"RFM instance {element.aid} has no TAR")
    assembly.rfms.append(
        RfmSpec(
            aid=element.aid,
            domain=domain,
            tars=tars,
            minimum_security_level=element.minimum_security_level[0],
            access_domain=element.access_domain,
            admin_domain=element.admin_domain,
            adf=None if access is None else access.adf,
            adf_access_domain=b"" if access is None else access.access_domain,
            adf_admin_domain=b"" if access is None else access.admin_domain,
        )
    )


def check_rfm(assembly: Assembly) -> None:
    """The ADFs that RFM instances start in have to be there at the end."""
    adfs = {adf.aid for adf in assembly.adfs.values()}
    for rfm in assembly.rfms:
        if rfm.adf is not None and rfm.adf not in adfs:
            raise Refused(Status.BAD_VALUES, f"RFM instance {rfm.aid}: no ADF {rfm.adf}")
