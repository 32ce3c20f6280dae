# SPDX-License-Identifier: Apache-2.0
"""Secret keys as values: key type, check value, and the cipher contexts that belong to one key.

Key types: GPCS 11.1.8. Check values: GPCS B.6. A `SecretKey` is not `bytes`: it shows its type and check value only,
compares in constant time and refuses to be pickled, so a key leaves the process on purpose (`reveal`) or not at all.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, NoReturn

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.cmac import CMAC

from apdu.errors import DecodeError

__all__ = ["KeySet", "KeyType", "SecretKey"]


@unique
class KeyType(IntEnum):
    """Coding of a key's algorithm (GPCS 11.1.8, table 11-16)."""

    DES = 0x80
    TLS_PSK = 0x85
    AES = 0x88
    HMAC_SHA1 = 0x90
    RSA_PUBLIC_EXPONENT = 0xA0
    RSA_PUBLIC_MODULUS = 0xA1
    ECC_PUBLIC = 0xB0
    ECC_PRIVATE = 0xB1
    ECC_PARAMETER_REFERENCE = 0xF0
    EXTENDED = 0xFF


_LENGTHS: Final[dict[KeyType, tuple[int, ...]]] = {
    KeyType.DES: (8, 16, 24),
    KeyType.AES: (16, 24, 32),
    KeyType.TLS_PSK: (16, 24, 32),
}

# (U) GPCS B.6 names AES and DES only; a TLS-PSK key is as long as an AES key and gets the check value of one.
_CHECKED_LIKE_AES: Final = (KeyType.AES, KeyType.TLS_PSK)


class SecretKey:
    """A symmetric key, immutable; keyed contexts are made at first use and kept."""

    __slots__ = ("_cmac", "_ecb", "_kcv", "_type", "_value")

    def __init__(self, value: bytes, type: KeyType = KeyType.AES) -> None:
        lengths = _LENGTHS.get(type)
        if lengths is None:
            raise DecodeError(f"{type.name} is not the type of a secret key")
        if len(value) not in lengths:
            raise DecodeError(f"a {type.name} key has {' or '.join(map(str, lengths))} bytes, not {len(value)}")
        self._value = bytes(value)
        self._type = type
        self._cmac: CMAC | None = None
        self._ecb: CipherContext | None = None
        self._kcv: bytes | None = None

    @property
    def type(self) -> KeyType:
        """Its algorithm."""
        return self._type

    def reveal(self) -> bytes:
        """The key itself: for key stores and PUT KEY, never for text."""
        return self._value

    @property
    def kcv(self) -> bytes:
        """Key check value, 3 bytes: E(16 x 01) for AES, E(8 x 00) for DES (GPCS B.6)."""
        if self._kcv is None:
            block = b"\x01" * 16 if self._type in _CHECKED_LIKE_AES else bytes(8)
            self._kcv = self.encrypt_block(block)[:3]
        return self._kcv

    def cmac(self) -> CMAC:
        """A CMAC context with this key (NIST SP 800-38B): a copy of the one kept, so that it costs no key schedule."""
        if self._cmac is None:
            self._cmac = CMAC(self._algorithm())
        return self._cmac.copy()

    def encrypt_block(self, block: bytes) -> bytes:
        """Encrypt whole blocks one by one (ECB)."""
        return self.ecb_encryptor().update(block)

    def ecb_encryptor(self) -> CipherContext:
        """The ECB encryptor of this key: it has no state, so there is one."""
        if self._ecb is None:
            self._ecb = Cipher(self._algorithm(), ECB()).encryptor()
        return self._ecb

    def cbc_encryptor(self, iv: bytes | None = None) -> CipherContext:
        """A new CBC encryptor without padding; IV zero unless given."""
        return Cipher(self._algorithm(), CBC(iv or bytes(self.block_size))).encryptor()

    def cbc_decryptor(self, iv: bytes | None = None) -> CipherContext:
        """A new CBC decryptor without padding; IV zero unless given."""
        return Cipher(self._algorithm(), CBC(iv or bytes(self.block_size))).decryptor()

    def encrypt_cbc(self, data: bytes, iv: bytes | None = None) -> bytes:
        """Encrypt whole blocks in CBC mode; with IV zero this is how a DEK protects keys (GPCS Amendment D 6.2.8)."""
        self._check_blocks(data)
        return self.cbc_encryptor(iv).update(data)

    def decrypt_cbc(self, data: bytes, iv: bytes | None = None) -> bytes:
        """Undo `encrypt_cbc`."""
        self._check_blocks(data)
        return self.cbc_decryptor(iv).update(data)

    @property
    def block_size(self) -> int:
        """Bytes in a block of its cipher."""
        return 8 if self._type is KeyType.DES else 16

    def _check_blocks(self, data: bytes) -> None:
        if len(data) % self.block_size:
            raise DecodeError(f"{len(data)} bytes are not whole blocks of {self.block_size}")

    def _algorithm(self) -> AES | TripleDES:
        if self._type is not KeyType.DES:
            return AES(self._value)
        # one key three times is single DES, two keys are K1 K2 K1
        return TripleDES((self._value * 3)[:24])

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretKey):
            return NotImplemented
        return self._type is other._type and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # a hash of the value would be a fingerprint, one without it useless

    def __copy__(self) -> SecretKey:
        return self

    def __deepcopy__(self, memo: object) -> SecretKey:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretKey is not pickled: reveal() it into a key store")

    def __repr__(self) -> str:
        return f"SecretKey({self._type.name}-{len(self._value) * 8}, KCV {self.kcv.hex().upper()})"


@dataclass(frozen=True, slots=True)
class KeySet:
    """The three keys of one key version number: ENC (KID 01), MAC (02), DEK (03)."""

    kvn: int
    enc: SecretKey
    mac: SecretKey
    dek: SecretKey
