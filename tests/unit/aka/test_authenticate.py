# SPDX-License-Identifier: Apache-2.0
"""Data fields and responses of AUTHENTICATE against a published exchange, and cut or stretched ones."""

from __future__ import annotations

import pytest

from apdu.aka.authenticate import (
    GsmAnswer,
    GsmChallenge,
    SyncFailureAnswer,
    UmtsAnswer,
    UmtsChallenge,
    parse_umts_answer,
)
from apdu.errors import DecodeError

H = bytes.fromhex
RAND = H("23553CBE9637A89D218AE64DAE47BF35")
AUTN = H("55F328B43577B9B94A9FFAC354DFAFB3")
RES, CK = H("A54211D5E3BA50BF"), H("B40BA9A3C58B2A05BBF0D987B21BF8CB")
IK, KC = H("F769BCD751044604127672711C6D3441"), H("EAE4BE823AF9A08B")
SUCCESS = H("DB08A54211D5E3BA50BF10B40BA9A3C58B2A05BBF0D987B21BF8CB10F769BCD751044604127672711C6D3441")
SYNC = H("DC0EBA853F3C123CCF44E93596E355C6")

ANSWERS = [
    (UmtsAnswer(RES, CK, IK), SUCCESS),
    (UmtsAnswer(RES, CK, IK, KC), SUCCESS + b"\x08" + KC),
    (UmtsAnswer(RES * 2, CK, IK), H("DB10") + RES * 2 + SUCCESS[10:]),
    (SyncFailureAnswer(H("BA853F3C123CCF44E93596E355C6")), SYNC),
]


@pytest.mark.parametrize("value, wire", ANSWERS, ids=["set 1", "with Kc", "RES of 16", "AUTS"])
def test_answers_both_ways(value: UmtsAnswer | SyncFailureAnswer, wire: bytes) -> None:
    assert value.encode() == wire
    assert parse_umts_answer(wire) == value


def test_lengths_on_t0() -> None:
    assert len(UmtsAnswer(RES, CK, IK, KC).encode()) == 0x35
    assert len(UmtsAnswer(RES * 2, CK, IK, KC).encode()) == 0x3D


def test_challenges_both_ways() -> None:
    umts = UmtsChallenge(RAND, AUTN)
    assert umts.encode() == b"\x10" + RAND + b"\x10" + AUTN
    assert UmtsChallenge.parse(umts.encode()) == umts
    assert GsmChallenge(RAND).encode() == b"\x10" + RAND
    assert GsmChallenge.parse(b"\x10" + RAND) == GsmChallenge(RAND)
    gsm = GsmAnswer(H("46F8416A"), KC)
    assert gsm.encode() == H("0446F8416A08EAE4BE823AF9A08B")
    assert GsmAnswer.parse(gsm.encode()) == gsm


@pytest.mark.parametrize("wire", [wire for _, wire in ANSWERS])
def test_cut_or_stretched_answers_are_refused(wire: bytes) -> None:
    for size in range(len(wire)):
        if wire[:size] == SUCCESS:
            continue  # Kc is optional
        with pytest.raises(DecodeError):
            parse_umts_answer(wire[:size])
    for tail in (b"\x00", b"\x01\x00", b"\x10" + RAND):
        with pytest.raises(DecodeError):
            parse_umts_answer(wire + tail)


@pytest.mark.parametrize("data", [b"", b"\x10", RAND, b"\x0f" + RAND[1:], b"\x11" + RAND + b"\x00", b"\x00" * 4000])
def test_bad_challenges_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        GsmChallenge.parse(data)
    for autn in (b"", b"\x0f" + AUTN[1:], b"\x10" + AUTN + b"\x00"):
        with pytest.raises(DecodeError):
            UmtsChallenge.parse(data + autn)


@pytest.mark.parametrize("data", [b"", b"\xdd" + SYNC[1:], b"\xdb", b"\xdc", H("DB03A54211") + SUCCESS[10:]])
def test_other_answers_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_umts_answer(data)


def test_answers_show_no_key() -> None:
    shown = repr(UmtsAnswer(RES, CK, IK, KC)) + repr(GsmAnswer(RES[:4], KC))
    assert shown == "UmtsAnswer()GsmAnswer()"
