# SPDX-License-Identifier: Apache-2.0
"""TPDUs as fields of SMPP and back; what the fields are is held against smpplib's reading of smpp34's bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import smpp34

from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import Address
from apdu.sms.parts import split_message
from apdu.sms.smpp import REPORT_WANTED, ShortMessage, failure_of
from apdu.sms.tpdu import Deliver, DeliverReport, Submit
from apdu.sms.userdata import Element, ElementId, UserData
from smsr.bearers.smpp import fields_of
from tests.require import require

SM_SR, DEVICE = Address.of("+491710000001"), Address.of("+491720000001")
TIME = datetime(2025, 1, 1, tzinfo=UTC)
PACKET = UserData(bytes(range(250)), (Element(ElementId.COMMAND_PACKET),))
MESSAGES = [
    (UserData(b"\x02\x70\x00"), 0xF6, 0x7F),
    (UserData(bytes(140)), 0xF6, 0x7F),
    (UserData(bytes(range(130)), (Element(ElementId.COMMAND_PACKET),)), 0xF6, 0x7F),
    (UserData.of("Text with { and 160 characters".ljust(150, "."), 0), 0x00, 0),
    (UserData.of("Grüße", 0x08), 0x08, 0),
    (UserData(b"text", (Element(ElementId.CONCATENATION_8, b"\x01\x02\x01"),)), 0x00, 0),
    (UserData(), 0x04, 0x41),
]


@pytest.mark.parametrize("data, dcs, pid", MESSAGES)
def test_deliver_comes_out_as_it_went_in(data: UserData, dcs: int, pid: int) -> None:
    tpdu = Deliver(originator=SM_SR, pid=pid, dcs=dcs, time=TIME, data=data).encode()
    message = ShortMessage.of_deliver(DEVICE, tpdu, 7)
    assert message.registered_delivery == REPORT_WANTED
    assert bool(message.esm_class & 0x40) == bool(data.elements)
    assert message.deliver(TIME) == tpdu


@pytest.mark.parametrize("data, dcs, pid", MESSAGES)
def test_submit_comes_out_as_it_went_in(data: UserData, dcs: int, pid: int) -> None:
    tpdu = Submit(destination=SM_SR, reference=200, pid=pid, dcs=dcs, data=data, report=True).encode()
    message = ShortMessage.of_submit(DEVICE, tpdu)
    assert (message.source, message.is_message) == (DEVICE, True)
    assert message.submit() == tpdu


@pytest.mark.parametrize(
    "report",
    [
        DeliverReport(),
        DeliverReport(failure=0xD5),
        DeliverReport(pid=0x7F, dcs=0xF6, data=UserData(b"\x01" * 20, (Element(ElementId.RESPONSE_PACKET),))),
        DeliverReport(failure=0xD5, pid=0x7F, dcs=0xF6, data=UserData(b"\x01")),
    ],
)
def test_report_answers_its_message(report: DeliverReport) -> None:
    tpdu = Deliver(originator=SM_SR, time=TIME, data=UserData(b"x")).encode()
    answer = ShortMessage.of_deliver(DEVICE, tpdu, 0x1234).answered(report)
    assert (answer.source, answer.destination, answer.reference) == (DEVICE, SM_SR, 0x1234)
    assert answer.is_report
    assert not answer.is_message
    assert answer.report() == report
    assert failure_of(answer.network_error) == report.failure


def test_parts_travel_as_they_are() -> None:
    parts = split_message(PACKET, 0xF6, 9)
    assert len(parts) == 2
    for part in parts:
        tpdu = Deliver(originator=SM_SR, time=TIME, data=part).encode()
        assert ShortMessage.of_deliver(DEVICE, tpdu, 1).deliver(TIME) == tpdu


@pytest.mark.parametrize("data, dcs, pid", MESSAGES)
def test_fields_as_a_foreign_implementation_reads_them(data: UserData, dcs: int, pid: int) -> None:
    require("smpplib")
    from smpplib import consts, smpp

    tpdu = Deliver(originator=SM_SR, pid=pid, dcs=dcs, time=TIME, data=data).encode()
    message = ShortMessage.of_deliver(DEVICE, tpdu, 0x0102)
    raw = smpp34.SubmitSm(**fields_of(message)).encode()
    pdu = smpp.parse_pdu(raw, client=Sequence(), allow_unknown_opt_params=False)
    assert pdu.command == "submit_sm"
    assert pdu.short_message == data.header() + data.payload
    assert (pdu.source_addr, pdu.destination_addr) == (b"491710000001", b"491720000001")
    assert (pdu.source_addr_ton, pdu.source_addr_npi) == (consts.SMPP_TON_INTL, consts.SMPP_NPI_ISDN)
    assert (pdu.protocol_id, pdu.data_coding) == (pid, dcs)
    assert pdu.esm_class == (consts.SMPP_GSMFEAT_UDHI if data.elements else 0)
    assert pdu.registered_delivery == 4
    assert pdu.user_message_reference == 0x0102


class Sequence:
    """As much of a client as smpplib needs to read."""

    sequence = 1

    def next_sequence(self) -> int:
        return 1


@pytest.mark.parametrize(
    "message",
    [
        ShortMessage(source=SM_SR, destination=DEVICE, esm_class=0x40),
        ShortMessage(source=SM_SR, destination=DEVICE, esm_class=0x40, body=b"\x05\x70\x00"),
        ShortMessage(source=SM_SR, destination=DEVICE, esm_class=0x40, body=b"\x02\x70\x05"),
        ShortMessage(source=SM_SR, destination=DEVICE, body=b"\x80"),
    ],
)
def test_bodies_that_are_no_user_data(message: ShortMessage) -> None:
    with pytest.raises(DecodeError):
        message.deliver(TIME)


def test_bodies_that_are_too_long() -> None:
    with pytest.raises(EncodeError):
        ShortMessage(source=SM_SR, destination=DEVICE, body=bytes(255))
    with pytest.raises(EncodeError):
        ShortMessage(source=SM_SR, destination=DEVICE, data_coding=0xF6, body=bytes(141)).deliver(TIME)


@pytest.mark.parametrize("code", [b"", b"\x03\x00", b"\x01\x00\xd5", b"\x03\x00\xd5\x00"])
def test_network_errors_that_are_none_of_gsm(code: bytes) -> None:
    with pytest.raises(DecodeError):
        failure_of(code)


def test_tpdu_that_is_none() -> None:
    with pytest.raises(DecodeError):
        ShortMessage.of_deliver(DEVICE, b"\x01", 1)
    with pytest.raises(DecodeError):
        ShortMessage.of_submit(DEVICE, b"")
