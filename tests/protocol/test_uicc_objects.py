# SPDX-License-Identifier: Apache-2.0
"""RETRIEVE DATA and SET DATA through the dispatcher (TS 102 221 11.3)."""

from __future__ import annotations

import pytest

from emulator.profile.base import FileKind
from emulator.sd.registry import Registry
from tests.unit.fs.builder import (
    ALWAYS_ADM,
    ALWAYS_PIN1,
    ISD_P,
    PIN1_ADM,
    ProfileBuilder,
    SmallCard,
    register,
    standard,
)

FID = 0x6FC5
ROOM = 1000


def builder() -> ProfileBuilder:
    """The standard profile with a BER-TLV file of two objects and room for more."""
    made = standard()
    usim = made.adfs[0]
    file = made.file(usim, FID, bytes.fromhex("80020102 9F7003AABBCC"), ALWAYS_PIN1, kind=FileKind.BER_TLV, sfi=0x12)
    file.size = ROOM
    made.file(usim, 0x6FC6, bytes.fromhex("8101FF"), PIN1_ADM, kind=FileKind.BER_TLV).maximum_size = 20
    return made


@pytest.fixture
def card() -> SmallCard:
    """The USIM is selected, PIN1 verified, the file current."""
    made = SmallCard(builder().build())
    made.usim()
    assert made.verify(0x01, "1234") == "9000"
    made.select(FID)
    return made


@pytest.mark.parametrize(
    "command, answer",
    [
        ("80CB0080018000", "800201029000"),
        ("80CB0080029F7000", "9F7003AABBCC9000"),
        ("80CB1280018000", "800201029000"),
        ("80CB0080015C00", "5C03809F709000"),
        ("80CB0080018100", "6A88"),
        ("80CB008000", "6700"),
        ("80CB00800480808080", "6700"),
        ("80CB0080018002", "800262F1"),
        ("80CB00000A", "6985"),  # a next block without a first one
        ("80CB00C0018000", "6A86"),
        ("80CB2080018000", "6A86"),
        ("80CB0180018000", "6A82"),
        ("00CB0080018000", "6D00"),  # GP's GET DATA: not of the file system
    ],
)
def test_retrieve_data(card: SmallCard, command: str, answer: str) -> None:
    assert card(command) == answer


def test_case_three_command_leaves_the_object_to_get_response(card: SmallCard) -> None:
    assert card("80CB00800180") == "6104"
    assert card("00C0000004") == "800201029000"


@pytest.mark.parametrize("fid, sw", [(0x6F07, "6981"), (0x6F3B, "6981"), (0x6F39, "6981")])
def test_other_structures_have_no_objects(card: SmallCard, fid: int, sw: str) -> None:
    card.select(fid)
    assert card("80CB0080018000") == sw
    assert card("80DB0080038101AA") == sw


@pytest.mark.parametrize(
    "data, sw, tags",
    [
        ("810155", "9000", "809F7081"),
        ("80021122", "9000", "809F70"),
        ("9F7000", "9000", "80"),  # length 0 deletes
        ("80", "9000", "9F70"),  # so does a tag alone
        ("81", "6A88", "809F70"),
        ("8100", "6A88", "809F70"),
        ("8180", "6A80", "809F70"),  # indefinite length
        ("81810155", "6A80", "809F70"),  # not the shortest length
        ("81015566", "6A80", "809F70"),
        ("5C0180", "6A80", "809F70"),
        ("000155", "6A80", "809F70"),
        ("1F000155", "6A80", "809F70"),
        ("9F", "6A80", "809F70"),
        ("8183FFFFFF", "6A84", "809F70"),
        ("818203DE", "6A84", "809F70"),  # 990 bytes and 4 of header beside the 10 that stand there
        ("", "6700", "809F70"),
    ],
)
def test_set_data(card: SmallCard, data: str, sw: str, tags: str) -> None:
    raw = bytes.fromhex(data)
    before = dict(card.memory.items(""))
    assert card(f"80DB0080{len(raw):02X}{data}" if raw else "80DB0080") == sw
    assert sw == "9000" or dict(card.memory.items("")) == before
    assert card("80CB0080015C00") == f"5C{len(tags) // 2:02X}{tags}9000"


