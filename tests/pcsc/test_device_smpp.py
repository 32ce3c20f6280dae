# SPDX-License-Identifier: Apache-2.0
"""`euicc device run --smpp` around a card in pcscd: secured packets over SMPP to it, and both kinds of proof back."""

from __future__ import annotations

from pathlib import Path

from apdu.sms.parts import split_message
from apdu.sms.tpdu import Deliver, DeliverReport, Submit
from apdu.sms.userdata import Element, ElementId, UserData
from tests.pcsc.service import Server
from tests.protocol.sms_bench import ISD_R, TIME
from tests.support.flow import flow_lab
from tests.support.program import Program
from tests.support.smsc import DEVICE, SM_SR, Hears, Smsc, free_port, wait_for
from tests.unit.ota import model

GET_EID = bytes.fromhex("AA07220580CA005A00")
BY_REPORT, BY_MESSAGE = bytes.fromhex("1619"), bytes.fromhex("1639")


def packet(spi: bytes, counter: int, data: bytes = GET_EID) -> bytes:
    keys = flow_lab().made.scp80
    return model.command(spi, 0x12, 0x12, ISD_R, counter, data, (keys.enc.reveal(), keys.mac.reveal()), "aes")


def test_secured_packets_reach_a_card_in_pcscd(server: Server, tmp_path: Path) -> None:
    hears, port = Hears(), free_port()
    with Smsc(port) as smsc, hears.transport(port) as transport:
        arguments = ("--smpp", f"127.0.0.1:{port}", "--number", str(DEVICE))
        with Program(tmp_path, "device", "run", "-r", "00 00", *arguments) as device:
            smsc.until(f"bound       {DEVICE.number}")
            for number, spi in enumerate((BY_REPORT, BY_MESSAGE, BY_REPORT), 1):
                message = UserData(packet(spi, number), (Element(ElementId.COMMAND_PACKET),))
                for part in split_message(message, 0xF6, number):
                    transport.send(DEVICE, Deliver(originator=SM_SR, time=TIME, data=part).encode())
            wait_for(lambda: len(hears.reports) == 3 and hears.messages, 20)
            assert device.interrupt() == 0, device.text
            assert "Traceback" not in device.text
    proofs = [DeliverReport.decode(report, error=error).data for _, report, error in hears.reports]
    assert [proof is not None for proof in proofs] == [True, False, True]
    ((_, submit),) = hears.messages
    for data in (proofs[0], Submit.decode(submit).data, proofs[2]):
        assert data is not None
        assert data.element(ElementId.RESPONSE_PACKET) is not None
        assert data.payload[3:6] == ISD_R
