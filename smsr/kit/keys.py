# SPDX-License-Identifier: Apache-2.0
"""Private keys as servers use them: they sign and agree, and do not come out.

A key has a name, such as `sm-sr/1/card`. It lies in a file beside its certificate (here), or in a PKCS#11 token
(smsr.kit.token).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from apdu.errors import M2mError, SecurityError
from apdu.keys.ec import Curve, PrivateKey, PublicKey
from apdu.keys.entropy import Entropy
from smsr.kit.passphrase import Passphrase

__all__ = ["FileKeys", "KeyStore", "PassphraseNeeded", "Signer", "UnusableFile"]

_MAX_FILE: Final = 16_384
_CURVES: Final = {"secp256r1": Curve.P256, "brainpoolP256r1": Curve.BRAINPOOL_P256R1}


class Signer(Protocol):
    """A private key: what may be done with it."""

    @property
    def public_key(self) -> PublicKey:
        """The point that belongs to it."""

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 as r || s: card format certificates, XML-DSig."""

    def sign_der(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 as SEQUENCE { r, s }: X.509."""

    def ecdh(self, peer: PublicKey) -> bytes:
        """The x coordinate of the product with a peer's point."""


class KeyStore(Protocol):
    """Where keys lie."""

    def open(self, name: str) -> Signer:
        """The key of this name."""

    def create(self, name: str) -> Signer:
        """A new key under a name that is free."""


class UnusableFile(M2mError):
    """A file does not hold what it should; the message names it."""


class PassphraseNeeded(SecurityError):
    """A key is under a passphrase, and none was given."""


class FileKeys:
    """Keys in files `NAME.key` of a folder: PKCS#8 in PEM form, mode 0600, under a passphrase where there is one."""

    __slots__ = ("_entropy", "_folder", "_passphrase")

    def __init__(self, folder: Path, entropy: Entropy, passphrase: Passphrase | None = None) -> None:
        self._folder = folder
        self._entropy = entropy
        self._passphrase = passphrase

    def open(self, name: str) -> PrivateKey:
        """Read a key; OSError when its file cannot be read, SecurityError when the passphrase is not its."""
        path = self._path(name)
        with path.open("rb") as file:
            pem = file.read(_MAX_FILE)
        given = self._passphrase.reveal() if self._passphrase is not None and b"ENCRYPTED" in pem else None
        try:
            key = load_pem_private_key(pem, given)
        except TypeError:
            raise PassphraseNeeded(f"{path} is under a passphrase, and none is given") from None
        except ValueError:
            if b"ENCRYPTED" in pem:
                raise SecurityError(f"{path} is under another passphrase, or damaged") from None
            raise UnusableFile(f"{path} is no private key in PEM form") from None
        except UnsupportedAlgorithm:
            raise UnusableFile(f"{path} is a private key of an unknown kind") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _CURVES:
            raise UnusableFile(f"{path} is no private key on a curve of SGP.02")
        return PrivateKey(key, _CURVES[key.curve.name])

    def create(self, name: str, curve: Curve = Curve.P256) -> PrivateKey:
        """Draw a key and write it to a file that must not be there yet."""
        key = PrivateKey.from_entropy(self._entropy, curve)
        self.keep(name, key)
        return key

    def keep(self, name: str, key: PrivateKey) -> None:
        """Write a key to a file that must not be there yet."""
        way = NoEncryption() if self._passphrase is None else BestAvailableEncryption(self._passphrase.reveal())
        pem = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, way)
        descriptor = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def __repr__(self) -> str:
        return f"FileKeys({str(self._folder)!r})"
