# SPDX-License-Identifier: Apache-2.0
"""The attach against a scripted card that talks like one on T=0: 61xx, 6Cxx, PIN, and everything that goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from apdu.aka.algorithm import AkaAlgorithm, AlgorithmId
from apdu.aka.milenage import Milenage
from apdu.aka.parameters import AlgorithmParameters
from apdu.aka.usim import MacFailure, SqnState, Success, SyncFailure, authenticate_3g
from apdu.aka.xor import XorAlgorithm
from apdu.ids import Aid, Iccid, Imsi
from apdu.keys.entropy import SeededEntropy
from emulator.network.attach import (
    AttachError,
    CardNotAuthentic,
    NetworkNotAccepted,
    PinNeeded,
    SynchronisationLost,
    attach,
)
from emulator.network.auc import AuC, Subscriber

H = bytes.fromhex
K, OPC = H("465b5ce8b199b49faa5f0a2ee238a6bc"), H("cd63cb71954a9f4e48a5994e37a02baf")
IMSI = Imsi("001010123456789")
USIM = H("A0000000871002FF49FF0589")
DIR_ISIM = H("61154F0CA0000000871004FF49FF0589500549534D4158FFFF")
DIR_USIM = H("61154F0CA0000000871002FF49FF0589500555534D4158FFFF")
FCP_MF = H("622F820278218302 3F00A50980017183040003D0908A01058B032F0601C60C90016083010183010A83010B810400002710")
FCP_ADF = H(
    "6234820278218302 7FD0840CA0000000871002FF49FF0589A5038001718A01058B032F0601C60F9001B083018183010183010A83010B"
)


@dataclass
class FakeCard:
    """Answers as written here, with AUTHENTICATE computed by the USIM's functions."""

    algorithm: AkaAlgorithm = field(default_factory=lambda: Milenage(K, OPC))
    state: SqnState = field(default_factory=SqnState)
    t0: bool = False
    pin: bytes | None = None
    tries: int = 3
    reference: int = 0x01
    records: tuple[bytes, ...] = (b"\xff" * 24, DIR_ISIM, H("61024F00") + b"\xff" * 20, DIR_USIM)
    adf: bytes = FCP_ADF
    files: dict[int, bytes] = field(
        default_factory=lambda: {
            0x00: H("98001032547698103214"),
            0x87: H("080910101032547698"),
            0x83: H("00000002"),
        }
    )
    override: dict[bytes, bytes] = field(default_factory=dict)
    """Fixed answers by the first four bytes of the command."""
    pending: bytes = b""
    verified: bool = False
    log: list[bytes] = field(default_factory=list)

    def transmit(self, command: bytes) -> bytes:
        self.log.append(command)
        if command[1] == 0xC0:
            waiting, self.pending = self.pending, b""
            return waiting[: command[4] or 256] + b"\x90\x00" if waiting else b"\x69\x85"
        answer = self.override.get(command[:4]) or self.run(command)
        data, sw = answer[:-2], answer[-2:]
        if not self.t0 or not data:
            return answer
        if len(command) == 5:  # case 2
            return answer if command[4] == len(data) else bytes((0x6C, len(data)))
        self.pending = data
        return bytes((0x61, len(data))) if sw == b"\x90\x00" else sw

    def run(self, command: bytes) -> bytes:
        head = command[:4]
        if head[1] == 0xA4:
            return self.select(command)
        if head[1] == 0xB0:
            if head[2] == 0x87 and self.pin is not None and not self.verified:
                return b"\x69\x82"
            return self.files[head[2]] + b"\x90\x00" if head[2] in self.files else b"\x6a\x82"
        if head[1] == 0xB2:
            number = head[2]
            return self.records[number - 1] + b"\x90\x00" if number <= len(self.records) else b"\x6a\x83"
        if head[1] == 0x20:
            return self.verify(command)
        assert head == H("00880081")
        assert len(command) == 5 + 0x22 + 1
        return self.authenticate(command[6:22], command[23:39])

    def select(self, command: bytes) -> bytes:
        target = command[5 : 5 + command[4]]
        if target == H("3F00"):
            return FCP_MF + b"\x90\x00"
        if target in (H("2FE2"), H("2F00")):
            return H("62028200") + b"\x90\x00"
        return self.adf + b"\x90\x00" if target == USIM else b"\x6a\x82"

    def verify(self, command: bytes) -> bytes:
        if command[3] != self.reference:
            return b"\x6a\x88"
        if self.pin is None:
            return b"\x69\x84"
        if len(command) > 5 and self.tries:
            self.verified = command[5:13] == self.pin
            self.tries = 3 if self.verified else self.tries - 1
            if self.verified:
                return b"\x90\x00"
        return bytes((0x63, 0xC0 | self.tries))

    def authenticate(self, rand: bytes, autn: bytes) -> bytes:
        match authenticate_3g(self.algorithm, self.state, rand, autn):
            case Success(res=res, ck=ck, ik=ik, state=state):
                self.state = state
                return b"\xdb" + bytes((len(res),)) + res + b"\x10" + ck + b"\x10" + ik + b"\x90\x00"
            case SyncFailure(auts=auts):
                return b"\xdc\x0e" + auts + b"\x90\x00"
            case MacFailure():
                return b"\x98\x62"


