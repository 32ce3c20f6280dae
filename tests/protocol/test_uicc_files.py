# SPDX-License-Identifier: Apache-2.0
"""READ and UPDATE of binary and record files, SEARCH RECORD, INCREASE through the dispatcher (TS 102 221 11.1)."""

from __future__ import annotations

import pytest

from emulator.memory.journal import Flash, Moment, PowerCut
from emulator.profile.base import FileKind
from tests.unit.fs.builder import ALWAYS_PIN1, IMSI, USIM, SmallCard, standard


@pytest.fixture
def card() -> SmallCard:
    """PIN1, PIN2 and ADM1 are verified, the USIM is selected."""
    made = SmallCard(standard().build())
    made.usim()
    for reference, digits in ((0x01, "1234"), (0x81, "5678"), (0x0A, "99999999")):
        assert made.verify(reference, digits) == "9000"
    return made


@pytest.mark.parametrize(
    "fids, command, answer",
    [
        ([0x6F07], "00B0000009", IMSI.ef_imsi.hex().upper() + "9000"),
        ([0x6F07], "00B0000000", IMSI.ef_imsi.hex().upper() + "9000"),  # Le 00: what is there
        ([0x6F07], "00B0000500", IMSI.ef_imsi[5:].hex().upper() + "9000"),
        ([0x6F07], "00B0000502", IMSI.ef_imsi[5:7].hex().upper() + "9000"),
        ([0x6F07], "00B000050A", "6C04"),
        ([0x6F07], "00B0000504", IMSI.ef_imsi[5:].hex().upper() + "9000"),
        ([0x6F60], "00B0000000", "00" * 256 + "9000"),
        ([0x6F60], "00B0015800", "00" * 256 + "9000"),  # 344 + 256 = 600
        ([0x6F60], "00B0015900", "00" * 255 + "9000"),
        ([0x6F60], "00B00000000000", "00" * 600 + "9000"),  # extended: up to 65536
        ([0x6F60], "00B00000000258", "00" * 600 + "9000"),
        ([0x6F60], "00B00000000259", "00" * 600 + "6282"),
        ([0x6F60], "00B00158000101", "6C00"),  # 256 are left
        ([0x6F07], "00B00000", "6700"),
        ([0x6F07], "00B0000001AA05", "6700"),
        ([0x6F07], "00B0000001AA", "6700"),
        ([0x6F3B], "00B0000001", "6981"),
        ([0x6F39], "00B0000001", "6981"),
        ([0x6FC4], "00B0000001", "6981"),
        ([], "00B0000001", "6986"),
        ([], "00B0A00001", "6A86"),  # bits that a short file identifier has not
        ([], "00B0860001", "6A82"),  # unknown short file identifier
        ([], "00B0800001", "6986"),  # short file identifier 0: the current file
        ([0x6F07], "00B0800501", IMSI.ef_imsi[5:6].hex().upper() + "9000"),
        ([], "00B0870009", IMSI.ef_imsi.hex().upper() + "9000"),
        ([], "00B0870509", "6C04"),
        ([], "00B0870500", IMSI.ef_imsi[5:].hex().upper() + "9000"),
        ([], "00B0890001", "6981"),
    ],
)
def test_read_binary(card: SmallCard, fids: list[int], command: str, answer: str) -> None:
    card.select(*fids)
    assert card(command) == answer


@pytest.mark.parametrize("command", ["00B0000901", "00B0000900", "00B07FFF00", "00B0870901"])
def test_cc_ui_16_read_beyond_end(card: SmallCard, command: str) -> None:
    card.select(0x6F07)
    assert card(command) == "6B00"


def test_cc_ui_10_wrong_le_is_corrected_and_the_command_repeated(card: SmallCard) -> None:
    card.select(0x6F07)
    corrected = card("00B0000020")
    assert corrected == "6C09"
    assert card("00B00000" + corrected[2:]).endswith("9000")
    card.select(0x6F3B)
    assert card("00B2010405") == "6C0A"
    assert card("00B2010414") == "6C0A"
    assert card("00B201040A") == "00" * 10 + "9000"


def test_short_identifier_makes_a_file_current_only_when_the_command_ends_well(card: SmallCard) -> None:
    card.select(0x6F07)
    assert card("00B0838001") == "6B00"
    assert card("00B0000002") == IMSI.ef_imsi[:2].hex().upper() + "9000"
    assert card("00B0830001") == "809000"
    assert card("00B0000304") == "6C01"
    assert card("00B0000301") == "029000"


