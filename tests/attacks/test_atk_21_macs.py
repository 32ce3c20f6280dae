# SPDX-License-Identifier: Apache-2.0
"""ATK-21: MACs cut short, too long or empty; ATK-22: a wrong receipt; ATK-44: data of another channel."""

from __future__ import annotations

from random import Random

import pytest

from apdu.command.apdu import ResponseApdu
from apdu.errors import DecodeError, M2mError, SecurityError
from apdu.gp.codes import LifeCycle
from apdu.keys.agreement import AgreementHost, Options
from apdu.keys.certificate import Certificate
from apdu.keys.ec import PrivateKey
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet
from apdu.script import Done, Run
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.bearers.reader import ReaderBearer
from smsr.scripts.lifecycle import delete_profile
from tests.protocol.test_isd_p_keys import ISD_P, opens
from tests.protocol.test_security_domains import LIST, Model
from tests.support.lab import Lab
from tests.unit.channel.scp03_model import cmac

# --- ATK-21


@pytest.mark.parametrize("size", [0, 1, 4, 7, 9, 12, 15, 16])
def test_atk_21_only_eight_bytes_of_mac_are_a_mac(lab: Lab, size: int) -> None:
    """The right value, cut or extended to another length, with Lc as it comes out and as the MAC says."""
    for honest in (True, False):
        model = Model(lab)
        model.open()
        state = model.model
        lc = size if honest else 8
        header = bytes((0x84, 0xF2, 0x40, 0x02, lc))
        mac = cmac(state.s_mac, state.chain + header)[:size]
        command = header[:4] + (bytes((size,)) + mac if size else b"") + b"\x00"
        assert lab.card.transmit(command) == b"\x69\x82"
        assert lab.send(LIST) == "6982"


def test_atk_21_a_mac_over_nothing(lab: Lab) -> None:
    for forged in (bytes(8), b"\xff" * 8):
        model = Model(lab)
        model.open()
        assert lab.card.transmit(bytes.fromhex("84F2400208") + forged + b"\x00") == b"\x69\x82"
    model = Model(lab)
    model.open()
    chain = model.model.chain  # the MAC of EXTERNAL AUTHENTICATE once more
    assert lab.card.transmit(bytes.fromhex("84F2400208") + chain[:8] + b"\x00") == b"\x69\x82"


def test_atk_21_every_bit_of_a_protected_command_counts(lab: Lab) -> None:
    """FDP_UIT.1: header, cipher text and MAC; CLA only where its meaning changes."""
    size = len(Model(lab).model.wrap(bytes.fromhex("80F24002"), b"\x4f\x00", b"\x00"))
    for bit in range(8, (size - 1) * 8):
        if 32 <= bit < 40:
            continue  # Lc: another length
        model = Model(lab)
        assert model.open() == b"\x90\x00"
        command = bytearray(model.model.wrap(bytes.fromhex("80F24002"), b"\x4f\x00", b"\x00"))
        command[bit // 8] ^= 1 << bit % 8
        answer = lab.card.transmit(bytes(command))
        assert answer in (b"\x69\x82", b"\x69\x85"), f"bit {bit}: {answer.hex()}"
        assert lab.send(LIST) == "6982"


# --- ATK-22


def _establish(lab: Lab, bit: int | None, *, options: int = 0x09) -> KeySet:
    certificate = Certificate.parse(lab.made.certificate)
    request = KeyEstablishment(
        isd_p=ISD_P,
        certificate=lab.certificate(),
        signer=lab.dp,
        card_key=certificate.public_key,
        options=Options(options),
    )
    run = Run(establish_isdp_keyset(request, entropy=SeededEntropy(b"dp")))
    host = lab.open_isd_r()
    step = run.start()
    while not isinstance(step, Done):
        answers = [host.command(command) for command in step.commands]
        last = answers[-1]
        if bit is not None and b"\x86\x10" in last.data:
            changed = bytearray(last.data)
            changed[bit // 8] ^= 1 << bit % 8
            answers[-1] = ResponseApdu(bytes(changed), last.sw)
        step = run.feed(answers)
    return step.result


@pytest.mark.parametrize("options", [0x09, 0x0B])
def test_atk_22_any_bit_of_the_answer(lab: Lab, options: int) -> None:
    lab.put_isd_p(0x13, LifeCycle.SELECTABLE)
    for bit in range(0, (18 if options == 0x09 else 36) * 8, 5):
        with pytest.raises((SecurityError, DecodeError)):
            _establish(lab, bit, options=options)
    keys = _establish(lab, None, options=options)
    assert opens(lab, ISD_P, keys)


def test_atk_22_what_the_sm_dp_does_then(lab: Lab) -> None:
    """CC-E8-07: it has no keys; the ISD-P is deleted, with those that the card made."""
    lab.put_isd_p(0x13, LifeCycle.SELECTABLE)
    with pytest.raises(SecurityError):
        _establish(lab, 40)
    assert lab.state_of(ISD_P) is LifeCycle.PERSONALIZED
    bearer = ReaderBearer(lab.card, lab.keys, entropy=SeededEntropy(b"reader"), clock=lambda: 0.0)
    bearer.run(delete_profile(ISD_P))
    assert [key for key in lab.snapshot() if key.startswith("isdp/")] == []


@pytest.mark.parametrize("answer", ["", "8600", "8608" + "00" * 8, "8610" + "00" * 16, "8611" + "00" * 17])
def test_atk_22_receipts_of_other_lengths(lab: Lab, answer: str) -> None:
    certificate = Certificate.parse(lab.made.certificate)
    request = KeyEstablishment(
        isd_p=ISD_P, certificate=lab.certificate(), signer=lab.dp, card_key=certificate.public_key
    )
    ephemeral = PrivateKey.from_entropy(SeededEntropy(b"e"), lab.curve)
    host = AgreementHost(request.control(), signer=lab.dp, ephemeral=ephemeral, card_key=certificate.public_key)
    with pytest.raises(M2mError):
        host.accept(bytes.fromhex(answer))


# --- ATK-44


def test_atk_44_pending_data_of_twenty_channels(lab: Lab) -> None:
    """Whatever the order of commands on them, no channel hands out another one's bytes."""
    random = Random(44)
    tags = {0: "0042", 1: "0045", 2: "0066", 3: "00E0"}
    waiting: dict[int, bytes] = {}
    for number in range(20):
        if number:
            lab.send(f"007000{number:02X}")
        cla = number if number < 4 else 0x40 | number - 4
        lab.send(f"{cla:02X}A4040010A0000005591010FFFFFFFF890000010000")
    whole = {tag: bytes.fromhex(lab.send(f"80CA{tag}00"))[:-2] for tag in tags.values()}
    for _ in range(3000):
        number = random.randrange(20)
        cla = number if number < 4 else 0x40 | number - 4
        if random.random() < 0.5:
            tag = tags[random.randrange(4)]
            answer = lab.send(f"{0x80 | cla:02X}CA{tag}")
            assert answer == f"61{len(whole[tag]):02X}"
            waiting[number] = whole[tag]
            continue
        size = random.randrange(1, 20)
        answer = lab.send(f"{cla:02X}C00000{size:02X}")
        left = waiting.get(number, b"")
        if not left:
            assert answer == "6985"
        elif size > len(left):
            assert answer == f"6C{len(left):02X}"
        else:
            rest = left[size:]
            assert answer == left[:size].hex().upper() + (f"61{len(rest):02X}" if rest else "9000")
            waiting[number] = rest
