# SPDX-License-Identifier: Apache-2.0
"""SUCI against the test data of TS 33.501 annex C.4 and against pycryptodome's key agreement."""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

import pytest
from Crypto.Cipher import AES
from Crypto.PublicKey import ECC
from Crypto.Util import Counter
from hypothesis import given, settings
from hypothesis import strategies as st

from apdu.aka.ecies import Scheme, conceal, encrypt, open_output
from apdu.aka.suci import (
    HomeNetworkKey,
    NoUsableScheme,
    SchemeEntry,
    Suci,
    SuciCalcInfo,
    make_suci,
    msin_bytes,
    open_suci,
)
from apdu.errors import DecodeError, EncodeError, SecurityError
from apdu.ids import Imsi
from apdu.keys.entropy import SeededEntropy

H = bytes.fromhex
MSIN = H("00012080F6")
IMSI = Imsi("274012001002086")
RI = H("F0FF")


class Known(NamedTuple):
    scheme: Scheme
    private: bytes
    public: bytes
    ephemeral: bytes
    output: bytes


KNOWN = [
    Known(
        Scheme.PROFILE_A,
        H("C53C22208B61860B06C62E5406A7B330C2B577AA5558981510D128247D38BD1D"),
        H("5A8D38864820197C3394B92613B20B91633CBD897119273BF8E4A6F4EEC0A650"),
        H("C80949F13EBE61AF4EBDBD293EA4F942696B9E815D7E8F0096BBF6ED7DE62256"),
        H("B2E92F836055A255837DEBF850B528997CE0201CB82ADFE4BE1F587D07D8457DCB02352410CDDD9E730EF3FA87"),
    ),
    Known(
        Scheme.PROFILE_B,
        H("F1AB1074477EBCC7F554EA1C5FC368B1616730155E0041AC447D6301975FECDA"),
        H("0272DA71976234CE833A6907425867B82E074D44EF907DFB4B3E21C1C2256EBCD1"),
        H("99798858A1DC6A2C68637149A4B1DBFD1FDFF5ADDD62A2142F06699ED7602529"),
        H("039AAB8376597021E855679A9778EA0B67396E68C66DF32C0F41E9ACCA2DA9B9D146A33FC2716AC7DAE96AA30A4D"),
    ),
]
BOTH = pytest.mark.parametrize("known", KNOWN, ids=["A", "B"])
INFO = SuciCalcInfo(
    (SchemeEntry(1, 1), SchemeEntry(2, 2), SchemeEntry(0, 0)),
    (HomeNetworkKey(0x0A, KNOWN[0].public), HomeNetworkKey(0x0B, KNOWN[1].public)),
)
PRIVATE = {0x0A: KNOWN[0].private, 0x0B: KNOWN[1].private}


class CountingEntropy(SeededEntropy):
    """Entropy that knows how much was drawn."""

    drawn = 0

    def draw(self, n: int) -> bytes:
        self.drawn += n
        return super().draw(n)


@BOTH
def test_known_answers(known: Known) -> None:
    assert encrypt(known.scheme, known.ephemeral, known.public, MSIN) == known.output
    assert open_output(known.scheme, known.private, known.output) == MSIN


def _oracle_secret(known: Known, point: bytes) -> bytes:
    """Z by pycryptodome."""
    if known.scheme is Scheme.PROFILE_A:
        from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key, key_agreement

        private = import_x25519_private_key(known.private)
        peer = import_x25519_public_key(point)
        return bytes(key_agreement(static_priv=private, static_pub=peer, kdf=lambda z: z))
    product = ECC.import_key(point, curve_name="P-256").pointQ * int.from_bytes(known.private, "big")
    return bytes(int(product.x).to_bytes(32, "big"))


