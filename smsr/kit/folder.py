# SPDX-License-Identifier: Apache-2.0
"""A folder of certificates, as `euicc pki` makes it: what servers read of it.

    DIR/ci/1/       x509.pem, x509.key, crl.pem
    DIR/NAME/1/     tls.pem, tls.key
                    x509.pem, x509.key     an EUM: what signs its cards and their EIS
                    card.cert, card.key    an SM-DP or SM-SR: what it shows to cards (7F21)

The numbers are generations: several are valid at once, and the newest that is good is used. A server needs the
certificates and lists of `ci` and its own folder, not the CI's key.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from apdu.errors import DecodeError, SecurityError
from apdu.keys.certificate import Certificate
from smsr.kit.crl import CertificateRevoked, RevocationList
from smsr.kit.keys import UnusableFile
from smsr.kit.trust import Trust
from smsr.kit.x509 import CertificateExpired, check_validity

__all__ = ["CI", "PARTY", "PkiFolder", "read_card_format", "read_certificate", "read_list"]

CI: Final = "ci"
PARTY: Final = re.compile("[a-z0-9][a-z0-9-]{0,31}")
_MAX_FILE: Final = 16_384
_MAX_LIST: Final = 8 * 1024 * 1024


def read_certificate(path: Path) -> x509.Certificate:
    """Read one certificate in PEM form; OSError or UnusableFile."""
    with path.open("rb") as file:
        pem = file.read(_MAX_FILE)
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        _ = certificate.extensions, certificate.subject, certificate.issuer
    except (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType):
        raise UnusableFile(f"{path} is no X.509 certificate in PEM form") from None
    return certificate


def read_list(path: Path) -> RevocationList:
    """Read one revocation list in PEM form; OSError or UnusableFile."""
    with path.open("rb") as file:
        pem = file.read(_MAX_LIST + 1)
    try:
        return RevocationList.load(pem)
    except DecodeError as error:
        raise UnusableFile(f"{path}: {error.message}") from None


def read_card_format(path: Path) -> Certificate:
    """Read one card format certificate; OSError or UnusableFile."""
    with path.open("rb") as file:
        data = file.read(_MAX_FILE)
    try:
        return Certificate.parse(data)
    except DecodeError as error:
        raise UnusableFile(f"{path} is no card format certificate: {error}") from None


class PkiFolder:
    """The folder; each call reads what is there now."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def parties(self) -> list[str]:
        """Who has certificates here, the CI among them."""
        return sorted(each.name for each in self.path.iterdir() if PARTY.fullmatch(each.name) and each.is_dir())

    def generations(self, name: str) -> list[Path]:
        """The folders of one party, oldest first."""
        folder = self.path / name
        found = [each for each in folder.iterdir() if re.fullmatch("[1-9][0-9]{0,5}", each.name)]
        return sorted(found, key=lambda each: int(each.name))

    def authorities(self) -> list[Path]:
        """The certificates of the CI."""
        return [each / "x509.pem" for each in self.generations(CI)]

    def lists(self) -> list[Path]:
        """The revocation lists."""
        return [each / "crl.pem" for each in self.generations(CI)]

    def trust(self) -> Trust:
        """The roots and their lists; OSError, UnusableFile or SecurityError when one cannot be used."""
        lists = [read_list(path) for path in self.lists()]
        return Trust.of([read_certificate(path) for path in self.authorities()], lists)

    def newest(self, name: str, part: str, at: float) -> Path:
        """The folder of the newest generation whose certificate `part` is in its time and not revoked."""
        moment = datetime.fromtimestamp(at, UTC)
        trust = self.trust()
        refused: SecurityError = SecurityError(f"{self.path / name} holds no {part}.pem")
        for generation in reversed(self.generations(name)):
            certificate = read_certificate(generation / f"{part}.pem")
            try:
                check_validity(certificate, moment, f"{name}'s")
                trust.check_not_revoked(certificate, at, f"{name}'s")
            except (CertificateExpired, CertificateRevoked) as error:
                refused = error
            else:
                return generation
        raise refused
