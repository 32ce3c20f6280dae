# SPDX-License-Identifier: Apache-2.0
"""Issued certificates: openssl reads and verifies them; our verifier refuses each fault for its own reason."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from apdu.errors import DecodeError, SecurityError
from apdu.ids import Eid
from apdu.keys.certificate import Role, check_ecasd, check_signer
from apdu.keys.ec import Curve
from apdu.keys.entropy import SeededEntropy
from smsr.kit.oid import ROLE_EUM, ROLE_SM_DP, Oid
from smsr.kit.pki import Authority, Validity, issue_ci, issue_eum
from smsr.kit.x509 import CertificateExpired, load_certificate, verify_eum
from tests.require import require
from tests.unit.kit.world import CI_OID, EID, EUM_OID, NOW, SM_DP_OID, VALIDITY, World, world

CURVES = [Curve.P256, Curve.BRAINPOOL_P256R1]


def _openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
    require("openssl")
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False)


def _pem(folder: Path, name: str, certificate: x509.Certificate) -> str:
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return str(path)


@pytest.mark.parametrize("curve", CURVES)
def test_openssl_verifies_what_is_issued(tmp_path: Path, curve: Curve) -> None:
    everybody = world("openssl", curve)
    ci = _pem(tmp_path, "ci", everybody.ci.certificate)
    for name, certificate, purpose in (
        ("eum", everybody.eum.certificate, "any"),
        ("dp", everybody.sm_dp.tls_certificate, "sslserver"),
        ("sr", everybody.sm_sr.tls_certificate, "sslclient"),
    ):
        path = _pem(tmp_path, name, certificate)
        at = str(int(NOW))
        result = _openssl("verify", "-x509_strict", "-attime", at, "-purpose", purpose, "-CAfile", ci, path)
        assert result.returncode == 0, result.stderr
    other = _pem(tmp_path, "other", world("another").ci.certificate)
    result = _openssl("verify", "-attime", str(int(NOW)), "-CAfile", other, str(tmp_path / "eum.pem"))
    assert result.returncode != 0


def test_openssl_sees_the_extensions(tmp_path: Path) -> None:
    text = _openssl("x509", "-noout", "-text", "-in", _pem(tmp_path, "eum", world().eum.certificate)).stdout
    for part in ("CA:TRUE, pathlen:0", "Certificate Sign", f"Policy: {ROLE_EUM}", "DirName:", "89049032", EUM_OID):
        assert part in text
    assert "ecdsa-with-SHA256" in text


def test_openssl_verifies_the_signature_of_a_card_format_certificate(tmp_path: Path) -> None:
    certificate = world().sm_dp.certificate
    (tmp_path / "signed").write_bytes(certificate.signed)
    (tmp_path / "ci.pem").write_bytes(world().ci.certificate.public_bytes(Encoding.PEM))
    public = _openssl("x509", "-pubkey", "-noout", "-in", str(tmp_path / "ci.pem"))
    (tmp_path / "ci.pub").write_text(public.stdout)
    assert certificate.content.signature is not None
    r, s = certificate.content.signature[:32], certificate.content.signature[32:]
    (tmp_path / "signature").write_bytes(_der_signature(r, s))
    signature, signed = str(tmp_path / "signature"), str(tmp_path / "signed")
    verified = _openssl("dgst", "-sha256", "-verify", str(tmp_path / "ci.pub"), "-signature", signature, signed)
    assert verified.stdout.strip() == "Verified OK"


def _der_signature(r: bytes, s: bytes) -> bytes:
    numbers = b"".join(b"\x02" + bytes((len(n),)) + n for n in (_der_number(r), _der_number(s)))
    return b"\x30" + bytes((len(numbers),)) + numbers


def _der_number(number: bytes) -> bytes:
    number = number.lstrip(b"\x00")
    return b"\x00" + number if number[0] & 0x80 else number


def test_same_seed_same_bytes() -> None:
    world.cache_clear()
    first = world("repeat")
    world.cache_clear()
    again = world("repeat")
    assert again is not first
    assert (again.ci.der, again.eum.der, again.sm_dp.certificate, again.ecasd) == (
        first.ci.der,
        first.eum.der,
        first.sm_dp.certificate,
        first.ecasd,
    )
    assert again.sm_sr.tls_certificate == first.sm_sr.tls_certificate


@pytest.mark.parametrize("curve", CURVES)
def test_card_format_certificates_chain(curve: Curve) -> None:
    everybody = world("chain", curve)
    check = check_signer(everybody.sm_dp.certificate, everybody.ci.key.public_key, CI_OID.value, Role.SM_DP)
    assert check == everybody.sm_dp.key.public_key
    assert everybody.sm_sr.certificate.role is Role.SM_SR
    day = datetime.fromtimestamp(NOW, UTC).date()
    assert check_ecasd(everybody.ecasd, everybody.eum.key.public_key, EID, day) == everybody.ecasd_key.public_key


@pytest.mark.parametrize("curve", CURVES)
def test_eum_is_verified(curve: Curve) -> None:
    everybody = world("eum", curve)
    other = world("another", curve)
    found = verify_eum(everybody.eum.der, (other.ci.certificate, everybody.ci.certificate), NOW)
    assert found.oid == EUM_OID
    assert found.public_key == everybody.eum.key.public_key
    assert found.issuer_digits == ("89049032",)
    found.check_eid(EID)
    with pytest.raises(SecurityError, match="name constraints"):
        found.check_eid(Eid.create("890440321234512345"))


def test_eum_without_constraints_makes_any_card() -> None:
    everybody = world("free", ein="")
    verify_eum(everybody.eum.der, (everybody.ci.certificate,), NOW).check_eid(Eid.create("890440321234512345"))


@pytest.mark.parametrize("at", [VALIDITY.start, VALIDITY.end])
def test_validity_includes_its_ends(at: datetime) -> None:
    roots = (world().ci.certificate,)
    verify_eum(world().eum.der, roots, at.timestamp())
    outside = at + timedelta(seconds=-1 if at is VALIDITY.start else 1)
    with pytest.raises(CertificateExpired):
        verify_eum(world().eum.der, roots, outside.timestamp())


def _rebuilt(
    change: Callable[[x509.CertificateBuilder], x509.CertificateBuilder],
    *,
    drop: type[x509.ExtensionType] | None = None,
) -> bytes:
    """The EUM's certificate with something else in it, signed by the CI."""
    return _resign(world().eum.certificate, world().ci, change, drop)


