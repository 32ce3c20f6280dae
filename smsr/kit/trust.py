# SPDX-License-Identifier: Apache-2.0
"""Whom a server believes: the CI roots and their revocation lists, against which it verifies its peers.

SGP.02 v4.2 2.3.2 and 2.2.4: the object identifier in a party's certificate is who it is. Nothing is believed without a
list: a root whose list is missing or old has no valid certificates under it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from apdu.errors import SecurityError
from apdu.keys.certificate import Certificate, check_signer
from apdu.keys.certificate import Role as CardRole
from apdu.keys.ec import PublicKey
from smsr.kit.crl import RevocationList
from smsr.kit.oid import ROLE_EUM, ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid
from smsr.kit.x509 import (
    CertificateExpired,
    EumCertificate,
    check_authority,
    check_critical,
    check_validity,
    extension,
    load_certificate,
    public_key,
    registered_id,
    roles,
    root_of,
    verify_eum,
)

__all__ = ["ROLE_NAMES", "Peer", "Trust"]

ROLE_NAMES: Final = {ROLE_EUM: "EUM", ROLE_SM_DP: "SM-DP", ROLE_SM_SR: "SM-SR", ROLE_OPERATOR: "operator"}
"""The roles of those who call servers."""
_TLS: Final = frozenset((ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH))


@dataclass(frozen=True, slots=True)
class Peer:
    """Who stands at the other end of a TLS connection, as its verified certificate says."""

    oid: Oid
    role: Oid
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class Trust:
    """Roots, and the newest list of each."""

    roots: tuple[x509.Certificate, ...]
    lists: tuple[RevocationList | None, ...]
    """In the order of the roots."""

    @classmethod
    def of(cls, roots: Sequence[x509.Certificate], lists: Sequence[RevocationList]) -> Self:
        """Find each root's list; SecurityError for a list that none of them signed."""
        newest: list[RevocationList | None] = [None] * len(roots)
        for each in lists:
            owner = next((index for index, root in enumerate(roots) if each.is_of(root)), None)
            if owner is None:
                raise SecurityError("a revocation list is signed by no CI that is trusted here")
            known = newest[owner]
            if known is None or known.number < each.number:
                newest[owner] = each
        return cls(tuple(roots), tuple(newest))

    def verify_peer(self, der: bytes, allowed: Collection[Oid], at: float) -> Peer:
        """Verify a certificate that was shown in TLS, at a time in seconds since the epoch; SecurityError if not good.

        `allowed`: the roles that may call here.
        """
        certificate = load_certificate(der)
        moment = datetime.fromtimestamp(at, UTC)
        root = root_of(certificate, self.roots, "the peer's")
        check_validity(root, moment, "the CI's")
        check_authority(root, "the CI's")
        check_validity(certificate, moment, "the peer's")
        _check_end_entity(certificate)
        role = _role(certificate, allowed)
        public_key(certificate)
        self._check_revoked(root, certificate.serial_number, moment, "the peer's")
        oid = registered_id(certificate)
        if oid is None:
            raise SecurityError("the peer's certificate names no object identifier, or several")
        return Peer(oid, role, certificate)

    def verify_eum(self, der: bytes, at: float) -> EumCertificate:
        """Verify the certificate with which an EUM signs, as smsr.kit.x509 does, and that it is not revoked."""
        found = verify_eum(der, self.roots, at)
        self.check_not_revoked(load_certificate(der), at, "the EUM's")
        return found

    def verify_card_format(self, certificate: Certificate, role: CardRole, at: float) -> PublicKey:
        """Verify the certificate that an SM-DP or SM-SR shows to cards, and that it is not revoked; gives its key."""
        moment = datetime.fromtimestamp(at, UTC)
        for root in self.roots:
            ci, key = registered_id(root), public_key(root)
            named = certificate.authority_key_identifier
            if ci is None or certificate.ca_identifier != ci.value or named not in (None, key.subject_key_identifier):
                continue
            check_validity(root, moment, "the CI's")
            found = check_signer(certificate, key, ci.value, role)
            if not certificate.valid_at(moment.date()):
                raise CertificateExpired(f"the card format certificate is not valid on {moment:%Y-%m-%d}")
            self._check_revoked(root, int.from_bytes(certificate.serial, "big"), moment, "the card format")
            return found
        raise SecurityError("the card format certificate is not issued by a CI that is trusted here")

    def check_not_revoked(self, certificate: x509.Certificate, at: float, whose: str) -> None:
        """Look at the list of whichever root signed the certificate; SecurityError."""
        root = root_of(certificate, self.roots, whose)
        self._check_revoked(root, certificate.serial_number, datetime.fromtimestamp(at, UTC), whose)

    def _check_revoked(self, root: x509.Certificate, serial: int, at: datetime, whose: str) -> None:
        known = self.lists[self.roots.index(root)]
        if known is None:
            raise SecurityError(f"there is no revocation list of the CI by which to judge {whose} certificate")
        known.check(serial, at, whose)


def _check_end_entity(certificate: x509.Certificate) -> None:
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    if constraints is not None and constraints.ca:
        raise SecurityError("the peer's certificate is the one of an authority")
    if usage is None or not usage.digital_signature or purposes is None or _TLS.isdisjoint(purposes):
        raise SecurityError("the peer's certificate is not for TLS")
    check_critical(certificate, x509.ExtendedKeyUsage)


def _role(certificate: x509.Certificate, allowed: Collection[Oid]) -> Oid:
    found = [role for role in ROLE_NAMES if role in roles(certificate)]
    if len(found) != 1:
        raise SecurityError("the peer's certificate names no role of SGP.02, or several")
    if found[0] not in allowed:
        raise SecurityError(f"the peer's certificate is the one of an {ROLE_NAMES[found[0]]}, which has no access here")
    return found[0]
