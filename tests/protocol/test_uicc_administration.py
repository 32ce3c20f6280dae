# SPDX-License-Identifier: Apache-2.0
"""CREATE, DELETE and RESIZE FILE through the dispatcher (TS 102 222), on a profile that shares its base with others."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from apdu.tlv.scan import ber
from emulator.memory.journal import Flash, Hook, Moment, PowerCut
from emulator.profile.base import FileKind, FileNode, ProfileBase
from emulator.sd.registry import Registry
from tests.scale import count
from tests.unit.fs.builder import ALWAYS_ADM, ISD_P, PREFIX, RULES, SmallCard, arr, register, standard

FREE = len(RULES) + 1
NO_RESIZE = len(RULES) + 2
QUOTA = 4096
EXTRA = ("8001019000 80015FA40683010A950108 8401D4A40683010A950108", "8001019000 80011FA40683010A950108")


def base() -> ProfileBase:
    """The standard profile, with access rules that let ADM1 administer files."""
    builder = standard()
    usim = builder.adfs[0]
    for directory in (builder.mf, usim):
        rules = directory.children[0x2F06 if directory is builder.mf else 0x6F06]
        assert isinstance(rules, FileNode)
        rules.content = arr(*RULES, *EXTRA)
        rules.size = len(rules.content)
        directory.arr = (0x2F06, FREE)
    builder.file(usim, 0x6F70, bytes(range(16)), FREE)
    builder.file(usim, 0x6F71, b"".join(bytes((n,)) * 4 for n in range(1, 4)), FREE, length=4)
    builder.file(usim, 0x6F72, bytes(8), FREE, kind=FileKind.CYCLIC, length=4)
    builder.file(usim, 0x6F73, bytes(8), NO_RESIZE)
    target = builder.file(usim, 0x6F74, bytes(8), FREE)
    builder.link(usim, 0x6F75, target, FREE)
    builder.file(usim, 0x6F76, bytes.fromhex("8006010203040506"), FREE, kind=FileKind.BER_TLV).size = 16
    df = builder.df(usim, 0x5F10)
    df.arr = (0x2F06, FREE)
    builder.file(df, 0x4F20, b"\x01\x02", FREE)
    return builder.build()


def powered(base: ProfileBase | None, flash: Flash | None = None, hook: Hook | None = None) -> SmallCard:
    """A card in whose registry the profile's ISD-P has a quota; ADM1 and PIN1 verified, the USIM selected."""
    made = SmallCard(base, flash, hook)
    if flash is None:
        register(made, granted=QUOTA, used=1000)
    made.usim()
    for reference, digits in ((0x01, "1234"), (0x0A, "99999999")):
        assert made.verify(reference, digits) == "9000"
    return made


@pytest.fixture
def card() -> SmallCard:
    return powered(base())


def used(card: SmallCard) -> int:
    """What the registry says the profile takes."""
    return Registry(card.memory).require(ISD_P).used


def fcp(
    fid: int = 0x6F80,
    descriptor: str = "4121",
    size: str | None = "0010",
    rule: str = f"6F06{FREE:02X}",
    sfi: str | None = "",
    pins: Iterable[int] = (),
    more: str = "",
    lcs: str = "05",
) -> bytes:
    """The data field of CREATE FILE."""
    body = ber(0x82, bytes.fromhex(descriptor)) + ber(0x83, fid.to_bytes(2, "big"))
    body += ber(0xA5, bytes.fromhex(more)) if more else b""
    body += ber(0x8A, bytes.fromhex(lcs)) + ber(0x8B, bytes.fromhex(rule))
    if pins:
        body += ber(0xC6, b"\x90\x01\x80" + b"".join(ber(0x83, bytes((pin,))) for pin in pins))
    if size is not None:
        body += ber(0x80, bytes.fromhex(size))
    if sfi is not None:
        body += ber(0x88, bytes.fromhex(sfi))
    return ber(0x62, body)


