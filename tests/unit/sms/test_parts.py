# SPDX-License-Identifier: Apache-2.0
"""Concatenated messages: sizes of TS 31.115, any order, duplicates, many senders."""

from __future__ import annotations

import random

import pytest

from apdu.errors import EncodeError
from apdu.sms.parts import MAX_SETS, Reassembly, split_message
from apdu.sms.userdata import Concatenation, Element, ElementId, UserData

COMMAND = (Element(ElementId.COMMAND_PACKET),)
DATA = 0xF6


@pytest.mark.parametrize(
    "size, parts", [(0, 1), (137, 1), (138, 2), (132 + 134, 2), (132 + 134 + 1, 3), (132 + 134 * 4, 5)]
)
def test_how_many_messages_a_packet_takes(size: int, parts: int) -> None:
    packet = bytes(index % 251 for index in range(size))
    cut = split_message(UserData(packet, COMMAND), DATA, 0x42)
    assert len(cut) == parts
    assert all(len(part.encode(DATA)) <= 141 for part in cut)
    assert b"".join(part.payload for part in cut) == packet
    if parts > 1:
        assert cut[0].header() == bytes((7, 0, 3, 0x42, parts, 1, 0x70, 0))
        assert cut[1].header() == bytes((5, 0, 3, 0x42, parts, 2))


def test_wide_references_take_a_byte_more() -> None:
    cut = split_message(UserData(bytes(200), COMMAND), DATA, 0x1234, wide=True)
    assert cut[0].header() == bytes.fromhex("08 0804 1234 02 01 7000")
    assert len(cut[0].payload) == 131
    assert cut[1].concatenation == Concatenation(0x1234, 2, 2, wide=True)


def test_text_is_cut_between_characters() -> None:
    text = UserData.of("a" * 152 + "€" * 10, 0)
    cut = split_message(text, 0, 1)
    assert [len(part.payload) for part in cut] == [152, 20]
    assert "".join(part.text(0) for part in cut) == "a" * 152 + "€" * 10


@pytest.mark.parametrize("dcs", [0x00, 0x08, DATA])
def test_parts_in_any_order_with_duplicates(dcs: int) -> None:
    dice = random.Random(dcs)
    message = UserData(bytes(dice.randrange(0x1A) for _ in range(700)), COMMAND)
    for _ in range(20):
        parts = list(split_message(message, dcs, dice.randrange(256)))
        dice.shuffle(parts)
        whole = Reassembly()
        for part in parts[:-1]:
            assert whole.add("sender", part) is None
            assert whole.add("sender", part) is None
        done = whole.add("sender", parts[-1])
        assert done == message
        assert not whole


def test_sender_and_reference_tell_messages_apart() -> None:
    whole = Reassembly()
    one, two = split_message(UserData(b"1" * 200), DATA, 1)
    other = split_message(UserData(b"2" * 200), DATA, 1)
    assert whole.add("a", one) is None
    assert whole.add("b", other[1]) is None
    assert whole.add("a", two) == UserData(b"1" * 200)
    assert whole.add("b", other[0]) == UserData(b"2" * 200)


def test_the_oldest_is_given_up() -> None:
    whole = Reassembly()
    cut = [split_message(UserData(bytes(200)), DATA, number) for number in range(MAX_SETS + 1)]
    for first, _ in cut:
        assert whole.add("a", first) is None
    assert len(whole) == MAX_SETS
    assert whole.add("a", cut[0][1]) is None
    assert whole.add("a", cut[-1][1]) == UserData(bytes(200))


@pytest.mark.parametrize("data", ["010000", "010203", "01FF00", "0102"])
def test_part_numbers_that_cannot_be_are_passed_over(data: str) -> None:
    assert UserData(b"", (Element(0, bytes.fromhex(data)),)).concatenation is None


def test_too_long_for_any_number_of_parts() -> None:
    with pytest.raises(EncodeError):
        split_message(UserData(bytes(134 * 256)), DATA, 1)
    with pytest.raises(EncodeError):
        split_message(UserData(bytes(200), (Element(0x70, bytes(140)),)), DATA, 1)
