# SPDX-License-Identifier: Apache-2.0
"""The AuC against the USIM's side of the same algorithms, and against what it must refuse."""

from __future__ import annotations

import pytest

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.milenage import Milenage
from apdu.aka.parameters import AlgorithmParameters, UnsupportedAlgorithm
from apdu.aka.tokens import IND_COUNT, MAX_SEQ, Autn, make_auts, split_sqn
from apdu.aka.usim import SqnState, Success, SyncFailure, authenticate_3g
from apdu.aka.xor import XorAlgorithm
from apdu.errors import DecodeError, LocalProtocolError, SecurityError
from apdu.ids import Imsi
from apdu.keys.entropy import SeededEntropy
from emulator.network.auc import AuC, SequenceExhausted, Subscriber, UnknownSubscriber

K, OPC = bytes.fromhex("465b5ce8b199b49faa5f0a2ee238a6bc"), bytes.fromhex("cd63cb71954a9f4e48a5994e37a02baf")
IMSI = Imsi("001010123456789")
MILENAGE = AlgorithmParameters(AlgorithmId.MILENAGE, K, OPC)
TEST = AlgorithmParameters(AlgorithmId.TEST, K, options=2)


class FixedEntropy:
    """Gives one RAND for ever."""

    def draw(self, n: int) -> bytes:
        return bytes.fromhex("23553cbe9637a89d218ae64dae47bf35")[:n]


def _auc(parameters: AlgorithmParameters = MILENAGE, *, seq: int = 0, amf: bytes = b"\x80\x00") -> AuC:
    auc = AuC(SeededEntropy(b"auc"))
    auc.add(Subscriber(IMSI, parameters, seq, amf))
    return auc


def test_vector_of_ts_35208_set_1() -> None:
    """SQN ff9bb4d0b607 has IND 7: six vectors before it move IND there."""
    auc = AuC(FixedEntropy())
    auc.add(Subscriber(IMSI, MILENAGE, (0xFF9BB4D0B607 >> 5) - 7, bytes.fromhex("b9b9")))
    vectors = [auc.vector(IMSI) for _ in range(7)]
    assert vectors[-1].autn == bytes.fromhex("55f328b43577b9b94a9ffac354dfafb3")
    assert vectors[-1].xres == bytes.fromhex("a54211d5e3ba50bf")
    assert vectors[-1].ck == bytes.fromhex("b40ba9a3c58b2a05bbf0d987b21bf8cb")
    assert vectors[-1].ik == bytes.fromhex("f769bcd751044604127672711c6d3441")


@pytest.mark.parametrize("parameters", [MILENAGE, TEST], ids=["Milenage", "XOR"])
def test_a_card_accepts_one_vector_after_the_other(parameters: AlgorithmParameters) -> None:
    auc = _auc(parameters)
    algorithm = Milenage(K, OPC) if parameters is MILENAGE else XorAlgorithm(K)
    state = SqnState()
    for _ in range(2 * IND_COUNT + 3):
        vector = auc.vector(IMSI)
        answer = authenticate_3g(algorithm, state, vector.rand, vector.autn)
        assert isinstance(answer, Success)
        state = answer.state
        assert auc.check(IMSI, vector.rand, answer.res) == vector
        assert (answer.ck, answer.ik) == (vector.ck, vector.ik)


def test_seq_and_ind_advance() -> None:
    auc = _auc(seq=100)
    algorithm = Milenage(K, OPC)
    seen = []
    for _ in range(IND_COUNT + 1):
        vector = auc.vector(IMSI)
        ak = algorithm.f2345(vector.rand).ak
        concealed = Autn.parse(vector.autn).concealed_sqn
        seen.append(split_sqn(bytes(a ^ b for a, b in zip(concealed, ak, strict=True))))
    assert [seq for seq, _ in seen] == list(range(101, 101 + IND_COUNT + 1))
    assert [ind for _, ind in seen] == [*range(1, IND_COUNT), 0, 1]


@pytest.mark.parametrize("card_seq", [5000, 1 << 40, 3])
def test_resynchronisation_up_and_down(card_seq: int) -> None:
    """Also down: a card that was set back refuses a jump further than its delta."""
    auc = _auc(seq=0 if card_seq > 3 else 1 << 42)
    algorithm = Milenage(K, OPC)
    state = SqnState(accepted=(0, card_seq, *(0,) * 30), options=0x06, age_limit=1)
    vector = auc.vector(IMSI)
    answer = authenticate_3g(algorithm, state, vector.rand, vector.autn)
    assert isinstance(answer, SyncFailure)
    auc.resynchronise(IMSI, vector.rand, answer.auts)
    vector = auc.vector(IMSI)
    assert isinstance(authenticate_3g(algorithm, state, vector.rand, vector.autn), Success)