def create(card: SmallCard, data: bytes) -> str:
    return card(f"00E00000{len(data):02X}", data)


def resize(card: SmallCard, fid: int, size: str, more: str = "") -> str:
    body = ber(0x83, fid.to_bytes(2, "big")) + (ber(0xA5, bytes.fromhex(more)) if more else b"")
    data = ber(0x62, body + ber(0x80, bytes.fromhex(size)))
    return card(f"80D40000{len(data):02X}", data)


def test_created_file_is_current_and_like_any_other(card: SmallCard) -> None:
    before = used(card)
    assert create(card, fcp(sfi="60")) == "9000"
    assert used(card) == before + 16 + 32
    assert card("00B0000010") == "FF" * 16 + "9000"
    assert card("00D600020411223344") == "9000"
    assert card("00B0000006") == "FFFF11223344" + "9000"
    assert card("00B08C0001") == "FF9000"
    found = card("00A40004026F8000")
    assert (
        found == "621C82024121" + "83026F80" + "A503C00100" + "8A0105" + "8B036F060B" + "80020010" + "880160" + "9000"
    )


def test_created_file_survives_a_restart_and_the_base_of_others_is_untouched(card: SmallCard) -> None:
    assert create(card, fcp()) == "9000"
    assert card("00D6000001AA") == "9000"
    again = powered(card.base, card.flash)
    again.select(0x6F80)
    assert again("00B0000002") == "AAFF9000"
    other = powered(card.base)
    assert other("00A4000C026F80") == "6A82"
    assert create(again, fcp(0x6F81)) == "9000"
    again.select(0x6F80)
    assert again("00B0000001") == "AA9000"


@pytest.mark.parametrize(
    "descriptor, size, more, read, expected",
    [
        ("4121", "0005", "C10102", "00B0000005", "0202020202"),
        ("4121", "0005", "C1020102", "00B0000005", "0102020202"),
        ("4121", "0005", "C2020102", "00B0000005", "0102010201"),
        ("42210004", "000C", "C10107", "00B2030404", "07070707"),
        ("4221000403", "000C", "C2020809", "00B2010404", "08090809"),
        ("46210004", "000C", "", "00B2010404", "FFFFFFFF"),
        ("0121", "01", "", "00B0000001", "FF"),
    ],
)
def test_first_contents(card: SmallCard, descriptor: str, size: str, more: str, read: str, expected: str) -> None:
    assert create(card, fcp(descriptor=descriptor, size=size, more=more)) == "9000"
    assert card(read) == expected + "9000"


def test_created_ber_tlv_file_holds_objects(card: SmallCard) -> None:
    assert create(card, fcp(descriptor="7921", size="0008", more="860110")) == "9000"
    assert card("80DB0080038101AA") == "9000"
    assert card("80DB00800E820C", bytes(12)) == "6A84"
    assert card("80CB0080018100") == "8101AA9000"


@pytest.mark.parametrize(
    "data, sw",
    [
        (fcp(0x6F07), "6A89"),
        (fcp(0x5F10), "6A89"),
        (fcp(0x3F00), "6A80"),
        (fcp(0x7FFF), "6A80"),
        (fcp(descriptor="4122"), "6A80"),
        (fcp(descriptor="4321"), "6A80"),
        (fcp(descriptor="412100"), "6A80"),
        (fcp(descriptor="42210004", size="000D"), "6A80"),
        (fcp(descriptor="42210000", size="000C"), "6A80"),
        (fcp(descriptor="42210001", size="0100"), "6A80"),
        (fcp(descriptor="42210100", size="0200"), "6A80"),
        (fcp(size=None), "6A80"),
        (fcp(size="0000"), "6A80"),
        (fcp(size="010000"), "6A80"),
        (fcp(rule="6F06010A"), "6A80"),
        (fcp(rule="6F"), "6A80"),
        (fcp(lcs="0C"), "6A80"),
        (fcp(sfi="38"), "6A80"),  # that of EF.IMSI
        (fcp(pins=(1,)), "6A80"),
        (fcp(descriptor="7821", size=None), "6A80"),
        (fcp(descriptor="7821", size=None, pins=(0x0C,)), "6A80"),
        (fcp(descriptor="7821", size=None, pins=(1, 1)), "6A80"),
        (fcp(size="1000"), "6A84"),
        (fcp()[:-1], "6A80"),
        (b"\x62\x00", "6A80"),
        (b"\x6f\x02\x82\x00", "6A80"),
    ],
)
def test_refused_creation_leaves_no_trace(card: SmallCard, data: bytes, sw: str) -> None:
    before = dict(card.memory.items(""))
    assert create(card, data) == sw
    assert dict(card.memory.items("")) == before
    assert card("00A4000C026F80") == "6A82"
    assert card("00A4000C026F07") == "9000"


