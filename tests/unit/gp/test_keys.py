# SPDX-License-Identifier: Apache-2.0
"""PUT KEY and DELETE data fields: samples of card.md 3.3, 3.9, 4.6, 4.8 and section 10 in both directions."""

from __future__ import annotations

import contextlib

import pytest
from Crypto.Cipher import AES

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError, EncodeError, SecurityError
from apdu.gp.delete import (
    DeleteKeys,
    DeleteObject,
    DeleteReference,
    KeepKeys,
    KeyRange,
    decode_delete,
)
from apdu.gp.keys import KeyComponent, KeyReference, PutKey, PutKeyEntry, PutKeyResponse
from apdu.ids import Aid
from apdu.keys.secret import KeyType, SecretKey

ISD_P_10 = Aid.isd_p(0x10)
DEK = SecretKey(bytes.fromhex("343D0E3E42978620B90CD15DDF087074"))
TOKEN_KEY = bytes.fromhex("20212223242526270101010101010101")


def _under_dek(clear: bytes) -> bytes:
    return AES.new(DEK.reveal(), AES.MODE_CBC, iv=bytes(16)).encrypt(clear)


def _kcv(key: bytes) -> bytes:
    return AES.new(key, AES.MODE_ECB).encrypt(b"\x01" * 16)[:3]


def test_token_key_as_observed() -> None:
    """`80D8 00 01 L 70 88 11 10 <AES-CBC(DEK, key)> 03 <KCV>` (S:whty)."""
    raw = bytes.fromhex("80D80001 18 70 881110") + _under_dek(TOKEN_KEY) + b"\x03" + _kcv(TOKEN_KEY) + b"\x00"
    command = PutKey(0x70, (PutKeyEntry.protect(SecretKey(TOKEN_KEY), DEK),))
    assert command.command() == CommandApdu.parse(raw)
    read = PutKey.decode(0x00, 0x01, raw[5:-1])
    assert read == command
    assert read.keys[0].secret(DEK) == SecretKey(TOKEN_KEY)
    for end in range(5, len(raw) - 1):
        with pytest.raises(DecodeError):
            PutKey.decode(0x00, 0x01, raw[5:end])


