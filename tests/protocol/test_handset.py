# SPDX-License-Identifier: Apache-2.0
"""Our card in a device with a number: secured packets through a network in this process, and the proofs."""

from __future__ import annotations

from apdu.ids import Aid
from apdu.keys.entropy import SeededEntropy
from apdu.sms.address import Address
from apdu.sms.parts import Reassembly, split_message
from apdu.sms.tpdu import Deliver, DeliverReport, Submit
from apdu.sms.transport import LocalSms, Trouble
from apdu.sms.userdata import Element, ElementId, UserData
from emulator.device.device import Device, Surroundings
from emulator.device.handset import Handset, LocalCentre
from emulator.device.link import VirtualLink
from emulator.device.settings import Settings
from emulator.factory.eum import Bootstrap
from emulator.network.network import Network
from tests.protocol.sms_bench import SM_SR, TIME, SmsBench
from tests.support.lab import Lab
from tests.support.profile import PIN1, subscriber
from tests.unit.device.fake import Clock

NUMBER = Address.of("+491720000001")
GET_EID = bytes.fromhex("AA07220580CA005A00")


class Phone:
    """A device with our card, in a network; and an SM-SR that keeps what it hears."""

    def __init__(self, trouble: Trouble | None = None) -> None:
        self.lab = Lab(bootstrap=Bootstrap(subscriber().package, Aid.isd_p(0x10)))
        self.bench = SmsBench(self.lab)
        self.sms = LocalSms(SeededEntropy(b"network"), *([trouble] if trouble else []))
        self.sms.serve(SM_SR, self)
        self.network = Network(sms=LocalCentre(self.sms, NUMBER))
        self.device = Device(
            VirtualLink(self.lab.card),
            clock=Clock(),
            settings=Settings(pin=PIN1),
            surroundings=Surroundings(network=self.network),
        )
        self.device.power_up()
        self.device.settle()
        self.handset = Handset(self.device, self.sms, NUMBER)
        self.submitted_tpdus: list[bytes] = []
        self.reports: list[DeliverReport] = []

    def submitted(self, sender: Address, tpdu: bytes) -> None:
        assert sender == NUMBER
        self.submitted_tpdus.append(tpdu)

    def reported(self, to: Address, report: bytes, error: bool) -> None:
        assert to == NUMBER
        self.reports.append(DeliverReport.decode(report, error=error))

    def send(self, packet: bytes) -> None:
        message = UserData(packet, (Element(ElementId.COMMAND_PACKET),))
        for part in split_message(message, 0xF6, 1):
            self.sms.send(NUMBER, Deliver(originator=SM_SR, time=TIME, data=part).encode())

    def settle(self) -> None:
        while self.sms.step() or self.handset.step() or self.device.step():
            pass
        assert self.lab.recorder.errors == []


def test_proof_of_receipt_comes_in_the_report() -> None:
    phone = Phone()
    phone.send(phone.bench.packet(GET_EID, spi="1619"))
    phone.settle()
    (report,) = phone.reports
    assert report.data is not None
    assert report.data.element(ElementId.RESPONSE_PACKET) is not None
    opened = phone.bench.open(report.data.payload, "1619")
    assert (opened.counter, opened.status) == (1, 0)
    assert phone.submitted_tpdus == []


def test_proof_of_receipt_comes_in_messages_of_the_card() -> None:
    phone = Phone()
    phone.send(phone.bench.packet(GET_EID))
    phone.settle()
    assert [report.data for report in phone.reports] == [None]
    assert len(phone.submitted_tpdus) == 1
    message = Submit.decode(phone.submitted_tpdus[0])
    assert message.destination == SM_SR
    whole = Reassembly().add("card", message.data)
    assert whole is not None
    assert phone.bench.open(whole.payload).status == 0


def test_device_out_of_reach_gets_its_messages_later() -> None:
    phone = Phone()
    phone.network.lose_coverage()
    phone.settle()
    phone.send(phone.bench.packet(GET_EID))
    phone.settle()
    assert phone.reports == []
    phone.network.restore()
    phone.settle()
    assert len(phone.submitted_tpdus) == 1


def test_message_that_cannot_be_read_is_refused() -> None:
    phone = Phone()
    tpdu = Deliver(originator=SM_SR, time=TIME, data=UserData(b"abc", (Element(0x70),))).encode()
    phone.sms.send(NUMBER, tpdu[:-4] + b"\x7f" + tpdu[-3:])
    phone.settle()
    assert all(report.failure is not None for report in phone.reports)


def test_nothing_runs_twice_in_a_network_that_doubles() -> None:
    phone = Phone(Trouble(duplicated=1.0))
    phone.send(phone.bench.packet(GET_EID))
    phone.settle()
    packets = {Submit.decode(tpdu).data.payload for tpdu in phone.submitted_tpdus}
    assert sorted(phone.bench.open(packet).status for packet in packets) == [0, 2]  # 02: the counter is too low
