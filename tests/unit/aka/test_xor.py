# SPDX-License-Identifier: Apache-2.0
"""The test algorithm of TS 34.108 8.1.2 against a public test program's output and against its equations."""

from __future__ import annotations

import pytest

from apdu.aka.algorithm import AkaAlgorithm, AlgorithmId, c2, c3
from apdu.aka.parameters import AlgorithmParameters, UnsupportedAlgorithm, make_algorithm
from apdu.aka.tokens import make_autn, make_auts
from apdu.aka.usim import Freshness, MacFailure, SqnState, Success, SyncFailure, authenticate_3g
from apdu.aka.xor import XorAlgorithm
from apdu.errors import DecodeError

H = bytes.fromhex
K = bytes(range(16))
RAND = H("23553CBE9637A89D218AE64DAE47BF35")


def test_output_of_a_public_program() -> None:
    algorithm = XorAlgorithm(K)
    rand, sqn, amf = b"\x34" * 16, H("000000000001"), H("8000")
    keys = algorithm.f2345(rand)
    assert keys.res == H("34353637303132333C3D3E3F38393A3B")
    assert keys.ck == H("353637303132333C3D3E3F38393A3B34")
    assert keys.ik == H("3637303132333C3D3E3F38393A3B3435")
    assert keys.ak == H("37303132333C")
    assert make_autn(algorithm, rand, sqn, amf).encode() == H("37303132333D8000343536373030B233")


def test_equations_written_out() -> None:
    algorithm = XorAlgorithm(K)
    sqn, amf = H("000000000021"), H("8000")
    keys = algorithm.f2345(RAND)
    assert keys.res == H("23543EBD9232AE9A2983EC46A24AB13A")
    assert keys.ck == H("543EBD9232AE9A2983EC46A24AB13A23")
    assert keys.ik == H("3EBD9232AE9A2983EC46A24AB13A2354")
    assert keys.ak == algorithm.f5s(RAND) == H("BD9232AE9A29")
    assert c2(keys.res) == H("3AAFCD5B")
    assert c3(keys.ck, keys.ik) == H("0529CB4867BFAADD")
    assert make_autn(algorithm, RAND, sqn, amf).encode() == H("BD9232AE9A08800023543EBD92132E9A")
    assert make_auts(algorithm, RAND, sqn).encode() == H("BD9232AE9A0823543EBD9213AE9A")


def test_amf_ffff_asks_for_a_resynchronisation_with_the_number_received() -> None:
    answer = authenticate_3g(XorAlgorithm(K), SqnState(), RAND, H("BD9232AE9A08FFFF23543EBD92135165"))
    assert answer == SyncFailure(H("BD9232AE9A0823543EBD9213AE9A"), Freshness.REQUESTED)


def test_there_is_no_check_of_freshness() -> None:
    state = SqnState(accepted=(1 << 40,) * 32, options=0x06)
    autn = H("BD9232AE9A08800023543EBD92132E9A")
    for _ in range(2):  # a replay is accepted as well
        answer = authenticate_3g(XorAlgorithm(K), state, RAND, autn)
        assert isinstance(answer, Success)
        assert answer.state is state


def test_a_wrong_mac_is_refused_before_amf_is_looked_at() -> None:
    for bit in range(64):
        mac = int.from_bytes(H("23543EBD92135165"), "big") ^ 1 << bit
        autn = H("BD9232AE9A08FFFF") + mac.to_bytes(8, "big")
        assert authenticate_3g(XorAlgorithm(K), SqnState(), RAND, autn) == MacFailure()


@pytest.mark.parametrize("bits", range(32, 129, 8))
def test_res_is_cut_to_its_length(bits: int) -> None:
    assert XorAlgorithm(K, bits).f2345(RAND).res == H("23543EBD9232AE9A2983EC46A24AB13A")[: bits // 8]


@pytest.mark.parametrize("bits", [0, 24, 33, 60, 136, 256])
def test_other_lengths_of_res_are_refused(bits: int) -> None:
    with pytest.raises(DecodeError):
        XorAlgorithm(K, bits)


@pytest.mark.parametrize("options, size", [(0, 4), (1, 8), (2, 16), (0x0A, 16)])
def test_algorithm_options_give_the_length_of_res(options: int, size: int) -> None:
    algorithm = make_algorithm(AlgorithmParameters(AlgorithmId.TEST, K, options=options))
    assert len(algorithm.f2345(RAND).res) == size


@pytest.mark.parametrize("options", [3, 4, 5, 6, 7])
def test_algorithm_options_that_the_test_algorithm_cannot_do(options: int) -> None:
    with pytest.raises(DecodeError):
        make_algorithm(AlgorithmParameters(AlgorithmId.TEST, K, options=options))


def test_parameters_choose_the_algorithm() -> None:
    algorithm: AkaAlgorithm = make_algorithm(AlgorithmParameters(AlgorithmId.MILENAGE, K, bytes(16)))
    assert algorithm.identifier is AlgorithmId.MILENAGE
    for identifier in (0, 4):
        with pytest.raises(UnsupportedAlgorithm):
            make_algorithm(AlgorithmParameters(identifier, K, bytes(16)))
    with pytest.raises(DecodeError):
        make_algorithm(AlgorithmParameters(AlgorithmId.MILENAGE, K))


def test_parameters_show_no_key() -> None:
    shown = repr(AlgorithmParameters(AlgorithmId.TEST, K, K)) + repr(XorAlgorithm(K))
    assert repr(K)[2:-1] not in shown
    assert K.hex() not in shown
    with pytest.raises(DecodeError):
        XorAlgorithm(K[:15])
