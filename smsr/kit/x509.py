# SPDX-License-Identifier: Apache-2.0
"""Verifying X.509 certificates against the CI roots that a server trusts (SGP.02 v4.2 2.3.2, RFC 5280 6.1).

The chain has exactly two certificates: a pinned root and the EUM's, or another party's. Checked are signature, issuer,
validity of both, CA flag, path length, keyCertSign, role, and that no critical extension is passed over. Revocation
lists are smsr.kit.trust's concern.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from apdu.errors import DecodeError, SecurityError
from apdu.ids import Eid
from apdu.keys.ec import Curve, PublicKey
from smsr.kit.oid import ROLE_EUM, Oid

__all__ = [
    "CertificateExpired",
    "EumCertificate",
    "check_authority",
    "check_critical",
    "check_validity",
    "extension",
    "load_certificate",
    "public_key",
    "registered_id",
    "roles",
    "root_of",
    "verify_eum",
]

X = TypeVar("X", bound=x509.ExtensionType)

_CURVES: Final = {"secp256r1": Curve.P256, "brainpoolP256r1": Curve.BRAINPOOL_P256R1}
_UNDERSTOOD: Final = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.CertificatePolicies,
    x509.NameConstraints,
    x509.SubjectKeyIdentifier,
    x509.AuthorityKeyIdentifier,
    x509.SubjectAlternativeName,
    x509.CRLDistributionPoints,  # says where a list is; those that count are configured
)
_MAX_SIZE: Final = 16_384


class CertificateExpired(SecurityError):
    """A certificate is not valid at this time."""


@dataclass(frozen=True, slots=True)
class EumCertificate:
    """What a verified EUM certificate says."""

    oid: Oid | None
    """The EUM's identifier, where the certificate holds one."""
    public_key: PublicKey
    issuer_digits: tuple[str, ...] = ()
    """What its EIDs begin with, where name constraints say so; (U) that M2M certificates have them."""

    def check_eid(self, eid: Eid) -> None:
        """SecurityError when this EUM may not make a card with this EID."""
        if self.issuer_digits and not str(eid).startswith(self.issuer_digits):
            raise SecurityError(f"EID {eid} is outside the name constraints of its EUM's certificate")


def load_certificate(der: bytes) -> x509.Certificate:
    """Read an X.509 certificate; DecodeError when it is none, or has extensions that are not coded right."""
    if len(der) > _MAX_SIZE:
        raise DecodeError(f"a certificate of {len(der)} bytes")
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions, certificate.subject, certificate.issuer  # read only when they are asked for
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion) as error:
        raise DecodeError(f"not an X.509 certificate ({type(error).__name__})") from None
    except x509.UnsupportedGeneralNameType:
        raise DecodeError("an X.509 certificate with a name of an unknown type") from None
    return certificate


def public_key(certificate: x509.Certificate) -> PublicKey:
    """The key, when it lies on a curve of SGP.02."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise SecurityError("the certificate's key cannot be used") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise SecurityError("the certificate's key lies on no curve of SGP.02")
    return PublicKey(key, _CURVES[key.curve.name])


def verify_eum(der: bytes, roots: Sequence[x509.Certificate], at: float) -> EumCertificate:
    """Verify an EUM's certificate at a time (seconds since the epoch); SecurityError or DecodeError."""
    certificate = load_certificate(der)
    moment = datetime.fromtimestamp(at, UTC)
    root = root_of(certificate, roots, "the EUM's")
    for each, what in ((root, "the CI's"), (certificate, "the EUM's")):
        check_validity(each, moment, what)
        check_authority(each, what)
    _check_path_length(root)
    _check_role(certificate)
    check_critical(certificate)
    return EumCertificate(registered_id(certificate), public_key(certificate), _issuer_digits(certificate))


def root_of(certificate: x509.Certificate, roots: Sequence[x509.Certificate], whose: str) -> x509.Certificate:
    """The root whose key signed the certificate; SecurityError when there is none."""
    if certificate.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256:
        raise SecurityError(f"{whose} certificate is not signed with ECDSA and SHA-256")
    authority = extension(certificate, x509.AuthorityKeyIdentifier)
    named = authority.key_identifier if authority else None
    failed = False
    for root in roots:
        own = extension(root, x509.SubjectKeyIdentifier)
        if root.subject != certificate.issuer or (named is not None and own is not None and named != own.digest):
            continue
        try:
            certificate.verify_directly_issued_by(root)
        except (InvalidSignature, ValueError, TypeError):
            failed = True
            continue
        return root
    if failed:
        raise SecurityError(f"the signature of {whose} certificate does not verify")
    raise SecurityError(f"{whose} certificate is not issued by a CI that is trusted here")


def check_validity(certificate: x509.Certificate, at: datetime, whose: str) -> None:
    """CertificateExpired before and after its time."""
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise CertificateExpired(f"{whose} certificate is not valid at {at:%Y-%m-%d %H:%M} UTC")


def check_authority(certificate: x509.Certificate, what: str) -> None:
    """SecurityError when the certificate's key may not sign others."""
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise SecurityError(f"{what} certificate is not the one of an authority")
    usage = extension(certificate, x509.KeyUsage)
    if usage is None or not usage.key_cert_sign:
        raise SecurityError(f"{what} key may not sign certificates")


def _check_path_length(root: x509.Certificate) -> None:
    """Below the EUM stand its cards, in card format: the root must allow one authority under itself."""
    constraints = extension(root, x509.BasicConstraints)
    if constraints is not None and constraints.path_length is not None and constraints.path_length < 1:
        raise SecurityError("the CI's certificate allows no authority under it")


def _check_role(certificate: x509.Certificate) -> None:
    if ROLE_EUM not in roles(certificate):
        raise SecurityError("the certificate is not the one of an EUM")


def roles(certificate: x509.Certificate) -> tuple[str, ...]:
    """The certificate policies, among which the role stands."""
    policies = extension(certificate, x509.CertificatePolicies)
    return () if policies is None else tuple(policy.policy_identifier.dotted_string for policy in policies)


def check_critical(certificate: x509.Certificate, *others: type[x509.ExtensionType]) -> None:
    """SecurityError when a critical extension is not understood; `others`: what the caller looks at itself."""
    for each in certificate.extensions:
        if each.critical and not isinstance(each.value, (*_UNDERSTOOD, *others)):
            raise SecurityError(f"critical extension {each.oid.dotted_string} is not understood")


def registered_id(certificate: x509.Certificate) -> Oid | None:
    """The object identifier by which the holder is known, where the certificate names one."""
    names = extension(certificate, x509.SubjectAlternativeName)
    found = () if names is None else names.get_values_for_type(x509.RegisteredID)
    return Oid(found[0].dotted_string) if len(found) == 1 else None


def _issuer_digits(certificate: x509.Certificate) -> tuple[str, ...]:
    constraints = extension(certificate, x509.NameConstraints)
    if constraints is None:
        return ()
    if constraints.excluded_subtrees:
        _unsupported()
    digits: list[str] = []
    for subtree in constraints.permitted_subtrees or ():
        if not isinstance(subtree, x509.DirectoryName):
            _unsupported()
        for attribute in subtree.value.get_attributes_for_oid(NameOID.SERIAL_NUMBER):
            digits.append(str(attribute.value))
    if not digits or not all(each.isdigit() for each in digits):
        _unsupported()
    return tuple(digits)


def _unsupported() -> NoReturn:
    raise SecurityError("the EUM's certificate has name constraints of an unknown form")


def extension(certificate: x509.Certificate, kind: type[X]) -> X | None:
    """An extension's value, where the certificate has it."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
