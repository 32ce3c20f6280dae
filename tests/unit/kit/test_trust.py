# SPDX-License-Identifier: Apache-2.0
"""Whom a server believes: what is refused although a CI that is trusted signed it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from apdu.errors import DecodeError, SecurityError
from apdu.keys.certificate import Role
from apdu.keys.entropy import SeededEntropy
from smsr.kit.crl import CertificateRevoked, Revocation, RevocationList, issue_crl
from smsr.kit.oid import ROLE_EUM, ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid
from smsr.kit.pki import Validity, issue_identity
from smsr.kit.trust import Trust
from smsr.kit.x509 import CertificateExpired
from tests.unit.kit.world import MNO_OID, NOW, SM_DP_OID, VALIDITY, world

MOMENT = datetime.fromtimestamp(NOW, UTC)
LIST_TIME = Validity(MOMENT - timedelta(days=1), MOMENT + timedelta(days=1))
EVERYBODY = (ROLE_EUM, ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR)


def trust(*revoked: int, reason: x509.ReasonFlags = x509.ReasonFlags.unspecified) -> Trust:
    entries = [Revocation(serial, MOMENT, reason) for serial in revoked]
    return Trust.of([world().ci.certificate], [issue_crl(world().ci, entries, 1, LIST_TIME)])


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def operator(role: Oid = ROLE_OPERATOR) -> x509.Certificate:
    ci, entropy = world().ci, SeededEntropy(b"operator")
    return issue_identity(ci, role, "Operator", MNO_OID, VALIDITY, entropy=entropy).certificate


def rebuilt(*dropped: type[x509.ExtensionType], extra: tuple[x509.ExtensionType, bool] | None = None) -> bytes:
    """An operator's certificate without some of its extensions, or with one more."""
    old = operator()
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for each in old.extensions:
        if not isinstance(each.value, dropped):
            builder = builder.add_extension(each.value, each.critical)
    if extra is not None:
        builder = builder.add_extension(*extra)
    return der(builder.sign(world().ci.key.key, SHA256()))


def test_the_caller_is_who_its_certificate_says() -> None:
    peer = trust().verify_peer(der(operator()), EVERYBODY, NOW)
    assert (peer.oid, peer.role) == (MNO_OID, ROLE_OPERATOR)
    peer = trust().verify_peer(der(world().sm_dp.tls_certificate), [ROLE_SM_DP], NOW)
    assert (peer.oid, peer.role) == (SM_DP_OID, ROLE_SM_DP)


@pytest.mark.parametrize(
    "certificate, message",
    [
        (rebuilt(x509.SubjectAlternativeName), "no object identifier"),
        (rebuilt(x509.CertificatePolicies), "names no role"),
        (rebuilt(x509.KeyUsage), "not for TLS"),
        (rebuilt(x509.ExtendedKeyUsage), "not for TLS"),
        (
            rebuilt(x509.BasicConstraints, extra=(x509.BasicConstraints(ca=True, path_length=None), True)),
            "one of an authority",
        ),
        (rebuilt(extra=(x509.InhibitAnyPolicy(0), True)), "2.5.29.54 is not understood"),
        (der(world().eum.certificate), "one of an authority"),
        (der(world("another").sm_dp.tls_certificate), "signature of the peer's|not issued by a CI"),
    ],
    ids=["oid", "role", "usage", "purpose", "authority", "critical", "EUM", "CI"],
)
def test_refused_for_what_it_is(certificate: bytes, message: str) -> None:
    with pytest.raises(SecurityError, match=message):
        trust().verify_peer(certificate, EVERYBODY, NOW)


def test_refused_for_its_time_and_role() -> None:
    with pytest.raises(SecurityError, match="the one of an operator, which has no access"):
        trust().verify_peer(der(operator()), [ROLE_SM_DP, ROLE_SM_SR], NOW)
    for at in (VALIDITY.start.timestamp() - 1, VALIDITY.end.timestamp() + 1):
        with pytest.raises(CertificateExpired):
            trust().verify_peer(der(operator()), EVERYBODY, at)