def test_implied_short_identifier_gives_way(card: SmallCard) -> None:
    assert create(card, fcp(0x6FA7, sfi=None)) == "9000"  # 07 is that of EF.IMSI
    assert "8800" in card("00A40004026FA700")
    assert create(card, fcp(0x6FB2, sfi=None)) == "9000"
    assert card("00B0920001") == "FF9000"


def test_directory_with_a_file_in_it(card: SmallCard) -> None:
    assert create(card, fcp(0x5F20, "7821", None, rule=f"2F06{FREE:02X}", sfi=None, pins=(1, 0x0A))) == "9000"
    assert create(card, fcp(0x4F01)) == "9000"
    assert card("00D6000001AA") == "9000"
    again = powered(card.base, card.flash)
    again.select(0x5F20, 0x4F01)
    assert again("00B0000001") == "AA9000"
    answer = again("00A40004025F2000")
    assert "C6099001C0830101" + "83010A" in answer
    level = used(again)
    again.select(0x7FFF)
    assert again("00E40000025F20") == "9000"
    assert used(again) == level - 32 - 32 - 16
    assert again("00A4000C025F20") == "6A82"
    assert not [key for key, _ in again.memory.items(PREFIX + "/") if "/n/" in key or "/f/" in key]


def test_rules_are_asked(card: SmallCard) -> None:
    card.reset()
    card.usim()
    card.verify(0x01, "1234")
    assert create(card, fcp()) == "6982"
    assert resize(card, 0x6F70, "0020") == "6982"
    assert card("00E40000026F70") == "6982"
    card.verify(0x0A, "99999999")
    assert resize(card, 0x6F73, "0020") == "6982"  # no rule for it
    assert card("00E40000026F73") == "6982"
    card.select(0x5FC0)
    assert create(card, fcp(0x5F30, "7821", None, sfi=None, pins=(1,))) == "6982"  # EFs only
    assert create(card, fcp(0x4F30)) == "9000"


def test_deleted_file_of_the_profile_is_gone_for_this_card(card: SmallCard) -> None:
    card.select(0x6F70)
    assert card("00D6000001AA") == "9000"
    before = used(card)
    assert card("00E40000026F70") == "9000"
    assert used(card) == before - 16 - 32
    assert card("00B0000001") == "6986"
    assert card("00A4000C026F70") == "6A82"
    again = powered(card.base, card.flash)
    assert again("00A4000C026F70") == "6A82"
    assert create(again, fcp(0x6F70)) == "9000"
    assert again("00B0000001") == "FF9000"


def test_directory_deletes_itself_with_what_lies_in_it(card: SmallCard) -> None:
    card.select(0x5F10)
    assert card("00E40000025F10") == "9000"
    assert card("80F2000000").startswith("62")
    assert "840CA0000000871002FF49FF0589" in card("80F2000000")
    assert card("00A4000C025F10") == "6A82"
    assert powered(card.base, card.flash)("00A4000C025F10") == "6A82"


