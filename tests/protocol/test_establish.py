# SPDX-License-Identifier: Apache-2.0
"""ES8.EstablishISDPKeySet against the card's end of the agreement, and against everything that can go wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import DecodeError, RemoteProtocolError, SecurityError, StatusError
from apdu.gp.store_data import StoreDataChain
from apdu.ids import ISD_R, Aid
from apdu.keys.agreement import AgreementCard, DomainIdentity, Options, challenge_response, read_certificate_command
from apdu.keys.certificate import Role, check_signer
from apdu.keys.ec import Curve
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet
from apdu.script import ApduScript, Done, Run
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from tests.unit.kit.world import CI_OID, World, world

ISD_P = Aid.isd_p(0x13)
RC = bytes(range(16))
NOBODY = DomainIdentity()
INSTALL = "80E6200016 0000 10 A0000005591010FFFFFFFF8900001300 000000 00"


def _request(everybody: World, **changes: object) -> KeyEstablishment:
    values: dict[str, object] = {
        "isd_p": ISD_P,
        "certificate": everybody.sm_dp.certificate,
        "signer": everybody.sm_dp.key,
        "card_key": everybody.ecasd_key.public_key,
    }
    return KeyEstablishment(**{**values, **changes})  # type: ignore[arg-type]


class _Card:
    """The ISD-R that forwards, and the ISD-P that agrees; keeps the keys that it came to."""

    def __init__(self, everybody: World, rc: bytes = RC, identity: DomainIdentity = NOBODY) -> None:
        self._world = everybody
        self._rc = rc
        self._identity = identity
        self._chain = StoreDataChain()
        self._payload = b""
        self._agreement: AgreementCard | None = None
        self.keys: KeySet | None = None
        self.commands: list[CommandApdu] = []

    def answer(self, command: CommandApdu) -> ResponseApdu:
        self.commands.append(command)
        if command.ins == 0xE6:
            return ResponseApdu(b"\x00", 0x9000)
        block = self._chain.receive(command.p1, command.p2, command.data)
        self._payload += block.raw
        if not block.groups or (self._agreement and not block.last):
            return ResponseApdu(b"", 0x9000)
        payload, self._payload = self._payload, b""
        return ResponseApdu(self._receive(payload), 0x9000)

    def _receive(self, payload: bytes) -> bytes:
        if self._agreement is None:
            certificate = read_certificate_command(payload)
            ci = self._world.ci.key.public_key
            self._agreement = AgreementCard(check_signer(certificate, ci, CI_OID.value, Role.SM_DP), self._rc)
            return challenge_response(self._rc)
        entropy = SeededEntropy(b"card")
        agreement, answer = self._agreement.agree(payload, self._world.ecasd_key, entropy, self._identity)
        self.keys = agreement.key_set
        return answer


def _run(script: ApduScript[KeySet], answer: Callable[[CommandApdu], ResponseApdu]) -> KeySet:
    run = Run(script)
    step = run.start()
    while not isinstance(step, Done):
        assert step.target == ISD_R
        responses: list[ResponseApdu] = []
        for command in step.commands:
            responses.append(answer(command))
            if responses[-1].sw != 0x9000:
                break
        step = run.feed(responses)
    return step.result


@pytest.mark.parametrize("curve", list(Curve))
@pytest.mark.parametrize("rc", [RC, bytes(32)])
def test_both_ends_have_the_same_keys(curve: Curve, rc: bytes) -> None:
    everybody = world("agree", curve)
    card = _Card(everybody, rc)
    keys = _run(establish_isdp_keyset(_request(everybody), entropy=SeededEntropy(b"dp")), card.answer)
    assert keys == card.keys
    assert keys.kvn == 0x30


@pytest.mark.parametrize("length", [16, 24, 32])
def test_options(length: int) -> None:
    everybody = world()
    card = _Card(everybody, identity=DomainIdentity(b"\x42\x42", b"\x45\x45\x45"))
    options = Options.INCLUDE_DR | Options.INCLUDE_IDENTIFIERS | Options.CERTIFICATE_VERIFICATION
    request = _request(
        everybody, options=options, key_length=length, sin=b"\x42\x42", sdin=b"\x45\x45\x45", host_id=b"host", kvn=0x31
    )
    keys = _run(establish_isdp_keyset(request, entropy=SeededEntropy(b"dp")), card.answer)
    assert keys == card.keys
    assert (keys.kvn, len(keys.enc)) == (0x31, length)


def test_commands_look_as_captured() -> None:
    """card.md 5.1: P1 P2 09 00 and 89 01, one command each, CRT as observed (S:whty)."""
    card = _Card(world())
    _run(establish_isdp_keyset(_request(world()), entropy=SeededEntropy(b"dp")), card.answer)
    install, first, second = card.commands
    assert install.encode() == bytes.fromhex(INSTALL)
    assert first[:4] == (0x80, 0xE2, 0x09, 0x00)
    assert first.data[:2].hex() == "3a01"
    assert second[:4] == (0x80, 0xE2, 0x89, 0x01)
    crt = "A6159002030995011080018881011082010183013091 00"
    assert second.data.startswith(bytes.fromhex("3A0217" + crt + "7F4941 04"))
    assert second.data[-67:-64].hex() == "5f3740"


def test_blocks_of_any_size() -> None:
    card = _Card(world())
    keys = _run(establish_isdp_keyset(_request(world()), entropy=SeededEntropy(b"dp"), block_size=50), card.answer)
    assert keys == card.keys
    assert [command.p2 for command in card.commands[1:]] == list(range(len(card.commands) - 1))
    assert [bool(command.p1 & 0x80) for command in card.commands[1:]] == [False] * (len(card.commands) - 2) + [True]
    assert max(len(command.data) for command in card.commands) == 50


def _answers(*texts: str) -> Callable[[CommandApdu], ResponseApdu]:
    answers = iter(texts)
    return lambda command: ResponseApdu.parse(bytes.fromhex(next(answers)))


@pytest.mark.parametrize(
    "texts, error, reason",
    [
        (["6A88"], StatusError, "6A88"),
        (["9000", "6A80"], StatusError, "6A80"),
        (["0102 9000", "8510" + RC.hex() + "9000"], RemoteProtocolError, "INSTALL"),
        (["9000", "9000"], DecodeError, "85"),
        (["9000", "8610" + RC.hex() + "9000"], DecodeError, "85"),
        (["9000", "850F" + RC[1:].hex() + "9000"], DecodeError, "15 bytes"),
        (["00 9000", "8510" + RC.hex() + "9000", "6985"], StatusError, "6985"),
        (["9000", "8510" + RC.hex() + "9000", "9000"], DecodeError, "receipt expected"),
        (["9000", "8510" + RC.hex() + "9000", "8610" + RC.hex() + "9000"], SecurityError, "receipt"),
    ],
)
def test_what_can_go_wrong(texts: Sequence[str], error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        _run(establish_isdp_keyset(_request(world()), entropy=SeededEntropy(b"dp")), _answers(*texts))


def test_a_card_with_another_key_is_found_out() -> None:
    everybody, other = world(), world("another")
    card = _Card(everybody)
    request = _request(everybody, card_key=other.ecasd_key.public_key)
    with pytest.raises(SecurityError, match="receipt"):
        _run(establish_isdp_keyset(request, entropy=SeededEntropy(b"dp")), card.answer)


def test_the_card_refuses_an_sm_sr() -> None:
    everybody = world()
    request = _request(everybody, certificate=everybody.sm_sr.certificate, signer=everybody.sm_sr.key)
    with pytest.raises(SecurityError, match="SM-DP"):
        _run(establish_isdp_keyset(request, entropy=SeededEntropy(b"dp")), _Card(everybody).answer)