@pytest.mark.parametrize(
    "fids, command, answer",
    [
        ([0x6F7E], "00D60000051122334455", "9000"),
        ([0x6F7E], "00D6000A01AA", "9000"),
        ([0x6F7E], "00D6000A02AABB", "6A84"),  # half of it would fit
        ([0x6F7E], "00D6000B01AA", "6B00"),
        ([0x6F7E], "00D60000", "6700"),
        ([0x6F7E], "00D6000000", "6700"),
        ([0x6F3B], "00D6000001AA", "6981"),
        ([], "00D6000001AA", "6986"),
        ([], "00D68B0001AA", "9000"),
        ([], "00D6860001AA", "6A82"),
        ([], "00D6AB0001AA", "6A86"),
    ],
)
def test_update_binary(card: SmallCard, fids: list[int], command: str, answer: str) -> None:
    card.select(*fids)
    assert card(command) == answer


def test_update_is_read_back_and_survives_a_reset(card: SmallCard) -> None:
    assert card("00D68B0203ABCDEF") == "9000"
    assert card("00B000000B") == "0000ABCDEF0000000000009000"
    reopened = SmallCard(card.base, card.flash)
    reopened.usim()
    reopened.verify(0x01, "1234")
    assert reopened("00B08B000B") == "0000ABCDEF0000000000009000"


def test_what_equals_the_profile_takes_no_memory(card: SmallCard) -> None:
    card.select(0x6F7E)
    before = len(card.flash.data)
    assert card("00D6000001" + "00") == "9000"
    assert len(card.flash.data) == before  # nothing changed, nothing written
    assert card("00D6000001" + "55") == "9000"
    assert card("00D6000001" + "00") == "9000"
    assert not [key for key, _ in card.memory.items("isdp/000010/f/")]


def test_link_and_target_have_one_body(card: SmallCard) -> None:
    card.select(0x3F00, 0x7F10, 0x6F3A)
    assert card("00DC020414" + "EE" * 20) == "9000"
    card.select(0x7FFF, 0x6F3A)
    assert card("00B2020414") == "EE" * 20 + "9000"


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.RECORD, Moment.INSIDE, Moment.MARKED, Moment.AFTER])
def test_cc_ui_21_update_is_atomic(moment: Moment) -> None:
    builder = standard()
    builder.file(builder.mf, 0x2F44, b"\x11" * 255, ALWAYS_PIN1)
    base = builder.build()
    flash = Flash()
    durable = moment in (Moment.MARKED, Moment.AFTER)
    seen = 0
    for cut_at in range(4):
        card = SmallCard(base, flash.copy())
        card.verify(0x01, "1234")
        card.select(0x2F44)
        countdown = [cut_at]

        def hook(now: Moment, left: list[int] = countdown) -> None:
            if now is moment:
                left[0] -= 1
                if left[0] < 0:
                    raise PowerCut

        card.backend.hook = hook
        new = True
        try:
            card("00D60000FF" + "22" * 255)
        except PowerCut:
            seen += 1
            new = durable
        reopened = SmallCard(base, card.flash)
        reopened.verify(0x01, "1234")
        reopened.select(0x2F44)
        assert reopened("00B00000FF") == ("22" if new else "11") * 255 + "9000"
    assert seen


RECORDS = [f"{n:02X}" * 20 + "9000" for n in range(6)]


@pytest.mark.parametrize(
    "commands",
    [  # on EF.ADN, five linear records 01.. to 05..
        [("00B2010414", RECORDS[1]), ("00B2050414", RECORDS[5]), ("00B2060414", "6A83"), ("00B2000414", "6A83")],
        [("00B2000214", RECORDS[1]), ("00B2000214", RECORDS[2]), ("00B2000414", RECORDS[2])],
        [("00B2000314", RECORDS[5]), ("00B2000214", "6A83"), ("00B2000314", RECORDS[4])],
        [("00B2000214", RECORDS[1]), ("00B2000314", "6A83"), ("00B2000214", RECORDS[2])],
        [("00B2000214", RECORDS[1]), ("00B2040414", RECORDS[4]), ("00B2000214", RECORDS[2])],  # absolute moves nothing
        [("00B2000215", "6C14"), ("00B2000214", RECORDS[1])],  # a wrong length neither
        [("00B2010014", "6A86"), ("00B2010114", "6A86"), ("00B2010514", "6A86"), ("00B2010714", "6A86")],
        [("00B2010214", "6A86"), ("00B20104", "6700"), ("00B2010401AA14", "6700")],
        [("00B2010400", RECORDS[1]), ("00B2010413", "6C14")],
        [("00B2016414", "6A82"), ("00B201FC14", "6A82")],
    ],
)
def test_read_record_linear(card: SmallCard, commands: list[tuple[str, str]]) -> None:
    card.select(0x3F00, 0x7F10, 0x6F3A)
    for command, answer in commands:
        assert card(command) == answer