@pytest.mark.parametrize(
    "command, sw",
    [
        ("00E40000026FFF", "6A82"),
        ("00E40000027FD0", "6A82"),  # an ADF has no identifier
        ("00E400000100", "6700"),
        ("00E40000", "6700"),
        ("00E40100026F70", "6A86"),
        ("00E40000026F74", "6985"),  # something links to it
        ("80E40000026F70", "6985"),  # GP DELETE
        ("00E60000026F70", "6D00"),  # TERMINATE DF
        ("00E80000026F70", "6D00"),  # TERMINATE EF
        ("00FE0000", "6D00"),  # TERMINATE CARD USAGE
    ],
)
def test_refused_deletion(card: SmallCard, command: str, sw: str) -> None:
    before = dict(card.memory.items(""))
    assert card(command) == sw
    assert dict(card.memory.items("")) == before


def test_mf_stays(card: SmallCard) -> None:
    card.select(0x3F00)
    assert card("00E40000023F00") == "6985"


def test_link_can_be_deleted_and_its_target_then_too(card: SmallCard) -> None:
    before = used(card)
    assert card("00E40000026F75") == "9000"
    assert used(card) == before - 32
    assert card("00E40000026F74") == "9000"


def test_file_that_is_current_elsewhere_stays(card: SmallCard) -> None:
    assert card("0070000001") == "019000"
    assert card("01A4040C0CA0000000871002FF49FF0589") == "9000"
    assert card("01A4000C026F70") == "9000"
    assert card("00E40000026F70") == "6985"
    assert card("01A4000C026F07") == "9000"
    assert card("00E40000026F70") == "9000"
    assert card("01B0000001") == "089000"  # what is current on the other channel still is


def test_resize(card: SmallCard) -> None:
    before = used(card)
    assert resize(card, 0x6F70, "0014") == "9000"
    assert card("00B0000000") == bytes(range(16)).hex().upper() + "FFFFFFFF" + "9000"
    assert used(card) == before + 4
    assert resize(card, 0x6F70, "0016", "C10177") == "9000"
    assert card("00B0140000") == "6B00"
    assert card("00B0001400") == "77779000"
    assert resize(card, 0x6F70, "0002") == "9000"
    assert card("00B0000000") == "00019000"
    assert "80020002" in card("00A40004026F7000")
    again = powered(card.base, card.flash)
    again.select(0x6F70)
    assert again("00B0000000") == "00019000"
    assert used(again) == before - 14


def test_resize_of_records_links_and_files_made_here(card: SmallCard) -> None:
    assert resize(card, 0x6F71, "0010") == "9000"
    assert card("00B2030404") == "03" * 4 + "9000"
    assert card("00B2040404") == "FF" * 4 + "9000"
    assert card("00B2050404") == "6A83"
    assert resize(card, 0x6F71, "000A") == "6A80"
    assert resize(card, 0x6F75, "0009") == "9000"
    card.select(0x6F74)
    assert card("00B0000000") == "00" * 8 + "FF9000"
    assert create(card, fcp(size="02")) == "9000"
    assert resize(card, 0x6F80, "03") == "9000"
    assert powered(card.base, card.flash)("00A4000C026F80") == "9000"


def test_resize_of_a_cyclic_file(card: SmallCard) -> None:
    """Record 1 is the newest: a larger file gets room behind the oldest, a smaller one loses the oldest."""
    card.select(0x6F72)
    for value in ("11111111", "22222222"):
        assert card(f"00DC000304{value}") == "9000"
    assert resize(card, 0x6F72, "000C", "C1020099") == "9000"
    assert [card(f"00B20{n}0404") for n in (1, 2, 3)] == ["222222229000", "111111119000", "009999999000"]
    assert "82054621000403" in card("00A40004026F7200")
    assert card("00DC00030433333333") == "9000"
    assert [card(f"00B20{n}0404") for n in (1, 2, 3)] == ["333333339000", "222222229000", "111111119000"]
    assert resize(card, 0x6F72, "0008") == "9000"
    again = powered(card.base, card.flash)
    again.select(0x6F72)
    assert [again(f"00B20{n}0404") for n in (1, 2, 3)] == ["333333339000", "222222229000", "6A83"]


