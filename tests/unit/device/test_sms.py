# SPDX-License-Identifier: Apache-2.0
"""Short messages that come: to the card, into EF.SMS, to the user; and the report that goes back (TS 31.111 7.1.1)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from apdu.cat.catalogue import read_envelope
from apdu.cat.envelope import SmsPpDownload
from apdu.errors import DecodeError, LocalProtocolError
from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver, DeliverReport
from apdu.sms.userdata import Element, ElementId, UserData
from emulator.device.device import Surroundings
from emulator.network.network import Network
from tests.unit.device.fake import Bench, ToolkitCard

TIME = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
CENTRE = Address.of("+49170100000")
PACKET = UserData(bytes(range(40)), (Element(ElementId.COMMAND_PACKET),))
POR = bytes.fromhex("027100") + bytes(20)


def message(pid: int = 0x7F, dcs: int = 0xF6, data: UserData = PACKET) -> bytes:
    return Deliver(originator=Address.of("+49123"), pid=pid, dcs=dcs, time=TIME, data=data).encode()


def bench(card: ToolkitCard | None = None) -> Bench:
    return Bench(card=card, around=Surroundings(network=Network()))


def test_data_download_goes_to_the_card() -> None:
    on = bench()
    assert on.device.deliver(message(), CENTRE) == DeliverReport()
    (envelope,) = on.card.envelopes
    assert read_envelope(envelope) == SmsPpDownload.of(message(), CENTRE)
    assert on.card.log[-1][-1] == 0x00  # Le: an answer may come
    assert on.device.inbox == []
    assert on.card.sms == ToolkitCard().sms


@pytest.mark.parametrize("sw, failure", [("9000", None), ("9112", None), ("6300", 0xD5), ("6200", 0xD5)])
def test_answer_of_the_card_becomes_the_report(sw: str, failure: int | None) -> None:
    on = bench()
    on.card.envelope_answer = POR + bytes.fromhex(sw)
    report = on.device.deliver(message())
    assert report == DeliverReport(
        failure=failure, pid=0x7F, dcs=0xF6, data=UserData(bytes(20), (Element(ElementId.RESPONSE_PACKET),))
    )
    assert report.encode().endswith(bytes((len(POR),)) + POR)


@pytest.mark.parametrize("sw", ["6F00", "6A81", "6985"])
def test_card_that_does_not_take_it(sw: str) -> None:
    on = bench()
    on.card.envelope_answer = bytes.fromhex(sw)
    assert on.device.deliver(message()) == DeliverReport(failure=0xD5)


def test_busy_card() -> None:
    on = bench()
    on.card.busy = 1
    assert on.device.deliver(message()) == DeliverReport(failure=0xD4)


def test_warning_on_t0_leaves_its_data_to_be_fetched() -> None:
    on = bench()
    on.card.envelope_answer = bytes.fromhex("6300")
    on.card.waiting = POR
    report = on.device.deliver(message())
    assert report.failure == 0xD5
    assert report.data is not None
    assert report.data.payload == bytes(20)


def test_answer_without_a_header_is_plain_data() -> None:
    on = bench()
    on.card.envelope_answer = bytes.fromhex("7F01 9000")
    report = on.device.deliver(message())
    assert report.data == UserData(bytes.fromhex("7F01"))


def test_message_of_class_2_that_is_no_download_is_stored() -> None:
    on = bench()
    text = message(pid=0x00, dcs=0xF6, data=UserData(b"Hello"))
    assert on.device.deliver(text, CENTRE) == DeliverReport()
    assert on.card.envelopes == []
    record = on.card.sms[0]
    assert record.startswith(bytes.fromhex("03 07 91 9471100000F0") + text)
    assert len(record) == 176
    assert record.rstrip(b"\xff").endswith(b"Hello")
    assert on.device.deliver(text) == DeliverReport()
    assert on.device.deliver(text) == DeliverReport(failure=0xD0)  # both records are taken


@pytest.mark.parametrize(
    "services, report, stored",
    [("0002000000", DeliverReport(), True), ("0000000000", DeliverReport(failure=0xD1), False)],
)
def test_without_service_28_a_download_is_stored(services: str, report: DeliverReport, stored: bool) -> None:
    on = bench(ToolkitCard(services=bytes.fromhex(services)))
    assert on.device.deliver(message()) == report
    assert on.card.envelopes == []
    assert (on.card.sms[0][0] == 0x03) is stored


@pytest.mark.parametrize("dcs", [0x04, 0xF5])
def test_data_download_of_another_class_is_stored(dcs: int) -> None:
    on = bench()
    assert on.device.deliver(message(dcs=dcs)) == DeliverReport()
    assert on.card.envelopes == []
    assert on.card.sms[0][0] == 0x03


@pytest.mark.parametrize("dcs", [0x00, 0x04, 0x08, 0xF0, 0xF5])
def test_what_is_for_the_user_is_kept_for_the_user(dcs: int) -> None:
    on = bench()
    data = UserData.of("Hi", dcs)
    assert on.device.deliver(message(pid=0, dcs=dcs, data=data)) == DeliverReport()
    assert [kept.data.text(dcs) for kept in on.device.inbox] == ["Hi"]
    assert on.card.envelopes == []


def test_nothing_comes_without_service_and_nonsense_is_refused() -> None:
    network = Network()
    on = Bench(around=Surroundings(network=network))
    with pytest.raises(DecodeError):
        on.device.deliver(b"\x40\x01")
    network.lose_coverage()
    on.device.settle()
    with pytest.raises(LocalProtocolError):
        on.device.deliver(message())
    network.restore()
    on.device.settle()
    assert on.device.deliver(message()) == DeliverReport()


def test_command_that_the_envelope_brings_up_is_fetched() -> None:
    on = bench()
    on.card.ask("D012 8103012180 82028102 8D05044D324D21")
    on.device.deliver(message())
    assert on.card.answers == []
    on.device.settle()
    assert len(on.card.answers) == 1