@BOTH
@settings(max_examples=15, deadline=None)
@given(seed=st.binary(min_size=1, max_size=8), plain=st.binary(min_size=1, max_size=40))
def test_outputs_open_with_a_second_implementation(known: Known, seed: bytes, plain: bytes) -> None:
    output = conceal(known.scheme, known.public, plain, SeededEntropy(seed))
    size = len(known.public)
    point, body, tag = output[:size], output[size:-8], output[-8:]
    secret = _oracle_secret(known, point)
    block1 = hashlib.sha256(secret + b"\x00\x00\x00\x01" + point).digest()
    mac_key = hashlib.sha256(secret + b"\x00\x00\x00\x02" + point).digest()
    assert hmac.new(mac_key, body, hashlib.sha256).digest()[:8] == tag
    counter = Counter.new(128, initial_value=int.from_bytes(block1[16:], "big"))
    assert AES.new(block1[:16], AES.MODE_CTR, counter=counter).decrypt(body) == plain
    assert open_output(known.scheme, known.private, output) == plain


@BOTH
def test_every_changed_bit_is_refused(known: Known) -> None:
    for bit in range(len(known.output) * 8):
        changed = (int.from_bytes(known.output, "big") ^ 1 << bit).to_bytes(len(known.output), "big")
        with pytest.raises((SecurityError, DecodeError)):
            open_output(known.scheme, known.private, changed)


@BOTH
def test_cut_outputs_and_missing_keys_are_refused(known: Known) -> None:
    for size in range(len(known.output)):
        with pytest.raises((SecurityError, DecodeError)):
            open_output(known.scheme, known.private, known.output[:size])
    with pytest.raises(SecurityError):
        open_output(known.scheme, None, known.output)
    with pytest.raises(SecurityError):
        open_output(3, known.private, known.output)


def test_null_scheme_identity() -> None:
    suci = make_suci(IMSI, 3, RI, SuciCalcInfo((SchemeEntry(0, 0),)), SeededEntropy(b""))
    assert suci.encode() == H("01722410F0FF000000012080F6")
    assert Suci.parse(suci.encode()) == suci
    assert (suci.mcc, suci.mnc) == ("274", "012")
    assert open_suci(suci, {}) == IMSI


@pytest.mark.parametrize(
    "imsi, mnc_length, head",
    [("001010123456789", 2, "0100F110"), ("310410123456789", 3, "01130014"), ("26201987654321", 2, "0162F210")],
)
def test_mcc_and_mnc(imsi: str, mnc_length: int, head: str) -> None:
    suci = make_suci(Imsi(imsi), mnc_length, RI, SuciCalcInfo((SchemeEntry(0, 0),)), SeededEntropy(b""))
    assert suci.encode()[:4] == H(head)
    assert open_suci(Suci.parse(suci.encode()), {}) == imsi


@pytest.mark.parametrize("first", [1, 2])
def test_the_first_scheme_of_the_list_is_taken(first: int) -> None:
    order = tuple(sorted(INFO.schemes[:2], key=lambda entry: entry.scheme != first))
    suci = make_suci(IMSI, 3, RI, SuciCalcInfo(order, INFO.keys), SeededEntropy(b"seed"))
    assert suci.scheme == first
    assert suci.key_identifier == 0x09 + first
    assert MSIN not in suci.encode()
    assert open_suci(Suci.parse(suci.encode()), PRIVATE) == IMSI
    with pytest.raises(SecurityError):
        open_suci(suci, {0x7F: KNOWN[0].private})


def test_each_time_another_ephemeral_key() -> None:
    entropy = CountingEntropy(b"x")
    seen = {make_suci(IMSI, 3, RI, INFO, entropy).output for _ in range(4)}
    assert len(seen) == 4
    assert entropy.drawn == 4 * 32


BROKEN_A = (HomeNetworkKey(0x0A, bytes(32)), INFO.keys[1])
"""A point of small order."""
BROKEN_B = (INFO.keys[0], HomeNetworkKey(0x0B, b"\x02" + b"\xff" * 32))


