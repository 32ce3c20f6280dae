# SPDX-License-Identifier: Apache-2.0
"""The reader bearer (card-annex.md 11): sessions, block sizes, status words that are about transport, lost sessions."""

from __future__ import annotations

import pytest

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import EncodeError, LocalProtocolError, SecurityError, StatusError
from apdu.ids import ISD_R, Aid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet, SecretKey
from apdu.script import ApduScript, Batch, ProfileScript
from apdu.trace.events import ChannelEvent, FunctionEvent
from apdu.trace.observer import IGNORE, Observer, Recorder
from smsr.bearers.bearer import SessionLost
from smsr.bearers.reader import ReaderBearer
from smsr.scripts.lifecycle import enable_profile
from tests.protocol.lab_card import LAB_KEYS, LabCard

ISD_P = Aid.isd_p(0x10)
OK = ResponseApdu(b"", 0x9000)


def _bearer(card: LabCard, keys: KeySet = LAB_KEYS, observer: Observer = IGNORE) -> ReaderBearer:
    entropy = SeededEntropy(b"bearer")
    return ReaderBearer(card, keys, entropy=entropy, clock=lambda: 1.5, reset=card.reset, observer=observer)


def _commands(*commands: CommandApdu, target: Aid = ISD_R) -> ApduScript[list[ResponseApdu]]:
    return list((yield Batch(target, commands)))


def _tlvs(*tlvs: bytes) -> ProfileScript[list[bytes]]:
    return list((yield Batch(ISD_P, tlvs)))


def _get(tag: int, size: int = 0) -> CommandApdu:
    return CommandApdu(0x80, 0xCA, tag >> 8, tag & 0xFF, bytes(size), 256)


def test_one_session_for_many_scripts() -> None:
    card = LabCard(lambda command: OK)
    bearer = _bearer(card)
    bearer.run(enable_profile(ISD_P))
    bearer.run(enable_profile(ISD_P))
    assert [command[1] for command in card.sent] == [0xA4, 0x50, 0x82, 0xE2, 0xE2]
    assert card.sent[0].hex() == "00a4040010" + ISD_R.hex() + "00"
    assert card.sent[1][:5].hex() == "8050300008"
    assert card.sent[2][:5].hex() == "8482330010"
    # the answer carries an R-MAC, so the command asks for it
    assert [command.le for command in card.plain] == [256, 256]


@pytest.mark.parametrize("t0", [False, True])
@pytest.mark.parametrize("size", [0, 1, 100, 223])
def test_answers_come_back_whole(size: int, t0: bool) -> None:
    card = LabCard(lambda command: ResponseApdu(bytes(range(size)), 0x9000), t0=t0)
    assert _bearer(card).run(_commands(_get(0x66))) == [ResponseApdu(bytes(range(size)), 0x9000)]


def test_a_batch_ends_at_the_first_error() -> None:
    answers = iter([OK, ResponseApdu(b"", 0x6310), ResponseApdu(b"", 0x6A88)])
    card = LabCard(lambda command: next(answers))
    responses = _bearer(card).run(_commands(*map(_get, (1, 2, 3, 4))))
    assert [response.sw for response in responses] == [0x9000, 0x6310, 0x6A88]


def test_proactive_command_is_success() -> None:
    card = LabCard(lambda command: ResponseApdu(b"", 0x910B))
    bearer = _bearer(card)
    bearer.run(enable_profile(ISD_P))
    assert bearer.proactive == 11
    bearer.reset()
    assert (bearer.proactive, card.resets) == (0, 1)


# card-annex.md 11: 239 clear bytes a block
@pytest.mark.parametrize("size, blocks", [(3, [3]), (239, [239]), (1020, [239, 239, 239, 239, 64])])
def test_tlv_becomes_install_and_chain(size: int, blocks: list[int]) -> None:
    answer_tlv = bytes.fromhex("8600")

    def answer(command: CommandApdu) -> ResponseApdu:
        last = command.ins == 0xE2 and command.p1 & 0x80
        return ResponseApdu(answer_tlv if last else b"", 0x9000)

    card = LabCard(answer)
    tlv = bytes(index & 0xFF for index in range(size))
    assert _bearer(card).run_profile(_tlvs(tlv, tlv)) == [answer_tlv] * 2
    for chain in (card.plain[: len(blocks) + 1], card.plain[len(blocks) + 1 :]):
        install, *data = chain
        assert install.encode().hex() == "80e6200016" + "000010" + ISD_P.hex() + "000000" + "00"
        assert [len(command.data) for command in data] == blocks
        assert b"".join(command.data for command in data) == tlv
        assert [command.p1 for command in data] == [0x11] * (len(blocks) - 1) + [0x91]
        assert [command.p2 for command in data] == list(range(len(blocks)))
    assert max(len(command) for command in card.sent) <= 5 + 255 + 1