def test_an_auts_moves_nothing_unless_it_is_ours_right_and_first() -> None:
    auc = _auc(seq=10)
    algorithm = Milenage(K, OPC)
    vector = auc.vector(IMSI)
    good = make_auts(algorithm, vector.rand, (77 << 5).to_bytes(6, "big")).encode()
    with pytest.raises(LocalProtocolError):
        auc.resynchronise(IMSI, bytes(16), make_auts(algorithm, bytes(16), bytes(6)).encode())
    with pytest.raises(DecodeError):
        auc.resynchronise(IMSI, vector.rand, good[:-1])
    with pytest.raises(SecurityError):
        auc.resynchronise(IMSI, vector.rand, good[:-1] + bytes((good[-1] ^ 1,)))
    with pytest.raises(LocalProtocolError):  # the challenge was used up by the wrong one
        auc.resynchronise(IMSI, vector.rand, good)
    answer = authenticate_3g(algorithm, SqnState(accepted=(11,) * 32), *_pair(auc))
    assert isinstance(answer, Success)


def _pair(auc: AuC) -> tuple[bytes, bytes]:
    vector = auc.vector(IMSI)
    return vector.rand, vector.autn


def test_res_is_checked_once() -> None:
    auc = _auc()
    vector = auc.vector(IMSI)
    with pytest.raises(LocalProtocolError):
        auc.check(IMSI, bytes(16), vector.xres)
    auc.check(IMSI, vector.rand, vector.xres)
    with pytest.raises(LocalProtocolError):
        auc.check(IMSI, vector.rand, vector.xres)


@pytest.mark.parametrize("change", ["bit", "cut", "longer", "empty"])
def test_a_wrong_res_is_refused(change: str) -> None:
    auc = _auc()
    vector = auc.vector(IMSI)
    res = {
        "bit": vector.xres[:-1] + bytes((vector.xres[-1] ^ 1,)),
        "cut": vector.xres[:-1],
        "longer": vector.xres + b"\x00",
        "empty": b"",
    }[change]
    with pytest.raises(SecurityError):
        auc.check(IMSI, vector.rand, res)


def test_only_the_latest_challenges_wait() -> None:
    auc = _auc()
    vectors = [auc.vector(IMSI) for _ in range(33)]
    with pytest.raises(LocalProtocolError):
        auc.check(IMSI, vectors[0].rand, vectors[0].xres)
    auc.check(IMSI, vectors[1].rand, vectors[1].xres)


def test_another_amf_for_one_vector() -> None:
    auc = _auc(TEST)
    vector = auc.vector(IMSI, amf=b"\xff\xff")
    answer = authenticate_3g(XorAlgorithm(K), SqnState(), vector.rand, vector.autn)
    assert isinstance(answer, SyncFailure)
    auc.resynchronise(IMSI, vector.rand, answer.auts)
    assert isinstance(authenticate_3g(XorAlgorithm(K), SqnState(), *_pair(auc)), Success)
    with pytest.raises(DecodeError):
        auc.vector(IMSI, amf=b"\xff")


def test_sequence_numbers_end() -> None:
    auc = _auc(seq=MAX_SEQ - 1)
    auc.vector(IMSI)
    with pytest.raises(SequenceExhausted):
        auc.vector(IMSI)


def test_subscribers() -> None:
    auc = _auc()
    assert IMSI in auc
    auc.remove(IMSI)
    assert IMSI not in auc
    for call in (
        lambda: auc.vector(IMSI),
        lambda: auc.check(IMSI, bytes(16), b""),
        lambda: auc.resynchronise(IMSI, bytes(16), bytes(14)),
        lambda: auc.remove(IMSI),
    ):
        with pytest.raises(UnknownSubscriber):
            call()


def test_bad_subscribers_are_refused() -> None:
    with pytest.raises(UnsupportedAlgorithm):
        _auc(AlgorithmParameters(4, K, OPC))
    with pytest.raises(DecodeError):
        _auc(AlgorithmParameters(AlgorithmId.TUAK, K, OPC))
    with pytest.raises(DecodeError):
        _auc(AlgorithmParameters(AlgorithmId.MILENAGE, K[:-1], OPC))
    with pytest.raises(DecodeError):
        _auc(amf=b"\x80")


def test_nothing_shows_a_key() -> None:
    auc = _auc()
    vector = auc.vector(IMSI)
    shown = repr(auc) + repr(vector) + repr(Subscriber(IMSI, MILENAGE))
    for secret in (K, OPC, vector.xres, vector.ck, vector.ik):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
