# SPDX-License-Identifier: Apache-2.0
"""Secured packets by SMS to a whole card, made and read by an implementation of the tests' own (CC-80)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from apdu.cat.envelope import SmsPpDownload
from apdu.command import CommandApdu
from apdu.gp.codes import LifeCycle
from apdu.gp.sgp02 import CreateIsdp
from apdu.ids import Aid
from apdu.ota.remote import parse_response_script
from apdu.sms.parts import split_message
from apdu.sms.tpdu import Deliver
from apdu.sms.userdata import Concatenation, Element, ElementId, UserData
from emulator.factory.eum import Bootstrap
from emulator.memory import PowerCut
from emulator.sd.registry import isd_p_prefix
from tests.protocol.sms_bench import ISD_R, SM_SR, TIME, SmsBench
from tests.require import profile_paths
from tests.scale import count
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab
from tests.support.profile import subscriber
from tests.unit.ota import model

ISD_P = Aid.isd_p(0x0010)


def script(*commands: str) -> bytes:
    body = b"".join(b"\x22" + bytes((len(raw),)) + raw for raw in map(bytes.fromhex, commands))
    size = len(body)
    length = bytes((size,)) if size < 0x80 else bytes((0x82, size >> 8, size & 0xFF))
    return b"\xaa" + length + body


def create(number: int = 0x10) -> str:
    return CreateIsdp(aid=Aid.isd_p(number)).install().command().encode().hex()


CREATE = script(create())
READ = script("80CA006600")


@pytest.fixture
def bench(lab: Lab) -> SmsBench:
    return SmsBench(lab)


def executed(bench: SmsBench) -> bool:
    return bench.lab.state_of(ISD_P) is not None


def assert_silent(bench: SmsBench, packet: bytes) -> None:
    """Nothing is carried out, nothing is answered, nothing is written."""
    before = bench.lab.snapshot()
    reply = bench.deliver(packet)
    assert (reply.sw, reply.data, reply.sent) == (0x9000, b"", ())
    assert bench.lab.snapshot() == before
    assert not executed(bench)


# --- nominal


def test_cc_80_01_a_command_is_carried_out_and_answered_by_submit(bench: SmsBench) -> None:
    reply = bench.deliver(bench.packet(CREATE))
    (message,) = reply.sent
    assert (message.destination, message.pid, message.dcs) == (SM_SR, 0x00, 0xF6)
    (packet,) = reply.packets
    answer = bench.open(packet)
    assert (answer.counter, answer.status) == (1, 0)
    assert answer.data.hex().upper() == "AB088001012303009000"
    assert executed(bench)


@pytest.mark.parametrize("spi", ["1601", "1609", "1619", "1621", "1629", "1639", "1E39", "1602", "1600"])
def test_cc_80_01_every_way_of_answering(bench: SmsBench, spi: str) -> None:
    reply = bench.deliver(bench.packet(CREATE, spi=spi))
    second = bytes.fromhex(spi)[1]
    assert executed(bench)
    assert bool(reply.sent) is bool(second & 0x20)
    assert bool(reply.data) is (second & 0x03 == 1 and not second & 0x20)
    if reply.packets:
        assert bench.open(reply.packets[0], spi).status == 0


def test_cc_80_16_the_answer_has_the_counter_of_its_command(bench: SmsBench) -> None:
    for counter in (5, 77, (1 << 40) - 2):
        (packet,) = bench.deliver(bench.packet(READ, counter=counter)).packets
        assert bench.open(packet).counter == counter


def test_cc_80_17_a_definite_script_is_answered_with_count_and_responses(bench: SmsBench) -> None:
    answer = parse_response_script(bench.ask(script(create(), "80F24002024F0000", "80CA9F7F00")).data)
    assert answer.executed == 3
    assert [response[-2:].hex() for response in answer.responses] == ["9000", "9000", "6a88"]


@pytest.mark.parametrize(
    "data, answer",
    [
        ("AA84FFFFFFFF", "AB06800100900103"),
        ("00A40000023F00", "AB06800100900101"),
        ("AA022205", "AB06800100900102"),
        ("", "AB06800100900101"),
    ],
)
def test_cc_80_18_what_cannot_be_read_is_told_to_who_sent_it(bench: SmsBench, data: str, answer: str) -> None:
    said = bench.ask(bytes.fromhex(data))
    assert (said.status, said.data.hex().upper()) == (0, answer)


def test_cc_80_19_a_chain_of_scripts_goes_over_several_messages(bench: SmsBench) -> None:
    bench.ask(CREATE)
    personalize = f"80E6200016000010{bytes(ISD_P).hex()}000000"
    body = b"\x83\x01\x01\x22" + bytes((len(bytes.fromhex(personalize)),)) + bytes.fromhex(personalize)
    assert bench.ask(b"\xaa" + bytes((len(body),)) + body).data.hex().upper().endswith("9000")
    last = b"\x83\x01\x03\x22\x05" + bytes.fromhex("80CA006600")
    assert parse_response_script(bench.ask(b"\xaa" + bytes((len(last),)) + last).data).executed == 1
    # the chain has ended
    again = parse_response_script(bench.ask(b"\xaa" + bytes((len(last),)) + last).data)
    assert (again.executed, again.items[0].tag) == (0, 0x83)


def test_cc_80_19_a_reset_clears_a_chain(bench: SmsBench) -> None:
    begin = b"\x83\x01\x01\x22\x05" + bytes.fromhex("80CA006600")
    last = b"\x83\x01\x03\x22\x05" + bytes.fromhex("80CA006600")
    bench.ask(b"\xaa" + bytes((len(begin),)) + begin)
    bench.card.reset()
    bench.power_up()
    assert parse_response_script(bench.ask(b"\xaa" + bytes((len(last),)) + last).data).executed == 0


# --- concatenation

LONG = script(*["80CA006600"] * 40)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0], [0, 0, 1, 1, 0, 2]])
def test_cc_80_02_parts_in_any_order_are_put_together_once(bench: SmsBench, order: list[int]) -> None:
    packet = bench.packet(LONG)
    parts = split_message(UserData(packet, (Element(ElementId.COMMAND_PACKET),)), 0xF6, 7)
    assert len(parts) == 3
    replies = [bench.send(parts[at]) for at in order]
    assert all((reply.sw, reply.data, reply.sent) == (0x9000, b"", ()) for reply in replies[:-1])
    # the answer is long as well: it comes in parts
    assert len(replies[-1].sent) > 1
    (answer,) = replies[-1].packets
    assert parse_response_script(bench.open(answer).data).executed == 40


def test_cc_80_02_parts_of_two_messages_do_not_mix(bench: SmsBench) -> None:
    first, second = (bench.packet(script(*["80CA006600"] * 20)) for _ in range(2))
    element = (Element(ElementId.COMMAND_PACKET),)
    one, two = split_message(UserData(first, element), 0xF6, 1), split_message(UserData(second, element), 0xF6, 2)
    assert len(one) == len(two) == 2
    bench.send(one[0])
    bench.send(two[1])
    assert len(bench.send(one[1]).packets) == 1
    assert len(bench.send(two[0]).packets) == 1


def test_cc_80_20_a_message_that_memory_cannot_hold_is_dropped(make_lab: MakeLab) -> None:
    bench = SmsBench(make_lab())
    part = UserData(bytes(100), (Concatenation(1, 255, 1).element(), Element(ElementId.COMMAND_PACKET)))
    assert bench.send(part).sw == 0x9000
    assert len(bench.card.ota._parts) == 0
    assert bench.ask(READ).status == 0


def test_cc_80_20_parts_that_never_become_whole_do_not_pile_up(bench: SmsBench) -> None:
    for reference in range(100):
        bench.send(UserData(b"x", (Concatenation(reference, 3, 1).element(), Element(ElementId.COMMAND_PACKET))))
    assert len(bench.card.ota._parts) <= 5
    assert bench.ask(READ).status == 0


def test_cc_80_20_a_long_answer_to_a_report_comes_by_submit(bench: SmsBench) -> None:
    reply = bench.deliver(bench.packet(LONG, spi="1619"))
    assert reply.data == b""
    (answer,) = reply.packets
    assert parse_response_script(bench.open(answer, "1619").data).executed == 40


# --- refused without a word


@pytest.mark.parametrize("bit", range(64))
def test_cc_80_03_a_wrong_check_is_met_with_silence(bench: SmsBench, bit: int) -> None:
    packet = bytearray(bench.packet(CREATE, spi="1601"))
    clear = bytearray(model_decipher(bench, bytes(packet)))
    clear[6 + bit // 8] ^= 0x80 >> bit % 8
    packet[10:] = model_cipher(bench, bytes(clear))
    assert_silent(bench, bytes(packet))


def model_decipher(bench: SmsBench, packet: bytes) -> bytes:
    return model.cipher(bench.keys[0], "aes", packet[10:], back=True)


def model_cipher(bench: SmsBench, clear: bytes) -> bytes:
    return model.cipher(bench.keys[0], "aes", clear)


@pytest.mark.parametrize("spi", ["0001", "0201", "0401", "1201", "0601", "0E01", "1401", "1501", "1101"])
def test_cc_80_08_too_little_security_is_met_with_silence(bench: SmsBench, spi: str) -> None:
    assert_silent(bench, bench.packet(CREATE, spi=spi, kid=0x15 if spi[1] in "15" else 0x12))


@pytest.mark.parametrize("tar", ["FFFFFF", "000002", "000011", "B20100", "000000", "B00010"])
def test_cc_80_09_an_unknown_tar_is_met_with_silence(bench: SmsBench, tar: str) -> None:
    assert_silent(bench, bench.packet(CREATE, tar=bytes.fromhex(tar)))


@pytest.mark.parametrize(
    "kic, kid", [(0xF2, 0xF2), (0x22, 0x22), (0x02, 0x02), (0x12, 0x22), (0x22, 0x12), (0x13, 0x12), (0x1D, 0x12)]
)
def test_cc_80_10_keys_that_are_not_there_are_met_with_silence(bench: SmsBench, kic: int, kid: int) -> None:
    assert_silent(bench, bench.packet(CREATE, kic=kic, kid=kid))


@pytest.mark.parametrize("algorithm", [0x11, 0x15, 0x19])
def test_cc_80_11_des_is_met_with_silence(bench: SmsBench, algorithm: int) -> None:
    assert_silent(bench, bench.packet(CREATE, kic=algorithm, kid=algorithm, kind="des"))


@pytest.mark.parametrize("padding, data", [(16, bytes(16)), (255, b"\xaa\x00"), (2, b"\xaa\x01"), (1, b"\xaa\x01")])
def test_cc_80_12_padding_that_cannot_be_is_met_with_silence(bench: SmsBench, padding: int, data: bytes) -> None:
    tail = data + bytes(-(14 + len(data)) % 16)
    front = (22 + len(tail)).to_bytes(2, "big") + b"\x15\x16\x01\x12\x12" + ISD_R
    middle = (1).to_bytes(5, "big") + bytes((padding,))
    check = model.mac(bench.keys[1], "aes", 2, 0x12, front + middle + tail)
    assert_silent(bench, front + model.cipher(bench.keys[0], "aes", middle + check + tail))


@pytest.mark.parametrize("field, change", [(1, 1), (1, -1), (0, 1), (2, -21), (2, 1), (2, -1), (2, 234)])
def test_cc_80_13_lengths_that_disagree_are_met_with_silence(bench: SmsBench, field: int, change: int) -> None:
    packet = bytearray(bench.packet(CREATE))
    packet[field] = (packet[field] + change) & 0xFF
    assert_silent(bench, bytes(packet))


@pytest.mark.parametrize(
    "elements",
    [
        (),
        (Element(0x71),),
        (Element(0x70), Element(0x70)),
        (Element(0x70, b"\x00"),),
        (Element(0x04, b"\x00\x00"),),
    ],
)
def test_cc_80_14_what_is_not_marked_as_a_packet_is_none(bench: SmsBench, elements: tuple[Element, ...]) -> None:
    reply = bench.send(UserData(bench.packet(CREATE)[:100], elements))
    assert (reply.sw, reply.data, reply.sent) == (0x9000, b"", ())
    assert not executed(bench)


@pytest.mark.parametrize("pid, dcs", [(0x00, 0xF6), (0x7F, 0xF4), (0x7F, 0xF5), (0x7F, 0xF7), (0x7F, 0x04)])
def test_cc_80_14_messages_of_another_kind_are_not_for_the_card(bench: SmsBench, pid: int, dcs: int) -> None:
    packet = UserData(bench.packet(CREATE), (Element(ElementId.COMMAND_PACKET),))
    reply = bench.send(packet, pid=pid, dcs=dcs)
    assert (reply.sw, reply.data, reply.sent) == (0x9000, b"", ())
    assert not executed(bench)


@pytest.mark.parametrize(
    "body", ["D100", "D10482028381", "D10782028381 8B0140", "D10782028281 8B0140", "D106 82028381 8B00"]
)
def test_cc_80_14_an_envelope_without_a_message_is_refused(bench: SmsBench, body: str) -> None:
    assert bench.envelope(bytes.fromhex(body)).sw == 0x6A80


def test_cc_80_15_forged_packets_get_no_proof_of_receipt(bench: SmsBench) -> None:
    draw = random.Random(15)
    genuine = bench.packet(CREATE)
    before = bench.lab.snapshot()
    for _ in range(count("forged_packets")):
        forged = bytearray(genuine)
        for _ in range(draw.randrange(1, 4)):
            forged[draw.randrange(len(forged))] ^= draw.randrange(1, 256)
        if bytes(forged) == genuine:
            continue
        answer = bench.card.ota._receiver.receive(bytes(forged))
        assert answer is None
    assert bench.lab.snapshot() == before


# --- counters


def test_cc_80_04_a_packet_works_once(bench: SmsBench) -> None:
    packet = bench.packet(CREATE)
    bench.deliver(packet)
    before = bench.lab.snapshot()
    (answer,) = bench.deliver(packet).packets
    assert (bench.open(answer).status, bench.open(answer).data) == (0x02, b"")
    assert bench.lab.snapshot() == before


def test_cc_80_05_an_older_counter_is_refused(bench: SmsBench) -> None:
    bench.deliver(bench.packet(READ, counter=100))
    (answer,) = bench.deliver(bench.packet(CREATE, counter=99)).packets
    assert bench.open(answer).status == 0x02
    assert not executed(bench)


def test_cc_80_05_exactly_the_next_counter(bench: SmsBench) -> None:
    bench.deliver(bench.packet(READ, counter=100))
    for counter, status in ((102, 0x03), (100, 0x02), (101, 0x00), (101, 0x02)):
        (answer,) = bench.deliver(bench.packet(READ, counter=counter, spi="1E39")).packets
        assert bench.open(answer, "1E39").status == status


def test_cc_80_05_a_refusal_is_told_on_error_only_when_asked_so(bench: SmsBench) -> None:
    bench.deliver(bench.packet(READ, counter=100))
    reply = bench.deliver(bench.packet(CREATE, counter=5, spi="161A"))
    assert reply.sw == 0x6300
    assert bench.open(reply.packets[0], "161A").status == 0x02
    assert bench.deliver(bench.packet(READ, counter=101, spi="161A")).packets == []


def test_cc_80_06_a_counter_at_its_end_blocks_the_key_set(bench: SmsBench) -> None:
    bench.deliver(bench.packet(READ, counter=(1 << 40) - 1))
    for counter in (0, 1, (1 << 40) - 1):
        (answer,) = bench.deliver(bench.packet(CREATE, counter=counter)).packets
        assert bench.open(answer).status == 0x04
    assert not executed(bench)
    bench.lab.restart()
    bench.power_up()
    (answer,) = bench.deliver(bench.packet(CREATE, counter=1)).packets
    assert bench.open(answer).status == 0x04


def test_cc_80_07_a_packet_never_runs_twice_wherever_power_is_lost(make_lab: MakeLab) -> None:
    """Cut at every moment of every write; the same packet again, on the card that comes back, runs at most once."""
    moment = 0
    done = False
    while not done:
        cutter = Cutter()
        lab = make_lab(hook=cutter)
        bench = SmsBench(lab)
        packet = bench.packet(CREATE, spi="1601")
        moment += 1
        cutter.left = moment
        try:
            bench.deliver(packet)
            done = True
        except PowerCut:
            done = False
        cutter.left = 0
        ran = lab.snapshot().get("isdp/000010") is not None
        lab.restart()
        bench.power_up()
        reply = bench.deliver(packet)
        status = bench.open(reply.packets[0], "1601").status
        if ran:
            assert status == 0x02  # not a second time
        assert (lab.state_of(ISD_P) is not None) is (ran or status == 0)
    assert moment > 4


class Cutter:
    """Cuts the power at the n-th moment of a write from now."""

    def __init__(self) -> None:
        self.left = 0

    def __call__(self, *_: object) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                raise PowerCut


# --- other targets


def test_an_isd_p_is_reached_by_its_own_tar_and_does_nothing_without_its_session(bench: SmsBench) -> None:
    bench.ask(CREATE)
    said = bench.open(bench.deliver(bench.packet(script("80E28800073A0704A0028100"), tar=ISD_P.tar)).packets[0])
    assert parse_response_script(said.data).responses == (b"\x69\x82",)


def test_packets_work_on_production_cards_too(make_lab: MakeLab) -> None:
    bench = SmsBench(make_lab(lab=False))
    assert bench.ask(CREATE).status == 0
    assert executed(bench)


def test_nothing_is_announced_before_the_terminal_has_introduced_itself(lab: Lab) -> None:
    bench = SmsBench(lab)
    lab.card.reset()
    reply = bench.deliver(bench.packet(CREATE))
    assert (reply.sw, reply.sent) == (0x9000, ())
    assert executed(bench)


def test_the_proof_of_receipt_goes_out_before_the_reset(make_lab: MakeLab) -> None:
    """ES5.EnableProfile by SMS: SEND SHORT MESSAGE is fetched first, REFRESH after it."""
    lab = make_lab()
    bench = SmsBench(lab)
    aid = lab.put_isd_p(0x10, LifeCycle.DISABLED)
    enable = f"80E28900153A0312 4F10{bytes(aid).hex()}00"
    raw = bench.card.transmit(CommandApdu(0x80, 0xC2, 0, 0, envelope_of(bench, bench.packet(script(enable)))).encode())
    assert raw[0] == 0x91
    fetched = bench.card.transmit(bytes((0x80, 0x12, 0, 0, raw[1])))
    assert fetched[5:7] == b"\x13\x00" or b"\x81\x03\x01\x13" in fetched[:8]
    assert lab.state_of(aid) is LifeCycle.ENABLED


def envelope_of(bench: SmsBench, packet: bytes) -> bytes:
    data = UserData(packet, (Element(ElementId.COMMAND_PACKET),))
    return SmsPpDownload.of(Deliver(originator=SM_SR, time=TIME, data=data).encode()).encode()


# --- security domains of a profile


def domain_bench(make_lab: MakeLab, package: bytes, kvn: int, *, production: bool = False) -> SmsBench:
    """A card with a profile from the factory, and the keys of one set of its MNO-SD."""
    lab = make_lab(bootstrap=Bootstrap(package), lab=not production)
    bench = SmsBench(lab)
    profile = lab.card.profile
    assert profile is not None
    spec = profile.base.domains[0]
    by_kid = {key.kid: key.components[0].reveal() for key in spec.keys if key.kvn == kvn}
    bench.keys = (by_kid[1], by_kid[2])
    return bench


@pytest.mark.parametrize("tar", ["B20100", "000000"])
def test_an_operator_reaches_its_own_security_domain(make_lab: MakeLab, tar: str) -> None:
    bench = domain_bench(make_lab, subscriber().package, 0x01)
    packet = bench.packet(script("80F28002024F0000"), tar=bytes.fromhex(tar), spi="1639")
    (answer,) = bench.deliver(packet).packets
    (listed,) = parse_response_script(bench.open(answer).data).responses
    assert bytes.fromhex("A000000151000000") in listed


@pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)
def test_3des_reaches_operators_on_lab_cards(make_lab: MakeLab, path: Path) -> None:
    """GSMA TS.48 packages: where KVN 01 of the MNO-SD is a 3DES set, packets under it are taken."""
    lab = make_lab(bootstrap=Bootstrap(path.read_bytes()))
    assert lab.card.profile is not None
    spec = lab.card.profile.base.domains[0]
    sets = {key.kvn for key in spec.keys if key.kvn < 0x10}
    for kvn in sorted(sets):
        bench = domain_bench(make_lab, path.read_bytes(), kvn)
        kind = next(key.components[0].type.name.lower() for key in spec.keys if key.kvn == kvn)
        nibble = kvn << 4 | (0x02 if kind == "aes" else 0x05)
        packet = bench.packet(script("80F28002024F0000"), tar=bytes(3), kic=nibble, kid=nibble, kind=kind)
        (answer,) = bench.deliver(packet).packets
        assert parse_response_script(bench.open(answer, kid=nibble, kind=kind).data).executed == 1
    assert sets


def test_cc_cv_05_the_operator_of_a_disabled_profile_reaches_nothing(make_lab: MakeLab) -> None:
    bench = domain_bench(make_lab, subscriber().package, 0x01)
    target = bench.lab.put_isd_p(0x11, LifeCycle.DISABLED)
    registry = bench.card.registry
    registry.set_state(registry.require(ISD_P), LifeCycle.DISABLED)
    registry.set_state(registry.require(target), LifeCycle.ENABLED)
    bench.card.memory.put(f"{isd_p_prefix(target)}/pkg", subscriber(2).package)
    bench.card.memory.commit()
    bench.lab.restart()
    bench.power_up()
    before = bench.lab.snapshot()
    reply = bench.deliver(bench.packet(script("80F28002024F0000"), tar=bytes.fromhex("B20100")))
    assert (reply.sw, reply.data, reply.sent) == (0x9000, b"", ())
    assert bench.lab.snapshot() == before
