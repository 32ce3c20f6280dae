# SPDX-License-Identifier: Apache-2.0
"""The CI and the EUM that a card comes from, read from PEM files as `euicc card new` writes them.

With the CI's key an SM-DP is made on the spot that the card trusts; with the EUM's certificate the card is verified.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from apdu.ids import Eid
from apdu.keys.certificate import Certificate, Role, check_ecasd
from apdu.keys.ec import PrivateKey, PublicKey
from apdu.keys.entropy import Entropy
from smsr.kit.oid import Oid
from smsr.kit.pki import Authority, Server, Validity, issue_server
from smsr.kit.x509 import public_key, verify_eum
from tools.errors import ToolError, reason

__all__ = ["Trust", "read_trust"]

_KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----\s*", re.DOTALL)
_SM_DP: Final = Oid("2.999.10.4")
_DAY: Final = timedelta(days=1)
_MAX_FILE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Trust:
    """A CI with its key, and the EUM's certificate."""

    ci: Authority = field(repr=False)
    eum: x509.Certificate

    def make_sm_dp(self, entropy: Entropy, now: float) -> Server:
        """An SM-DP with certificates of this CI, for a day."""
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        validity = Validity(today - _DAY, today + _DAY)
        return issue_server(self.ci, Role.SM_DP, "SM-DP at the reader", _SM_DP, validity, entropy=entropy)

    def card_key(self, certificate: bytes, eid: Eid, now: float) -> PublicKey:
        """PK.ECASD.ECKA; SecurityError unless CI, EUM and card vouch for each other and for the EID."""
        eum = verify_eum(self.eum.public_bytes(Encoding.DER), (self.ci.certificate,), now)
        eum.check_eid(eid)
        day = datetime.fromtimestamp(now, UTC).date()
        return check_ecasd(Certificate.parse(certificate), eum.public_key, eid, day)


def read_trust(path: Path) -> Trust:
    """Read a file with the CI's certificate and key, and the EUM's certificate."""
    try:
        with path.open("rb") as file:
            pem = file.read(_MAX_FILE)
    except OSError as error:
        raise ToolError(
            f"{path} cannot be read: {reason(error)}; --trust names the file with the CI's certificate and key"
        ) from None
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ToolError(f"{path} holds no certificates in PEM form") from None
    ci = next((each for each in certificates if each.issuer == each.subject), None)
    eum = next((each for each in certificates if each is not ci), None)
    if ci is None or eum is None:
        raise ToolError(f"{path}: the certificates of a CI and of an EUM are needed")
    key = _key_of(public_key(ci), pem)
    if key is None:
        raise ToolError(f"{path}: the CI's private key is missing, with which the SM-DP's certificate is made")
    return Trust(Authority(_oid(ci, path), ci, key), eum)


def _key_of(wanted: PublicKey, pem: bytes) -> PrivateKey | None:
    """The private key in the file that belongs to a public one."""
    for key in _private_keys(pem):
        found = PrivateKey(key, wanted.curve)
        if found.public_key == wanted:
            return found
    return None


def _private_keys(pem: bytes) -> Iterator[ec.EllipticCurvePrivateKey]:
    for match in _KEY.finditer(pem):
        try:
            key = load_pem_private_key(match[0], None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # damaged, under a password, of another kind
            continue
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == 256:
            yield key


def _oid(certificate: x509.Certificate, path: Path) -> Oid:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = None
    found = [] if names is None else names.get_values_for_type(x509.RegisteredID)
    if len(found) != 1:
        raise ToolError(f"{path}: the CI's certificate names no object identifier")
    return Oid(found[0].dotted_string)