@pytest.mark.parametrize("block", [1, 2, 3, 100, 255])
def test_long_object_goes_and_comes_back_by_blocks_of_any_size(card: SmallCard, block: int) -> None:
    value = bytes(n & 0xFF for n in range(900))
    whole = bytes.fromhex("81820384") + value
    head = 4  # the header stands in the first block
    blocks = [whole[: max(block, head)], *(whole[at : at + block] for at in range(max(block, head), len(whole), block))]
    for number, part in enumerate(blocks):
        sw = card(f"80DB00{0 if number else 0x80:02X}{len(part):02X}", part)
        assert sw == ("9000" if number == len(blocks) - 1 else "63F1")
    assert card("80DB000001AA") == "6985"
    got, number = "", 0
    while True:
        le = min(block, len(whole) - len(got) // 2)
        answer = card(f"80CB00800181{le:02X}" if not number else f"80CB0000{le:02X}")
        got, number = got + answer[:-4], number + 1
        if answer[-4:] != "62F1":
            break
    assert (got, answer[-4:]) == (whole.hex().upper(), "9000")
    assert card("80CB000001") == "6985"


def test_last_block_with_a_larger_le_is_corrected_and_can_be_repeated(card: SmallCard) -> None:
    assert card("80CB0080018003") == "80020162F1"
    assert card("80CB000005") == "6C01"
    assert card("80CB000001") == "029000"


def test_another_file_ends_the_row_of_blocks(card: SmallCard) -> None:
    assert card("80DB0080038103AA") == "63F1"
    card.select(0x6F07, FID)
    assert card("80DB000002BBCC") == "6985"
    assert card("80CB0080018100") == "6A88"
    assert card("80CB0080018001") == "8062F1"
    card.select(0x6F07, FID)
    assert card("80CB000003") == "6985"


def test_too_long_last_block_ends_the_row_and_writes_nothing(card: SmallCard) -> None:
    assert card("80DB0080038103AA") == "63F1"
    assert card("80DB000003BBCCDD") == "6A80"
    assert card("80DB000002BBCC") == "6985"
    assert card("80CB0080018100") == "6A88"


def test_objects_survive_a_new_process_and_show_in_the_fcp(card: SmallCard) -> None:
    assert card("80DB0080038101AA") == "9000"
    reopened = SmallCard(card.base, card.flash)
    reopened.usim()
    reopened.verify(0x01, "1234")
    reopened.select(FID)
    assert reopened("80CB0080018100") == "8101AA9000"
    assert "8002000D" in reopened("00A40004026FC500")


def test_access_rule_and_maximum_size(card: SmallCard) -> None:
    register(card, used=100)
    card.select(0x6FC6)
    assert card("80CB0080018100") == "8101FF9000"
    assert card("80DB0080038101AA") == "6982"
    assert card.verify(0x0A, "99999999") == "9000"
    assert card("80DB0080038101AA") == "9000"
    assert used(card) == 100
    assert card("80DB008011820F", bytes(15)) == "9000"
    assert used(card) == 117  # beyond the three bytes that the profile reserved
    assert card("80DB00800383018A") == "6A84"
    assert card("80DB0080028200") == "9000"
    assert used(card) == 100
    assert card("80DB00800383018A") == "9000"
    register(card, granted=102, used=100)
    assert card("80DB0080048402ABCD") == "6A84"  # no memory left, though the file may grow


def used(card: SmallCard) -> int:
    """What the registry says the profile takes."""
    return Registry(card.memory).require(ISD_P).used


def test_pin_guards_setting(card: SmallCard) -> None:
    card.reset()
    card.usim()
    card.select(FID)
    assert card("80CB0080018000") == "800201029000"
    assert card("80DB0080038101AA") == "6982"
    assert card("80DB000001AA") == "6982"


def test_rule_of_the_standard_file_needs_adm(card: SmallCard) -> None:
    assert standard().adfs[0].children[0x6FC4].arr == (0x6F06, ALWAYS_ADM)
    card.select(0x6FC4)
    assert card("80DB0080028000") == "6982"
