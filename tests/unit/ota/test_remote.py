# SPDX-License-Identifier: Apache-2.0
"""The expanded remote command format."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import DecodeError
from apdu.ota.remote import (
    BadFormat,
    Item,
    ResponseItem,
    Tag,
    build_response_script,
    build_script,
    command_item,
    parse_response_script,
    read_script,
)


def read(text: str) -> list[tuple[int, str, BadFormat | None]]:
    return [(item.tag, item.value.hex().upper(), item.bad) for item in read_script(bytes.fromhex(text))]


def test_the_captured_script() -> None:
    """INITIALIZE UPDATE to a captured M2M card, and its answer."""
    apdu = "8050000008A92335E90546DFCB00"
    assert read(f"AA10220E{apdu}") == [(0x22, apdu, None)]
    assert build_script([command_item(bytes.fromhex(apdu))]).hex().upper() == f"AA10220E{apdu}"
    answer = parse_response_script(bytes.fromhex("AB278001012322" + "11" * 32 + "9000"))
    assert answer.executed == 1
    assert answer.responses == (b"\x11" * 32 + b"\x90\x00",)


def test_a_script_of_indefinite_length() -> None:
    assert read("AE8022048050000022040011223344"[:-2] + "0000") == [
        (0x22, "80500000", None),
        (0x22, "00112233", None),
    ]


def test_several_kinds_in_one() -> None:
    script = build_script([Item(Tag.CHAINING, b"\x01"), command_item(b"\x00\xa4\x00\x00"), Item(0x86, bytes(300))])
    assert script[:3].hex() == "aa8201"
    assert [item.tag for item in read_script(script)] == [0x83, 0x22, 0x86]


@pytest.mark.parametrize(
    "text, good, bad",
    [
        ("", 0, BadFormat.UNKNOWN_TAG),
        ("00A4000000", 0, BadFormat.UNKNOWN_TAG),
        ("AA", 0, BadFormat.LENGTH_NOT_FOUND),
        ("AA84FFFFFFFF", 0, BadFormat.LENGTH_NOT_FOUND),
        ("AA0622048050000099", 0, BadFormat.WRONG_LENGTH),
        ("AA06220480500000"[:-2], 0, BadFormat.WRONG_LENGTH),
        ("AA0822048050000099AA", 1, BadFormat.UNKNOWN_TAG),
        ("AA0722048050000022", 1, BadFormat.LENGTH_NOT_FOUND),
        ("AA082204805000002205", 1, BadFormat.WRONG_LENGTH),
        ("AE8022048050000022", 1, BadFormat.LENGTH_NOT_FOUND),
        ("AE80220480500000", 1, BadFormat.LENGTH_NOT_FOUND),
        ("AE8022048050000000000000", 1, BadFormat.WRONG_LENGTH),
        ("AE8122048050000000", 0, BadFormat.WRONG_LENGTH),
        ("AA80220480500000", 0, BadFormat.LENGTH_NOT_FOUND),
    ],
)
def test_what_stands_before_the_damage_is_read(text: str, good: int, bad: BadFormat) -> None:
    found = read(text)
    assert [each[2] for each in found] == [None] * good + [bad]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_to_an_end(data: bytes) -> None:
    for prefix in (b"", b"\xaa", b"\xae\x80"):
        items = list(read_script(prefix + data))
        assert all(item.bad is None for item in items[:-1])


TAGS = [0x23, 0x81, 0x83, 0x84, 0x86, 0x9F46]
ITEMS = st.lists(st.builds(ResponseItem, st.sampled_from(TAGS), st.binary(max_size=300)), max_size=8)


@given(st.integers(0, 70000), ITEMS, st.booleans())
def test_response_scripts_read_as_they_were_built(executed: int, items: list[ResponseItem], indefinite: bool) -> None:
    read_back = parse_response_script(build_response_script(executed, items, indefinite=indefinite))
    assert read_back.items == tuple(items)
    assert read_back.executed == (None if indefinite else executed)


@given(st.binary(max_size=100))
def test_a_response_script_is_read_or_refused(data: bytes) -> None:
    for prefix in (b"", b"\xab", b"\xaf\x80"):
        with suppress(DecodeError):
            parse_response_script(prefix + data)


def test_a_bad_format_is_told() -> None:
    answer = parse_response_script(bytes.fromhex("AB0A80010123029000900101"))
    assert (answer.executed, answer.responses, answer.bad_format) == (1, (b"\x90\x00",), BadFormat.UNKNOWN_TAG)


def test_answers_of_scp03t_are_handed_on_whole() -> None:
    answer = parse_response_script(bytes.fromhex("AF8086009F46010223029000" + "0000"))
    assert answer.tlvs == (b"\x86\x00", bytes.fromhex("9F460102"))
