# SPDX-License-Identifier: Apache-2.0
"""Elliptic curve keys of SGP.02: NIST P-256 and brainpoolP256r1, ECDSA with SHA-256, ECKA by ECDH.

Curves and their references: GPCS B.2 table B-2, SGP.02 table 24. Points are uncompressed (04 X Y), signatures
are r || s, each 32 bytes (BSI TR-03111 5.2.1). Signatures are deterministic (RFC 6979): they need no entropy, and
the same run gives the same bytes.
"""

from __future__ import annotations

from enum import IntEnum, unique
from hashlib import sha1
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apdu.errors import DecodeError, SecurityError
from apdu.keys.entropy import Entropy

__all__ = ["SIGNATURE_LENGTH", "Curve", "PrivateKey", "PublicKey"]

_FIELD_LENGTH: Final = 32
POINT_LENGTH: Final = 1 + 2 * _FIELD_LENGTH
SIGNATURE_LENGTH: Final = 2 * _FIELD_LENGTH
_ALGORITHM: Final = ec.ECDSA(SHA256(), deterministic_signing=True)
_ECDH: Final = ec.ECDH()


@unique
class Curve(IntEnum):
    """A curve by its key parameter reference."""

    P256 = 0x00
    BRAINPOOL_P256R1 = 0x03

    @classmethod
    def from_reference(cls, reference: int) -> Curve:
        """The curve of a key parameter reference; DecodeError for one that is not supported."""
        try:
            return cls(reference)
        except ValueError:
            raise DecodeError(f"curve reference {reference:02X} is not supported") from None


_IMPLEMENTATIONS: Final[dict[Curve, ec.EllipticCurve]] = {
    Curve.P256: ec.SECP256R1(),
    Curve.BRAINPOOL_P256R1: ec.BrainpoolP256R1(),
}

# Number of points of each curve (FIPS 186-4 D.1.2.3, RFC 5639 3.4).
_ORDERS: Final[dict[Curve, int]] = {
    Curve.P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Curve.BRAINPOOL_P256R1: 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
}


class PublicKey:
    """A point on a curve, checked to lie on it. Both curves have cofactor 1, so that is all there is to check."""

    __slots__ = ("_curve", "_key", "_point")

    def __init__(self, key: ec.EllipticCurvePublicKey, curve: Curve) -> None:
        self._key = key
        self._curve = curve
        self._point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @classmethod
    def from_point(cls, point: bytes, curve: Curve) -> PublicKey:
        """Read 04 X Y; DecodeError for another form, a wrong length or a point that is not on the curve."""
        if len(point) != POINT_LENGTH or point[0] != 0x04:
            raise DecodeError(f"a public key is 04 X Y, {POINT_LENGTH} bytes")
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(_IMPLEMENTATIONS[curve], bytes(point))
        except ValueError:
            raise DecodeError(f"the point is not on {curve.name}") from None
        return cls(key, curve)

    @property
    def curve(self) -> Curve:
        """The curve that it lies on."""
        return self._curve

    @property
    def key(self) -> ec.EllipticCurvePublicKey:
        """The key as the cryptography package holds it (X.509 needs it)."""
        return self._key

    def to_point(self) -> bytes:
        """04 X Y."""
        return self._point

    @property
    def subject_key_identifier(self) -> bytes:
        """SHA-1 over 04 X Y, as in X.509 (RFC 5280 4.2.1.2 method 1)."""
        return sha1(self._point, usedforsecurity=False).digest()

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check an ECDSA signature r || s; SecurityError when it is not one of this key over this message."""
        if len(signature) != SIGNATURE_LENGTH:
            raise SecurityError("the signature does not verify")
        r = int.from_bytes(signature[:_FIELD_LENGTH], "big")
        s = int.from_bytes(signature[_FIELD_LENGTH:], "big")
        try:
            self._key.verify(encode_dss_signature(r, s), message, _ALGORITHM)
        except InvalidSignature:
            raise SecurityError("the signature does not verify") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PublicKey):
            return NotImplemented
        return self._curve is other._curve and self._point == other._point

    def __hash__(self) -> int:
        return hash((self._curve, self._point))

    def __repr__(self) -> str:
        return f"PublicKey({self._curve.name}, {self._point.hex().upper()})"


class PrivateKey:
    """A private key; shows its curve only."""

    __slots__ = ("_curve", "_key", "_public")

    def __init__(self, key: ec.EllipticCurvePrivateKey, curve: Curve) -> None:
        self._key = key
        self._curve = curve
        self._public = PublicKey(key.public_key(), curve)

    @classmethod
    def from_scalar(cls, scalar: int, curve: Curve) -> PrivateKey:
        """The key with a given scalar, 1 to order - 1."""
        if not 0 < scalar < _ORDERS[curve]:
            raise DecodeError("a private key is a number from 1 to the order of its curve less one")
        return cls(ec.derive_private_key(scalar, _IMPLEMENTATIONS[curve]), curve)

    @classmethod
    def from_bytes(cls, value: bytes, curve: Curve) -> PrivateKey:
        """Read what `to_bytes` gave."""
        if len(value) != _FIELD_LENGTH:
            raise DecodeError(f"a private key has {_FIELD_LENGTH} bytes, not {len(value)}")
        return cls.from_scalar(int.from_bytes(value, "big"), curve)

    @classmethod
    def from_entropy(cls, entropy: Entropy, curve: Curve) -> PrivateKey:
        """Draw a key: 64 bits more than its length, reduced, so that no scalar is likelier (FIPS 186-5 A.2.1)."""
        drawn = int.from_bytes(entropy.draw(_FIELD_LENGTH + 8), "big")
        return cls.from_scalar(drawn % (_ORDERS[curve] - 1) + 1, curve)

    @property
    def curve(self) -> Curve:
        """Its curve."""
        return self._curve

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The key as the cryptography package holds it (X.509 needs it)."""
        return self._key

    @property
    def public_key(self) -> PublicKey:
        """The point that belongs to it."""
        return self._public

    def to_bytes(self) -> bytes:
        """The scalar, 32 bytes: for key stores, never for text."""
        return self._key.private_numbers().private_value.to_bytes(_FIELD_LENGTH, "big")

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256, deterministic (RFC 6979) unless a token made it, as r || s."""
        r, s = decode_dss_signature(self.sign_der(message))
        return r.to_bytes(_FIELD_LENGTH, "big") + s.to_bytes(_FIELD_LENGTH, "big")

    def sign_der(self, message: bytes) -> bytes:
        """The same signature as X.509, TLS and most tools have it: SEQUENCE { r, s } (RFC 3279 2.2.3)."""
        return self._key.sign(message, _ALGORITHM)

    def ecdh(self, peer: PublicKey) -> bytes:
        """The x coordinate of the product, 32 bytes (ECKA of BSI TR-03111 4.3.1)."""
        if peer.curve is not self._curve:
            raise DecodeError(f"a {peer.curve.name} point with a {self._curve.name} key")
        return self._key.exchange(_ECDH, peer.key)

    def __copy__(self) -> PrivateKey:
        return self

    def __deepcopy__(self, memo: object) -> PrivateKey:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PrivateKey is not pickled: to_bytes() it into a key store")

    def __repr__(self) -> str:
        return f"PrivateKey({self._curve.name})"
