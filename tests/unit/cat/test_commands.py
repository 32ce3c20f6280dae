# SPDX-License-Identifier: Apache-2.0
"""Every proactive command and envelope as a class: vectors of TS 31.124, and all of them there and back."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_address
from typing import Any, cast

import pytest

from apdu.cat import bip, commands
from apdu.cat.catalogue import COMMANDS, ENVELOPES, command_name, read_command, read_envelope
from apdu.cat.codes import CommandType, Device, EnvelopeTag
from apdu.cat.comprehension import CommandDetails, DeviceIdentities
from apdu.cat.envelope import EventDownload, MenuSelection, SmsPpDownload, TimerExpiration
from apdu.cat.proactive import ProactiveCommand, Refresh
from apdu.cat.response import TerminalAnswer
from apdu.cat.tags import CatTag
from apdu.cat.values import Alpha, Duration, Item, LocationInformation, ResponseLength, TextString
from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import Address
from tests.unit.cat import vectors
from tests.unit.cat.vectors import raw

TEXTS = [
    (vectors.DISPLAY_TEXT_111, "Toolkit Test 1"),
    (vectors.DISPLAY_TEXT_141, "Toolkit Test 3"),
    (vectors.DISPLAY_TEXT_611, "ЗДРАВСТВУЙТЕ"),
    (vectors.GET_INKEY_111, 'Enter "+"'),
    (vectors.GET_INKEY_121, 'Enter "0"'),
]


@pytest.mark.parametrize("vector, text", TEXTS)
def test_texts_of_display_text_and_get_inkey(vector: str, text: str) -> None:
    command = read_command(raw(vector))
    assert isinstance(command, commands.DisplayText | commands.GetInkey)
    assert command.text.text == text
    assert command.encode() == raw(vector)
    assert TextString.of(text, command.text.dcs) == command.text


def test_what_a_display_text_brings_along() -> None:
    plain = read_command(raw(vectors.DISPLAY_TEXT_111))
    immediate = read_command(raw(vectors.DISPLAY_TEXT_411))
    timed = read_command(raw(vectors.DISPLAY_TEXT_711))
    null = read_command(raw(vectors.DISPLAY_TEXT_191))
    styled = read_command(raw(vectors.DISPLAY_TEXT_811))
    assert isinstance(plain, commands.DisplayText)
    assert isinstance(immediate, commands.DisplayText)
    assert isinstance(timed, commands.DisplayText)
    assert isinstance(null, commands.DisplayText)
    assert isinstance(styled, commands.DisplayText)
    assert (plain.immediate, immediate.immediate) == (False, True)
    assert timed.duration == Duration(1, 10)
    assert null.icon == b"\x00\x01"
    assert null.text == TextString(0, b"")
    assert null.text.text == ""
    assert styled.text_attribute == bytes.fromhex("001000B4")


@pytest.mark.parametrize("name", vectors.RESPONSES)
def test_terminal_responses_are_read_and_built(name: str) -> None:
    response = TerminalAnswer.decode(raw(vectors.RESPONSES[name]))
    assert response.value() == raw(vectors.RESPONSES[name])


def test_values_of_terminal_responses() -> None:
    read = {name: TerminalAnswer.decode(raw(text)) for name, text in vectors.RESPONSES.items()}
    assert read["screen busy"].result == (0x20, b"\x01")
    assert read["inkey"].texts[0].text == "+"
    assert read["inkey ucs2"].texts[0].text == "Д"
    assert read["inkey timeout"].duration == Duration(1, 17)
    assert read["input packed"].texts[0].text == "67*#+"
    assert read["timer value"].timer_seconds == 3 * 60 + 59
    assert read["timer hours"].timer_seconds == 23 * 3600 + 58 * 60 + 58
    assert read["e-utran"].location == LocationInformation("00101", 1, bytes.fromhex("0000001F"))


def _head(type: CommandType, destination: int = Device.TERMINAL) -> dict[str, Any]:
    return {
        "details": CommandDetails(1, type, 0),
        "devices": DeviceIdentities(Device.UICC, destination),
    }


SAMPLES: dict[str, Any] = {
    "aid": None, "files": (bytes.fromhex("3F002FE2"),), "duration": Duration(1, 30), "text": TextString.of("Hello"),
    "texts": (TextString.of("user"), TextString.of("password")), "alpha": Alpha.of("Ask"), "default": None,
    "alphas": (Alpha.of("Ask"), Alpha.of("Calling")), "items": (Item(1, Alpha.of("One")), Item(2, Alpha.of("Zwei"))),
    "length": ResponseLength(1, 20), "address": Address.of("+4915112345"), "service_centre": Address.of("+49171"),
    "ss": Address.of("*21#"), "number": None, "durations": (Duration(1, 5), Duration(0, 1)), "buffer_size": 1400,
    "access_name": "internet.example", "transport": bip.TransportLevel(2, 443), "seconds": 90, "timer": 3, "tone": 1,
    "addresses": (None, ip_address("192.0.2.7")), "immediate": True, "events": b"\x03\x09", "measurement": None,
    "icons": (b"\x00\x01",), "text_attributes": (bytes(4),), "provisioning_files": (b"\x3f\x00",),
}  # fmt: skip


def _sample(cls: type[ProactiveCommand], type: CommandType) -> ProactiveCommand:
    values = _head(type)
    for item in fields(cast(Any, cls)):
        if item.name not in values:
            values[item.name] = SAMPLES.get(item.name, b"\x12\x34")
    if cls is bip.ReceiveData:
        values["length"] = 0xC8
    if cls is commands.MultimediaMessage:
        values["files"] = b"\x12\x34"
    return cls(**values)


@pytest.mark.parametrize("type", list(CommandType), ids=lambda type: str(type.name))
def test_every_command_there_and_back(type: CommandType) -> None:
    command = _sample(COMMANDS[type], type)
    assert read_command(command.encode()) == command


def test_every_command_and_envelope_has_a_class() -> None:
    assert set(COMMANDS) == set(CommandType)
    assert set(ENVELOPES) == set(EnvelopeTag)
    assert {tag: cls.TAG for tag, cls in ENVELOPES.items()} == {tag: tag for tag in ENVELOPES}
    assert all(cls.CLAUSE for cls in COMMANDS.values())
    assert command_name(0x21) == "DISPLAY TEXT"
    assert command_name(0x7E) == "command 7E"


def test_command_of_no_known_type_is_read_for_what_all_share() -> None:
    command = read_command(bytes.fromhex("D009 8103017E00 82028182"))
    assert type(command) is ProactiveCommand


def test_steering_of_roaming_is_a_refresh() -> None:
    command = read_command(bytes.fromhex("D010 8103010107 82028182 F205 62F2204000"))
    assert isinstance(command, Refresh)
    assert command.plmn_list == bytes.fromhex("62F2204000")


@pytest.mark.parametrize(
    "text",
    [
        "D009 8103012100 82028182",  # DISPLAY TEXT without its text
        "D00C 8103010300 82028182 840100",  # a short duration
        "D00D 8103010300 82028182 84020100",  # a duration of nothing
        "D00D 8103010300 82028182 84020305",  # a unit that is reserved
        "D010 8103012700 82028182 A40101 A503F00000",  # a time that is none
        "D00C 8103014200 82028126 B700",  # no length
    ],
)
def test_broken_commands_are_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        read_command(bytes.fromhex(text))


def test_bip_commands_of_a_real_card() -> None:
    receive = read_command(bytes.fromhex("D00C 8103014200 82028126 B70106"))
    assert isinstance(receive, bip.ReceiveData)
    assert (receive.channel, receive.length) == (6, 6)
    answer = TerminalAnswer.decode(bytes.fromhex("810301430182028281830100B701FF"))
    assert answer.channel_data_length == 0xFF


def test_open_channel_of_ts_31_124() -> None:
    command = read_command(
        bytes.fromhex(
            "D042 8103014001 82028182 350702030403041F02 390203E8 470A06546573744770027273"
            "0D08F4557365724C6F67 0D08F455736572507764 3C0301AD9C 3E052101010101"
        )
    )
    assert isinstance(command, bip.OpenChannel)
    assert command.access_name == "TestGp.rs"
    assert [text.text for text in command.texts] == ["UserLog", "UserPwd"]
    assert command.transport == bip.TransportLevel(1, 44444)
    assert command.destination == ip_address("1.1.1.1")
    assert command.buffer_size == 1000


def test_channel_status() -> None:
    assert bip.ChannelStatus.from_bytes(b"\x81\x00") == (1, True, 0)
    assert bip.ChannelStatus(3, False, 5).to_bytes() == b"\x03\x05"
    with pytest.raises(DecodeError):
        bip.ChannelStatus.from_bytes(b"\x81")


@pytest.mark.parametrize("text", ["", "a..b", "x" * 64, "münchen"])
def test_access_names_that_cannot_be(text: str) -> None:
    with pytest.raises(EncodeError):
        bip.access_name(text)


@pytest.mark.parametrize("body", ["05746573", "0374657300", "00"])
def test_broken_access_names(body: str) -> None:
    with pytest.raises(DecodeError):
        bip.access_name_text(bytes.fromhex(body))


def test_envelopes() -> None:
    expiry = TimerExpiration.of(1, 239)
    assert expiry.encode() == bytes.fromhex("D70C 82028281 A40101 A503003095")
    assert read_envelope(expiry.encode()) == expiry
    assert MenuSelection.of(1).encode() == bytes.fromhex("D307 82020181 900101")
    assert MenuSelection.of(2, help=True).encode() == bytes.fromhex("D309 82020181 900102 9500")
    event = read_envelope(bytes.fromhex("D60E 99010A 82028281 B8028100 B7 01 05".replace(" ", "")))
    assert isinstance(event, EventDownload)
    assert event.channel_status == bip.ChannelStatus(1, linked=True)
    sms = SmsPpDownload.of(b"\x40\x00", Address.of("+1234"))
    assert sms.encode() == bytes.fromhex("D10D 82028381 8603912143 8B024000")
    with pytest.raises(DecodeError):
        read_envelope(bytes.fromhex("D800"))
    with pytest.raises(DecodeError):
        read_envelope(b"")


def test_tags_of_all_fields_have_names() -> None:
    names = set(CatTag)
    for cls in (*COMMANDS.values(), *ENVELOPES.values(), TerminalAnswer):
        for item in fields(cast(Any, cls)):
            assert item.metadata["tlv"][0] in names
