# SPDX-License-Identifier: Apache-2.0
"""Secret keys: check values against published and foreign ones, and what must not come out of them."""

from __future__ import annotations

import copy
import pickle

import pytest
from Crypto.Cipher import AES, DES, DES3
from Crypto.Hash import CMAC

from apdu.errors import DecodeError, M2mError
from apdu.keys.secret import KeySet, KeyType, SecretKey
from tests.unit.channel.vectors_scp03 import CHECK_VALUES

H = bytes.fromhex
# RFC 4493 4: subkeys aside, the four examples.
RFC4493_KEY = H("2B7E151628AED2A6ABF7158809CF4F3C")
RFC4493_MESSAGE = H(
    "6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51"
    "30C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710"
)
RFC4493 = (
    (0, "BB1D6929E95937287FA37D129B756746"),
    (16, "070A16B46B4D4144F79BDD9DD04A287C"),
    (40, "DFA66747DE9AE63030CA32611497C827"),
    (64, "51F0BEBF7E3B9D92FC49741779363CFE"),
)
DES_KEYS = tuple(bytes(range(size)) for size in (8, 16, 24))


def _des(value: bytes) -> bytes:
    """The cipher of a DES key of any length, by pycryptodome, which refuses K1 K1 K1."""
    if len(value) == 8:
        return DES.new(value, DES.MODE_ECB).encrypt(bytes(8))
    return DES3.new(value, DES3.MODE_ECB).encrypt(bytes(8))


@pytest.mark.parametrize("value, kcv", CHECK_VALUES)
def test_published_check_values(value: bytes, kcv: str) -> None:
    assert SecretKey(value).kcv == H(kcv)
    assert SecretKey(value, KeyType.TLS_PSK).kcv == H(kcv)


@pytest.mark.parametrize("size", [16, 24, 32])
def test_check_value_of_aes(size: int) -> None:
    value = bytes(range(size))
    assert SecretKey(value).kcv == AES.new(value, AES.MODE_ECB).encrypt(b"\x01" * 16)[:3]


@pytest.mark.parametrize("value", DES_KEYS, ids=len)
def test_check_value_of_des(value: bytes) -> None:
    assert SecretKey(value, KeyType.DES).kcv == _des(value)[:3]


@pytest.mark.parametrize("size, mac", RFC4493)
def test_cmac(size: int, mac: str) -> None:
    key = SecretKey(RFC4493_KEY)
    for _ in range(2):  # the second is made from the context kept
        context = key.cmac()
        context.update(RFC4493_MESSAGE[:size])
        assert context.finalize() == H(mac)


@pytest.mark.parametrize("size", [16, 24, 32])
def test_cmac_against_pycryptodome(size: int) -> None:
    value = bytes(range(1, size + 1))
    key = SecretKey(value)
    for length in range(50):
        context = key.cmac()
        context.update(bytes(length))
        assert context.finalize() == CMAC.new(value, bytes(length), ciphermod=AES).digest()


@pytest.mark.parametrize("iv", [None, bytes(range(16))])
def test_cbc_of_aes(iv: bytes | None) -> None:
    value, data = bytes(range(16)), bytes(range(48))
    key = SecretKey(value)
    cipher = AES.new(value, AES.MODE_CBC, iv=iv or bytes(16)).encrypt(data)
    assert key.encrypt_cbc(data, iv) == cipher
    assert key.decrypt_cbc(cipher, iv) == data
    for use in (key.encrypt_cbc, key.decrypt_cbc):
        with pytest.raises(DecodeError):
            use(data[:-1])


def test_cbc_of_two_key_des() -> None:
    value, data = bytes(range(16)), bytes(range(24))
    cipher = DES3.new(value, DES3.MODE_CBC, iv=bytes(8)).encrypt(data)
    assert SecretKey(value, KeyType.DES).encrypt_cbc(data) == cipher
    assert SecretKey(value, KeyType.DES).decrypt_cbc(cipher) == data


@pytest.mark.parametrize(
    "value, kind",
    [
        (b"", KeyType.AES),
        (bytes(15), KeyType.AES),
        (bytes(17), KeyType.AES),
        (bytes(33), KeyType.AES),
        (bytes(7), KeyType.DES),
        (bytes(32), KeyType.DES),
        (bytes(8), KeyType.TLS_PSK),
        (bytes(32), KeyType.ECC_PRIVATE),
    ],
)
def test_refused(value: bytes, kind: KeyType) -> None:
    with pytest.raises(DecodeError):
        SecretKey(value, kind)


def test_equality() -> None:
    one = SecretKey(bytes(16))
    assert one == SecretKey(bytes(16))
    assert one != SecretKey(bytes(15) + b"\x01")
    assert one != SecretKey(bytes(24))
    assert one != SecretKey(bytes(16), KeyType.TLS_PSK)
    assert one != bytes(16)
    assert KeySet(1, one, one, one) == KeySet(1, one, one, SecretKey(bytes(16)))
    with pytest.raises(TypeError):
        hash(one)


def test_nothing_secret_comes_out() -> None:
    value = H("0F1E2D3C4B5A69788796A5B4C3D2E1F0")
    key = SecretKey(value)
    assert repr(key) == str(key) == f"{key}" == f"SecretKey(AES-128, KCV {key.kcv.hex().upper()})"
    assert value.hex().upper() not in repr(KeySet(0x30, key, key, key))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(key, protocol)
    with pytest.raises(TypeError):
        bytes(key)  # type: ignore[call-overload]
    assert copy.copy(key) is copy.deepcopy(key) is key
    with pytest.raises(M2mError) as caught:
        SecretKey(value + b"\x00")
    assert value.hex() not in str(caught.value)
    assert len(key) == 16
    assert key.reveal() == value
