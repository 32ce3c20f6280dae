# SPDX-License-Identifier: Apache-2.0
"""What an SM-SR checks before it takes a card on: ES1.RegisterEIS (SGP.02 v4.2 3.5.1, 5.2.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from apdu.errors import DecodeError, SecurityError
from apdu.ids import ECASD, ISD_R
from apdu.keys.certificate import Certificate, check_ecasd
from apdu.keys.secret import SecretKey
from smsr.api.eis import Eis
from smsr.api.eis_codec import verify_info
from smsr.api.eis_parts import ProfileInfo, ProfileState, SdRole
from smsr.api.status import Code
from smsr.api.transport_keys import has_wrapped_keys, unwrap_keys
from smsr.errors import Refused
from smsr.kit.oid import Oid
from smsr.kit.x509 import CertificateExpired, EumCertificate
from smsr.policy import check_rules

__all__ = ["VerifyEum", "check_eis", "unwrapped"]

VerifyEum = Callable[[bytes, float], EumCertificate]
"""Verifies an EUM's certificate (DER) at a time; SecurityError."""


def unwrapped(eis: Eis, transport: SecretKey | None) -> Eis:
    """The EIS with the keys of its ISD-R, which come encrypted; Refused when they cannot be read."""
    if not has_wrapped_keys(eis):
        return eis
    if transport is None:
        raise Refused(Code.EIS_INVALID, "no transport key is agreed with this EUM", eis.eid)
    try:
        return unwrap_keys(eis, transport)
    except SecurityError as error:
        raise Refused(Code.EIS_INVALID, str(error), eis.eid) from None


def check_eis(eis: Eis, eum: Oid, verify: VerifyEum, at: float) -> None:
    """Refused unless the EUM's chain, its signature, the card's certificate and the EIS itself are right."""
    certificate = _verify_chain(eis, verify, at)
    _verify_signature(eis, certificate)
    if eis.info.eum_id != eum or certificate.oid not in (None, eum):
        raise Refused(Code.REQUESTER_NOT_ALLOWED, "the EIS is not the requester's", eis.info.eum_id)
    _verify_ecasd(eis, certificate, at)
    _check_contents(eis)


def _verify_chain(eis: Eis, verify: VerifyEum, at: float) -> EumCertificate:
    try:
        certificate = verify(eis.signed.certificate, at)
        certificate.check_eid(eis.eid)
    except CertificateExpired as error:
        raise Refused(Code.EUM_CERTIFICATE_EXPIRED, str(error)) from None
    except (SecurityError, DecodeError) as error:
        raise Refused(Code.EUM_CERTIFICATE, str(error)) from None
    return certificate


def _verify_signature(eis: Eis, certificate: EumCertificate) -> None:
    try:
        verify_info(eis.signed, certificate.public_key)
    except SecurityError as error:
        raise Refused(Code.EUM_CERTIFICATE, str(error)) from None


def _verify_ecasd(eis: Eis, certificate: EumCertificate, at: float) -> None:
    """The card's own certificate: of the same EUM, for the same EID."""
    try:
        ecasd = Certificate.parse(eis.info.ecasd_certificate)
        day = datetime.fromtimestamp(at, UTC).date()
        if not ecasd.valid_at(day):
            raise Refused(Code.ECASD_CERTIFICATE_EXPIRED, f"{day:%Y-%m-%d}", eis.eid)
        check_ecasd(ecasd, certificate.public_key, eis.eid, day)
    except (SecurityError, DecodeError) as error:
        raise Refused(Code.ECASD_CERTIFICATE, str(error), eis.eid) from None


def _check_contents(eis: Eis) -> None:
    if eis.isd_r.role is not SdRole.ISD_R or eis.isd_r.aid != ISD_R or eis.info.ecasd.aid != ECASD:
        raise Refused(Code.EIS_INVALID, "the AIDs or roles of ISD-R and ECASD are wrong", eis.eid)
    if not 0 <= eis.remaining_memory <= eis.available_memory:
        raise Refused(Code.EIS_INVALID, "more memory remains than there is", eis.eid)
    for keyset in eis.isd_r.keysets:
        for key in keyset.keys:
            if key.value is not None and key.value.kcv != key.kcv:
                raise Refused(Code.EIS_INVALID, f"key {keyset.version:02X}/{key.index:02X} has another KCV", eis.eid)
    _check_profiles(eis.profiles, eis)


def _check_profiles(profiles: tuple[ProfileInfo, ...], eis: Eis) -> None:
    """Profiles loaded at manufacture: one is enabled, one is the fall-back profile, none stands twice."""
    distinct = {profile.iccid for profile in profiles}, {profile.isd_p_aid for profile in profiles}
    if any(len(each) != len(profiles) for each in distinct):
        raise Refused(Code.EIS_INVALID, "an ICCID or an AID stands twice", eis.eid)
    states = [profile.state for profile in profiles]
    if ProfileState.IN_CREATION in states or states.count(ProfileState.ENABLED) > 1:
        raise Refused(Code.EIS_INVALID, "states of profiles that cannot be", eis.eid)
    if sum(profile.fall_back for profile in profiles) > 1:
        raise Refused(Code.EIS_INVALID, "more than one fall-back profile", eis.eid)
    for profile in profiles:
        if not profile.isd_p_aid.is_isd_p:
            raise Refused(Code.EIS_INVALID, "an AID is not the one of an ISD-P", profile.isd_p_aid)
        check_rules(profile.pol2)