@pytest.mark.parametrize(
    "schemes, keys, expected",
    [
        (((12, 1), (1, 1)), INFO.keys, 1),  # a scheme of the operator's own is not known
        (((1, 1), (2, 2), (0, 0)), BROKEN_A, 2),
        (((2, 2), (0, 0)), BROKEN_B, 0),
        (((2, 2),), BROKEN_B, None),
        (((1, 1),), BROKEN_A, None),
        (((2, 0), (1, 3)), INFO.keys, None),  # an index outside the list
        (((1, 2),), INFO.keys, None),  # profile A with a key of P-256
        (((2, 1),), INFO.keys, None),
        (((0, 0), (1, 1)), INFO.keys, 0),  # the null scheme has the highest priority
        ((), INFO.keys, None),
    ],
)
def test_schemes_that_cannot_be_used(
    schemes: tuple[tuple[int, int], ...], keys: tuple[HomeNetworkKey, ...], expected: int | None
) -> None:
    info = SuciCalcInfo(tuple(SchemeEntry(*entry) for entry in schemes), keys)
    if expected is None:
        with pytest.raises(NoUsableScheme):
            make_suci(IMSI, 3, RI, info, SeededEntropy(b"seed"))
    else:
        assert make_suci(IMSI, 3, RI, info, SeededEntropy(b"seed")).scheme == expected


def test_an_uncompressed_home_network_key_is_read() -> None:
    point = ECC.import_key(KNOWN[1].public, curve_name="P-256").pointQ
    full = b"\x04" + int(point.x).to_bytes(32, "big") + int(point.y).to_bytes(32, "big")
    assert encrypt(Scheme.PROFILE_B, KNOWN[1].ephemeral, full, MSIN) == KNOWN[1].output


def _sample() -> bytes:
    keys = H("80010A8120") + KNOWN[0].public + H("80010B8121") + KNOWN[1].public
    return H("A006010102020000A1") + bytes((len(keys),)) + keys


@pytest.mark.parametrize(
    "content, info",
    [
        (_sample(), INFO),
        (_sample() + b"\xff" * 40, INFO),
        (H("A0020000") + b"\xff" * 20, SuciCalcInfo((SchemeEntry(0, 0),))),
        (H("A000"), SuciCalcInfo(())),
        (H("A0020000A100"), SuciCalcInfo((SchemeEntry(0, 0),))),
    ],
    ids=["three schemes", "padded", "null only (TS.48)", "empty list", "empty keys"],
)
def test_calculation_information(content: bytes, info: SuciCalcInfo) -> None:
    assert SuciCalcInfo.decode(content) == info
    assert SuciCalcInfo.decode(info.encode()) == info


def test_calculation_information_is_built_byte_for_byte() -> None:
    assert INFO.encode() == _sample()
    assert SuciCalcInfo((SchemeEntry(0, 0),)).encode() == H("A0020000")


@pytest.mark.parametrize(
    "content",
    [
        "", "FFFF", "A0", "A003000000", "A10480010A8100", "A0020000A0020000", "A0020000A10380010A", "A0020000FF00",
        "A0020000A10481000100", "A0020000A1068001008001FF", "A0020000A10580010A8105", "A0840FFFFFFF", "A080",
        "A0020000A107800201008101FF",
    ],
)  # fmt: skip
def test_broken_calculation_information(content: str) -> None:
    with pytest.raises(DecodeError):
        SuciCalcInfo.decode(H(content))


@pytest.mark.parametrize("cut", range(9, 46))
def test_cut_calculation_information(cut: int) -> None:
    with pytest.raises(DecodeError):
        SuciCalcInfo.decode(_sample()[:cut])


@pytest.mark.parametrize("raw", ["", "01722410F0FF0000", "11722410F0FF000000012080F6", "01AA2410F0FF000000012080F6"])
def test_other_identities_are_refused(raw: str) -> None:
    with pytest.raises(DecodeError):
        Suci.parse(H(raw))


def test_msin_that_is_not_digits_is_refused() -> None:
    with pytest.raises(DecodeError):
        open_suci(Suci("274", "012", RI, 0, 0, H("0A01")), {})


@pytest.mark.parametrize("imsi, mnc_length", [("27401", 2), ("274012", 3), ("274012001002086", 1), ("274012001", 4)])
def test_lengths_that_leave_no_subscriber_number(imsi: str, mnc_length: int) -> None:
    with pytest.raises((EncodeError, DecodeError)):
        msin_bytes(Imsi(imsi), mnc_length)
    with pytest.raises(EncodeError):
        make_suci(IMSI, 3, b"\xf0", INFO, SeededEntropy(b""))
