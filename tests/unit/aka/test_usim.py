# SPDX-License-Identifier: Apache-2.0
"""The decisions of a USIM on a challenge: MAC, freshness, resynchronisation (TS 33.102 6.3.3, annex C)."""

from __future__ import annotations

import pytest

from apdu.aka.milenage import Milenage
from apdu.aka.tokens import MAX_SEQ, Autn, Auts, join_sqn, make_autn, make_auts, open_auts, split_sqn
from apdu.aka.usim import (
    OPTION_AGE_LIMIT,
    OPTION_DELTA,
    Freshness,
    GsmSuccess,
    MacFailure,
    SqnState,
    Success,
    SyncFailure,
    authenticate_3g,
    authenticate_gsm,
)
from apdu.errors import DecodeError, SecurityError
from tests.unit.aka.vectors_35208 import MILENAGE_SETS

H = bytes.fromhex
SET1 = MILENAGE_SETS[0]
MILENAGE = Milenage(SET1.k, SET1.opc)
AUTN1 = H("55F328B43577B9B94A9FFAC354DFAFB3")
AUTS1 = H("BA853F3C123CCF44E93596E355C6")
SEQ1, IND1 = 0xFF9BB4D0B607 >> 5, 0x07


def _challenge(seq: int, ind: int, amf: bytes = b"\x80\x00") -> bytes:
    return make_autn(MILENAGE, SET1.rand, join_sqn(seq, ind), amf).encode()


def _ask(state: SqnState, seq: int, ind: int) -> Success | SyncFailure | MacFailure:
    return authenticate_3g(MILENAGE, state, SET1.rand, _challenge(seq, ind))


def test_tokens_of_set_1() -> None:
    assert make_autn(MILENAGE, SET1.rand, SET1.sqn, SET1.amf).encode() == AUTN1
    assert make_auts(MILENAGE, SET1.rand, SET1.sqn).encode() == AUTS1
    assert open_auts(MILENAGE, SET1.rand, Auts.parse(AUTS1)) == SET1.sqn
    assert split_sqn(SET1.sqn) == (SEQ1, IND1)
    assert Autn.parse(AUTN1).encode() == AUTN1


def test_success_of_set_1() -> None:
    answer = authenticate_3g(MILENAGE, SqnState(options=0), SET1.rand, AUTN1)
    assert isinstance(answer, Success)
    assert (answer.res, answer.ck, answer.ik) == (SET1.f2, SET1.f3, SET1.f4)
    assert answer.kc == H("EAE4BE823AF9A08B")
    assert answer.state.accepted[IND1] == SEQ1
    assert sum(answer.state.accepted) == SEQ1  # no other index moved


def test_gsm_context_of_set_1() -> None:
    assert authenticate_gsm(MILENAGE, SET1.rand) == GsmSuccess(H("46F8416A"), H("EAE4BE823AF9A08B"))


@pytest.mark.parametrize("bit", range(128))
def test_any_bit_of_autn_changed_is_a_mac_failure(bit: int) -> None:
    changed = (int.from_bytes(AUTN1, "big") ^ 1 << bit).to_bytes(16, "big")
    assert authenticate_3g(MILENAGE, SqnState(options=0), SET1.rand, changed) == MacFailure()


def test_the_mac_is_checked_before_the_sequence_number() -> None:
    stale = bytearray(_challenge(0, 0))
    stale[15] ^= 1
    assert authenticate_3g(MILENAGE, SqnState(), SET1.rand, bytes(stale)) == MacFailure()


BASE = SqnState(accepted=(1000, 990, *(0,) * 30), options=OPTION_DELTA | OPTION_AGE_LIMIT, delta=50, age_limit=30)


@pytest.mark.parametrize(
    "seq, ind, verdict",
    [
        (1001, 0, Freshness.ACCEPTED),
        (1000, 0, Freshness.USED),
        (999, 0, Freshness.USED),
        (991, 1, Freshness.ACCEPTED),  # behind the newest, but new for its index
        (990, 1, Freshness.USED),
        (1000, 2, Freshness.ACCEPTED),  # equal to the newest of another index
        (1050, 3, Freshness.ACCEPTED),
        (1051, 3, Freshness.TOO_FAR),
        (MAX_SEQ, 3, Freshness.TOO_FAR),
        (971, 4, Freshness.ACCEPTED),
        (970, 4, Freshness.TOO_OLD),
        (1, 4, Freshness.TOO_OLD),
        (0, 4, Freshness.TOO_OLD),
    ],
)
def test_freshness_rules(seq: int, ind: int, verdict: Freshness) -> None:
    assert BASE.check(seq, ind) is verdict
    answer = _ask(BASE, seq, ind)
    if verdict is Freshness.ACCEPTED:
        assert isinstance(answer, Success)
        assert answer.state.accepted[ind] == seq
        assert answer.state.check(seq, ind) is Freshness.USED
    else:
        assert isinstance(answer, SyncFailure)
        assert answer.reason is verdict
        assert open_auts(MILENAGE, SET1.rand, Auts.parse(answer.auts)) == join_sqn(1000, 0)


