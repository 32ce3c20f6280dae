# SPDX-License-Identifier: Apache-2.0
"""Issuing certificates: CI and EUM as X.509, SM-DP and SM-SR as X.509 (for TLS) and in card format, and the ECASD's.

EUMs and operators have certificates for TLS as well; an EUM's is another one than that which signs for its cards.

SGP.02 v4.2 2.3.2. Nothing is random by itself: entropy and dates are passed in and signatures are deterministic, so the
same input gives the same bytes. Verifying is in smsr.kit.x509 and apdu.keys.certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from apdu.ids import Eid
from apdu.keys.certificate import Certificate, Role, Subject, serial_number
from apdu.keys.ec import Curve, PrivateKey, PublicKey
from apdu.keys.entropy import Entropy
from smsr.kit.oid import ROLE_CI, ROLE_EUM, ROLE_SM_DP, ROLE_SM_SR, Oid

__all__ = [
    "Authority",
    "Identity",
    "Server",
    "Validity",
    "issue_ci",
    "issue_ecasd",
    "issue_eum",
    "issue_identity",
    "issue_server",
]

_SERVER_ROLES: Final = {Role.SM_DP: ROLE_SM_DP, Role.SM_SR: ROLE_SM_SR}


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when, both with a time zone."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs certificates: the CI, or an EUM."""

    oid: Oid
    certificate: x509.Certificate
    key: PrivateKey

    @property
    def ca_identifier(self) -> bytes:
        """What stands in tag 42 of the card format certificates that it signs."""
        return self.oid.value

    @property
    def der(self) -> bytes:
        """The X.509 certificate."""
        return self.certificate.public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a party shows in TLS, as server and as client."""

    certificate: x509.Certificate
    key: PrivateKey


@dataclass(frozen=True, slots=True)
class Server:
    """An SM-DP or SM-SR: its identity for TLS, and its card format certificate with the key that signs for cards."""

    oid: Oid
    role: Role
    tls_certificate: x509.Certificate
    tls_key: PrivateKey
    certificate: Certificate
    key: PrivateKey


@dataclass(frozen=True, slots=True)
class _Request:
    """What all X.509 certificates here have."""

    subject: x509.Name
    oid: Oid
    role: Oid
    validity: Validity
    serial: int

    @classmethod
    def of(cls, name: str, oid: Oid, role: Oid, validity: Validity, entropy: Entropy, ein: str = "") -> Self:
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]
        if ein:
            attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, ein))
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, name))
        serial = int.from_bytes(serial_number(entropy), "big") >> 1  # positive, and so 8 bytes in DER
        return cls(x509.Name(attributes), oid, role, validity, serial)

    def builder(self, key: PublicKey, issuer: x509.Name, issuer_key: PublicKey) -> x509.CertificateBuilder:
        own = x509.SubjectKeyIdentifier(key.subject_key_identifier)
        authority = x509.AuthorityKeyIdentifier(issuer_key.subject_key_identifier, None, None)
        policy = x509.PolicyInformation(x509.ObjectIdentifier(self.role), None)
        return (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(issuer)
            .public_key(key.key)
            .serial_number(self.serial)
            .not_valid_before(self.validity.start)
            .not_valid_after(self.validity.end)
            .add_extension(own, critical=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.CertificatePolicies([policy]), critical=True)
        )

    def names(self, *others: x509.GeneralName) -> x509.SubjectAlternativeName:
        """The object identifier, by which the parties of SGP.02 know each other, and more."""
        return x509.SubjectAlternativeName([*others, x509.RegisteredID(x509.ObjectIdentifier(self.oid))])


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    return builder.sign(key.key, SHA256(), ecdsa_deterministic=True)


def _usage(*, authority: bool, signature: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def issue_ci(
    name: str,
    oid: Oid,
    validity: Validity,
    *,
    entropy: Entropy,
    curve: Curve = Curve.P256,
    key: PrivateKey | None = None,
) -> Authority:
    """The root of everything, signed by itself; its key is drawn where none is given."""
    key = key or PrivateKey.from_entropy(entropy, curve)
    request = _Request.of(name, oid, ROLE_CI, validity, entropy)
    builder = (
        request.builder(key.public_key, request.subject, key.public_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(authority=True, signature=False), critical=True)
        .add_extension(request.names(), critical=False)
    )
    return Authority(oid, _sign(builder, key), key)


def issue_eum(
    ci: Authority,
    name: str,
    oid: Oid,
    validity: Validity,
    *,
    entropy: Entropy,
    ein: str = "",
    key: PrivateKey | None = None,
) -> Authority:
    """An EUM: signs the certificates of its cards and their EIS. `ein`: the digits that its EIDs begin with.

    Its key is drawn where none is given.
    """
    key = key or PrivateKey.from_entropy(entropy, ci.key.curve)
    request = _Request.of(name, oid, ROLE_EUM, validity, entropy, ein)
    builder = (
        request.builder(key.public_key, ci.certificate.subject, ci.key.public_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(request.names(), critical=False)
    )
    if ein:
        allowed = x509.DirectoryName(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.ORGANIZATION_NAME, name),
                    x509.NameAttribute(NameOID.SERIAL_NUMBER, ein),
                ]
            )
        )
        builder = builder.add_extension(x509.NameConstraints([allowed], None), critical=True)
    return Authority(oid, _sign(builder, ci.key), key)


def issue_identity(
    ci: Authority,
    role: Oid,
    name: str,
    oid: Oid,
    validity: Validity,
    *,
    entropy: Entropy,
    hosts: tuple[str, ...] = ("localhost",),
) -> Identity:
    """A certificate for TLS: any role of smsr.kit.oid but the CI's."""
    key = PrivateKey.from_entropy(entropy, ci.key.curve)
    request = _Request.of(name, oid, role, validity, entropy)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = (
        request.builder(key.public_key, ci.certificate.subject, ci.key.public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(request.names(*map(_host, hosts)), critical=False)
    )
    return Identity(_sign(builder, ci.key), key)


def issue_server(
    ci: Authority,
    role: Role,
    name: str,
    oid: Oid,
    validity: Validity,
    *,
    entropy: Entropy,
    hosts: tuple[str, ...] = ("localhost",),
    key: PrivateKey | None = None,
) -> Server:
    """An SM-DP or SM-SR: one certificate for TLS with other servers, one for cards, each with a key of its own.

    The key that signs for cards is drawn where none is given.
    """
    tls = issue_identity(ci, _SERVER_ROLES[role], name, oid, validity, entropy=entropy, hosts=hosts)
    key = key or PrivateKey.from_entropy(entropy, ci.key.curve)
    subject = Subject(
        identifier=oid.value,
        public_key=key.public_key,
        effective=validity.start.date(),
        expiration=validity.end.date(),
        role=role,
    )
    certificate = Certificate.issue(subject, serial_number(entropy), ci.key, ci.ca_identifier)
    return Server(oid, role, tls.certificate, tls.key, certificate, key)


def issue_ecasd(eum: Authority, eid: Eid, key: PublicKey, validity: Validity, *, entropy: Entropy) -> Certificate:
    """CERT.ECASD.ECKA: the card's key agreement key, under its EID."""
    subject = Subject(
        identifier=bytes(eid),
        public_key=key,
        effective=validity.start.date(),
        expiration=validity.end.date(),
    )
    return Certificate.issue(subject, serial_number(entropy), eum.key, eum.ca_identifier)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
