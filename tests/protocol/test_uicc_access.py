# SPDX-License-Identifier: Apache-2.0
"""Access rules in force: which command needs which PIN, and that no permission outlives its reason (TS 102 221 9.2)."""

from __future__ import annotations

import pytest

from emulator.profile.base import FileKind, FileNode
from tests.unit.fs.builder import (
    ADM_ONLY,
    ALWAYS_ADM,
    ALWAYS_NEVER,
    ALWAYS_PIN1,
    ISIM,
    PIN1_ADM,
    USIM,
    SmallCard,
    arr,
    register,
    standard,
)

CODES = {0x01: "1234", 0x81: "5678", 0x0A: "99999999"}


@pytest.mark.parametrize(
    "rule, reads_with, updates_with",
    [
        (ALWAYS_PIN1, [None], [0x01]),
        (PIN1_ADM, [0x01], [0x0A]),
        (ADM_ONLY, [0x0A], [0x0A]),
        (ALWAYS_NEVER, [None], []),
        (5, [0x01], [0x01]),
        (8, [0x01], [0x81]),
        (ALWAYS_ADM, [None], [0x0A]),
        (0, [], []),  # no such record
        (99, [], []),
    ],
)
def test_cc_ui_18_access_condition(rule: int, reads_with: list[int | None], updates_with: list[int | None]) -> None:
    builder = standard()
    builder.file(builder.adfs[0], 0x6F99, b"\x01\x02", rule, sfi=0x19)
    base = builder.build()
    for verified in (None, 0x01, 0x81, 0x0A):
        card = SmallCard(base)
        card.usim()
        if verified is not None:
            assert card.verify(verified, CODES[verified]) == "9000"
        readable = None in reads_with or verified in reads_with
        writable = None in updates_with or verified in updates_with
        assert card("00B0990002") == ("01029000" if readable else "6982")
        assert card("00D6990001AA") == ("9000" if writable else "6982")
        assert card("00B0990002") == (("AA02" if writable else "0102") + "9000" if readable else "6982")


T, L, C, B = FileKind.TRANSPARENT, FileKind.LINEAR, FileKind.CYCLIC, FileKind.BER_TLV
CONTENT = {T: bytes(6), L: bytes(6), C: bytes(6), B: bytes.fromhex("80020102")}
COMMANDS = {
    "READ BINARY": (T, "800101", "00B0000006"),
    "UPDATE BINARY": (T, "800102", "00D6000001AA"),
    "READ RECORD": (L, "800101", "00B2010403"),
    "UPDATE RECORD": (L, "800102", "00DC010403AAAAAA"),
    "SEARCH RECORD": (L, "800101", "00A20104010000"),
    "UPDATE RECORD, cyclic": (C, "800102", "00DC000303AAAAAA"),
    "INCREASE": (C, "840132", "803200000300000100"),
    "RETRIEVE DATA": (B, "800101", "80CB0080018000"),
    "SET DATA": (B, "800102", "80DB00800480020203"),
    "DEACTIVATE FILE": (T, "800108", "0004000000"),
    "ACTIVATE FILE": (T, "800110", "0044000000"),
    "DELETE FILE": (T, "800140", "00E40000022F99"),
    "RESIZE FILE": (T, "8401D4", "80D400000A62088302 2F99 80020008"),
}
"""A file of which structure, the access mode (TS 102 221 9.2.1), and a command that does something to it."""


@pytest.mark.parametrize("name", COMMANDS)
def test_cc_ui_18_every_command_asks_for_a_mode_of_its_own(name: str) -> None:
    """With every right but one it is refused and nothing changes; with that one alone it is carried out."""
    kind, mode, command = COMMANDS[name]
    others = "".join(f"{each}9000" for each in {each for _, each, _ in COMMANDS.values()} - {mode})
    for rules, works in ((f"{mode}9000", True), (others + f"{mode}9700", False), (others, False)):
        builder = standard()
        builder.file(builder.mf, 0x2F66, arr(rules), ALWAYS_NEVER, length=60)
        builder.file(builder.mf, 0x2F99, CONTENT[kind], kind=kind, length=3 if kind in (L, C) else 0).arr = (0x2F66, 1)
        card = SmallCard(builder.build())
        register(card)
        card.select(0x2F99)
        before = bytes(card.flash.data)
        assert (card(command)[-4:] == "9000") is works
        if not works:
            assert card(command) == "6982"
            assert bytes(card.flash.data) == before


def test_refused_update_changes_nothing() -> None:
    card = SmallCard(standard().build())
    card.usim()
    before = bytes(card.flash.data)
    assert card("00D6870001AA") == "6982"
    assert card("00DC014C0A" + "AA" * 10) == "6982"
    card.select(0x6F39)
    assert card("00DC000303AAAAAA") == "6982"
    assert card("8032000003000001") == "6982"
    assert card("00B2010403") == "6982"
    assert card("00A2010401AA") == "6982"
    assert bytes(card.flash.data) == before


