# SPDX-License-Identifier: Apache-2.0
"""SCP03 against the published sessions: our host, our card and the model, byte for byte."""

from __future__ import annotations

import pytest

from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03_card import CardConfiguration, Scp03Card
from apdu.channel.scp03_host import Scp03Host
from apdu.channel.session import card_challenge
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.ids import ISD_R
from apdu.keys.secret import SecretKey
from tests.unit.channel.scp03_model import ModelSession, kdf
from tests.unit.channel.vectors_scp03 import (
    EID_ANSWER,
    ISD_P_CHALLENGE,
    PLAIN_CASES,
    PLAIN_GET_EID,
    TRACES,
    Trace,
)

OK = 0x9000
sessions = pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.name)


@sessions
def test_host(trace: Trace) -> None:
    host = Scp03Host(trace.keys, SecurityLevel(trace.level), trace.initialize_update[5:13], ISD_R)
    assert host.initialize_update().encode() == trace.initialize_update
    command = host.external_authenticate(ResponseApdu(trace.initialize_update_answer, OK))
    assert command.encode() == trace.external_authenticate
    host.authenticated(ResponseApdu(b"", OK))
    assert host.wrap(CommandApdu.parse(PLAIN_GET_EID)).encode() == trace.get_eid
    assert host.unwrap(ResponseApdu(trace.get_eid_answer, OK)) == ResponseApdu(EID_ANSWER, OK)
    for plain, wire in zip(PLAIN_CASES, trace.cases, strict=True):
        assert host.wrap(CommandApdu.parse(plain)).encode() == wire


@sessions
def test_card(trace: Trace) -> None:
    card = Scp03Card(CardConfiguration(ISD_R))
    answer = card.initialize_update(trace.keys, trace.initialize_update[5:13], counter=trace.counter)
    assert answer == trace.initialize_update_answer
    assert card.external_authenticate(CommandApdu.parse(trace.external_authenticate)) == trace.level
    assert card.unwrap(CommandApdu.parse(trace.get_eid)).encode() == PLAIN_GET_EID
    assert card.wrap(ResponseApdu(EID_ANSWER, OK)) == ResponseApdu(trace.get_eid_answer, OK)
    for plain, wire in zip(PLAIN_CASES, trace.cases, strict=True):
        assert card.unwrap(CommandApdu.parse(wire)).encode() == plain


@sessions
def test_model(trace: Trace) -> None:
    answer = trace.initialize_update_answer
    keys = trace.keys
    assert kdf(keys.enc.reveal(), 2, answer[-3:] + ISD_R, 64) == answer[13:21]
    model = ModelSession(keys.enc.reveal(), keys.mac.reveal(), trace.initialize_update[5:13], answer[13:21])
    assert model.card_cryptogram == answer[21:29]
    assert model.external_authenticate(trace.level) == trace.external_authenticate
    assert model.wrap(PLAIN_GET_EID[:4], PLAIN_GET_EID[5:-1], b"\x00") == trace.get_eid
    assert model.unwrap_response(trace.get_eid_answer + b"\x90\x00") == EID_ANSWER + b"\x90\x00"
    assert model.wrap_response(EID_ANSWER, b"\x90\x00") == trace.get_eid_answer + b"\x90\x00"
    split = [(case[:4], case[5 : 5 + case[4]], case[5 + case[4] :]) if len(case) > 5 else (case[:4], b"", case[4:])
             for case in PLAIN_CASES]  # fmt: skip
    assert [model.wrap(*case) for case in split] == list(trace.cases)


def test_card_challenge_of_an_isd_p() -> None:
    enc, counter, aid, challenge = ISD_P_CHALLENGE
    assert card_challenge(SecretKey(enc), counter, aid, 8) == challenge
