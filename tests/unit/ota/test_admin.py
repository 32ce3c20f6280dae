# SPDX-License-Identifier: Apache-2.0
"""Triggers and names of SCP81: captured ones read, and what is built reads the same."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from apdu.errors import DecodeError, EncodeError
from apdu.ids import ISD_R, Aid, Eid
from apdu.ota.admin import PskIdentity, admin_from, parse_admin_from, parse_targeted, targeted
from apdu.ota.trigger import HttpParameters, PskSelection, RetryPolicy, SessionParameters, Trigger, open_channel

EID = Eid.from_string("89001012012341234012345678901224")
SHORT = (
    "813F833D86070000A50300001E89328A0A3137322E39362E302E318B0A303132333435363738398C182F7365727665722F61646D696E6167"
    "656E743F636D643D31"
)
LONG = (
    "814A8348843705 00EE0222B8EF0200C83501033902058E471508696E7465726E6574076974656C63656C03636F6D3C030220FB2401FF3E05"
    "210A08288C890D8A0B31302E382E34302E313430"
).replace(" ", "")


def test_a_captured_trigger() -> None:
    trigger = Trigger.from_tlv(bytes.fromhex(SHORT))
    assert trigger.session is not None
    assert trigger.session.http == HttpParameters(host="172.96.0.1", agent="0123456789", uri="/server/adminagent?cmd=1")
    assert trigger.session.retry == RetryPolicy(0, b"\x00\x00\x1e")
    assert trigger.session.retry.seconds == 30
    assert trigger.encode().hex().upper() == SHORT


def test_a_captured_trigger_with_its_connection() -> None:
    trigger = Trigger.from_tlv(bytes.fromhex(LONG))
    assert trigger.session is not None
    assert trigger.session.connection is not None
    command = open_channel(trigger.session.connection)
    assert command.access_name == "internet.itelcel.com"
    assert command.buffer_size == 0x058E
    assert command.transport is not None
    assert (command.transport.protocol, command.transport.port) == (2, 0x20FB)
    assert command.destination == ip_address("10.8.40.140")
    assert trigger.encode().hex().upper() == LONG


def test_an_empty_trigger_leaves_all_to_the_card() -> None:
    assert Trigger.from_tlv(b"\x81\x00") == Trigger()
    assert Trigger().encode() == b"\x81\x00"


def test_stored_parameters_stand_for_what_is_missing() -> None:
    stored = SessionParameters(
        connection=b"\x39\x02\x05\x78", security=PskSelection(0x40, 1), retry=RetryPolicy.after(3, 60),
        http=HttpParameters(host="sm-sr", uri="/"),
    )  # fmt: skip
    given = SessionParameters(retry=RetryPolicy(1), http=HttpParameters(uri="/other"))
    merged = given.over(stored)
    assert merged.connection == stored.connection
    assert merged.retry == RetryPolicy(1)
    assert merged.http == HttpParameters(host="sm-sr", uri="/other")
    assert SessionParameters().over(stored) == stored


@pytest.mark.parametrize(
    "raw, value",
    [
        ("00024001", PskSelection(0x40, 0x01)),
        ("03616263024101", PskSelection(0x41, 0x01, b"abc")),
        ("0003400155", PskSelection(0x40, 0x01)),  # a hash of the key behind it
    ],
)
def test_the_choice_of_a_key(raw: str, value: PskSelection) -> None:
    assert PskSelection.from_bytes(bytes.fromhex(raw)) == value
    assert PskSelection.from_bytes(value.to_bytes()) == value


@pytest.mark.parametrize("raw", ["", "00", "0002", "000240", "0302616263", "00034001", "FF"])
def test_what_is_no_choice_of_a_key(raw: str) -> None:
    with pytest.raises(DecodeError):
        PskSelection.from_bytes(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "raw, value, seconds",
    [
        ("0003A503000003", RetryPolicy(3, b"\x00\x00\x03"), 30),
        ("0003A503100250", RetryPolicy.after(3, 3600 + 20 * 60 + 5), 3600 + 20 * 60 + 5),
        ("0001", RetryPolicy(1), 0),
        ("0001A5030000108702ABCD", RetryPolicy(1, b"\x00\x00\x10", b"\xab\xcd"), 1),
    ],
)
def test_retry_policies(raw: str, value: RetryPolicy, seconds: int) -> None:
    assert RetryPolicy.from_bytes(bytes.fromhex(raw)) == value
    assert value.to_bytes().hex().upper() == raw
    assert value.seconds == seconds


@pytest.mark.parametrize("raw", ["", "00", "0001A5", "0001A503", "0001A5030000", "0001A50200 00".replace(" ", "")])
def test_what_is_no_retry_policy(raw: str) -> None:
    with pytest.raises(DecodeError):
        RetryPolicy.from_bytes(bytes.fromhex(raw))


def test_a_waiting_time_has_its_limit() -> None:
    with pytest.raises(EncodeError):
        RetryPolicy.after(1, 100 * 3600)


def test_the_identity_of_the_published_layout() -> None:
    text = f"8001028110{EID}4F10A0000005591010FFFFFFFF8900000100820101830140"
    identity = PskIdentity(EID, ISD_R, 0x01, 0x40)
    assert str(identity) == text
    assert len(text) == 90
    assert PskIdentity.parse(text) == PskIdentity.parse(text.lower()) == identity


@pytest.mark.parametrize(
    "text",
    [
        "", "zz", "80", "8001", "0101", "010101100A8952", "x" * 90, "80010281108900", "9" * 200, "Ⅷ0",
        f"8001038110{EID}4F10A0000005591010FFFFFFFF8900000100820101830140",
        f"8001028110{EID}4F10A0000005591010FFFFFFFF8900000100820101",
        f"8001028110{EID}4F10A0000005591010FFFFFFFF890000010082020101830140",
    ],
)  # fmt: skip
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(DecodeError):
        PskIdentity.parse(text)


def test_names_of_applications() -> None:
    isd_p = Aid.isd_p(0x10)
    assert targeted(isd_p) == "//aid/A000000559/1010FFFFFFFF8900001000"
    assert parse_targeted(targeted(isd_p).lower()) == isd_p
    assert admin_from(EID) == f"//se-id/eid/{EID};//aa-id/aid/A000000559/1010FFFFFFFF8900000100"
    assert parse_admin_from(admin_from(EID)) == EID


@pytest.mark.parametrize(
    "text",
    ["", "//aid/", "//aid/A00000055/1010", "//aid/A000000559", "aid/A000000559/10", "//aid/A000000559/" + "00" * 12],
)
def test_what_is_no_name_of_an_application(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_targeted(text)


@pytest.mark.parametrize("text", ["", f"//se-id/eid/{EID}", f"//se-id/eid/{str(EID)[:-1]}5;//aa-id/aid/A000000559/10"])
def test_what_is_no_card(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_admin_from(text)
