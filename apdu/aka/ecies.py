# SPDX-License-Identifier: Apache-2.0
"""The protection schemes of TS 33.501 annex C.3: ECIES profile A (X25519) and profile B (P-256).

Both agree on Z with a fresh key of the card, derive AES key, initial counter block and MAC key from it by X9.63
KDF, encrypt with AES-128-CTR and authenticate the ciphertext with the first 8 bytes of HMAC-SHA-256.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from enum import IntEnum, unique
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apdu.errors import DecodeError, SecurityError
from apdu.keys.ec import Curve, PrivateKey, PublicKey
from apdu.keys.entropy import Entropy
from apdu.keys.kdf import x963_sha256

__all__ = ["PROFILES", "Scheme", "conceal", "encrypt", "open_output"]

_TAG_LENGTH: Final = 8


@unique
class Scheme(IntEnum):
    """Protection scheme identifiers (TS 33.501 C.1)."""

    NULL = 0
    PROFILE_A = 1
    PROFILE_B = 2


class _Profile(NamedTuple):
    """Key agreement of one profile; private keys are 32 bytes, public ones as they are sent."""

    public_length: int
    draw: Callable[[Entropy], bytes]
    public: Callable[[bytes], bytes]
    agree: Callable[[bytes, bytes], bytes]


def _x25519_public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _x25519_agree(private: bytes, peer: bytes) -> bytes:
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(peer))
    except ValueError:  # wrong length, or a point of small order (RFC 7748 6.1)
        raise DecodeError("the public key is not one of X25519") from None


def _p256_public(private: bytes) -> bytes:
    key = PrivateKey.from_bytes(private, Curve.P256).public_key.key
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _p256_agree(private: bytes, peer: bytes) -> bytes:
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), peer)
    except ValueError:
        raise DecodeError("the public key is not a point of P-256") from None
    return PrivateKey.from_bytes(private, Curve.P256).ecdh(PublicKey(point, Curve.P256))


PROFILES: Final[dict[int, _Profile]] = {
    Scheme.PROFILE_A: _Profile(32, lambda entropy: entropy.draw(32), _x25519_public, _x25519_agree),
    Scheme.PROFILE_B: _Profile(
        33, lambda entropy: PrivateKey.from_entropy(entropy, Curve.P256).to_bytes(), _p256_public, _p256_agree
    ),
}
"""Everything in which the profiles differ (TS 33.501 C.3.4)."""


class _SessionKeys(NamedTuple):
    encryption: bytes
    counter_block: bytes
    mac: bytes

    def __repr__(self) -> str:
        return "_SessionKeys()"

    def crypt(self, data: bytes) -> bytes:
        """Encrypt or decrypt: in counter mode they are the same."""
        return Cipher(AES(self.encryption), CTR(self.counter_block)).encryptor().update(data)

    def tag(self, ciphertext: bytes) -> bytes:
        return hmac.digest(self.mac, ciphertext, "sha256")[:_TAG_LENGTH]


def _session_keys(shared_secret: bytes, ephemeral_public: bytes) -> _SessionKeys:
    data = x963_sha256(shared_secret, 64, ephemeral_public)
    return _SessionKeys(data[:16], data[16:32], data[32:])


def encrypt(scheme: Scheme, ephemeral_private: bytes, home_network_public: bytes, plain: bytes) -> bytes:
    """The scheme output under a given ephemeral key: public key || ciphertext || tag."""
    profile = PROFILES[scheme]
    public = profile.public(ephemeral_private)
    keys = _session_keys(profile.agree(ephemeral_private, home_network_public), public)
    ciphertext = keys.crypt(plain)
    return public + ciphertext + keys.tag(ciphertext)


def conceal(scheme: Scheme, home_network_public: bytes, plain: bytes, entropy: Entropy) -> bytes:
    """The scheme output under a fresh ephemeral key; DecodeError when the home network's key is broken."""
    return encrypt(scheme, PROFILES[scheme].draw(entropy), home_network_public, plain)


def open_output(scheme: int, home_network_private: bytes | None, output: bytes) -> bytes:
    """The plain text of a scheme output; SecurityError when it does not verify or cannot be opened."""
    profile = PROFILES.get(scheme)
    if profile is None or home_network_private is None:
        raise SecurityError(f"the home network has no key for protection scheme {scheme}")
    if len(output) <= profile.public_length + _TAG_LENGTH:
        raise DecodeError("a scheme output is longer than its public key and tag", offset=len(output))
    public = output[: profile.public_length]
    ciphertext, tag = output[profile.public_length : -_TAG_LENGTH], output[-_TAG_LENGTH:]
    keys = _session_keys(profile.agree(home_network_private, public), public)
    if not hmac.compare_digest(keys.tag(ciphertext), tag):
        raise SecurityError("the tag of the SUCI does not verify")
    return keys.crypt(ciphertext)
