# SPDX-License-Identifier: Apache-2.0
"""A small world of certificates: CI, EUM, SM-DP, SM-SR, one card's ECASD; the same bytes in every run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from apdu.ids import Eid
from apdu.keys.certificate import Certificate, Role
from apdu.keys.ec import Curve, PrivateKey
from apdu.keys.entropy import SeededEntropy
from smsr.kit.oid import Oid
from smsr.kit.pki import Authority, Server, Validity, issue_ci, issue_ecasd, issue_eum, issue_server

VALIDITY = Validity(datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()
EID = Eid.create("890490321234512345")
CI_OID, EUM_OID = Oid("1.3.6.1.4.1.99999.1"), Oid("1.3.6.1.4.1.99999.2")
SM_SR_OID, SM_DP_OID, MNO_OID = Oid("1.3.6.1.4.1.99999.3"), Oid("1.3.6.1.4.1.99999.4"), Oid("1.3.6.1.4.1.99999.5")


@dataclass(frozen=True, slots=True)
class World:
    """Everybody's certificates and keys."""

    ci: Authority
    eum: Authority
    sm_dp: Server
    sm_sr: Server
    ecasd_key: PrivateKey
    ecasd: Certificate


@cache
def world(seed: str = "world", curve: Curve = Curve.P256, ein: str = "89049032") -> World:
    """Make one."""
    entropy = SeededEntropy(seed.encode())
    ci = issue_ci("Test CI", CI_OID, VALIDITY, entropy=entropy, curve=curve)
    eum = issue_eum(ci, "Test EUM", EUM_OID, VALIDITY, entropy=entropy, ein=ein)
    sm_dp = issue_server(ci, Role.SM_DP, "Test SM-DP", SM_DP_OID, VALIDITY, entropy=entropy)
    sm_sr = issue_server(
        ci, Role.SM_SR, "Test SM-SR", SM_SR_OID, VALIDITY, entropy=entropy, hosts=("127.0.0.1", "sr.test")
    )
    key = PrivateKey.from_entropy(entropy, curve)
    return World(ci, eum, sm_dp, sm_sr, key, issue_ecasd(eum, EID, key.public_key, VALIDITY, entropy=entropy))
