# SPDX-License-Identifier: Apache-2.0
"""Short messages in traces: secured packets in parts, opened with their keys, and the scripts inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apdu.cat.codes import CommandType, Device
from apdu.cat.commands import SendShortMessage
from apdu.cat.envelope import SmsPpDownload
from apdu.command.apdu import CommandApdu
from apdu.ids import ISD_R
from apdu.keys.secret import KeySet, SecretKey
from apdu.ota.packet import Header, build_command, build_response
from apdu.ota.remote import ResponseItem, ResponseTag, build_response_script, build_script, command_item
from apdu.ota.security import Check, CounterMode, Por, Spi
from apdu.sms.address import Address
from apdu.sms.parts import split_message
from apdu.sms.tpdu import Deliver, Submit
from apdu.sms.userdata import Element, ElementId, UserData
from apdu.trace.decode import decode
from apdu.trace.events import ChannelEvent, LinkEvent
from apdu.trace.unwrap import DomainKeys, KeyRing, unwrap
from tests.unit.trace.unwrap.channel import CREATE, _said, command, fetched
from tests.unit.trace.unwrap.test_bearers import bearers, broken
from tests.unit.trace.unwrap.wire import link

KEYS = KeySet(1, *(SecretKey(bytes((number,)) * 16) for number in (1, 2, 3)))
RING = KeyRing(packets=[DomainKeys(bytes(ISD_R), KEYS)])
WRONG = KeyRing(packets=[DomainKeys(bytes(ISD_R), KeySet(1, *(SecretKey(bytes(16)) for _ in range(3))))])
SM_SR = Address.of("+491710000001")
FULL = Spi(
    check=Check.CC, ciphered=True, counter=CounterMode.HIGHER, por=Por.ALWAYS, por_check=Check.CC, por_ciphered=True
)
HEADER = Header(spi=FULL, kic=0x12, kid=0x12, tar=ISD_R.tar)
SCRIPT = build_script([command_item(CREATE)] * 3)
ANSWERS = build_response_script(3, [ResponseItem(ResponseTag.R_APDU, b"\x00\x90\x00")] * 3)
BACK = [Element(ElementId.RESPONSE_PACKET)]


def delivered(packet: bytes, proof: bytes = b"", order: tuple[int, ...] = (0, 1, 2, 3)) -> Iterator[LinkEvent]:
    """ENVELOPEs of the parts, the proof of receipt in the answer to the last."""
    parts = split_message(UserData(packet, (Element(ElementId.COMMAND_PACKET),)), 0xF6, 7)
    places = [place for place in order if place < len(parts)]
    for place in places:
        tpdu = Deliver(originator=SM_SR, time=datetime(2025, 1, 1, tzinfo=UTC), data=parts[place]).encode()
        raw = SmsPpDownload.of(tpdu).encode()
        yield link("command", CommandApdu(0x80, 0xC2, 0, 0, raw, 256).encode())
        said = UserData(proof, tuple(BACK))
        yield link("response", (said.header() + proof if proof and place == places[-1] else b"") + b"\x90\x00")


def submitted(proof: bytes) -> Iterator[LinkEvent]:
    """SEND SHORT MESSAGE, in parts."""
    for part in split_message(UserData(proof, tuple(BACK)), 0xF6, 3):
        proactive = SendShortMessage(
            **command(CommandType.SEND_SHORT_MESSAGE, Device.NETWORK),  # type: ignore[arg-type]
            tpdu=Submit(destination=SM_SR, data=part).encode(),
        )
        yield from fetched(proactive, _said(proactive))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 1, 3), (0, 0, 1, 1, 2)])
def test_a_script_by_short_messages_becomes_commands_with_responses(order: tuple[int, ...]) -> None:
    packet = build_command(HEADER, 5, SCRIPT, KEYS)
    trace = [*delivered(packet, order=order), *submitted(build_response(HEADER, 5, 0, ANSWERS, KEYS))]
    sent, proof = bearers(trace, RING, "scp80")
    assert sent.data == packet
    assert (sent.extra["verified"], sent.fields["counter"], sent.fields["TAR"]) == (True, 5, "000001")
    assert (proof.direction, proof.extra["verified"], proof.fields["status"]) == ("from-card", True, "ok")
    found = [event for event in unwrap(trace, RING) if isinstance(event, ChannelEvent)]
    assert [(event.layer, event.plain, event.response_plain) for event in found] == [
        ("scp80", CREATE, b"\x00\x90\x00")
    ] * 3
    assert {event.name for event in bearers(trace, RING, "sms")} == {"SMS-DELIVER", "SMS-SUBMIT"}
    entries = list(decode(unwrap(trace, RING)))
    assert sum("ES5.CreateISDP" in entry.summary for entry in entries) == 3
    assert not broken(trace, RING)


def test_a_proof_in_the_answer_to_the_envelope() -> None:
    proof = build_response(HEADER, 5, 0, build_response_script(1, []), KEYS)
    (_, found) = bearers(delivered(build_command(HEADER, 5, b"\xaa\x00", KEYS), proof), RING, "scp80")
    assert (found.name, found.extra["verified"], found.fields["counter"]) == ("SCP80 proof of receipt", True, 5)


def test_without_keys_the_header_is_shown() -> None:
    (sent,) = bearers(delivered(build_command(HEADER, 5, SCRIPT, KEYS)), KeyRing(), "scp80")
    assert sent.extra["verified"] is None
    assert sent.extra["why"] == "no keys of this number"
    assert "counter" not in sent.fields
    assert (sent.fields["KIc"], sent.fields["ciphered"]) == ("12", True)


def test_what_does_not_verify_or_is_malformed_is_found() -> None:
    packet = build_command(HEADER, 5, SCRIPT, KEYS)
    assert broken(delivered(packet), WRONG) == ["scp80-check"]
    assert broken(delivered(packet[:-1] + bytes((packet[-1] ^ 1,))), RING) == ["scp80-check"]
    assert broken(delivered(packet[:-1]), RING) == ["scp80-packet"]
    assert broken(submitted(b"\x00\x01\x02"), RING) == ["scp80-packet"]
    stray = bearers(submitted(build_response(HEADER, 5, 0, ANSWERS, KEYS)), RING, "scp80")[0]
    assert stray.extra["why"] == "the command that it answers is not in the trace"


def test_a_packet_without_protection_is_said_to_have_none() -> None:
    header = Header(spi=Spi(), kic=0x10, kid=0x10, tar=ISD_R.tar)
    (sent,) = bearers(delivered(build_command(header, 0, SCRIPT, KEYS)), RING, "scp80")
    assert (sent.extra["verified"], sent.extra["why"]) == (None, "it is not protected")


def test_counters_that_go_back_are_found() -> None:
    first, again, older = (build_command(HEADER, counter, SCRIPT, KEYS) for counter in (5, 5, 4))
    refused, done = (build_response(HEADER, 5, status, b"", KEYS) for status in (2, 0))
    assert broken([*delivered(first, done), *delivered(again, refused)], RING) == ["scp80-counter"]
    assert broken([*delivered(first, done), *delivered(older, done)], RING) == ["scp80-counter", "scp80-accepted"]
    later = build_command(HEADER, 6, SCRIPT, KEYS)
    assert broken([*delivered(first, done), *delivered(later, done)], RING) == []
    header = replace(HEADER, spi=replace(FULL, counter=CounterMode.INFORMATIVE))
    packets = [build_command(header, counter, SCRIPT, KEYS) for counter in (5, 4)]
    assert broken([event for packet in packets for event in delivered(packet)], RING) == []


def test_packet_that_does_not_verify_and_is_carried_out_is_found() -> None:
    packet = bytearray(build_command(HEADER, 5, SCRIPT, KEYS))
    packet[-1] ^= 1
    done = build_response(HEADER, 5, 0, b"", KEYS)
    assert broken(delivered(bytes(packet), done), RING) == ["scp80-check", "scp80-accepted"]


def test_notification_of_a_card_is_a_command_packet() -> None:
    header = replace(HEADER, spi=Spi(check=Check.CC))
    packet = build_command(header, 0, bytes.fromhex("E1034C0102"), KEYS)
    (part,) = split_message(UserData(packet, (Element(ElementId.COMMAND_PACKET),)), 0xF6, 3)
    proactive = SendShortMessage(
        **command(CommandType.SEND_SHORT_MESSAGE, Device.NETWORK),  # type: ignore[arg-type]
        tpdu=Submit(destination=SM_SR, data=part).encode(),
    )
    trace = list(fetched(proactive, _said(proactive)))
    assert not broken(trace, RING)
    entries = list(decode(unwrap(trace, RING)))
    names = [node.name for entry in entries for node in entry.tree().walk()]
    assert "CPL" in names
    assert "RPL" not in names
    assert not [found for entry in entries for found in entry.examine()]