@pytest.mark.parametrize("record", ["06", "FE", "FF"])
def test_cc_ui_17_read_record_out_of_range(card: SmallCard, record: str) -> None:
    card.select(0x3F00, 0x7F10, 0x6F3A)
    assert card(f"00B2{record}0414") == "6A83"


@pytest.mark.parametrize(
    "commands",
    [  # on the cyclic EF, 00001E, 000014, 00000A, newest first
        [("00B2000203", "00001E"), ("00B2000203", "000014"), ("00B2000203", "00000A"), ("00B2000203", "00001E")],
        [("00B2000303", "00000A"), ("00B2000303", "000014"), ("00B2000303", "00001E"), ("00B2000303", "00000A")],
        [("00DC000303000063", ""), ("00B2000403", "000063"), ("00B2030403", "000014")],
        [("00DC000303000063", ""), ("00B2000203", "00001E")],  # what was written is current
    ],
)
def test_cyclic_file(card: SmallCard, commands: list[tuple[str, str]]) -> None:
    card.select(0x6F39)
    for command, answer in commands:
        assert card(command) == answer + "9000"


@pytest.mark.parametrize(
    "fid, command, answer",
    [
        (0x6F39, "00DC010403000063", "6981"),  # cyclic: only PREVIOUS
        (0x6F39, "00DC000203000063", "6981"),
        (0x6F39, "00DC010303000063", "6A86"),
        (0x6F39, "00DC0003020063", "6700"),
        (0x6F3B, "00DC01040A" + "AA" * 10, "9000"),
        (0x6F3B, "00DC04040A" + "AA" * 10, "6A83"),
        (0x6F3B, "00DC010409" + "AA" * 9, "6700"),
        (0x6F3B, "00DC01040B" + "AA" * 11, "6700"),
        (0x6F3B, "00DC0104", "6700"),
        (0x6F3B, "00DC01000A" + "AA" * 10, "6A86"),
        (0x6F3B, "00DC01020A" + "AA" * 10, "6A86"),
        (0x6F3B, "00DC00040A" + "AA" * 10, "6A83"),  # no current record
        (0x6F07, "00DC010409" + "AA" * 9, "6981"),
        (0x6F07, "00B2010409", "6981"),
        (None, "00DC01040A" + "AA" * 10, "6986"),
        (None, "00DC014C0A" + "AA" * 10, "9000"),
        (None, "00B2010409", "6986"),
        (None, "00B2014C0A", "00" * 10 + "9000"),
    ],
)
def test_update_record(card: SmallCard, fid: int | None, command: str, answer: str) -> None:
    if fid is not None:
        card.select(fid)
    assert card(command) == answer


def test_update_moves_the_record_pointer_like_read(card: SmallCard) -> None:
    card.select(0x6F3B)
    for value in ("11", "22", "33"):
        assert card("00DC00020A" + value * 10) == "9000"
    assert card("00DC00020A" + "44" * 10) == "6A83"
    assert card("00B200040A") == "33" * 10 + "9000"
    assert card("00DC00030A" + "55" * 10) == "9000"
    assert card("00B202040A") == "55" * 10 + "9000"
    assert card("00B2004A0A") == "11" * 10 + "9000"  # the short identifier makes the pointer undefined first
    assert card("00B2004A0A") == "11" * 10 + "9000"
    assert card("00B200020A") == "55" * 10 + "9000"


