# SPDX-License-Identifier: Apache-2.0
"""What a card supports and what it refuses when a profile package is installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["LAB", "PRODUCTION", "SERVICES", "Policy", "is_test_key"]

SERVICES: Final = frozenset(
    {
        "usim",
        "isim",
        "csim",  # files and keys; no CDMA algorithm runs
        "gba-usim",
        "gba-isim",
        "milenage",
        "tuak128",
        "tuak256",
        "usim-test-algorithm",
        "ber-tlv",
        "dfLink",
        "get-identity",
        "profile-a-x25519",
        "profile-b-p256",
    }
)
"""Components of ServicesList that this card supports (SAIP 8.2)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules of one kind of card. Two cards with equal policies share the bases of their profiles."""

    services: frozenset[str] = SERVICES
    test_keys: bool = True
    """Whether published test keys may be installed."""
    max_nodes: int = 4096
    """Files and directories in one profile."""
    max_elements: int = 2048
    """Elements of one package, those that are skipped included."""
    max_package: int = 4 << 20
    """Bytes of one package."""

    @classmethod
    def of(cls, *, lab: bool) -> Policy:
        """The policy of a lab card or of a production card."""
        return LAB if lab else PRODUCTION


LAB: Final = Policy()
PRODUCTION: Final = Policy(test_keys=False)


_PUBLISHED: Final = frozenset(
    map(
        bytes.fromhex,
        (
            "465B5CE8B199B49FAA5F0A2EE238A6BC",  # TS 35.207 test set 1, as in many SIM kits
            "0396EB317B6D1C36F19C1C84CD6FFD16",  # TS 35.207 test set 2
            "8BAF473F2F8FD09487CCCBD7097C6862",  # a public EPC's sample subscriber
            "00112233445566778899AABBCCDDEEFF",
            "FFEEDDCCBBAA99887766554433221100",
            "0123456789ABCDEF0123456789ABCDEF",
            "0123456789ABCDEFFEDCBA9876543210",
            "11111111111111111111111111111111",
            "404142434445464748494A4B4C4D4E4F",  # GlobalPlatform's default card key
        ),
    )
)


def is_test_key(key: bytes) -> bool:
    """Whether a key is published: those of the TS.48 packages, GlobalPlatform's, and plain patterns of any length."""
    first = key[0] if key else 0
    counting = bytes((first + n) & 0xFF for n in range(len(key)))  # 000102.., 404142..
    return key in _PUBLISHED or len(set(key)) <= 1 or key == counting
