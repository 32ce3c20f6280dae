# SPDX-License-Identifier: Apache-2.0
"""ACTIVATE FILE and DEACTIVATE FILE through the dispatcher (TS 102 221 11.1.14 and 11.1.15)."""

from __future__ import annotations

import pytest

from emulator.memory.journal import Flash, Moment, PowerCut
from tests.unit.fs.builder import ALWAYS_PIN1, USIM, SmallCard, standard

FID = 0x6F7E
ALWAYS_AND_KEPT = 0x6F61


@pytest.fixture
def card() -> SmallCard:
    """The USIM is selected, PIN1 and ADM1 are verified; one file stays readable when deactivated."""
    builder = standard()
    builder.file(builder.adfs[0], ALWAYS_AND_KEPT, b"\x01\x02", 2, special=0x40)
    made = SmallCard(builder.build())
    made.usim()
    for reference, digits in ((0x01, "1234"), (0x0A, "99999999")):
        assert made.verify(reference, digits) == "9000"
    return made


def test_deactivated_file_is_dead_until_it_is_activated(card: SmallCard) -> None:
    card.select(FID)
    assert card("00040000") == "9000"
    assert card("00B0000001") == "6984"
    assert card("00D6000001AA") == "6984"
    answer = card("00A40004026F7E00")
    assert answer.endswith("6283")
    assert "8A0104" in answer
    assert card("00040000") == "9000"  # deactivated already
    assert card("00440000") == "9000"
    assert card("00B0000001") == "009000"
    assert "8A0105" in card("00A40004026F7E00")
    assert not any("/lcs/" in key for key, _ in card.memory.items(""))


def test_special_information_keeps_a_deactivated_file_readable(card: SmallCard) -> None:
    card.select(ALWAYS_AND_KEPT)
    assert card("00040000") == "9000"
    assert card("00B0000002") == "01029000"


@pytest.mark.parametrize(
    "command, sw",
    [
        ("00040000026F7E", "9000"),
        ("00040800047FFF6F7E", "9000"),
        ("00040900026F7E", "9000"),
        ("00040000026FFF", "6A82"),
        ("00040000023F00", "6981"),
        ("00040000027FFF", "6981"),
        ("00040000026F", "6700"),
        ("00040000036F7E00", "6700"),
        ("0004000000", "6986"),  # P3 00, as T=0 has it
        ("0004000005", "6700"),
        ("00040800", "6700"),
        ("00040001026F7E", "6A86"),
        ("00040100026F7E", "6A86"),
        ("00040000", "6986"),
        ("00040000026F06", "6982"),  # EF_ARR: never
        ("80040000026F7E", "6D00"),
    ],
)
def test_ways_to_name_the_file(card: SmallCard, command: str, sw: str) -> None:
    before = dict(card.memory.items(""))
    assert card(command) == sw
    assert (dict(card.memory.items("")) != before) is (sw == "9000")
    if sw == "9000":
        assert card("00B0000001") == "6984"  # it is current now
        assert card("0044" + command[4:]) == "9000"
        assert card("00B0000001") == "009000"


def test_access_rule_counts(card: SmallCard) -> None:
    card.reset()
    card.usim()
    card.select(FID)
    assert card("00040000") == "6982"
    card.verify(0x01, "1234")
    assert card("00040000") == "6982"  # ADM only
    card.verify(0x0A, "99999999")
    assert card("00040000") == "9000"


def test_decision_that_was_made_before_does_not_outlive_the_state(card: SmallCard) -> None:
    card.select(FID)
    assert card("00B0000001") == "009000"
    assert card("0070000001") == "019000"
    card(f"01A4040C{len(USIM):02X}{USIM}")
    assert card(f"01A4000C02{FID:04X}") == "9000"
    assert card("01B0000001") == "009000"
    assert card("00040000") == "9000"
    assert card("01B0000001") == "6984"


def test_terminated_file_stays_so() -> None:
    builder = standard()
    builder.file(builder.adfs[0], 0x6F62, b"\x01", ALWAYS_PIN1, lcs=0x0C)
    card = SmallCard(builder.build())
    card.usim()
    card.verify(0x0A, "99999999")
    assert card("00A4000C026F62") == "6283"
    assert card("00440000") == "6985"


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.RECORD, Moment.INSIDE, Moment.MARKED, Moment.AFTER])
def test_power_cut_leaves_the_old_or_the_new_state(card: SmallCard, moment: Moment) -> None:
    armed: list[Moment] = []

    def cut(now: Moment) -> None:
        if now in armed:
            raise PowerCut

    flash = Flash()
    victim = SmallCard(card.base, flash, cut)
    victim.usim()
    victim.verify(0x0A, "99999999")
    armed.append(moment)
    with pytest.raises(PowerCut):
        victim("00040000026F7E")
    reopened = SmallCard(card.base, flash)
    reopened.usim()
    expected = "6283" if moment in (Moment.MARKED, Moment.AFTER) else "9000"
    assert reopened("00A4000C026F7E") == expected