def test_resize_of_a_ber_tlv_file(card: SmallCard) -> None:
    """80 is what is reserved for the file, 86 in A5 what it may grow to."""
    before = used(card)
    card.select(0x6F76)
    long = "8110" + "AA" * 16
    assert card(f"80DB0080{len(long) // 2:02X}{long}") == "6A84"
    assert resize(card, 0x6F76, "001A") == "9000"
    assert used(card) == before + 10
    assert card(f"80DB0080{len(long) // 2:02X}{long}") == "9000"
    assert resize(card, 0x6F76, "0010") == "6A84"  # 26 bytes are in it
    assert resize(card, 0x6F76, "0010", "8602001A") == "9000"
    assert used(card) == before + 10  # what goes beyond the reserved size is still there
    assert "8502001086" + "02001A" in card("00A40004026F7600")
    again = powered(card.base, card.flash)
    again.select(0x6F76)
    assert again("80CB0080018100") == long + "9000"
    assert again("80CB0080018000") == "80060102030405069000"
    assert again("80DB00800181") == "9000"  # deletes the long object
    assert used(again) == before
    assert resize(again, 0x6F76, "0020") == "6A80"  # more than the maximum
    assert resize(again, 0x6F76, "0020", "86020020") == "9000"


def test_resize_of_the_maximum_size_alone(card: SmallCard) -> None:
    before = used(card)
    data = ber(0x62, ber(0x83, b"\x6f\x76") + ber(0xA5, bytes.fromhex("86020040")))
    assert card(f"80D40000{len(data):02X}", data) == "9000"
    assert used(card) == before
    assert "850200108602" + "0040" in card("00A40004026F7600")


def test_deleting_gives_back_what_objects_took_beyond_the_reserved_size(card: SmallCard) -> None:
    before = used(card)
    assert create(card, fcp(descriptor="7921", size="08", more="86020040")) == "9000"
    assert used(card) == before + 8 + 32
    long = "8110" + "AA" * 16
    assert card(f"80DB0080{len(long) // 2:02X}{long}") == "9000"
    assert used(card) == before + 18 + 32
    assert card("00E40000026F80") == "9000"
    assert used(card) == before


@pytest.mark.parametrize(
    "fid, size, sw",
    [
        (0x6F72, "000A", "6A80"),
        (0x6F72, "0F00", "6A80"),
        (0x5F10, "000C", "6981"),
        (0x6FFF, "0001", "6A82"),
        (0x6F70, "0F00", "6A84"),
        (0x6F76, "0F00", "6A84"),
        (0x6F76, "0007", "6A84"),
        (0x6F76, "0000", "6A80"),
    ],
)
def test_refused_resize(card: SmallCard, fid: int, size: str, sw: str) -> None:
    before = dict(card.memory.items(""))
    assert resize(card, fid, size) == sw
    assert dict(card.memory.items("")) == before


def test_without_a_quota_the_free_memory_of_the_card_is_the_limit(card: SmallCard) -> None:
    register(card, used=99_000)
    assert create(card, fcp(size="0200")) == "6A84"
    assert create(card, fcp(size="0100")) == "9000"


def test_other_files_go_on_as_before(card: SmallCard) -> None:
    """PINs, access rules, service table and links work on the card's own tree."""
    assert create(card, fcp()) == "9000"
    again = powered(card.base, card.flash)
    again.reset()
    again.usim()
    assert again("00A4000C026F07") == "9000"
    assert again("00B0000001") == "6982"
    assert again.verify(0x01, "1234") == "9000"
    assert again("00B0000001") == "089000"
    assert again("00A4000C026F3A") == "9000"
    assert again("00B2010414") == "01" * 20 + "9000"