def _auc(parameters: AlgorithmParameters | None = None, *, seq: int = 0, amf: bytes = b"\x80\x00") -> AuC:
    auc = AuC(SeededEntropy(b"auc"))
    auc.add(Subscriber(IMSI, parameters or AlgorithmParameters(AlgorithmId.MILENAGE, K, OPC), seq, amf))
    return auc


STEPS = [
    "select-mf", "select-iccid", "read-iccid", "select-dir", *["read-dir"] * 4,
    "select-usim", "read-imsi", "read-ad", "authenticate",
]  # fmt: skip


@pytest.mark.parametrize("t0", [False, True], ids=["T=1", "T=0"])
def test_attach(t0: bool) -> None:
    result = attach(FakeCard(t0=t0), _auc())
    assert result.imsi == IMSI
    assert result.iccid == Iccid.from_string("89000123456789012341")
    assert result.usim == Aid(USIM)
    assert result.mnc_length == 2
    assert not result.resynchronised
    assert [step.name for step in result.steps] == STEPS
    assert all(step.sw == 0x9000 for step in result.steps)


def test_bytes_on_the_wire() -> None:
    card = FakeCard(t0=True)
    attach(card, _auc())
    assert card.log[0] == H("00A40004023F0000")
    assert card.log[1] == b"\x00\xc0\x00\x00" + bytes((len(FCP_MF),))
    assert card.log[2:4] == [H("00A40004022FE200"), H("00C0000004")]
    assert card.log[4:6] == [H("00B0000000"), H("00B000000A")]
    assert H("00A404040CA0000000871002FF49FF058900") in card.log
    assert card.log[-1][:4] == H("00C00000")


def test_the_test_algorithm() -> None:
    parameters = AlgorithmParameters(AlgorithmId.TEST, K, options=2)
    card = FakeCard(algorithm=XorAlgorithm(K), t0=True)
    assert attach(card, _auc(parameters)).imsi == IMSI


def test_again_and_again() -> None:
    card, auc = FakeCard(), _auc()
    for _ in range(5):
        assert not attach(card, auc).resynchronised


def test_resynchronisation() -> None:
    card = FakeCard(state=SqnState(accepted=(1 << 30,) * 32), t0=True)
    auc = _auc(seq=5)
    result = attach(card, auc)
    assert result.resynchronised
    assert [step.name for step in result.steps][-2:] == ["authenticate"] * 2
    assert not attach(card, auc).resynchronised


def test_a_card_that_never_synchronises() -> None:
    parameters = AlgorithmParameters(AlgorithmId.TEST, K, options=2)
    card = FakeCard(algorithm=XorAlgorithm(K))
    with pytest.raises(SynchronisationLost):
        attach(card, _auc(parameters, amf=b"\xff\xff"))
    assert sum(command[1] == 0x88 for command in card.log) == 2


@pytest.mark.parametrize("k, opc", [(bytes(16), OPC), (K, bytes(16))])
def test_a_network_that_does_not_know_the_key(k: bytes, opc: bytes) -> None:
    with pytest.raises(NetworkNotAccepted) as caught:
        attach(FakeCard(), _auc(AlgorithmParameters(AlgorithmId.MILENAGE, k, opc)))
    assert caught.value.sw == 0x9862
    assert caught.value.step == "authenticate"


def _changed(card: FakeCard, at: int) -> FakeCard:
    """The same card, one bit of its answer to AUTHENTICATE wrong."""
    right = card.authenticate

    def wrong(rand: bytes, autn: bytes) -> bytes:
        answer = bytearray(right(rand, autn))
        answer[at] ^= 1
        return bytes(answer)

    card.authenticate = wrong  # type: ignore[method-assign]
    return card


def test_a_card_that_answers_wrong() -> None:
    with pytest.raises(CardNotAuthentic):
        attach(_changed(FakeCard(), 2), _auc())


def test_a_wrong_auts() -> None:
    with pytest.raises(CardNotAuthentic):
        attach(_changed(FakeCard(state=SqnState(accepted=(1 << 30,) * 32)), 15), _auc())


