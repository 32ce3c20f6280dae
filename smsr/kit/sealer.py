# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest: AES-GCM under keys that come from a server's master key, and MACs that chain records.

The master key is 32 bytes in a file (mode 0600), or comes from a private key that does not leave its token.
"""

from __future__ import annotations

import hmac
import os
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from apdu.errors import DecodeError, SecurityError
from apdu.keys.entropy import Entropy
from apdu.keys.secret import SecretKey
from smsr.kit.keys import Signer, UnusableFile

__all__ = ["MASTER_KEY_LENGTH", "Sealer", "create_master_key", "derive_master_key", "read_master_key"]

MASTER_KEY_LENGTH: Final = 32
_NONCE: Final = 12
_MAX_FILE: Final = 1024
_OTHERS: Final = 0o077


class Sealer:
    """Encrypts what is kept, bound to the place where it stands."""

    def __init__(self, key: SecretKey, entropy: Entropy) -> None:
        self._cipher = AESGCM(key.reveal())
        self._chain = hmac.digest(key.reveal(), b"audit trail", "sha256")
        self._entropy = entropy

    def seal(self, value: bytes, place: bytes) -> bytes:
        """Nonce, ciphertext, tag."""
        nonce = self._entropy.draw(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """The value; SecurityError when it was changed, stands elsewhere, or belongs to another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
        except (InvalidTag, ValueError):
            raise SecurityError("a secret that is kept does not open with this key") from None

    def chain(self, previous: bytes, record: bytes) -> bytes:
        """HMAC-SHA256 over a record and the chain before it: who lacks the key can forge neither."""
        return hmac.digest(self._chain, previous + sha256(record).digest(), "sha256")


def read_master_key(path: Path) -> SecretKey:
    """Read a file with 64 hexadecimal digits that nobody else may read; UnusableFile names it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MAX_FILE)
    except OSError as error:
        raise UnusableFile(f"{path}: {error.strerror}") from None
    if mode & _OTHERS:
        raise UnusableFile(f"{path} can be read by others: chmod 600 it")
    try:
        value = bytes.fromhex(text.decode("ascii"))
        if len(value) != MASTER_KEY_LENGTH:
            raise DecodeError("another length")
    except (ValueError, DecodeError):
        raise UnusableFile(f"{path} is no master key: {2 * MASTER_KEY_LENGTH} hexadecimal digits") from None
    return SecretKey(value)


def create_master_key(path: Path, entropy: Entropy) -> SecretKey:
    """Draw a master key and write it to a file that must not be there yet."""
    value = entropy.draw(MASTER_KEY_LENGTH)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(value.hex().encode() + b"\n")
        file.flush()
        os.fsync(descriptor)
    return SecretKey(value)


def derive_master_key(key: Signer) -> SecretKey:
    """The master key that belongs to a private key: the key agreed on with itself, through HKDF-SHA256.

    Only who can use the private key can compute it, so it is nowhere where the token is not.
    """
    shared = key.ecdh(key.public_key)
    return SecretKey(HKDF(SHA256(), MASTER_KEY_LENGTH, salt=None, info=b"euicc master key").derive(shared))