def _resign(
    certificate: x509.Certificate,
    issuer: Authority,
    change: Callable[[x509.CertificateBuilder], x509.CertificateBuilder],
    drop: type[x509.ExtensionType] | None,
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(world().eum.key.public_key.key)
        .serial_number(certificate.serial_number)
        .not_valid_before(VALIDITY.start)
        .not_valid_after(VALIDITY.end)
    )
    for extension in certificate.extensions:
        if drop is None or not isinstance(extension.value, drop):
            builder = builder.add_extension(extension.value, extension.critical)
    return change(builder).sign(issuer.key.key, SHA256()).public_bytes(Encoding.DER)


def _same(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder


def _policy(oid: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(oid), None)])


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
DNS_ONLY = x509.NameConstraints([x509.DNSName("example.test")], None)
_NAME = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "89049032")]))
EXCLUDED = x509.NameConstraints([_NAME], [x509.DNSName("example.test")])
_WORDS = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "8904x")]))
NOT_DIGITS = x509.NameConstraints([_WORDS], None)


@pytest.mark.parametrize(
    "change, drop, reason",
    [
        (_same, x509.BasicConstraints, "authority"),
        (lambda b: b.add_extension(x509.BasicConstraints(False, None), True), x509.BasicConstraints, "authority"),
        (_same, x509.KeyUsage, "may not sign"),
        (_same, x509.CertificatePolicies, "not the one of an EUM"),
        (lambda b: b.add_extension(_policy(ROLE_SM_DP), True), x509.CertificatePolicies, "not the one of an EUM"),
        (lambda b: b.add_extension(UNKNOWN, True), None, "critical extension 1.2.3.4"),
        (lambda b: b.add_extension(DNS_ONLY, True), x509.NameConstraints, "name constraints"),
        (lambda b: b.add_extension(EXCLUDED, True), x509.NameConstraints, "name constraints"),
        (lambda b: b.add_extension(NOT_DIGITS, True), x509.NameConstraints, "name constraints"),
    ],
)
def test_eum_certificates_that_lack_something(
    change: Callable[[x509.CertificateBuilder], x509.CertificateBuilder],
    drop: type[x509.ExtensionType] | None,
    reason: str,
) -> None:
    with pytest.raises(SecurityError, match=reason):
        verify_eum(_rebuilt(change, drop=drop), (world().ci.certificate,), NOW)


