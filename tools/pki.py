# SPDX-License-Identifier: Apache-2.0
"""The parties of a run with their certificates, and the message by which an EUM hands a card to an SM-SR.

Names are under 2.999, the arc for examples, and EIDs begin with 89 001 012, an issuer that does not exist: nothing made
here is mistaken for the real world's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apdu.ids import ECASD, ISD_P_LOAD_FILE, ISD_P_MODULE, ISD_R, Eid
from apdu.keys.certificate import Role
from apdu.keys.ec import Curve
from apdu.keys.entropy import Entropy
from apdu.keys.secret import SecretKey
from emulator.factory.eum import CertificateIssuer, Eum, ManufacturedCard
from smsr.api.eis import Eis
from smsr.api.eis_codec import sign_info
from smsr.api.eis_parts import (
    ECASD_KEYSET,
    EisCertificate,
    EisKey,
    EuiccCapabilities,
    EumSignedInfo,
    Keyset,
    KeysetType,
    SdRole,
    SecurityDomain,
)
from smsr.kit.oid import Oid
from smsr.kit.pki import Authority, Server, Validity, issue_ci, issue_eum, issue_server

__all__ = ["ISSUER_DIGITS", "Parties", "make_eid", "make_eum", "make_parties", "signed_eis"]

ISSUER_DIGITS: Final = "89001012"
"""What the EIDs of the EUM begin with: industry, country code, issuer."""
_CI, _EUM, _SM_SR, _SM_DP, _OPERATOR = (Oid(f"2.999.10.{number}") for number in range(1, 6))
_YEARS: Final = timedelta(days=20 * 365)
_PLATFORM: Final = "m2m-euicc"
_PLATFORM_VERSION: Final = "1.0.0"
_CAPABILITIES: Final = EuiccCapabilities(
    secure_packet_version="12.1.0",
    remote_provisioning_version="4.2.0",
    http_support=True,
    http_version="1.1.3",
)


@dataclass(frozen=True, slots=True)
class Parties:
    """Who takes part, with keys and certificates: in X.509, and for SM-SR and SM-DP in card format as well."""

    ci: Authority
    eum: Authority
    sm_sr: Server
    sm_dp: Server
    operator: Oid
    validity: Validity


def make_parties(entropy: Entropy, now: float, curve: Curve = Curve.P256) -> Parties:
    """A CI root, and under it an EUM, an SM-SR and an SM-DP."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    validity = Validity(today, today + _YEARS)
    ci = issue_ci("Demo CI", _CI, validity, entropy=entropy, curve=curve)
    return Parties(
        ci=ci,
        eum=issue_eum(ci, "Demo EUM", _EUM, validity, entropy=entropy, ein=ISSUER_DIGITS),
        sm_sr=issue_server(ci, Role.SM_SR, "Demo SM-SR", _SM_SR, validity, entropy=entropy),
        sm_dp=issue_server(ci, Role.SM_DP, "Demo SM-DP", _SM_DP, validity, entropy=entropy),
        operator=_OPERATOR,
        validity=validity,
    )


def make_eum(parties: Parties, entropy: Entropy) -> Eum:
    """The EUM's factory, with a master secret from which the keys of its cards are derived."""
    return Eum(
        identifier=parties.eum.ca_identifier,
        key=parties.eum.key,
        ci=CertificateIssuer(parties.ci.ca_identifier, parties.ci.key.public_key),
        master=SecretKey(entropy.draw(32)),
        expiration=parties.validity.end.date(),
    )


def make_eid(entropy: Entropy) -> Eid:
    """The EID of a new card: the EUM's digits and a serial number that is drawn."""
    serial = int.from_bytes(entropy.draw(8), "big") % 10**12
    return Eid.create(f"{ISSUER_DIGITS}{serial:0{30 - len(ISSUER_DIGITS)}d}")


def signed_eis(card: ManufacturedCard, eum: Authority, now: float) -> Eis:
    """What the EUM tells the SM-SR about a card (SGP.02 v4.2 annex E): the fixed part signed, the keys beside it."""
    certificate = EisCertificate(1, eum.oid, card.certificate)
    info = EumSignedInfo(
        eid=card.eid,
        eum_id=eum.oid,
        production_date=datetime.fromtimestamp(now, UTC).replace(microsecond=0),
        platform_type=_PLATFORM,
        platform_version=_PLATFORM_VERSION,
        isd_p_load_file=ISD_P_LOAD_FILE,
        isd_p_module=ISD_P_MODULE,
        ecasd=SecurityDomain(
            aid=ECASD,
            role=SdRole.ECASD,
            tars=(ECASD.tar,),
            sin=card.sin,
            sdin=card.sdin,
            keysets=(Keyset(version=ECASD_KEYSET, type=KeysetType.CA, certificates=(certificate,)),),
        ),
        capabilities=_CAPABILITIES,
    )
    version, psk, dek = card.scp81
    isd_r = SecurityDomain(
        aid=ISD_R,
        role=SdRole.ISD_R,
        tars=(ISD_R.tar,),
        sin=card.sin,
        sdin=card.sdin,
        keysets=(
            _keyset(card.scp80.kvn, KeysetType.SCP80, card.scp80.enc, card.scp80.mac, card.scp80.dek),
            _keyset(version, KeysetType.SCP81, psk, dek),
        ),
    )
    return Eis(
        signed=sign_info(info, eum.key, eum.der),
        remaining_memory=card.memory,
        available_memory=card.memory,
        isd_r=isd_r,
    )


def _keyset(version: int, kind: KeysetType, *keys: SecretKey) -> Keyset:
    return Keyset(
        version=version,
        type=kind,
        keys=tuple(EisKey(index, key.kcv, key) for index, key in enumerate(keys, start=1)),
    )