@pytest.mark.parametrize(
    "options, seq, verdict",
    [
        (0, MAX_SEQ, Freshness.ACCEPTED),
        (0, 1, Freshness.ACCEPTED),
        (0, 0, Freshness.USED),
        (OPTION_DELTA, MAX_SEQ, Freshness.TOO_FAR),
        (OPTION_DELTA, 1, Freshness.ACCEPTED),
        (OPTION_AGE_LIMIT, MAX_SEQ, Freshness.ACCEPTED),
        (OPTION_AGE_LIMIT, 1, Freshness.TOO_OLD),
        (0x08, MAX_SEQ, Freshness.ACCEPTED),
    ],
)
def test_options_switch_the_rules(options: int, seq: int, verdict: Freshness) -> None:
    state = SqnState(accepted=BASE.accepted, options=options, delta=50, age_limit=30)
    assert state.check(seq, 5) is verdict


def test_a_fresh_card_accepts_up_to_the_default_delta() -> None:
    assert SqnState().check(1 << 28, 0) is Freshness.ACCEPTED
    assert SqnState().check((1 << 28) + 1, 0) is Freshness.TOO_FAR


def test_the_auts_names_the_newest_number_and_of_equal_ones_the_first() -> None:
    state = SqnState(accepted=(5, 9, 9, *(0,) * 29))
    assert state.newest == (9, 1)


def test_amf_of_resynchronisation_is_nothing_special_to_milenage() -> None:
    answer = authenticate_3g(MILENAGE, SqnState(), SET1.rand, _challenge(1, 0, b"\xff\xff"))
    assert isinstance(answer, Success)


def test_a_challenge_works_once() -> None:
    first = _ask(SqnState(), 1, 1)
    assert isinstance(first, Success)
    assert isinstance(_ask(first.state, 1, 1), SyncFailure)
    assert isinstance(_ask(first.state, 1, 2), Success)


def test_the_state_survives_storing() -> None:
    assert len(BASE.encode()) == 192
    assert SqnState(options=6, delta=50, age_limit=30).with_accepted(BASE.encode()) == BASE
    with pytest.raises(DecodeError):
        BASE.with_accepted(BASE.encode()[:-1])
    with pytest.raises(DecodeError):
        BASE.with_accepted(b"\x08" + BASE.encode()[1:])  # 44 bits


@pytest.mark.parametrize("accepted", [(0,) * 31, (0,) * 33, (-1, *(0,) * 31), (MAX_SEQ + 1, *(0,) * 31)])
def test_impossible_states_are_refused(accepted: tuple[int, ...]) -> None:
    with pytest.raises(DecodeError):
        SqnState(accepted=accepted)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_wrong_sizes_are_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        authenticate_3g(MILENAGE, SqnState(), SET1.rand, bytes(size))
    with pytest.raises(DecodeError):
        authenticate_3g(MILENAGE, SqnState(), bytes(size), AUTN1)
    with pytest.raises(DecodeError):
        Auts.parse(bytes(size))
    with pytest.raises(DecodeError):
        join_sqn(MAX_SEQ + 1, 0)


@pytest.mark.parametrize("bit", range(112))
def test_any_bit_of_auts_changed_is_refused_by_the_network(bit: int) -> None:
    changed = (int.from_bytes(AUTS1, "big") ^ 1 << bit).to_bytes(14, "big")
    with pytest.raises(SecurityError):
        open_auts(MILENAGE, SET1.rand, Auts.parse(changed))


def test_auts_belongs_to_its_rand() -> None:
    with pytest.raises(SecurityError):
        open_auts(MILENAGE, bytes(16), Auts.parse(AUTS1))


def test_answers_show_no_key() -> None:
    answer = authenticate_3g(MILENAGE, SqnState(options=0), SET1.rand, AUTN1)
    shown = repr(answer) + repr(authenticate_gsm(MILENAGE, SET1.rand))
    for secret in (SET1.f2, SET1.f3, SET1.f4, H("46F8416A"), H("EAE4BE823AF9A08B")):
        assert repr(secret)[2:-1] not in shown