def test_the_rebuilt_certificate_itself_is_good() -> None:
    """Else the refusals above could have another reason."""
    verify_eum(_rebuilt(_same), (world().ci.certificate,), NOW)
    verify_eum(_rebuilt(lambda b: b.add_extension(UNKNOWN, False)), (world().ci.certificate,), NOW)


def test_other_ci_is_not_trusted() -> None:
    with pytest.raises(SecurityError, match="not issued by a CI"):
        verify_eum(world().eum.der, (), NOW)
    with pytest.raises(SecurityError, match="not issued by a CI"):
        verify_eum(world().eum.der, (world("another").ci.certificate,), NOW)


def test_a_ci_of_the_same_name_and_key_identifier_is_not_the_ci() -> None:
    real = world().eum.certificate
    forged = _resign(real, world("another").ci, _same, None)
    assert load_certificate(forged).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value == (
        real.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    )
    with pytest.raises(SecurityError, match="does not verify"):
        verify_eum(forged, (world().ci.certificate,), NOW)


def test_changed_byte_anywhere_is_refused() -> None:
    der = world().eum.der
    for at in range(0, len(der), 7):
        changed = der[:at] + bytes((der[at] ^ 0x01,)) + der[at + 1 :]
        with pytest.raises((SecurityError, DecodeError)):
            verify_eum(changed, (world().ci.certificate,), NOW)
        with pytest.raises(DecodeError):
            load_certificate(der[:at])


def test_eum_that_an_eum_issued() -> None:
    second = issue_eum(world().eum, "Sub", Oid("1.2.3"), VALIDITY, entropy=SeededEntropy(b"sub"))
    with pytest.raises(SecurityError, match="not issued by a CI"):
        verify_eum(second.der, (world().ci.certificate,), NOW)
    with pytest.raises(SecurityError, match="no authority under it"):
        verify_eum(second.der, (world().eum.certificate,), NOW)


def test_expired_ci() -> None:
    entropy = SeededEntropy(b"short")
    short = Validity(VALIDITY.start, VALIDITY.start + timedelta(days=30))
    ci = issue_ci("Short CI", CI_OID, short, entropy=entropy)
    eum = issue_eum(ci, "EUM", EUM_OID, VALIDITY, entropy=entropy)
    with pytest.raises(CertificateExpired, match="the CI's"):
        verify_eum(eum.der, (ci.certificate,), NOW)


def test_other_algorithms() -> None:
    everybody: World = world()
    builder = x509.CertificateBuilder(
        issuer_name=everybody.ci.certificate.subject,
        subject_name=everybody.eum.certificate.subject,
        public_key=rsa.generate_private_key(65537, 2048).public_key(),
        serial_number=1,
        not_valid_before=VALIDITY.start,
        not_valid_after=VALIDITY.end,
        extensions=list(everybody.eum.certificate.extensions),
    )
    with pytest.raises(SecurityError, match="no curve"):
        der = builder.sign(everybody.ci.key.key, SHA256()).public_bytes(Encoding.DER)
        verify_eum(der, (everybody.ci.certificate,), NOW)
    with pytest.raises(SecurityError, match="SHA-256"):
        der = builder.sign(everybody.ci.key.key, SHA384()).public_bytes(Encoding.DER)
        verify_eum(der, (everybody.ci.certificate,), NOW)


@pytest.mark.parametrize("der", [b"", b"\x30\x00", b"\x30\x02\x05\x00", bytes(100), bytes(20_000)])
def test_what_is_no_certificate(der: bytes) -> None:
    with pytest.raises(DecodeError):
        load_certificate(der)


@pytest.mark.parametrize(
    "text, value",
    [("1.3.6.1.4.1.99999.4", "2B06010401868D1F04"), ("2.23.146.1.2.1.2", "67811201020102"), ("2.999.3", "883703")],
)
def test_oid_values(text: str, value: str) -> None:
    """The values are what `openssl asn1parse -genstr OID:...` writes; 2.999.3 is the example of X.690 8.19.5."""
    assert Oid(text).value == bytes.fromhex(value)


@pytest.mark.parametrize(
    "text", ["", "1", "1.40", "3.1", "1..2", "1.02", "1.a", ".1.2", "1.2.", "1.٣", "2." + "1" * 200]
)
def test_what_is_no_oid(text: str) -> None:
    with pytest.raises(DecodeError):
        Oid(text)


def test_subject_is_the_oid() -> None:
    assert world().sm_dp.certificate.subject == SM_DP_OID.value
    assert world().ecasd.subject == bytes(EID)
