# SPDX-License-Identifier: Apache-2.0
"""TPDUs: captures and examples of specifications, and pycrate reading what is built here and the other way round."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import Address
from apdu.sms.coding import Alphabet, alphabet_of, class_of, packed_scheme, read_time, write_time
from apdu.sms.tpdu import Deliver, DeliverReport, Submit, SubmitReport
from apdu.sms.userdata import Element, ElementId, UserData
from tests.require import require

TIME = datetime(2026, 11, 28, 12, 30, 15, tzinfo=timezone(timedelta(hours=1)))
PACKET = UserData(bytes(range(60)), (Element(ElementId.COMMAND_PACKET),))


def test_submit_of_ts_31_124() -> None:
    submit = Submit.decode(bytes.fromhex("01 00 09 91 10325476F8 40 F0 0D 53F45B4E0735CBF379F85C06"))
    assert str(submit.destination) == "+012345678"
    assert submit.pid == 0x40
    assert submit.data.text(submit.dcs) == "Short Message"
    assert submit.encode() == bytes.fromhex("01 00 09 91 10325476F8 40 F0 0D 53F45B4E0735CBF379F85C06")


def test_deliver_of_a_real_ota_platform() -> None:
    body = bytes.fromhex("027000") + bytes(0x5C - 3)
    raw = bytes.fromhex("40 08 81 01560805 7F F6 20408011535200 5C".replace(" ", "")) + body
    deliver = Deliver.decode(raw)
    assert deliver.originator == Address(0x81, "10658050")
    assert deliver.more
    assert deliver.data.element(ElementId.COMMAND_PACKET) == b""
    assert len(deliver.data.payload) == 0x5C - 3
    assert deliver.time == datetime(2002, 4, 8, 11, 35, 25, tzinfo=UTC)
    assert deliver.encode() == raw


def _random_data(dice: random.Random, dcs: int) -> UserData:
    elements = tuple(
        Element(dice.choice((0x70, 0x71, 0x24)), dice.randbytes(dice.randrange(4))) for _ in range(dice.randrange(3))
    )
    size = dice.randrange(60)
    if alphabet_of(dcs) is Alphabet.GSM:
        return UserData(bytes(dice.randrange(1, 0x1B) for _ in range(size)), elements)
    return UserData(dice.randbytes(size - size % 2), elements)


def _pycrate(name: str) -> Any:
    require("pycrate")
    from pycrate_mobile import TS23040_SMS

    return getattr(TS23040_SMS, name)()


def _same_user_data(message: Any, data: UserData, dcs: int) -> None:
    """pycrate's TP_UD against ours: length, header, content."""
    length, body = data.encode(dcs)[0], data.encode(dcs)[1:]
    user_data = message["TP_UD"]
    assert user_data["UDL"].get_val() == length
    assert user_data.to_bytes() == bytes((length,)) + body


@pytest.mark.parametrize("dcs", [0x00, 0x04, 0x08, 0xF0, 0xF6, 0x15])
def test_pycrate_reads_our_deliver_and_submit(dcs: int) -> None:
    dice = random.Random(dcs)
    for _ in range(30):
        number = Address.of("".join(dice.choice("0123456789") for _ in range(dice.randrange(1, 20))))
        data = _random_data(dice, dcs)
        deliver = Deliver(originator=number, pid=0x7F, dcs=dcs, time=TIME, data=data, more=dice.random() < 0.5)
        message = _pycrate("SMS_DELIVER")
        message.from_bytes(deliver.encode())
        assert message["TP_PID"].to_bytes() == b"\x7f"
        assert message["TP_DCS"].to_bytes() == bytes((dcs,))
        assert message["TP_OA"]["Num"].decode() == number.number
        assert message["TP_MMS"].get_val() == (0 if deliver.more else 1)
        assert message["TP_UDHI"].get_val() == bool(data.elements)
        _same_user_data(message, data, dcs)
        assert message.to_bytes() == deliver.encode()
        assert Deliver.decode(message.to_bytes()) == deliver
        submit = Submit(destination=number, reference=7, dcs=dcs, data=data, validity=b"\xa7", report=True)
        message = _pycrate("SMS_SUBMIT")
        message.from_bytes(submit.encode())
        assert message["TP_MR"].get_val() == 7
        assert message["TP_DA"]["Num"].decode() == number.number
        assert message["TP_VP"].get_val() == 0xA7
        assert message["TP_SRR"].get_val() == 1
        assert message.to_bytes() == submit.encode()
        assert Submit.decode(message.to_bytes()) == submit