@pytest.mark.parametrize(
    "adf, reference",
    [
        (FCP_ADF, 0x01),
        (b"", 0x01),
        (H("6200"), 0x01),
        (H(FCP_ADF.hex().replace("830101", "830103")), 0x03),
        (H("6220820278218A01058B032F0601C6129001F8830181830105 83010A83010B 830102"), 0x05),
        (H("621D820278218A01058B032F0601C60F9001E0830181 83010195010883 0111"), 0x11),
        (H("621D820278218A01058B032F0601C60F9001E0830181 83010195010083 0111"), 0x01),
    ],
)
def test_pin(adf: bytes, reference: int) -> None:
    card = FakeCard(pin=b"1234\xff\xff\xff\xff", adf=adf, reference=reference, t0=True)
    result = attach(card, _auc(), pin="1234")
    names = [step.name for step in result.steps]
    assert names[names.index("read-imsi") :][:4] == ["read-imsi", "pin-state", "verify-pin", "read-imsi"]
    assert bytes((0, 0x20, 0, reference)) in card.log
    assert b"\x00\x20\x00" + bytes((reference, 8)) + b"1234\xff\xff\xff\xff" in card.log


def test_a_pin_that_is_not_asked_for_is_not_sent() -> None:
    card = FakeCard()
    attach(card, _auc(), pin="1234")
    assert not any(command[1] == 0x20 for command in card.log)


@pytest.mark.parametrize(
    "pin, tries, step, tries_left",
    [
        (None, 3, "pin-state", 3),
        ("9999", 3, "verify-pin", 2),
        ("1234", 0, "pin-state", 0),
        ("12", 3, "verify-pin", 3),
        ("123456789", 3, "verify-pin", 3),
        ("12a4", 3, "verify-pin", 3),
        ("\u0661\u0662\u0663\u0664", 3, "verify-pin", 3),
    ],
)
def test_pin_that_does_not_work(pin: str | None, tries: int, step: str, tries_left: int) -> None:
    card = FakeCard(pin=b"1234\xff\xff\xff\xff", tries=tries)
    with pytest.raises(PinNeeded) as caught:
        attach(card, _auc(), pin=pin)
    assert caught.value.step == step
    assert card.tries == tries_left
    assert pin is None or pin not in str(caught.value)


@pytest.mark.parametrize(
    "command, answer, step",
    [
        ("00A40004", "6A82", "select-mf"),
        ("00A40004", "90", "select-mf"),
        ("00A40004", "", "select-mf"),
        ("00B00000", "6A82", "read-iccid"),
        ("00B00000", "FFFFFFFFFFFFFFFFFFFF9000", "read-iccid"),
        ("00B20104", "6982", "read-dir"),
        ("00A40404", "6A82", "select-usim"),
        ("00B08700", "6A82", "read-imsi"),
        ("00B08700", "FFFFFFFFFFFFFFFFFF9000", "read-imsi"),
        ("00B08700", "9000", "read-imsi"),
        ("00B08300", "6A82", "read-ad"),
        ("00880081", "6985", "authenticate"),
        ("00880081", "9864", "authenticate"),
        ("00880081", "9000", "authenticate"),
        ("00880081", "DB009000", "authenticate"),
        ("00880081", "DC0D" + "00" * 13 + "9000", "authenticate"),
        ("00880081", "6100", "authenticate"),
    ],
)
def test_each_step_can_fail(command: str, answer: str, step: str) -> None:
    card = FakeCard()
    card.override[H(command)] = H(answer) or b"\x00"
    with pytest.raises(AttachError) as caught:
        attach(card, _auc())
    assert caught.value.step == step
    shown = str(caught.value)
    assert shown.startswith(f"attach failed at {step}: ")
    assert "\n" not in shown


def test_no_usim() -> None:
    for records in ((), (b"\xff" * 24, DIR_ISIM), (b"",), (b"\x61\xff" * 12,), (H("61054F0361024F") + b"\xff",)):
        with pytest.raises(AttachError, match=r"EF\.DIR names no USIM"):
            attach(FakeCard(records=records), _auc())


def test_a_subscriber_that_the_auc_does_not_have() -> None:
    with pytest.raises(AttachError, match="the AuC has no subscriber 001010123456789"):
        attach(FakeCard(), AuC(SeededEntropy(b"")))


@pytest.mark.parametrize("content, length", [("00000003", 3), ("80000002", 2), ("000000", None), ("000000FF", None)])
def test_mnc_length(content: str, length: int | None) -> None:
    card = FakeCard()
    card.files[0x83] = H(content)
    assert attach(card, _auc()).mnc_length == length


def test_proactive_status_and_short_files_are_success() -> None:
    card = FakeCard()
    card.override[H("00A40004")] = FCP_MF + b"\x91\x10"
    card.override[H("00B00000")] = card.files[0x00] + b"\x62\x82"
    card.override[H("00B08700")] = card.files[0x87] + b"\x62\x82"
    assert attach(card, _auc()).imsi == IMSI
