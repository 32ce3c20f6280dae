# SPDX-License-Identifier: Apache-2.0
"""SCP03t in traces, inside SCP03 and bare: TLVs in STORE DATA, replaced keys, and each way in which it goes wrong."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from apdu.channel.scp03t_card import Data, Scp03tCard
from apdu.channel.scp03t_host import Scp03tHost
from apdu.channel.session import SessionKeys
from apdu.command.apdu import CommandApdu
from apdu.gp.install import InstallForPersonalization
from apdu.gp.store_data import MAX_BLOCK_SCP03, StoreDataMode, Structure, store_data
from apdu.ids import Aid
from apdu.keys.secret import KeySet, SecretKey
from apdu.trace.events import AnyEvent, ChannelEvent, LinkEvent, Withheld
from apdu.trace.unwrap import DomainKeys, KeyRing
from tests.unit.channel.vectors_scp03 import KEY_SETS
from tests.unit.trace.unwrap.wire import OK, RING, Conversation, channels, rules, wire

ISD_P = Aid.isd_p(0x10)
OTHER = Aid.isd_p(0x11)
BOTH = KeyRing([*RING, DomainKeys(bytes(ISD_P), KEY_SETS[0x30])])
TLV = StoreDataMode(Structure.BER_TLV, response=True)
NEW = SessionKeys(*(SecretKey(bytes((number,)) * 16) for number in (1, 2, 3)))


NOT_CHECKED = {(0, 0): range(24, 32), (0, 1): (*range(16, 96), 112, 117, 118)}
"""Key identifier in the 84, diversification data and RFU bits of i in its answer."""


class Download:
    """An SM-DP and an ISD-P, whose TLVs are kept."""

    def __init__(self, kvn: int = 0x30, counter: int = 5) -> None:
        keys = KEY_SETS[kvn]
        self.host = Scp03tHost(keys, bytes(range(8)), ISD_P)
        self.card = Scp03tCard(ISD_P, lambda _: (keys, counter))
        self.tlvs: list[tuple[bytes, bytes]] = []
        opened = self.card.receive(self.host.initialize_update())
        answer: bytes = opened.answer  # type: ignore[union-attr]
        self.tlvs.append((self.host.initialize_update(), answer))
        external = self.host.external_authenticate(answer)
        self.card.receive(external)
        self.host.authenticated(b"\x85\x00")
        self.tlvs.append((external, b"\x85\x00"))

    def send(self, data: bytes, said: bytes = b"") -> None:
        tlv = self.host.protect(data)
        got = self.card.receive(tlv)
        assert isinstance(got, Data)
        answer = self.card.respond(said)
        assert self.host.receive(answer) == said
        self.tlvs.append((tlv, answer))

    def replace(self) -> None:
        tlv = self.host.replace_keys(NEW, bytes(range(16)))
        self.card.receive(tlv)
        self.host.receive(b"\x87\x00")
        self.tlvs.append((tlv, b"\x87\x00"))


def commands(tlvs: Iterable[tuple[bytes, bytes]], target: Aid = ISD_P) -> Iterable[tuple[CommandApdu, bytes]]:
    """As they travel at a reader (docs/card.md)."""
    for tlv, answer in tlvs:
        yield InstallForPersonalization(application=target).command()._replace(le=256), b"\x00"
        blocks = store_data(tlv, TLV, size=MAX_BLOCK_SCP03)
        for block in blocks:
            yield block, answer if block is blocks[-1] else b""


def bare(tlvs: Iterable[tuple[bytes, bytes]], target: Aid = ISD_P) -> list[LinkEvent]:
    """Without SCP03 around them."""
    return list(wire(*(part for command, answer in commands(tlvs, target) for part in (command.encode(), answer + OK))))


def protected(tlvs: Iterable[tuple[bytes, bytes]]) -> list[LinkEvent]:
    """Inside an SCP03 session with the ISD-R."""
    talk = Conversation()
    for command, answer in commands(tlvs):
        talk.say(command, answer)
    return talk.trace()


def inner(events: Iterable[AnyEvent], ring: KeyRing = BOTH) -> list[ChannelEvent]:
    return [event for event in channels(events, ring) if event.layer == "scp03t"]


def download() -> Download:
    made = Download()
    made.send(bytes(900))
    made.send(b"and more", b"\x30\x00")
    made.replace()
    made.send(b"under new keys", b"done")
    return made


def test_it_is_found_inside_scp03_and_bare() -> None:
    made = download()
    for events in (protected(made.tlvs), bare(made.tlvs)):
        found = inner(events)
        assert [(event.protected, event.response_protected) for event in found] == made.tlvs
        assert [event.extra["verified"] for event in found] == [True] * 6
        assert [event.plain for event in found[2:4]] == [bytes(900), b"and more"]
        assert found[3].response_plain == b"\x30\x00"
        assert (found[5].plain, found[5].response_plain) == (b"under new keys", b"done")
        assert {event.target for event in found} == {str(ISD_P)}
        assert not rules(events, BOTH)


def test_the_data_of_several_lengths_of_keys() -> None:
    for kvn in KEY_SETS:
        made = Download(kvn)
        made.send(b"data", b"answer")
        ring = KeyRing([DomainKeys(bytes(ISD_P), KEY_SETS[kvn])])
        assert inner(bare(made.tlvs), ring)[-1].response_plain == b"answer"


def test_without_the_keys_of_the_isd_p_it_is_said_so() -> None:
    made = download()
    found = inner(protected(made.tlvs), RING)
    assert [event.extra["verified"] for event in found] == [None] * 6
    assert f"no key set 30 of {ISD_P}" in str(found[2].extra["why"])
    assert isinstance(found[2].plain, Withheld)
    assert not rules(protected(made.tlvs), RING)


def test_the_keys_of_another_isd_p_are_found_out() -> None:
    made = download()
    wrong = KeyRing([DomainKeys(bytes(ISD_P), KeySet(0x30, *[SecretKey(bytes(16))] * 3))])
    assert rules(bare(made.tlvs), wrong) == ["scp03-card-cryptogram", "scp03-host-cryptogram"]


@pytest.mark.parametrize("number", range(4))
def test_each_bit_of_a_tlv_and_its_answer(number: int) -> None:
    made = Download()
    made.send(b"first", b"answer")
    made.send(b"second")
    tlv, answer = made.tlvs[number]
    for side, data in enumerate((tlv, answer)):
        for bit in range(16, 8 * len(data)):
            if bit in NOT_CHECKED.get((number, side), ()):
                continue
            wrong = bytearray(data)
            wrong[bit // 8] ^= 0x80 >> bit % 8
            tlvs = list(made.tlvs)
            tlvs[number] = (bytes(wrong), answer) if side == 0 else (tlv, bytes(wrong))
            assert rules(bare(tlvs), BOTH), f"side {side}, bit {bit}"


def test_lengths_and_order() -> None:
    made = Download()
    made.send(b"data")
    assert rules(bare([*made.tlvs, (b"\x86\x02\x00\x00", b"\x86\x00")]), BOTH) == ["scp03t-length"]
    assert rules(bare([*made.tlvs, (b"\x86\x02\x00\x00", b"\x9f\x46\x01\x01")]), BOTH) == []
    assert rules(bare([*made.tlvs, (b"\x86\x05\x00", b"\x86\x00")]), BOTH) == ["scp03t-length"]
    refused = [*made.tlvs[:2], (b"\x86\x02\x00\x00", b"\x9f\x46\x01\x02"), made.tlvs[2]]
    assert rules(bare(refused), BOTH) == ["scp03t-no-session"]
    assert rules(bare([made.tlvs[0], (made.tlvs[0][0], b"\x9f\x44\x01\x03"), made.tlvs[1]]), BOTH) == [
        "scp03t-no-session"
    ]
    assert rules(bare([made.tlvs[0], (made.tlvs[0][0], b"\x84\x01\x00")]), BOTH) == ["scp03t-answer"]
    wrong = made.tlvs[2][0][:-1] + bytes((made.tlvs[2][0][-1] ^ 1,))
    assert rules(bare([*made.tlvs[:2], (wrong, b"\x9f\x46\x01\x02")]), BOTH) == ["scp03t-mac-refused"]


def test_counters_of_an_isd_p_only_grow() -> None:
    first, second = Download(counter=5), Download(counter=5)
    events = bare([*first.tlvs, *second.tlvs])
    assert rules(events, BOTH) == ["scp03-sequence-counter"]
    assert not rules(bare([*first.tlvs, *Download(counter=6).tlvs]), BOTH)


def test_the_selected_isd_p_is_meant_where_nothing_was_named() -> None:
    made = Download()
    made.send(b"data")
    parts = [bytes.fromhex("00A4040010") + ISD_P, OK]
    for command, answer in commands(made.tlvs):
        if command.ins == 0xE2:
            parts += [command.encode(), answer + OK]
    found = inner(wire(*parts))
    assert [event.extra["verified"] for event in found] == [True] * 3


def test_a_block_that_is_missing_ends_the_tlv() -> None:
    made = Download()
    made.send(bytes(900))
    events = bare(made.tlvs)
    assert len(inner(events)) == 3
    assert len(inner([*events[:-4], *events[-2:]])) == 2


def test_what_an_end_reports_late_is_not_repeated() -> None:
    made = Download()
    made.send(b"data")
    events: list[AnyEvent] = list(bare(made.tlvs))
    tlv, answer = made.tlvs[-1]
    late = ChannelEvent(
        time=9, layer="scp03t", side="reader", target=str(ISD_P), protected=tlv, plain=b"data",
        response_protected=answer, response_plain=b"",
    )  # fmt: skip
    again = inner([*events, LinkEvent(time=8, side="reader", kind="command", data=b"\x00\xa4\x00\x00"), late])
    assert len(again) == 3
    at_once = inner([*events, late])
    assert len(at_once) == 3
    assert (at_once[-1].time, at_once[-1].extra["verified"]) == (9, True)