def test_pycrate_reads_the_time_and_an_alphanumeric_originator() -> None:
    deliver = Deliver(originator=Address.of("M2M Lab"), time=TIME, dcs=0, data=UserData.of("Hi", 0))
    message = _pycrate("SMS_DELIVER")
    message.from_bytes(deliver.encode())
    assert message["TP_OA"]["Num"].decode() == "M2M Lab"
    time, zone = message["TP_SCTS"].decode()
    assert tuple(time[:6]) == (2026, 11, 28, 12, 30, 15) or tuple(time[:6]) == (26, 11, 28, 12, 30, 15)
    assert zone == 1.0
    assert Deliver.decode(deliver.encode()) == deliver


@pytest.mark.parametrize("failure", [None, 0xD5])
def test_pycrate_reads_our_reports(failure: int | None) -> None:
    name = "RP_ACK" if failure is None else "RP_ERROR"
    report = DeliverReport(failure=failure, pid=0x7F, dcs=0xF6, data=UserData(b"\x01\x02", (Element(0x71),)))
    message = _pycrate(f"SMS_DELIVER_REPORT_{name}")
    message.from_bytes(report.encode())
    assert message["TP_PI"]["TP_UDL"].get_val() == 1
    assert message["TP_UD"].to_bytes() == bytes.fromhex("05 02 7100 0102")
    assert DeliverReport.decode(report.encode(), error=failure is not None) == report
    answer = SubmitReport(failure=failure, time=TIME)
    message = _pycrate(f"SMS_SUBMIT_REPORT_{name}")
    message.from_bytes(answer.encode())
    assert message["TP_SCTS"].to_bytes() == write_time(TIME)
    assert message.to_bytes() == answer.encode()
    assert SubmitReport.decode(answer.encode(), error=failure is not None) == answer


@pytest.mark.parametrize("validity, enhanced", [(b"", False), (b"\x10", False), (bytes(7), False), (bytes(7), True)])
def test_validity_periods(validity: bytes, enhanced: bool) -> None:
    submit = Submit(destination=Address.of("123"), validity=validity, enhanced=enhanced, data=PACKET)
    assert Submit.decode(submit.encode()) == submit
    with pytest.raises(EncodeError):
        Submit(destination=Address.of("123"), validity=b"12").encode()


@pytest.mark.parametrize(
    "dcs, alphabet, klass",
    [
        (0x00, Alphabet.GSM, None), (0x04, Alphabet.DATA, None), (0x08, Alphabet.UCS2, None), (0x12, Alphabet.GSM, 2),
        (0x16, Alphabet.DATA, 2), (0x20, Alphabet.DATA, None), (0xC0, Alphabet.GSM, None), (0xE8, Alphabet.UCS2, None),
        (0xF0, Alphabet.GSM, 0), (0xF6, Alphabet.DATA, 2), (0x0C, Alphabet.GSM, None), (0x80, Alphabet.GSM, None),
    ],
)  # fmt: skip
def test_data_coding_schemes(dcs: int, alphabet: Alphabet, klass: int | None) -> None:
    assert (alphabet_of(dcs), class_of(dcs)) == (alphabet, klass)
    assert packed_scheme(0xF4) == 0xF0


@pytest.mark.parametrize("hours", [-12, -3.5, 0, 5.75, 14])
def test_time_zones(hours: float) -> None:
    time = datetime(2031, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=hours)))
    assert read_time(write_time(time)) == time
    assert read_time(write_time(time)).utcoffset() == timedelta(hours=hours)


def test_times_that_are_none() -> None:
    with pytest.raises(EncodeError):
        write_time(datetime(1999, 1, 1, tzinfo=UTC))
    for raw in ("00000000000000", "62211100000000"[:12], "6231F100000000", "62212142000000"):
        with pytest.raises(DecodeError):
            read_time(bytes.fromhex(raw))


def test_no_cut_and_no_bit_makes_it_crash() -> None:
    raw = Deliver(originator=Address.of("+491"), time=TIME, data=PACKET).encode()
    for end in range(len(raw)):
        with pytest.raises(DecodeError):
            Deliver.decode(raw[:end])
    dice = random.Random(1)
    for _ in range(2000):
        broken = bytearray(raw)
        for _ in range(dice.randrange(1, 4)):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        for read in (Deliver.decode, Submit.decode):
            try:
                read(bytes(broken))
            except DecodeError:
                continue


@pytest.mark.parametrize("number", ["1" * 21, "A very long name"])
def test_addresses_that_are_too_long(number: str) -> None:
    with pytest.raises(EncodeError):
        Address.of(number).to_tpdu()


@pytest.mark.parametrize("raw", ["", "08", "0881123456", "1581" + "11" * 11, "048121FF", "0481F1F1"])
def test_broken_addresses(raw: str) -> None:
    with pytest.raises(DecodeError):
        Address.from_tpdu(bytes.fromhex(raw), 0)
