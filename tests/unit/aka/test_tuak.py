# SPDX-License-Identifier: Apache-2.0
"""TUAK against TS 35.232, and against a second implementation on a Keccak written out from FIPS 202.

That Keccak itself is held against pycryptodome's SHAKE256.
"""

from __future__ import annotations

import pytest
from Crypto.Hash import SHAKE256
from hypothesis import given, settings
from hypothesis import strategies as st

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.parameters import AlgorithmParameters, make_algorithm
from apdu.aka.tuak import Tuak, TuakLengths, derive_topc
from apdu.errors import DecodeError

H = bytes.fromhex
K, RAND, SQN, AMF, TOP = b"\xab" * 16, b"\x42" * 16, b"\x11" * 6, b"\xff\xff", b"\x55" * 32
TOPC = H("bd04d9530e87513c5d837ac2ad954623a8e2330c115305a73eb45d1f40cccbff")
"""TS 35.232, test set 1: key of 128 bits, MAC 64, RES 32, CK and IK 128, one run."""
LONG_K = H("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0")
MASK = (1 << 64) - 1


def permutation(state: bytes) -> bytes:
    """Keccak-f[1600] step by step (FIPS 202 3.2 and 3.3)."""
    lanes = {(n % 5, n // 5): int.from_bytes(state[8 * n : 8 * n + 8], "little") for n in range(25)}
    register = 1
    for _ in range(24):
        column = [lanes[x, 0] ^ lanes[x, 1] ^ lanes[x, 2] ^ lanes[x, 3] ^ lanes[x, 4] for x in range(5)]
        lanes = {(x, y): lane ^ column[(x - 1) % 5] ^ rotated(column[(x + 1) % 5], 1) for (x, y), lane in lanes.items()}
        moved = {(0, 0): lanes[0, 0]}
        x, y = 1, 0
        for t in range(24):
            moved[y, (2 * x + 3 * y) % 5] = rotated(lanes[x, y], (t + 1) * (t + 2) // 2 % 64)
            x, y = y, (2 * x + 3 * y) % 5
        lanes = {(x, y): moved[x, y] ^ (~moved[(x + 1) % 5, y] & MASK & moved[(x + 2) % 5, y]) for x, y in moved}
        for j in range(7):
            if register & 1:
                lanes[0, 0] ^= 1 << ((1 << j) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
    return b"".join(lanes[n % 5, n // 5].to_bytes(8, "little") for n in range(25))


def rotated(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & MASK


def core(instance: int, key: bytes, top: bytes, iterations: int, rand: bytes, amf: bytes, sqn: bytes) -> bytes:
    """TS 35.231 6: the 200 bytes of the state, field by field."""
    state = bytearray(200)
    state[0:32] = top[::-1]
    state[32] = instance
    state[33:40] = b"TUAK1.0"[::-1]
    state[40:56] = rand[::-1]
    state[56:58] = amf[::-1]
    state[58:64] = sqn[::-1]
    state[64 : 64 + len(key)] = key[::-1]
    state[96], state[135] = 0x1F, 0x80
    out = bytes(state)
    for _ in range(iterations):
        out = permutation(out)
    return out


def test_the_second_keccak_is_that_of_shake256() -> None:
    state = bytearray(200)
    state[:3], state[3], state[135] = b"abc", 0x1F, 0x80
    squeezed = b""
    current = bytes(state)
    for _ in range(3):
        current = permutation(current)
        squeezed += current[:136]
    assert SHAKE256.new(b"abc").read(3 * 136) == squeezed


def test_set_1_of_ts_35232() -> None:
    assert derive_topc(K, TOP) == TOPC
    tuak = Tuak(K, TOPC, TuakLengths(res_bits=32))
    assert tuak.f1(RAND, SQN, AMF) == H("f9a54e6aeaa8618d")
    assert tuak.f1s(RAND, SQN, AMF) == H("e94b4dc6c7297df3")
    keys = tuak.f2345(RAND)
    assert keys.res == H("657acd64")
    assert keys.ck == H("d71a1e5c6caffe986a26f783e5c78be1")
    assert keys.ik == H("be849fa2564f869aecee6f62d4337e72")
    assert keys.ak == H("719f1e9b9054")
    assert tuak.f5s(RAND) == H("e7af6b3d0e38")


def test_set_2_of_ts_35232() -> None:
    """A key of 256 bits, MAC 128, RES 64."""
    rand, sqn, amf = H("0123456789abcdef0123456789abcdef"), H("0123456789ab"), H("abcd")
    topc = derive_topc(LONG_K, bytes(range(0x80, 0xA0)))
    assert topc == H("305425427e18c503c8a4b294ea72c95d0c36c6c6b29d0c65de5974d5977f8524")
    tuak = Tuak(LONG_K, topc, TuakLengths(mac_bits=128, res_bits=64))
    assert tuak.f1(rand, sqn, amf) == H("c0b8c2d4148ec7aa5f1d78a97e4d1d58")
    assert tuak.f1s(rand, sqn, amf) == H("ef81af7290f7842c6ceafa537fa0745b")
    keys = tuak.f2345(rand)
    assert keys.res == H("e9d749dc4eea0035")
    assert keys.ck == H("a4cb6f6529ab17f8337f27baa8234d47")
    assert keys.ik == H("2274155ccf4199d5e2abcbf621907f90")
    assert keys.ak == H("480a9345cc1e")
    assert tuak.f5s(rand) == H("f84eb338848c")


BYTES = st.binary(min_size=32, max_size=32)


@settings(max_examples=25, deadline=None)
@given(
    BYTES, BYTES, BYTES, st.sampled_from((16, 32)), st.sampled_from((64, 128, 256)),
    st.sampled_from((32, 64, 128, 256)), st.tuples(st.sampled_from((128, 256)), st.sampled_from((128, 256))),
    st.integers(1, 3),
)  # fmt: skip
def test_all_lengths_against_the_second_implementation(
    key: bytes, top: bytes, given_bytes: bytes, size: int, mac: int, res: int, ck_ik: tuple[int, int], runs: int
) -> None:
    key = key[:size]
    rand, sqn, amf = given_bytes[:16], given_bytes[16:22], given_bytes[22:24]
    ck, ik = ck_ik
    long_key = int(size == 32)
    codes = {32: 0x00, 64: 0x08, 128: 0x10, 256: 0x20}
    tuak = Tuak(key, top, TuakLengths(mac, res, ck, ik), runs)
    for instance, got in ((codes[mac], tuak.f1(rand, sqn, amf)), (0x80 | codes[mac], tuak.f1s(rand, sqn, amf))):
        assert got == core(instance | long_key, key, top, runs, rand, amf, sqn)[: mac // 8][::-1]
    instance = 0x40 | codes[res] | (0x04 if ck == 256 else 0) | (0x02 if ik == 256 else 0) | long_key
    out = core(instance, key, top, runs, rand, bytes(2), bytes(6))
    keys = tuak.f2345(rand)
    assert keys.res == out[: res // 8][::-1]
    assert keys.ck == out[32 : 32 + ck // 8][::-1]
    assert keys.ik == out[64 : 64 + ik // 8][::-1]
    assert keys.ak == out[96:102][::-1]
    assert tuak.f5s(rand) == core(0xC0 | long_key, key, top, runs, rand, bytes(2), bytes(6))[96:102][::-1]
    empty = core(long_key, key, top, runs, bytes(16), bytes(2), bytes(6))
    assert derive_topc(key, top, runs) == empty[:32][::-1]


@pytest.mark.parametrize("options, size", [(0, 4), (1, 8), (2, 16)])
def test_parameters_choose_the_length_of_res(options: int, size: int) -> None:
    algorithm = make_algorithm(AlgorithmParameters(AlgorithmId.TUAK, K, TOPC, options, iterations=2))
    assert algorithm.identifier is AlgorithmId.TUAK
    assert algorithm.f2345(RAND).res == Tuak(K, TOPC, TuakLengths(res_bits=8 * size), 2).f2345(RAND).res
    assert len(algorithm.f1(RAND, SQN, AMF)) == 8


@pytest.mark.parametrize("lengths", [(32, 64, 128, 128), (64, 16, 128, 128), (64, 64, 64, 128), (64, 64, 128, 64)])
def test_lengths_that_tuak_has_not(lengths: tuple[int, int, int, int]) -> None:
    with pytest.raises(DecodeError):
        TuakLengths(*lengths)


def test_bad_parameters_are_refused() -> None:
    for key, topc, runs in ((K[:-1], TOPC, 1), (K + K + K, TOPC, 1), (K, TOPC[:-1], 1), (K, TOPC, 0), (K, TOPC, 256)):
        with pytest.raises(DecodeError):
            Tuak(key, topc, iterations=runs)
    with pytest.raises(DecodeError):
        make_algorithm(AlgorithmParameters(AlgorithmId.TUAK, K, TOPC, 3))  # RES of 256 bits
    tuak = Tuak(K, TOPC)
    with pytest.raises(DecodeError):
        tuak.f2345(RAND[:-1])
    with pytest.raises(DecodeError):
        tuak.f1(RAND, SQN + b"\x00", AMF)
    assert K.hex() not in repr(tuak).lower()