def test_permission_ends_with_the_rule_that_gave_it() -> None:
    builder = standard()
    builder.mf.children[0x2F06].arr = (0x2F06, ALWAYS_ADM)  # the package lets ADM1 change the rules
    card = SmallCard(builder.build())
    card.verify(0x01, "1234")
    card.verify(0x0A, "99999999")
    card.select(0x2F05)
    assert card("00B0000002") == "656E9000"
    never = arr("80017F9700").hex()
    assert card("00DC01343C" + never) == "9000"
    assert card("00B0850002") == "6982"
    assert card("00D6850001AA") == "6982"


def test_permission_to_read_records_ends_with_the_pin() -> None:
    card = SmallCard(standard().build())
    card.usim()
    card.verify(0x01, "1234")
    card.select(0x6F3B)
    assert card("00B201040A").endswith("9000")
    card.verify(0x01, "0815")
    assert card("00B201040A") == "6982"
    assert card("00A201040100") == "6982"


def test_permission_that_a_pin_takes_away() -> None:
    """NOT is legal: what may be read until PIN1 is shown."""
    builder = standard()
    arr_file = builder.mf.children[0x2F06]
    assert isinstance(arr_file, FileNode)
    arr_file.content += arr("800101A708A406830101950108")
    arr_file.size = len(arr_file.content)
    builder.file(builder.mf, 0x2F55, b"\x01", 11)
    card = SmallCard(builder.build())
    card.select(0x2F55)
    assert card("00B0000001") == "019000"
    card.verify(0x01, "1234")
    assert card("00B0000001") == "6982"


def test_permission_by_the_pin_of_an_application_ends_when_the_channel_leaves_it() -> None:
    """EF.SMSP of DF.TELECOM needs PIN2: under the MF that of the application which is active on the channel."""
    card = SmallCard(standard().build())
    update = "00DC01041C" + "00" * 28
    card.usim()
    card("0070000001")
    assert card(f"01A4040C0C{USIM}") == "9000"  # keeps PIN2 verified
    card.verify(0x81, "5678")
    card.select(0x3F00, 0x7F10, 0x6F42)
    assert card(update) == "9000"
    card.usim(ISIM)
    card.select(0x3F00, 0x7F10, 0x6F42)
    assert card(update) == "6982"
    assert card("01A4080C047F106F42") == "9000"
    assert card("01" + update[2:]) == "9000"


def test_rules_of_an_application_lie_in_the_application() -> None:
    builder = standard()
    usim = builder.adfs[0]
    inner = builder.df(usim, 0x5F3B)
    builder.file(inner, 0x4F20, b"\x01", ALWAYS_PIN1)
    own = builder.df(usim, 0x5F40)
    builder.file(own, 0x6F06, arr("8001019700"), ALWAYS_NEVER, length=60)
    builder.file(own, 0x4F20, b"\x02", ALWAYS_PIN1)
    outside = builder.file(inner, 0x4F21, b"\x03")
    outside.arr = (0x2F06, ALWAYS_PIN1)  # named with the EF_ARR of the MF
    missing = builder.file(inner, 0x4F22, b"\x04")
    missing.arr = (0x6F99, 1)
    not_a_record_file = builder.file(inner, 0x4F23, b"\x05")
    not_a_record_file.arr = (0x6F07, 1)
    card = SmallCard(builder.build())
    card.usim()
    card.select(0x5F3B, 0x4F20)
    assert card("00B0000001") == "019000"
    card.select(0x4F21)
    assert card("00B0000001") == "039000"
    for fid in (0x4F22, 0x4F23):
        card.select(fid)
        assert card("00B0000001") == "6982"
    card.select(0x5F40, 0x4F20)
    assert card("00B0000001") == "6982"  # the nearest EF_ARR counts


def test_reference_that_the_directory_does_not_list_is_not_met() -> None:
    builder = standard()
    builder.df(builder.mf, 0x7F25, 0x0A)
    builder.file(builder.mf.children[0x7F25], 0x6F01, b"\x01", PIN1_ADM)  # type: ignore[arg-type]  # a DF
    card = SmallCard(builder.build())
    card.verify(0x01, "1234")
    card.select(0x7F25, 0x6F01)
    assert card("00B0000001") == "6982"
    card.verify(0x0A, "99999999")
    assert card("00D6000001AA") == "9000"


def test_reference_without_a_pin_behind_it_is_not_met() -> None:
    builder = standard()
    del builder.pins[0, 0x01]
    card = SmallCard(builder.build())
    card.usim()
    assert card("00B0870009") == "6982"
    assert card("00200001") == "6A88"


def test_many_files_do_not_make_a_channel_large() -> None:
    builder = standard()
    for n in range(100):
        builder.file(builder.mf, 0x4000 + n, bytes((n,)), ALWAYS_PIN1)
    card = SmallCard(builder.build())
    for _ in range(2):
        for n in range(100):
            card.select(0x4000 + n)
            assert card("00B0000001") == f"{n:02X}9000"
    assert len(card.channels[0].granted) <= 32


def test_handlers_are_found_by_class_and_instruction() -> None:
    card = SmallCard(standard().build())
    assert card("80A4000C023F00") == "6D00"
    assert card("00F2000C00") == "6D00"
    assert card("80B0000001") == "6D00"
    assert card("0078000100") == "6D00"
    assert card("8088008100") == "6D00"
    assert card("0032000003000001") == "6D00"
