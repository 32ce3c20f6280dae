# SPDX-License-Identifier: Apache-2.0
"""Milenage against TS 35.208 and against a second implementation on pycryptodome."""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES
from hypothesis import given, settings
from hypothesis import strategies as st

from apdu.aka.algorithm import AlgorithmId, c2, c3
from apdu.aka.milenage import STANDARD, Milenage, MilenageConstants, derive_opc
from apdu.errors import DecodeError
from tests.unit.aka.vectors_35208 import MILENAGE_SETS, MilenageSet


def _bits(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def _bytes(bits: str) -> bytes:
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def _rot(data: bytes, count: int) -> bytes:
    bits = _bits(data)
    return _bytes(bits[count:] + bits[:count])


def _xor(first: bytes, *others: bytes) -> bytes:
    result = first
    for other in others:
        result = bytes(a ^ b for a, b in zip(result, other, strict=True))
    return result


class SecondMilenage:
    """TS 35.206 4.1 written out on strings of bits, with pycryptodome's AES."""

    def __init__(self, k: bytes, opc: bytes, r: tuple[int, ...], c: tuple[bytes, ...]) -> None:
        self.k, self.opc, self.r, self.c = k, opc, r, c

    def _e(self, block: bytes) -> bytes:
        return bytes(AES.new(self.k, AES.MODE_ECB).encrypt(block))

    def out(self, i: int, rand: bytes, sqn: bytes = bytes(6), amf: bytes = bytes(2)) -> bytes:
        temp = self._e(_xor(rand, self.opc))
        if i == 1:
            inner = _xor(temp, _rot(_xor((sqn + amf) * 2, self.opc), self.r[0]), self.c[0])
        else:
            inner = _xor(_rot(_xor(temp, self.opc), self.r[i - 1]), self.c[i - 1])
        return _xor(self._e(inner), self.opc)


@pytest.mark.parametrize("case", MILENAGE_SETS, ids=lambda case: case.k.hex()[:8])
def test_sets_of_ts_35208(case: MilenageSet) -> None:
    assert derive_opc(case.k, case.op) == case.opc
    milenage = Milenage(case.k, case.opc)
    assert milenage.f1(case.rand, case.sqn, case.amf) == case.f1
    assert milenage.f1s(case.rand, case.sqn, case.amf) == case.f1s
    keys = milenage.f2345(case.rand)
    assert (keys.res, keys.ck, keys.ik, keys.ak) == (case.f2, case.f3, case.f4, case.f5)
    assert milenage.f5s(case.rand) == case.f5s


def test_gsm_conversions_of_set_1() -> None:
    case = MILENAGE_SETS[0]
    assert c2(case.f2) == bytes.fromhex("46f8416a")
    assert c3(case.f3, case.f4) == bytes.fromhex("eae4be823af9a08b")


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(*[st.binary(min_size=16, max_size=16)] * 3),
    st.binary(min_size=8, max_size=8),
    st.binary(min_size=5, max_size=5),
    st.binary(min_size=80, max_size=80),
)
def test_operator_constants_against_a_second_implementation(
    blocks: tuple[bytes, ...], sqn_amf: bytes, rotations: bytes, xorings: bytes
) -> None:
    k, opc, rand = blocks
    sqn, amf = sqn_amf[:6], sqn_amf[6:]
    ours = Milenage(k, opc, MilenageConstants.from_bytes(rotations, xorings))
    r = tuple(value % 128 for value in rotations)
    second = SecondMilenage(k, opc, r, tuple(xorings[at : at + 16] for at in range(0, 80, 16)))
    out1, out2 = second.out(1, rand, sqn, amf), second.out(2, rand)
    assert ours.f1(rand, sqn, amf) + ours.f1s(rand, sqn, amf) == out1
    keys = ours.f2345(rand)
    assert (keys.ak, keys.res) == (out2[:6], out2[8:])
    assert (keys.ck, keys.ik) == (second.out(3, rand), second.out(4, rand))
    assert ours.f5s(rand) == second.out(5, rand)[:6]


def test_default_constants_of_a_profile_are_the_standard_ones() -> None:
    xorings = b"".join(value.to_bytes(16, "big") for value in (0, 1, 2, 4, 8))
    assert MilenageConstants.from_bytes(bytes.fromhex("4000204060"), xorings) == STANDARD


@pytest.mark.parametrize("k, opc", [(15, 16), (17, 16), (32, 16), (16, 15), (16, 32), (0, 0)])
def test_wrong_key_sizes_are_refused(k: int, opc: int) -> None:
    with pytest.raises(DecodeError):
        Milenage(bytes(k), bytes(opc))


def test_wrong_parameter_sizes_are_refused() -> None:
    milenage = Milenage(bytes(16), bytes(16))
    for call in (
        lambda: milenage.f2345(bytes(15)),
        lambda: milenage.f5s(bytes(17)),
        lambda: milenage.f1(bytes(16), bytes(5), bytes(2)),
        lambda: milenage.f1s(bytes(16), bytes(6), bytes(3)),
        lambda: derive_opc(bytes(16), bytes(15)),
        lambda: MilenageConstants.from_bytes(bytes(4), bytes(80)),
        lambda: MilenageConstants.from_bytes(bytes(5), bytes(79)),
    ):
        with pytest.raises(DecodeError):
            call()


def test_nothing_shows_a_key() -> None:
    case = MILENAGE_SETS[0]
    milenage = Milenage(case.k, case.opc)
    shown = repr(milenage) + repr(milenage.f2345(case.rand))
    for secret in (case.k, case.opc, case.f2, case.f3, case.f4, case.f5):
        assert secret.hex() not in shown
        assert repr(secret) not in shown
    assert milenage.identifier is AlgorithmId.MILENAGE