@pytest.mark.parametrize(
    "steps",
    [
        [("8032000003000001", "00001F000001"), ("00B2000403", "00001F"), ("00B2030403", "000014")],
        [("8032000001FF", "00011DFF")],
        [("8032000003FFFFFF", None, "9850"), ("00B2010403", "00001E")],
        [("803200000400000001", None, "6700"), ("80320000", None, "6700")],
        [("8032000103000001", None, "6A86"), ("8032200003000001", None, "6A86"), ("8032840003000001", None, "6981")],
        [("8032890003000001", None, "6981"), ("80329E0003000001", None, "6A82")],
        [("00B2010403", "00001E")],
    ],
)
def test_increase(card: SmallCard, steps: list[tuple[str, str | None, str] | tuple[str, str]]) -> None:
    card.select(0x6F39)
    for step in steps:
        if len(step) == 2:
            assert card(step[0] + ("00" if step[0][2:4] == "32" else "")) == step[1] + "9000"
        else:
            assert card(step[0]) == step[2]


def test_increase_needs_a_rule_of_its_own(card: SmallCard) -> None:
    builder = standard()
    usim = builder.adfs[0]
    builder.file(usim, 0x6F3F, bytes(9), ALWAYS_PIN1, kind=FileKind.CYCLIC, length=3)
    other = SmallCard(builder.build())
    other.usim()
    other.verify(0x01, "1234")
    other.select(0x6F3F)
    assert other("8032000003000001") == "6982"
    assert other("00DC000303000001") == "9000"


@pytest.mark.parametrize(
    "command, answer",
    [  # records: 1 "smith  ", 2 "jones  ", 3 "smithy ", 4 FF.., in the order of the search
        ("00A2010405736D697468", "01 03"),
        ("00A2020405736D697468", "03"),
        ("00A2030505736D697468", "03 01"),
        ("00A2010406736D69746879", "03"),
        ("00A201040163", "6282"),
        ("00A2000405736D697468", "6A83"),  # no current record
        ("00A2050405736D697468", "6A83"),
        ("00A2010607 0402 697468 796F", "6282"),
        ("00A2010605 0402 697468", "01 03"),  # from byte 2 of each record
        ("00A2010605 0403 697468", "6282"),
        ("00A2010605 0C6D 697468", "01 03"),  # behind the first m
        ("00A2010604 0C79 2020", "03"),
        ("00A2000607 0600 736D697468", "01 03"),  # from the next record
        ("00A2000607 0700 736D697468", "03 01"),  # from the previous one
        ("00A2010607 0600 736D697468", "6A86"),
        ("00A2010602 0400", "6700"),
        ("00A2010605 0300 697468", "6A80"),
        ("00A2010605 1400 697468", "6A80"),
        ("00A2010708 0400 736D69746879", "6A86"),
        ("00A20104", "6700"),
        ("00A2010409" + "20" * 9, "6700"),
    ],
)
def test_search_record(command: str, answer: str) -> None:
    builder = standard()
    names = b"".join(name.encode().ljust(8) for name in ("smith", "jones", "smithy")) + b"\xff" * 8
    builder.file(builder.mf, 0x2F33, names, ALWAYS_PIN1, length=8, sfi=8)
    card = SmallCard(builder.build())
    card.select(0x2F33)
    raw = command.replace(" ", "")
    found = answer.replace(" ", "")
    if len(found) == 4 and found[0] == "6":
        assert card(raw) == found
    else:
        assert card(raw + "00") == found + "9000"
        assert card("00B2000408") == card(f"00B2{found[:2]}0408")  # the first one found is current
        by_sfi = raw[:6] + f"{int(raw[6:8], 16) | 8 << 3:02X}" + raw[8:]
        if raw[4:6] != "00":
            assert card(by_sfi + "00") == found + "9000"


def test_search_record_on_other_structures(card: SmallCard) -> None:
    card.select(0x6F07)
    assert card("00A2010401AA") == "6981"
    card.select(0x6F39)
    assert card("00A201040114" + "00") == "029000"
    assert card("00A2014C01FF") == "6282"


def test_file_without_records() -> None:
    builder = standard()
    builder.file(builder.mf, 0x2F34, b"", ALWAYS_PIN1, length=8)
    card = SmallCard(builder.build())
    card.select(0x2F34)
    for mode in ("02", "03", "04"):
        assert card(f"00B200{mode}08") == "6A83"


def test_nothing_of_the_application_is_current_on_another_channel(card: SmallCard) -> None:
    card.select(0x6F07)
    assert card("0070000001") == "019000"
    assert card("01B0000009") == "6986"
    assert card("01A4040C0C" + str(USIM)) == "9000"
    assert card("01B0870009").endswith("9000")
