# SPDX-License-Identifier: Apache-2.0
"""Keys in a PKCS#11 token (a hardware security module, or SoftHSM): made there, used there, never read out.

A key has its name as label. What is signed is hashed here, so the token needs CKM_ECDSA and CKM_ECDH1_DERIVE only. TLS
is not for these keys: Python's ssl reads its key from a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final, NoReturn, Self

import pkcs11
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import KDF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.types import DeriveMixin, SignMixin
from pkcs11.util.ec import encode_named_curve_parameters

from apdu.errors import SecurityError
from apdu.keys.ec import SIGNATURE_LENGTH, Curve, PrivateKey, PublicKey

__all__ = ["TokenError", "TokenKeys"]

_NAMES: Final = {Curve.P256: "secp256r1", Curve.BRAINPOOL_P256R1: "brainpoolp256r1"}
_PARAMETERS: Final = {encode_named_curve_parameters(name): curve for curve, name in _NAMES.items()}
_OCTET_STRING: Final = b"\x04\x41"
"""What stands before a point of 65 bytes in CKA_EC_POINT (PKCS#11 v2.40 2.3.3); some tokens leave it out."""
_MADE_HERE: Final = {
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.DERIVE: True,
}


class TokenError(SecurityError):
    """The token refused, failed, or is not there."""


@contextmanager
def _reported(what: str) -> Iterator[None]:
    try:
        yield
    except pkcs11.PKCS11Error as error:
        raise TokenError(f"{what}: {str(error) or type(error).__name__}") from None


class TokenKeys:
    """The keys of one token, opened with its PIN; close it, or use it in `with`."""

    __slots__ = ("_label", "_lock", "_session")

    def __init__(self, module: Path, label: str, pin: str) -> None:
        with _reported(f"token {label!r}"):
            token = pkcs11.lib(str(module)).get_token(token_label=label)
            self._session = token.open(rw=True, user_pin=pin)
        self._label = label
        self._lock = Lock()  # a session does one thing at a time

    def open(self, name: str) -> PrivateKey:
        """The key with this label; TokenError when there is none, or several."""
        with self._lock, _reported(f"key {name!r} in token {self._label!r}"):
            key = self._session.get_key(object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC, label=name)
            public = self._session.get_key(object_class=ObjectClass.PUBLIC_KEY, key_type=KeyType.EC, label=name)
            curve = _PARAMETERS.get(public[Attribute.EC_PARAMS])
            point = public[Attribute.EC_POINT].removeprefix(_OCTET_STRING)
        if curve is None:
            raise TokenError(f"key {name!r} in token {self._label!r} lies on no curve of SGP.02")
        return PrivateKey(_TokenKey(key, PublicKey.from_point(point, curve), self._lock), curve)

    def create(self, name: str, curve: Curve = Curve.P256) -> PrivateKey:
        """A key that the token draws, under a label that is free."""
        with self._lock, _reported(f"key {name!r} in token {self._label!r}"):
            if next(iter(self._session.get_objects({Attribute.LABEL: name})), None) is not None:
                raise TokenError(f"key {name!r} in token {self._label!r} exists: take another name")
            parameters = self._session.create_domain_parameters(
                KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(_NAMES[curve])}, local=True
            )
            uses = MechanismFlag.SIGN | MechanismFlag.VERIFY | MechanismFlag.DERIVE
            parameters.generate_keypair(store=True, label=name, capabilities=uses, private_template=_MADE_HERE)
        return self.open(name)

    def close(self) -> None:
        """Log out; keys that were opened do not work any more."""
        with self._lock, _reported(f"token {self._label!r}"):
            self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TokenKeys({self._label!r})"


class _TokenKey(ec.EllipticCurvePrivateKey):
    """A key of the token as the cryptography package takes it: so X.509 certificates and lists are signed with it."""

    def __init__(self, key: pkcs11.Key, public: PublicKey, lock: Lock) -> None:
        self._key = key
        self._public = public
        self._lock = lock

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.key.curve

    @property
    def key_size(self) -> int:
        return self._public.key.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public.key

    def sign(
        self, data: bytes | bytearray | memoryview, signature_algorithm: ec.EllipticCurveSignatureAlgorithm
    ) -> bytes:
        hashing = signature_algorithm.algorithm
        if not isinstance(hashing, SHA256):
            raise UnsupportedAlgorithm("a key in a token signs with SHA-256 only")
        if not isinstance(self._key, SignMixin):
            raise TokenError("the token does not let this key sign")
        with self._lock, _reported("signing in the token"):
            signature = self._key.sign(sha256(data).digest(), mechanism=Mechanism.ECDSA)
        half = SIGNATURE_LENGTH // 2
        return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        if not isinstance(self._key, DeriveMixin):
            raise TokenError("the token does not let this key agree on others")
        point = peer_public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        with self._lock, _reported("key agreement in the token"):
            shared = self._key.derive_key(
                KeyType.GENERIC_SECRET,
                self.key_size,
                mechanism=Mechanism.ECDH1_DERIVE,
                mechanism_param=(KDF.NULL, None, point),
                template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True, Attribute.TOKEN: False},
            )
            value = bytes(shared[Attribute.VALUE])
            shared.destroy()
        return value

    def private_numbers(self) -> NoReturn:
        raise TokenError("a key does not leave its token")

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        raise TokenError("a key does not leave its token")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self