def test_the_isd_p_takes_its_files_along(card: SmallCard) -> None:
    assert create(card, fcp()) == "9000"
    registry = Registry(card.memory)
    registry.remove(registry.require(ISD_P))
    card.memory.commit()
    assert [key for key, _ in card.memory.items("")] == ["card"]


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.RECORD, Moment.INSIDE, Moment.MARKED, Moment.AFTER])
@pytest.mark.parametrize("what", ["create", "delete", "resize"])
def test_power_cut_leaves_the_old_or_the_new_tree(moment: Moment, what: str) -> None:
    shared = base()
    flash = powered(shared).flash
    armed: list[Moment] = []

    def cut(now: Moment) -> None:
        if now in armed:
            raise PowerCut

    victim = powered(shared, flash, cut)
    old = used(victim)
    armed.append(moment)
    with pytest.raises(PowerCut):
        if what == "create":
            create(victim, fcp(more="C10101"))
        elif what == "delete":
            victim("00E40000026F70")
        else:
            resize(victim, 0x6F70, "0020")
    again = powered(shared, flash)
    is_new = used(again) != old
    assert again("00A4000C026F80") == ("9000" if is_new and what == "create" else "6A82")
    if what == "create":
        assert not is_new or again("00B0000010") == "01" * 16 + "9000"
    elif what == "delete":
        assert again("00A4000C026F70") == ("6A82" if is_new else "9000")
    else:
        again.select(0x6F70)
        assert again("00B0000000") == bytes(range(16)).hex().upper() + "FF" * 16 * is_new + "9000"
    assert is_new is (moment in (Moment.MARKED, Moment.AFTER))


def test_card_with_the_rule_of_a_template_creates_nothing_but_files(card: SmallCard) -> None:
    assert card.base is not None
    assert card.base.mf.children[0x7F10].arr == (0x2F06, ALWAYS_ADM)
    card.select(0x3F00, 0x7F10)
    assert create(card, fcp(0x5F50, "7821", None, rule="2F0601", sfi=None, pins=(1,))) == "6982"
    assert create(card, fcp(0x6F50, rule="2F0601")) == "9000"


def test_no_damaged_command_breaks_the_card_or_is_half_done() -> None:
    """Mutated commands answer a legal status word, and a refusal writes nothing; what was made can be read again."""
    random = Random(20250107)
    made = powered(base())
    register(made, granted=1 << 20)
    commands = [
        b"\x00\xe0\x00\x00" + data
        for data in (
            fcp(0x6F90),
            fcp(0x6F91, "42210004", "000C", more="C2020102"),
            fcp(0x6F92, "7921", "0020", more="860140"),
            fcp(0x5F40, "7821", None, sfi=None, pins=(1, 0x0A)),
        )
    ]
    commands += [bytes.fromhex("80D40000") + ber(0x62, bytes.fromhex("83026F70") + bytes.fromhex("80020020"))]
    commands += [bytes.fromhex(text) for text in ("00E400006F70", "80DB12808203AABBCC", "80DB00808103AABBCC")]
    for _ in range(count("fuzz_apdus") // 10):
        raw = bytearray(random.choice(commands))
        for _ in range(random.randrange(4)):
            raw[random.randrange(4, len(raw))] = random.randrange(256)
        before = dict(made.memory.items(""))
        answer = made.transmit(bytes(raw[:4]) + bytes((len(raw) - 4,)) + bytes(raw[4:]))
        assert answer[0] in (0x63, 0x67, 0x69, 0x6A, 0x90), (raw.hex(), answer.hex())
        if answer[0] != 0x90:
            assert dict(made.memory.items("")) == before, raw.hex()
        if random.random() < 0.1:
            made.select(0x3F00)
            made.usim()
        if random.random() < 0.02:
            made = powered(made.base, made.flash)
