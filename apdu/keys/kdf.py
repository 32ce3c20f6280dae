# SPDX-License-Identifier: Apache-2.0
"""Key derivation functions.

X9.63 with SHA-256 (BSI TR-03111 4.3.3) turns the shared secret of a key agreement into keys (SGP.02 4.1.1.7); the
counter mode of NIST SP 800-108 with AES-CMAC makes SCP03 session keys (GPCS Amendment D 4.1.5); the one-step KDF of
NIST SP 800-56C Rev. 2 makes a card's initial keys from an EUM's master secret.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from apdu.ids import Eid
from apdu.keys.secret import KeyType, SecretKey

__all__ = ["diversify", "one_step_sha256", "scp03_kdf", "x963_sha256"]

_LABEL_PREFIX: Final = bytes(11)
_CMAC_BITS: Final = 128


def x963_sha256(secret: bytes, length: int, shared_info: bytes = b"") -> bytes:
    """H(secret || counter || shared info) for counter 00000001, 00000002, ... (ANSI X9.63)."""
    return X963KDF(SHA256(), length, shared_info).derive(secret)


def scp03_kdf(key: SecretKey, constant: int, context: bytes, bits: int) -> bytes:
    """11 x 00, constant, 00, length in bits, block number, context under AES-CMAC (GPCS Amendment D 4.1.5)."""
    head = _LABEL_PREFIX + bytes((constant, 0, bits >> 8, bits & 0xFF))
    output = b""
    for number in range(1, -(-bits // _CMAC_BITS) + 1):
        mac = key.cmac()
        mac.update(head + bytes((number,)) + context)
        output += mac.finalize()
    return output[: bits // 8]


def one_step_sha256(secret: bytes, length: int, fixed_info: bytes = b"") -> bytes:
    """H(counter || secret || fixed info) for counter 00000001, 00000002, ... (NIST SP 800-56C Rev. 2 4, option 1)."""
    return ConcatKDFHash(SHA256(), length, fixed_info).derive(secret)


def diversify(master: SecretKey, eid: Eid, label: str, length: int, type: KeyType = KeyType.AES) -> SecretKey:
    """One card's key from a master secret; the label tells the keys of a card apart.

    Fixed info is length of label, label, EID: a label cannot run into the EID, so no two inputs are the same bytes.
    """
    name = label.encode()
    return SecretKey(one_step_sha256(master.reveal(), length, bytes((len(name),)) + name + eid), type)