def test_revoked_in_each_form() -> None:
    sm_dp, eum = world().sm_dp, world().eum
    assert trust().verify_card_format(sm_dp.certificate, Role.SM_DP, NOW) == sm_dp.key.public_key
    assert trust().verify_eum(eum.der, NOW).public_key == eum.key.public_key
    revoked = trust(
        int.from_bytes(sm_dp.certificate.serial, "big"),
        eum.certificate.serial_number,
        operator().serial_number,
        reason=x509.ReasonFlags.key_compromise,
    )
    with pytest.raises(CertificateRevoked, match="keyCompromise"):
        revoked.verify_card_format(sm_dp.certificate, Role.SM_DP, NOW)
    with pytest.raises(CertificateRevoked):
        revoked.verify_eum(eum.der, NOW)
    with pytest.raises(CertificateRevoked):
        revoked.verify_peer(der(operator()), EVERYBODY, NOW)
    assert revoked.verify_peer(der(sm_dp.tls_certificate), EVERYBODY, NOW).oid == SM_DP_OID
    with pytest.raises(CertificateExpired):
        trust().verify_card_format(sm_dp.certificate, Role.SM_DP, VALIDITY.end.timestamp() + 86400)
    with pytest.raises(SecurityError, match="not issued by a CI"):
        trust().verify_card_format(world("another").sm_dp.certificate, Role.SM_DP, NOW)


def test_nothing_is_believed_without_a_list_of_this_time() -> None:
    with pytest.raises(SecurityError, match="there is no revocation list"):
        Trust.of([world().ci.certificate], []).verify_peer(der(operator()), EVERYBODY, NOW)
    for days in (-2, 2):
        with pytest.raises(SecurityError, match="list is not valid"):
            trust().verify_peer(der(operator()), EVERYBODY, NOW + days * 86400)


def test_lists_are_of_a_ci_and_the_newest_counts() -> None:
    root, ci = world().ci.certificate, world().ci
    with pytest.raises(SecurityError, match="signed by no CI"):
        Trust.of([root], [issue_crl(world("another").ci, [], 1, LIST_TIME)])
    lists = [
        issue_crl(ci, [Revocation(operator().serial_number, MOMENT)], 2, LIST_TIME),
        issue_crl(ci, [], 1, LIST_TIME),
    ]
    for order in (lists, lists[::-1]):
        with pytest.raises(CertificateRevoked):
            Trust.of([root], order).verify_peer(der(operator()), EVERYBODY, NOW)


def test_a_list_says_the_same_when_it_is_read_back() -> None:
    entries = [Revocation(7, MOMENT, x509.ReasonFlags.superseded), Revocation(2**63 + 1, MOMENT)]
    made = issue_crl(world().ci, entries, 5, LIST_TIME)
    read = RevocationList.load(made.crl.public_bytes(Encoding.PEM))
    assert (read.number, read.entries) == (5, made.entries)
    assert read.is_of(world().ci.certificate)


def test_lists_of_a_part_are_refused() -> None:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(world().ci.certificate.subject)
        .last_update(LIST_TIME.start)
        .next_update(LIST_TIME.end)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    key = world().ci.key.key
    part = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    pem = builder.add_extension(part, critical=True).sign(key, SHA256()).public_bytes(Encoding.PEM)
    with pytest.raises(DecodeError, match=r"critical extension 2.5.29.28"):
        RevocationList.load(pem)
    delta = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True).sign(key, SHA256())
    with pytest.raises(DecodeError, match=r"critical extension 2.5.29.27"):
        RevocationList.load(delta.public_bytes(Encoding.PEM))
    for wrong in (b"", b"hello", pem[:-40], bytes(9_000_000)):
        with pytest.raises(DecodeError):
            RevocationList.load(wrong)
