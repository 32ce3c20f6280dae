# SPDX-License-Identifier: Apache-2.0
"""SM-SR, service centre and device over SMPP: both ways, absent receivers, broken sessions, other software, tshark."""

from __future__ import annotations

import contextlib
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from apdu.cat.codes import GeneralResult
from apdu.cat.envelope import SmsPpDownload
from apdu.errors import LocalProtocolError
from apdu.sms.address import Address
from apdu.sms.parts import split_message
from apdu.sms.smpp import ShortMessage
from apdu.sms.tpdu import Deliver, DeliverReport, Submit
from apdu.sms.transport import Trouble
from apdu.sms.userdata import Element, ElementId, UserData
from apdu.tlv.scan import split
from emulator.device.device import Device, Surroundings
from emulator.device.waiting import Waiting
from emulator.network.network import Network
from smsr.bearers.smpp import Account, Esme
from tests.require import require
from tests.support.capture import ipv4, pcap, tcp
from tests.support.smsc import DEVICE, SM_SR, Hears, Smsc, Wire, free_port, wait_for
from tests.unit.device.fake import Clock, ToolkitCard
from tools.device.report import Report
from tools.device.smpp import SmppService
from tools.smsc import centre

TIME = datetime(2025, 1, 1, tzinfo=UTC)
ANSWER = bytes.fromhex("027100000B0A000001000000000100")


def deliver(data: bytes = b"\x01\x02", *, packet: bool = True) -> bytes:
    elements = (Element(ElementId.COMMAND_PACKET),) if packet else ()
    return Deliver(originator=SM_SR, time=TIME, data=UserData(data, elements)).encode()


def submit(text: bytes = b"from the card") -> bytes:
    data = UserData(text, (Element(ElementId.RESPONSE_PACKET),))
    return Submit(destination=SM_SR, reference=0, pid=0x7F, dcs=0xF6, data=data).encode()


def send_short_message(tpdu: bytes) -> str:
    return f"D000 8103011300 82028183 0B{len(tpdu):02X}{tpdu.hex()}"


