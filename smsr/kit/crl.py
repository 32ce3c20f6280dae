# SPDX-License-Identifier: Apache-2.0
"""Revocation lists of a CI (RFC 5280 5): made whole, read strictly.

A list names serial numbers only. It holds those of X.509 certificates and those of card format certificates, which the
same CI signs: both are eight random bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import SignatureAlgorithmOID

from apdu.errors import DecodeError, SecurityError
from smsr.kit.pki import Authority, Validity
from smsr.kit.x509 import public_key

__all__ = ["CertificateRevoked", "Revocation", "RevocationList", "issue_crl"]

_MAX_SIZE: Final = 8 * 1024 * 1024
_UNDERSTOOD: Final = (x509.AuthorityKeyIdentifier, x509.CRLNumber)
_UNDERSTOOD_OF_ENTRIES: Final = (x509.CRLReason, x509.InvalidityDate)


class CertificateRevoked(SecurityError):
    """A certificate stands in its issuer's revocation list."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One entry of a list."""

    serial: int
    at: datetime
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list, as its issuer signed it."""

    crl: x509.CertificateRevocationList
    number: int
    entries: dict[int, Revocation] = field(repr=False)

    @classmethod
    def load(cls, pem: bytes) -> RevocationList:
        """Read a list in PEM form; DecodeError when it is none, or one that covers less than everything."""
        if len(pem) > _MAX_SIZE:
            raise DecodeError(f"a revocation list of {len(pem)} bytes")
        try:
            crl = x509.load_pem_x509_crl(pem)
            entries = {each.serial_number: _entry(each) for each in crl}
            number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion) as error:
            raise DecodeError(f"not a revocation list in PEM form ({type(error).__name__})") from None
        except x509.ExtensionNotFound:
            raise DecodeError("a revocation list without a number") from None
        _check_critical(crl.extensions, _UNDERSTOOD)
        return cls(crl, number, entries)

    def is_of(self, issuer: x509.Certificate) -> bool:
        """Whether this CI signed it."""
        return (
            self.crl.issuer == issuer.subject
            and self.crl.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
            and self.crl.is_signature_valid(public_key(issuer).key)
        )

    def check(self, serial: int, at: datetime, whose: str) -> None:
        """CertificateRevoked when the list names the serial number; SecurityError when the list is not of this time."""
        until = self.crl.next_update_utc
        if at < self.crl.last_update_utc or until is None or at > until:
            raise SecurityError(f"the CI's revocation list is not valid at {at:%Y-%m-%d %H:%M} UTC")
        if entry := self.entries.get(serial):
            raise CertificateRevoked(f"{whose} certificate is revoked since {entry.at:%Y-%m-%d} ({entry.reason.value})")


def _entry(entry: x509.RevokedCertificate) -> Revocation:
    _check_critical(entry.extensions, _UNDERSTOOD_OF_ENTRIES)
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        reason = x509.ReasonFlags.unspecified
    return Revocation(entry.serial_number, entry.revocation_date_utc, reason)


def _check_critical(extensions: x509.Extensions, understood: tuple[type[x509.ExtensionType], ...]) -> None:
    """Lists of a part, or of other issuers' certificates, say so in critical extensions (RFC 5280 5.2.5, 5.3.3)."""
    for each in extensions:
        if each.critical and not isinstance(each.value, understood):
            raise DecodeError(f"a revocation list with the critical extension {each.oid.dotted_string}")


def issue_crl(ci: Authority, entries: Iterable[Revocation], number: int, validity: Validity) -> RevocationList:
    """Make and sign a list; `validity`: from now until the next one must be there."""
    authority = x509.AuthorityKeyIdentifier(ci.key.public_key.subject_key_identifier, None, None)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ci.certificate.subject)
        .last_update(validity.start)
        .next_update(validity.end)
        .add_extension(authority, critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    held = {each.serial: each for each in entries}
    for each in held.values():
        entry = x509.RevokedCertificateBuilder().serial_number(each.serial).revocation_date(each.at.astimezone(UTC))
        if each.reason is not x509.ReasonFlags.unspecified:  # then it is absent (RFC 5280 5.3.1)
            entry = entry.add_extension(x509.CRLReason(each.reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return RevocationList(builder.sign(ci.key.key, SHA256(), ecdsa_deterministic=True), number, held)
