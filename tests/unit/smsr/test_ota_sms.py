# SPDX-License-Identifier: Apache-2.0
"""One card's SMS session against an SCP80 of the tests' own: answers, repetitions, and that nothing is sent anew."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from apdu.errors import EncodeError, M2mError
from apdu.ids import ISD_R, Aid
from apdu.keys.secret import KeySet, SecretKey
from apdu.ota.packet import MAX_COUNTER, PacketRefused
from apdu.sms.address import Address
from apdu.sms.parts import Reassembly
from apdu.sms.tpdu import Deliver
from apdu.sms.userdata import Element, ElementId, UserData
from smsr.ota.counters import MemoryCounters
from smsr.ota.sms import Message, NotReached, SmsCard, SmsSession, SmsSettings
from smsr.ota.task import OutcomeUnknown
from tests.unit.kit.world import EID
from tests.unit.ota import model

SM_SR = Address.of("+491710000001")
RAW = (bytes(range(16)), bytes(range(16, 32)))
KEYS = KeySet(1, SecretKey(RAW[0]), SecretKey(RAW[1]), SecretKey(bytes(16)))
SPI = bytes.fromhex("1639")
KID = 0x12
SETTINGS = SmsSettings(originator=SM_SR, timeout=10, attempts=3)
SCRIPT = bytes.fromhex("AA072205 80CA006600")
ANSWER = bytes.fromhex("AB088001012303009000")
TAR = bytes.fromhex("000001")


@dataclass
class Sender:
    """A session, and what comes out of it."""

    settings: SmsSettings = SETTINGS
    counters: MemoryCounters = field(default_factory=MemoryCounters)
    now: float = 1_800_000_000.0

    def __post_init__(self) -> None:
        self.session = SmsSession(SmsCard(EID, KEYS), self.settings, self.counters)
        self.outcomes: list[bytes | M2mError] = []
        self.reserved: list[bytes] = []

    def send(self, data: bytes = SCRIPT, *, read_only: bool = False, target: Aid = ISD_R) -> None:
        message = Message(target, data, self.outcomes.append, read_only, self.reserved.append)
        self.session.send(message, self.now)

    def packets(self) -> list[bytes]:
        """The packets in what waits to be sent, put together."""
        parts = Reassembly()
        found = []
        for tpdu in self.session.outgoing():
            deliver = Deliver.decode(tpdu)
            assert (deliver.originator, deliver.pid, deliver.dcs) == (SM_SR, 0x7F, 0xF6)
            whole = parts.add("card", deliver.data)
            if whole is not None:
                assert whole.element(ElementId.COMMAND_PACKET) == b""
                found.append(whole.payload)
        return found

    def answer(
        self, counter: int, status: int = 0, data: bytes = ANSWER, *, tar: bytes = TAR, keys: tuple[bytes, bytes] = RAW
    ) -> None:
        packet = model.response(SPI, KID, tar, counter, status, data, keys, "aes")
        self.receive(packet)

    def receive(self, packet: bytes, mark: int = ElementId.RESPONSE_PACKET) -> None:
        self.session.receive(UserData(packet, (Element(mark),)), self.now)

    def wait(self, seconds: float = 10.0) -> None:
        self.now += seconds
        self.session.tick(self.now)


@pytest.fixture
def sender() -> Sender:
    return Sender()


def expected(counter: int, data: bytes = SCRIPT, tar: bytes = TAR) -> bytes:
    return model.command(SPI, KID, KID, tar, counter, data, RAW)


def test_the_packet_is_what_the_second_implementation_makes(sender: Sender) -> None:
    sender.send()
    assert sender.packets() == [expected(1)]
    sender.answer(1)
    assert sender.outcomes == [ANSWER]
    assert not sender.session.busy
    sender.send(target=Aid.isd_p(0x10))
    assert sender.packets() == [expected(2, tar=bytes.fromhex("000010"))]


def test_the_counter_is_reserved_before_anything_is_sent() -> None:
    order: list[str] = []

    class Watched(MemoryCounters):
        def reserve(self, *values: object) -> int:
            order.append("reserved")
            return super().reserve(*values)  # type: ignore[arg-type]

    sender = Sender(counters=Watched())
    message = Message(ISD_R, SCRIPT, sender.outcomes.append, reserved=lambda state: order.append("kept"))
    assert sender.session.outgoing() == []
    sender.session.send(message, sender.now)
    assert order == ["reserved", "kept"]
    assert len(sender.packets()) == 1


@pytest.mark.parametrize("size", [60, 110, 500, 2600])
def test_long_packets_go_in_parts(sender: Sender, size: int) -> None:
    data = bytes(range(256)) * 11
    sender.send(data[:size])
    assert sender.packets() == [expected(1, data[:size])]
    sender.answer(1, data=data)
    assert sender.outcomes == [data]


def test_what_does_not_fit_is_said_and_no_message_sent(sender: Sender) -> None:
    sender.send(bytes(SETTINGS.room + 200))
    assert sender.packets() == []
    assert isinstance(sender.outcomes[0], EncodeError)
    sender.send(bytes(SETTINGS.room))
    assert len(sender.packets()) == 1


def test_one_packet_is_under_way_at_a_time(sender: Sender) -> None:
    sender.send()
    sender.send(b"\xaa\x00")
    assert sender.packets() == [expected(1)]
    sender.answer(1)
    assert sender.packets() == [expected(2, b"\xaa\x00")]


# --- answers that are none


def test_cc_80_16_an_answer_with_another_counter_is_rejected(sender: Sender) -> None:
    sender.send()
    for counter in (0, 2, 1 << 39):
        sender.answer(counter)
    assert sender.outcomes == []
    sender.answer(1)
    assert sender.outcomes == [ANSWER]


def test_answers_that_are_not_genuine_are_ignored(sender: Sender) -> None:
    sender.send()
    sender.answer(1, tar=bytes.fromhex("000010"))
    sender.answer(1, keys=(RAW[0], bytes(16)))
    genuine = model.response(SPI, KID, TAR, 1, 0, ANSWER, RAW, "aes")
    for at in range(len(genuine) * 8):
        forged = bytearray(genuine)
        forged[at // 8] ^= 1 << at % 8
        sender.receive(bytes(forged))
    for end in range(len(genuine)):
        sender.receive(genuine[:end])
    sender.receive(genuine, ElementId.COMMAND_PACKET)
    assert sender.outcomes == []
    sender.receive(genuine)
    sender.receive(genuine)  # once more: nothing waits for it
    assert sender.outcomes == [ANSWER]


# --- time


def test_the_same_bytes_are_sent_again_and_then_it_gives_up(sender: Sender) -> None:
    sender.send()
    first = sender.packets()
    assert sender.session.wake == sender.now + 10
    sender.wait(9.9)
    assert sender.packets() == []
    sender.wait(0.1)
    assert sender.packets() == first
    sender.wait()
    assert sender.packets() == first
    sender.wait()
    assert sender.packets() == []
    assert isinstance(sender.outcomes[0], NotReached)
    sender.answer(1)  # too late
    assert len(sender.outcomes) == 1


def test_used_counter_of_a_repeated_packet_means_that_nobody_knows(sender: Sender) -> None:
    sender.send()
    first = sender.packets()
    sender.wait()
    assert sender.packets() == first
    sender.answer(1, status=2, data=b"")
    assert sender.outcomes == []  # the answer of the first may still come
    sender.wait()
    assert sender.packets() == []
    assert isinstance(sender.outcomes[0], OutcomeUnknown)


def test_the_late_answer_of_the_first_is_better_than_that_of_the_second(sender: Sender) -> None:
    sender.send()
    sender.wait()
    sender.answer(1, status=2, data=b"")
    sender.answer(1)
    assert sender.outcomes == [ANSWER]


def test_what_only_reads_is_asked_anew_with_counters_further_ahead(sender: Sender) -> None:
    sender.send(read_only=True)
    counters = []
    for _ in range(6):
        (packet,) = sender.packets()
        counter = _counter(packet)
        assert packet == expected(counter)
        counters.append(counter)
        sender.answer(counter, status=2, data=b"")
        sender.wait()
    assert counters == sorted(set(counters))
    assert counters[-1] > 1 << 24
    assert isinstance(sender.outcomes[0], OutcomeUnknown)


def _counter(packet: bytes) -> int:
    return int.from_bytes(model.cipher(RAW[0], "aes", packet[10:], back=True)[:5], "big")


@pytest.mark.parametrize("status", [1, 3, 4, 5, 6, 7, 9, 10, 0x55])
def test_a_packet_that_the_card_refuses_did_not_run(sender: Sender, status: int) -> None:
    sender.send()
    sender.answer(1, status=status, data=b"")
    assert isinstance(sender.outcomes[0], PacketRefused)
    assert not sender.session.busy


@pytest.mark.parametrize("status", [8, 11])
def test_more_time_and_another_way_are_waited_for(sender: Sender, status: int) -> None:
    sender.send()
    sender.answer(1, status=status, data=b"")
    assert sender.outcomes == []
    sender.answer(1)
    assert sender.outcomes == [ANSWER]


def test_another_process_sends_the_same_packet(sender: Sender) -> None:
    sender.send()
    first = sender.packets()
    (state,) = sender.reserved
    other = Sender()
    message = Message(ISD_R, b"", other.outcomes.append)
    other.session.resume(message, state, other.now)
    assert other.packets() == first
    other.answer(1)
    assert other.outcomes == [ANSWER]


def test_a_counter_at_its_end_is_not_used() -> None:
    sender = Sender()
    session = SmsSession(SmsCard(EID, KEYS, MAX_COUNTER - 2), SETTINGS, sender.counters)
    sender.session = session
    sender.send()
    assert sender.packets() == [expected(MAX_COUNTER - 1)]
    sender.answer(MAX_COUNTER - 1)
    sender.send()
    assert sender.packets() == []
    assert isinstance(sender.outcomes[-1], EncodeError)


def test_settings_say_how_much_fits() -> None:
    for parts in (1, 2, 20):
        settings = replace(SETTINGS, max_parts=parts)
        sender = Sender(settings)
        sender.send(bytes(settings.room))
        assert len(sender.session.outgoing()) == parts