def test_tlvs_end_at_the_first_error() -> None:
    card = LabCard(lambda command: ResponseApdu(bytes.fromhex("9F460102") if command.ins == 0xE2 else b"", 0x9000))
    assert _bearer(card).run_profile(_tlvs(b"\x86\x00", b"\x86\x00")) == [bytes.fromhex("9F460102")]


@pytest.mark.parametrize("ins, sw", [(0xE6, 0x6A88), (0xE2, 0x6A80), (0xE2, 0x6A86)])
def test_a_chain_that_is_refused(ins: int, sw: int) -> None:
    card = LabCard(lambda command: ResponseApdu(b"", sw) if command.ins == ins else OK)
    with pytest.raises(StatusError) as caught:
        _bearer(card).run_profile(_tlvs(bytes(300)))
    assert caught.value.sw == sw


def test_lost_session_is_its_own_error_and_the_next_run_opens_another() -> None:
    card = LabCard(lambda command: OK)
    bearer = _bearer(card)
    bearer.run(enable_profile(ISD_P))
    card.session.end()  # as if somebody else had selected something
    with pytest.raises(SessionLost):
        bearer.run(enable_profile(ISD_P))
    bearer.run(enable_profile(ISD_P))
    assert len(card.plain) == 2


def test_a_card_that_was_reset_is_selected_again() -> None:
    card = LabCard(lambda command: OK)
    bearer = _bearer(card)
    bearer.run(enable_profile(ISD_P))
    card.reset()  # the bearer knows nothing of it; the card answers 6E00
    with pytest.raises(SessionLost, match="6E00"):
        bearer.run(enable_profile(ISD_P))
    bearer.run(enable_profile(ISD_P))


def test_wrong_r_mac_ends_the_session() -> None:
    card = LabCard(lambda command: OK)
    bearer = _bearer(card)
    bearer.run(enable_profile(ISD_P))
    transmit = card.transmit

    def forge(command: bytes) -> bytes:
        answer = transmit(command)
        return bytes((answer[0] ^ 1,)) + answer[1:]

    card.transmit = forge  # type: ignore[method-assign]
    with pytest.raises(SecurityError):
        bearer.run(enable_profile(ISD_P))
    card.transmit = transmit  # type: ignore[method-assign]
    bearer.run(enable_profile(ISD_P))
    assert [command[1] for command in card.sent].count(0xA4) == 2


def test_production_card() -> None:
    with pytest.raises(StatusError, match="only lab cards"):
        _bearer(LabCard(lambda command: OK, keys=None)).run(enable_profile(ISD_P))


def test_wrong_keys() -> None:
    wrong = KeySet(0x30, SecretKey(bytes(16)), SecretKey(bytes(16)), SecretKey(bytes(16)))
    with pytest.raises(SecurityError):
        _bearer(LabCard(lambda command: OK), wrong).run(enable_profile(ISD_P))


def test_what_the_bearer_does_not_carry() -> None:
    card = LabCard(lambda command: OK)
    with pytest.raises(LocalProtocolError):
        _bearer(card).run(_commands(_get(0x66), target=ISD_P))
    with pytest.raises(EncodeError):
        _bearer(card).run(_commands(_get(0x66, 240)))
    without_reset = ReaderBearer(card, LAB_KEYS, entropy=SeededEntropy(b""), clock=lambda: 0.0)
    with pytest.raises(LocalProtocolError):
        without_reset.reset()


def test_trace() -> None:
    recorder = Recorder()
    card = LabCard(lambda command: OK)
    bearer = _bearer(card, observer=recorder)
    bearer.run(enable_profile(ISD_P), "ES5.EnableProfile")
    begin, exchange, end = recorder.events
    assert isinstance(begin, FunctionEvent)
    assert isinstance(end, FunctionEvent)
    assert (begin.name, begin.outcome, end.outcome, begin.layer) == ("ES5.EnableProfile", "", "ok", "es5")
    assert isinstance(exchange, ChannelEvent)
    assert exchange.protected == card.sent[-1]
    assert exchange.plain == card.plain[-1]._replace(le=None).encode()
    assert exchange.response_plain == b"\x90\x00"


def test_trace_of_a_refusal() -> None:
    recorder = Recorder()
    card = LabCard(lambda command: ResponseApdu(b"", 0x69E1))
    with pytest.raises(StatusError):
        _bearer(card, observer=recorder).run(enable_profile(ISD_P), "ES5.EnableProfile")
    end = recorder.events[-1]
    assert isinstance(end, FunctionEvent)
    assert "69E1" in end.outcome