class Phone:
    """A device around the fake card, with a session."""

    def __init__(self, port: int) -> None:
        self.card = ToolkitCard()
        self.clock = Clock()
        self.clock.now = TIME.timestamp()
        self.waiting = Waiting()
        report = Report(as_json=False)
        self.service = SmppService("127.0.0.1", port, DEVICE, report, self.waiting.bell())
        self.network = Network(sms=self.service)
        self.device = Device(self.card, clock=self.clock, surroundings=Surroundings(network=self.network))
        self.device.power_up()
        self.turn()

    def turn(self) -> None:
        self.device.settle()
        while self.service.step(self.device):
            self.device.settle()

    def until(self, reached: Callable[[], object]) -> None:
        end = time.monotonic() + 10
        while not reached():
            assert time.monotonic() < end, "it does not happen"
            self.turn()
            self.waiting.turn(0.02)

    def ask(self, command: str) -> tuple[int, bytes]:
        before = len(self.card.answers)
        self.card.ask(command)
        self.device.transmit(bytes.fromhex("80F2000C"))
        self.until(lambda: len(self.card.answers) > before)
        result = self.card.answers[-1][self.card.answers[-1].index(b"\x83") :]
        return result[2], result[3 : 2 + result[1]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def smsc(port: int) -> Iterator[Smsc]:
    with Smsc(port) as found:
        yield found


@pytest.fixture
def phone(smsc: Smsc) -> Iterator[Phone]:
    made = Phone(smsc.port)
    smsc.until(f"bound       {DEVICE.number}")
    yield made
    made.service.close()


def tpdus(card: ToolkitCard) -> list[bytes]:
    """The TPDUs of the envelopes that the card got."""
    return [SmsPpDownload.decode(split(envelope)[0].value).tpdu for envelope in card.envelopes]


def test_message_to_the_card_and_its_answer_in_the_report(smsc: Smsc, phone: Phone) -> None:
    phone.card.envelope_answer = ANSWER + b"\x90\x00"
    server = Hears()
    with server.transport(smsc.port) as transport:
        transport.send(DEVICE, deliver())
        phone.until(lambda: server.reports)
    assert tpdus(phone.card) == [deliver()]  # PID, DCS, header, sender and here even the time
    ((sender, raw, error),) = server.reports
    assert (sender, error) == (DEVICE, False)
    report = DeliverReport.decode(raw, error=False)
    assert (report.pid, report.dcs) == (0x7F, 0xF6)
    assert report.data is not None
    assert report.data.header() + report.data.payload == ANSWER


def test_card_that_is_busy_is_an_error(smsc: Smsc, phone: Phone) -> None:
    phone.card.busy = 1
    server = Hears()
    with server.transport(smsc.port) as transport:
        transport.send(DEVICE, deliver())
        phone.until(lambda: server.reports)
    assert server.reports == [(DEVICE, DeliverReport(failure=0xD4).encode(), True)]


def test_parts_arrive_as_they_were_sent(smsc: Smsc, phone: Phone) -> None:
    whole = UserData(bytes(range(256)) + bytes(100), (Element(ElementId.COMMAND_PACKET),))
    sent = [Deliver(originator=SM_SR, time=TIME, data=part).encode() for part in split_message(whole, 0xF6, 77)]
    assert len(sent) == 3
    server = Hears()
    with server.transport(smsc.port) as transport:
        for tpdu in sent:
            transport.send(DEVICE, tpdu)
        phone.until(lambda: len(server.reports) == 3)
    assert tpdus(phone.card) == sent


def test_message_of_the_card(smsc: Smsc, phone: Phone) -> None:
    server = Hears()
    with server.transport(smsc.port):
        server.bound()
        assert phone.ask(send_short_message(submit())) == (GeneralResult.DONE, b"")
        wait_for(lambda: server.messages)
    ((sender, tpdu),) = server.messages
    assert sender.number == DEVICE.number
    assert Submit.decode(tpdu) == Submit.decode(submit().replace(b"\x41\x00", b"\x41\x01", 1))  # TP-MR is the device's


def test_messages_wait_for_whoever_is_not_bound(port: int) -> None:
    server = Hears()
    with Smsc(port) as smsc:
        with server.transport(port) as transport:
            for number in range(5):
                transport.send(DEVICE, deliver(bytes((number,))))
            smsc.until("taken", 5)
            phone = Phone(port)
            phone.until(lambda: len(server.reports) == 5)
            assert tpdus(phone.card) == [deliver(bytes((number,))) for number in range(5)]
        assert phone.ask(send_short_message(submit())) == (GeneralResult.DONE, b"")
        assert server.messages == []
        with server.transport(port):
            wait_for(lambda: server.messages)
        phone.service.close()


def test_device_without_service_keeps_the_message(smsc: Smsc, phone: Phone) -> None:
    server = Hears()
    phone.network.lose_coverage()
    with server.transport(smsc.port) as transport:
        transport.send(DEVICE, deliver())
        smsc.until("delivered")
        phone.turn()
        assert phone.card.envelopes == []
        phone.network.restore()
        phone.until(lambda: server.reports)
    assert tpdus(phone.card) == [deliver()]


def test_service_centre_that_goes_and_comes_back(port: int) -> None:
    server = Hears()
    with Smsc(port):
        phone = Phone(port)
        transport = server.transport(port)
        transport.__enter__()
        server.bound()
    wait_for(lambda: not server.told[-1][0])
    assert phone.ask(send_short_message(submit())) == (GeneralResult.SMS_RP_ERROR, b"\x26")
    transport.send(DEVICE, deliver())
    wait_for(lambda: any("again in 1 s" in text for _, text in server.told), 20)  # the pauses grow
    with Smsc(port):
        phone.until(lambda: server.reports)
        assert tpdus(phone.card) == [deliver()]
        transport.__exit__()
        phone.service.close()


def test_service_centre_that_was_never_there() -> None:
    port = free_port()
    phone = Phone(port)
    assert phone.ask(send_short_message(submit())) == (GeneralResult.SMS_RP_ERROR, b"\x26")
    phone.service.close()
    server = Hears()
    with server.transport(port) as transport:
        for _ in range(1000):
            transport.send(DEVICE, deliver())
        with pytest.raises(LocalProtocolError):
            transport.send(DEVICE, deliver())


def test_centre_that_is_full(monkeypatch: pytest.MonkeyPatch, smsc: Smsc, phone: Phone) -> None:
    monkeypatch.setattr(centre, "MAX_KEPT", 0)
    assert phone.ask(send_short_message(submit())) == (GeneralResult.SMS_RP_ERROR, b"\x2a")


@pytest.mark.parametrize(
    "trouble, arrived",
    [(Trouble(lost=1), [0, 0]), (Trouble(duplicated=1), [2, 2])],
)
def test_trouble_of_the_centre(port: int, trouble: Trouble, arrived: list[int]) -> None:
    server = Hears()
    with Smsc(port, trouble, lambda: 0.5) as smsc:
        phone = Phone(port)
        with server.transport(port) as transport:
            transport.send(DEVICE, deliver(b"a"))
            transport.send(DEVICE, deliver(b"b"))
            smsc.until("lost" if trouble.lost else "taken", 2)
            phone.until(lambda: len(phone.card.envelopes) == sum(arrived))
        assert [tpdus(phone.card).count(deliver(data)) for data in (b"a", b"b")] == arrived
        phone.service.close()


def test_messages_that_are_overtaken(port: int) -> None:
    draws = iter([1.0, 1.0, 0.0] + [1.0] * 50)  # of the first message: not lost, not doubled, late
    server = Hears()
    with Smsc(port, Trouble(reordered=0.5), lambda: next(draws)) as smsc:
        phone = Phone(port)
        with server.transport(port) as transport:
            transport.send(DEVICE, deliver(b"first"))
            smsc.until("taken")
            transport.send(DEVICE, deliver(b"second"))
            phone.until(lambda: len(phone.card.envelopes) == 2)
        assert tpdus(phone.card) == [deliver(b"second"), deliver(b"first")]
        phone.service.close()


def test_two_devices_and_two_servers(smsc: Smsc) -> None:
    """Routing is by number, whoever else is bound."""
    got: dict[str, list[ShortMessage]] = {name: [] for name in ("491710000001", "491720000001", "491720000002")}
    account = {name: Account(host="127.0.0.1", port=smsc.port, system_id=name) for name in got}
    with Esme(account["491710000001"], got["491710000001"].append) as one, \
         Esme(account["491720000001"], got["491720000001"].append), \
         Esme(account["491720000002"], got["491720000002"].append):  # fmt: skip
        smsc.until("bound ", 3)
        for number in ("491720000001", "491720000002", "491720000002", "491710000001"):
            to = Address.of("+" + number)
            assert one.submit(ShortMessage(source=SM_SR, destination=to, data_coding=4, body=number.encode())) == 0
        smsc.until("delivered", 4)
        wait_for(lambda: sum(map(len, got.values())) == 4)
    assert {name: [message.body.decode() for message in messages] for name, messages in got.items()} == {
        "491710000001": ["491710000001"],
        "491720000001": ["491720000001"],
        "491720000002": ["491720000002"] * 2,
    }


def leave(foreign: Any) -> None:
    """Unbind; smpp34 may close the connection before smpplib has read the answer."""
    from smpplib import exceptions

    with contextlib.suppress(exceptions.ConnectionError):
        foreign.unbind()
    foreign.disconnect()


def test_foreign_esme(smsc: Smsc, phone: Phone) -> None:
    """smpplib binds under a name, sends a packet, gets the receipt and the device's report and message."""
    require("smpplib")
    from smpplib import client, consts

    phone.card.envelope_answer = ANSWER + b"\x90\x00"
    foreign = client.Client("127.0.0.1", smsc.port, allow_unknown_opt_params=True, timeout=5)
    got: list[Any] = []
    accepted: list[Any] = []
    foreign.set_message_received_handler(lambda pdu: got.append(pdu))
    foreign.set_message_sent_handler(lambda pdu: accepted.append(pdu))
    foreign.connect()
    foreign.bind_transceiver(system_id="foreign", password="any")
    foreign.send_message(
        source_addr_ton=consts.SMPP_TON_INTL, source_addr_npi=consts.SMPP_NPI_ISDN, source_addr="491710000009",
        dest_addr_ton=consts.SMPP_TON_INTL, dest_addr_npi=consts.SMPP_NPI_ISDN, destination_addr=DEVICE.number,
        esm_class=consts.SMPP_GSMFEAT_UDHI, protocol_id=0x7F, data_coding=0xF6, registered_delivery=0x05,
        short_message=bytes.fromhex("02700001020304"),
    )  # fmt: skip

    def collected() -> bool:
        if select.select([foreign._socket], [], [], 0.02)[0]:
            foreign.read_once(auto_send_enquire_link=False)
        return len(got) >= 2

    phone.until(collected)
    (tpdu,) = tpdus(phone.card)
    message = Deliver.decode(tpdu)
    assert message.originator == Address.of("+491710000009")
    assert (message.pid, message.dcs) == (0x7F, 0xF6)
    assert message.data == UserData(b"\x01\x02\x03\x04", (Element(ElementId.COMMAND_PACKET),))
    by_class = {pdu.esm_class: pdu for pdu in got}
    assert sorted(by_class) == [0x04, 0x48]
    assert by_class[0x04].receipted_message_id == accepted[0].message_id
    assert by_class[0x48].short_message == ANSWER
    assert by_class[0x48].source_addr == DEVICE.number.encode()
    got.clear()
    to_foreign = Submit(destination=Address.of("+491710000009"), dcs=0x04, data=UserData(b"up")).encode()
    assert phone.ask(send_short_message(to_foreign)) == (GeneralResult.DONE, b"")
    phone.until(lambda: collected() or got)
    assert got[0].short_message == b"up"
    leave(foreign)


def test_message_that_is_refused_once_is_sent_again(smsc: Smsc) -> None:
    """smpplib answers the first deliver_sm with a system error; what comes behind it keeps its place."""
    require("smpplib")
    from smpplib import client, consts

    foreign = client.Client("127.0.0.1", smsc.port, allow_unknown_opt_params=True, timeout=5)
    got: list[bytes] = []

    def take(pdu: Any) -> int:
        got.append(pdu.short_message)
        return int(consts.SMPP_ESME_RSYSERR if len(got) == 1 else consts.SMPP_ESME_ROK)

    foreign.set_message_received_handler(take)
    foreign.connect()
    foreign.bind_transceiver(system_id="foreign", password="any")
    foreign.set_message_sent_handler(lambda pdu: None)
    for text in (b"first", b"second"):
        foreign.send_message(
            source_addr="491710000009", destination_addr="491710000009", data_coding=4, short_message=text
        )
    end = time.monotonic() + 10
    while len(got) < 3:
        assert time.monotonic() < end, got
        if select.select([foreign._socket], [], [], 0.02)[0]:
            foreign.read_once(auto_send_enquire_link=False)
    smsc.until("delivered", 2)
    assert got == [b"first", b"first", b"second"]
    leave(foreign)


FIELDS = ("smpp.command_id", "smpp.esm.submit.features", "smpp.protocol_id", "smpp.data_coding", "smpp.message")


def test_tshark_reads_the_session(tmp_path: Path, smsc: Smsc, phone: Phone) -> None:
    require("tshark")
    phone.card.envelope_answer = ANSWER + b"\x90\x00"
    wire = Wire(smsc.port)
    server = Hears()
    with server.transport(wire.port) as transport:
        transport.send(DEVICE, deliver())
        phone.until(lambda: server.reports)
        assert phone.ask(send_short_message(submit())) == (GeneralResult.DONE, b"")
        wait_for(lambda: server.messages)
    wire.close()
    frames, sent = [], [1, 1]
    for back, data in wire.passed:
        frames.append(ipv4(tcp(data, sequence=sent[back], acknowledge=sent[not back], back=back), protocol=6))
        sent[back] += len(data)
    path = tmp_path / "smpp.pcap"
    path.write_bytes(pcap(frames, 101))
    command = ["tshark", "-r", str(path), "-d", "tcp.port==2775,smpp", "-T", "fields", "-E", "separator=|"]
    for field in ("_ws.malformed", "_ws.expert.severity", *FIELDS):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split("|") for line in done.stdout.splitlines()]
    assert all(not row[0] for row in rows), done.stdout
    commands = {row[2] for row in rows}
    assert {"0x00000009", "0x80000009", "0x00000004", "0x80000004", "0x00000005", "0x80000005"} <= commands, done.stdout
    (submitted,) = [row for row in rows if row[2] == "0x00000004"]
    assert submitted[4:6] == ["0x7f", "0xf6"], submitted
    assert submitted[6].replace(":", "") == "0270000102"


def test_session_is_not_told_with_its_password() -> None:
    account = Account(host="127.0.0.1", port=1, system_id="a", password="very secret")
    assert "secret" not in repr(account)