@pytest.mark.parametrize("length", [16, 24, 32])
def test_key_lengths(length: int) -> None:
    key = bytes(range(length))
    entry = PutKeyEntry.protect(SecretKey(key), DEK)
    padded = key.ljust(-(-length // 16) * 16, b"\x00")
    assert entry.components == (KeyComponent(KeyType.AES, bytes((length,)) + _under_dek(padded)),)
    assert entry.secret(DEK) == SecretKey(key)


def test_cipher_text_alone() -> None:
    entry = PutKeyEntry((KeyComponent(0x88, _under_dek(TOKEN_KEY)),), b"")
    assert entry.secret(DEK) == SecretKey(TOKEN_KEY)


def test_wrong_check_value() -> None:
    entry = PutKeyEntry((KeyComponent(0x88, _under_dek(TOKEN_KEY)),), b"\x00\x00\x00")
    with pytest.raises(SecurityError):
        entry.secret(DEK)


@pytest.mark.parametrize(
    "components",
    [
        (KeyComponent(0x88, b""),),
        (KeyComponent(0x88, bytes(15)),),
        (KeyComponent(0x88, b"\x11" + bytes(16)),),
        (KeyComponent(0x88, b"\x00" + bytes(16)),),
        (KeyComponent(0x88, b"\x10" + bytes(32)),),
        (KeyComponent(0x89, bytes(16)),),
        (KeyComponent(0xB0, bytes(65)), KeyComponent(0xF0, b"\x00")),
        (KeyComponent(0xB0, bytes(16)),),
    ],
)
def test_what_is_no_secret_key(components: tuple[KeyComponent, ...]) -> None:
    with pytest.raises(DecodeError):
        PutKeyEntry(components, b"").secret(DEK)


def test_key_set_and_public_key() -> None:
    point = b"\x04" + bytes(64)
    keys = (
        PutKeyEntry.protect(SecretKey(TOKEN_KEY), DEK),
        PutKeyEntry((KeyComponent(0xB0, point), KeyComponent(0xF0, b"\x00")), b""),
    )
    command = PutKey(0x31, keys, kid=1, replaces=0x30)
    assert (command.command().p1, command.command().p2) == (0x30, 0x81)
    assert command.encode().endswith(b"\xb0\x41" + point + b"\xf0\x01\x00\x00")  # card.md 3.3
    assert PutKey.decode(0x30, 0x81, command.encode()) == command
    for p2 in (0x01, 0x81):
        with pytest.raises(DecodeError):
            PutKey.decode(0x00, p2, b"\x31")
    with pytest.raises(DecodeError):
        PutKey.decode(0x30, 0x01, command.encode())
    with pytest.raises(DecodeError):
        PutKey.decode(0x00, 0x01, bytes.fromhex("31FF8800"))
    with pytest.raises(EncodeError):
        PutKey(0x31, ()).encode()


def test_put_key_response() -> None:
    response = PutKeyResponse(0x30, (b"\x01\x02\x03", b"\x04\x05\x06"))
    assert response.encode() == bytes.fromhex("30010203040506")
    assert PutKeyResponse.decode(response.encode()) == response
    for bad in ("", "300102", "30010203 04"):
        with pytest.raises(DecodeError):
            PutKeyResponse.decode(bytes.fromhex(bad))


def test_key_reference() -> None:
    raw = bytes.fromhex("B912 950118 960100 800188 810110 820101 830130")
    value = KeyReference(usage=b"\x18", access=0, type=0x88, length=16, kid=1, kvn=0x30)
    assert KeyReference.from_tlv(raw) == value
    assert value.encode() == raw


MASTER_DELETE = bytes.fromhex(  # vectors.py
    f"80E40040 43 4F10{ISD_P_10.hex()} B61D 42054953445001 4509495344505344494E01 5F200547534D4101 930101"
    "9E10EBA978AFC3B346493FD32AC557EA69F4 00"
)


def test_master_delete() -> None:
    reference = DeleteReference(sdpin=b"ISDP\x01", sdin=b"ISDPSDIN\x01", provider=b"GSMA\x01", token_id=b"\x01")
    value = decode_delete(MASTER_DELETE[5:-1])
    assert isinstance(value, DeleteObject)
    assert value == DeleteObject(aid=ISD_P_10, reference=reference, token=MASTER_DELETE[-17:-1])
    assert value.command() == CommandApdu.parse(MASTER_DELETE)
    mac = SecretKey(TOKEN_KEY).cmac()
    mac.update(value.token_input())
    assert mac.finalize() == value.token


@pytest.mark.parametrize(
    "data, value",
    [
        (f"4F10{ISD_P_10.hex()}", DeleteObject(aid=ISD_P_10)),
        ("D00101D20130", DeleteKeys(kid=1, kvn=0x30)),
        ("D20130", DeleteKeys(kvn=0x30)),
        ("F203010103F203410102", KeepKeys(keep=(KeyRange(1, 1, 3), KeyRange(0x41, 1, 2)))),  # captured (S:whty)
    ],
)
def test_delete_both_ways(data: str, value: DeleteObject | DeleteKeys | KeepKeys) -> None:
    assert decode_delete(bytes.fromhex(data)) == value
    assert value.command().data == bytes.fromhex(data)
    for end in range(len(data) // 2):
        with contextlib.suppress(DecodeError):  # a shorter list may be a list too
            assert decode_delete(bytes.fromhex(data)[:end]) != value


def test_captured_delete_commands() -> None:
    assert DeleteObject(aid=ISD_P_10).command().encode() == bytes.fromhex(f"80E40040124F10{ISD_P_10.hex()}00")
    keep = KeepKeys(keep=(KeyRange(1, 1, 3), KeyRange(0x41, 1, 2)))
    assert keep.command().encode() == bytes.fromhex("80E400000AF203010103F20341010200")


@pytest.mark.parametrize("data", ["", "4F00", "B600", "F20201", "F2020101", "D0020101", "4F05A000000559D00101"])
def test_delete_that_is_none(data: str) -> None:
    with pytest.raises(DecodeError):
        decode_delete(bytes.fromhex(data))
