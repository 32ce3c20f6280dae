# SPDX-License-Identifier: Apache-2.0
"""SELECT and STATUS through the dispatcher (TS 102 221 8.4, 11.1.1, 11.1.2)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from apdu.command.fcp import FcpTemplate, FileDescriptor
from apdu.ids import Aid
from emulator.channels import Channel, Handler
from tests.unit.fs.builder import CSIM, ISIM, USIM, USIM2, SmallCard, standard


@pytest.fixture
def card() -> SmallCard:
    return SmallCard(standard().build())


def fcp(answer: str, sw: str = "9000") -> FcpTemplate:
    assert answer.endswith(sw)
    return FcpTemplate.from_tlv(bytes.fromhex(answer[:-4]))


def current(card: SmallCard) -> int | None:
    """The identifier of the current directory, as STATUS tells it."""
    return fcp(card("80F2000000")).fid


def test_cc_ui_04_select_mf(card: SmallCard) -> None:
    raw = bytes.fromhex(card("00A40004023F0000")[:-4])
    assert (raw[0], raw[1]) == (0x62, len(raw) - 2)
    tags, at = [], 2
    while at < len(raw):
        tags.append(raw[at])
        at += 2 + raw[at + 1]
    assert [tag for tag in tags if tag != 0xA5] == [0x82, 0x83, 0x8A, 0x8B, 0xC6]
    assert card("00A40004023F00") == f"61{len(raw):02X}"
    assert card(f"00C00000{len(raw):02X}") == raw.hex().upper() + "9000"
    template = FcpTemplate.from_tlv(raw)
    assert template.descriptor == FileDescriptor(0x78)
    assert (template.fid, template.lcs) == (0x3F00, 5)
    assert template.security is not None
    assert template.security.fid == 0x2F06
    assert template.pin_status is not None
    assert [(entry.reference, entry.enabled) for entry in template.pin_status.entries] == [
        (0x01, True),
        (0x0A, True),
        (0x11, True),
    ]
    assert template.proprietary is not None
    assert template.proprietary.characteristics == 0x71


def test_select_ef_answers_the_sample_of_the_specification(card: SmallCard) -> None:
    sample = "62 1C 8202 4121 8302 2FE2 A503 C00140 8A0105 8B03 2F0604 8002 000A 8801 10 9000"
    assert card("00A40004022FE200") == sample.replace(" ", "")


def test_record_file_and_ber_tlv_file_describe_themselves(card: SmallCard) -> None:
    card.usim()
    assert fcp(card("00A40004026F3900")).descriptor == FileDescriptor(0x46, record_length=3, records=3)
    template = fcp(card("00A40004026FC400"))
    assert template.descriptor == FileDescriptor(0x79)
    assert template.proprietary is not None
    assert (template.proprietary.details, template.proprietary.reserved_size) == (1, 4)


def test_link_shows_its_own_identifier_and_rule_and_the_rest_of_its_target(card: SmallCard) -> None:
    card.usim()
    template = fcp(card("00A40004026F3A00"))
    assert template.descriptor == FileDescriptor(0x42, record_length=20, records=5)
    assert template.size == 100
    assert template.security is not None
    assert (template.security.fid, template.security.record) == (0x6F06, 2)


@pytest.mark.parametrize(
    "path, fid, status, now",
    [  # what is current, what is selected by identifier, answer, current directory afterwards
        ([], 0x3F00, "9000", 0x3F00),
        ([], 0x2FE2, "9000", 0x3F00),
        ([], 0x7F10, "9000", 0x7F10),
        ([], 0x6FFF, "6A82", 0x3F00),
        ([], 0x7FFF, "6A82", 0x3F00),  # no current ADF
        ([], 0x7FD0, "6A82", 0x3F00),  # temporary identifier of an ADF
        ([], 0x5F3A, "6A82", 0x3F00),  # grandchild
        ([0x7F10], 0x7F10, "9000", 0x7F10),  # itself
        ([0x7F10], 0x5F3A, "9000", 0x5F3A),  # child
        ([0x7F10], 0x6F3A, "9000", 0x7F10),
        ([0x7F10], 0x3F00, "9000", 0x3F00),  # parent
        ([0x7F10], 0x7F20, "9000", 0x7F20),  # a DF beside it
        ([0x7F10], 0x2FE2, "6A82", 0x7F10),  # an EF beside it
        ([0x7F10], 0x7FD0, "6A82", 0x7F10),
        ([0x7F10, 0x5F3A], 0x7F10, "9000", 0x7F10),
        ([0x7F10, 0x5F3A], 0x7F20, "6A82", 0x5F3A),  # a DF beside the parent
        ([0x7F10, 0x6F3A], 0x5F3A, "9000", 0x5F3A),  # from an EF: relative to the DF that holds it
    ],
)
def test_resolution_by_identifier(card: SmallCard, path: list[int], fid: int, status: str, now: int) -> None:
    card.select(*path)
    assert card(f"00A4000C02{fid:04X}") == status
    assert current(card) == now


@pytest.mark.parametrize(
    "path, fid, status, now",
    [
        ([], 0x7FFF, "9000", 0x7FD0),
        ([], 0x7FD0, "6A82", 0x7FD0),  # not even itself by its temporary identifier
        ([], 0x5FC0, "9000", 0x5FC0),
        ([], 0x7F10, "6A82", 0x7FD0),  # an ADF has no DFs beside it
        ([0x5FC0], 0x5FD0, "9000", 0x5FD0),
        ([0x5FC0], 0x7FFF, "9000", 0x7FD0),
        ([0x5FC0], 0x7FD0, "6A82", 0x5FC0),
        ([0x3F00], 0x7FFF, "9000", 0x7FD0),  # selecting the MF does not end the application session
        ([0x3F00, 0x7F10], 0x7FFF, "9000", 0x7FD0),
        ([0x3F00], 0x6F07, "6A82", 0x3F00),
    ],
)
def test_resolution_inside_an_application(card: SmallCard, path: list[int], fid: int, status: str, now: int) -> None:
    card.usim()
    card.select(*path)
    assert card(f"00A4000C02{fid:04X}") == status
    assert current(card) == now


@pytest.mark.parametrize(
    "command, status, now",
    [
        ("00A4010C027F10", "9000", 0x7F10),  # child DF
        ("00A4010C022FE2", "6A82", 0x3F00),  # a child, but an EF
        ("00A4010C027FD0", "6A82", 0x3F00),
        ("00A4010C0000", "6700", 0x3F00),
        ("00A4030C", "6A82", 0x3F00),  # the MF has no parent
        ("00A4030C027F10", "6700", 0x3F00),
        ("00A4080C027F10", "9000", 0x7F10),
        ("00A4080C047F105F3A", "9000", 0x5F3A),
        ("00A4080C047F106F3A", "9000", 0x7F10),
        ("00A4080C047F102FE2", "6A82", 0x3F00),  # an error in the middle changes nothing
        ("00A4080C062FE27F105F3A", "6A82", 0x3F00),  # an EF in the middle
        ("00A4080C043F007F10", "6A82", 0x3F00),  # the MF is not sent
        ("00A4080C047FFF6F07", "6A82", 0x3F00),  # no current ADF
        ("00A4080C047FD06F07", "6A82", 0x3F00),
        ("00A4080C037F105F", "6700", 0x3F00),
        ("00A4080C00", "6700", 0x3F00),
        ("00A4090C027F10", "9000", 0x7F10),
        ("00A4090C022FE2", "9000", 0x3F00),
        ("00A4090C027FFF", "6A82", 0x3F00),
        ("00A4000C017F", "6700", 0x3F00),
        ("00A4000C", "6700", 0x3F00),
    ],
)
def test_other_ways_to_name_a_file(card: SmallCard, command: str, status: str, now: int) -> None:
    assert card(command) == status
    assert current(card) == now


def test_paths_inside_an_application(card: SmallCard) -> None:
    card.usim()
    assert card("00A4080C047FFF6F07") == "9000"
    card.select(0x3F00)
    assert card("00A4080C067FFF5FC04F0A") == "9000"
    assert current(card) == 0x5FC0
    assert card("00A4030C") == "9000"
    assert current(card) == 0x7FD0
    assert card("00A4090C045FC04F0A") == "9000"
    assert card("00A4080C047F107FFF") == "6A82"


def test_failed_select_leaves_file_and_record_as_they_were(card: SmallCard) -> None:
    card.verify(1, "1234")
    card.select(0x7F10, 0x6F3A)
    assert card("00B2000214")[:2] == "01"
    for failing in ("00A4000C026FFF", "00A4040C0A" + "A0000000871002FF0000", "00A40F0F023F00", "00A4080C022FE3"):
        assert card(failing)[:2] in ("6A", "67")
    assert card("00B2000214")[:2] == "02"  # still that file, and its next record


@pytest.mark.parametrize(
    "p1p2, status",
    [
        ("0F0F", "6A86"),
        ("0200", "6A86"),
        ("0008", "6A86"),  # ISO's FMD
        ("0001", "6A86"),
        ("0006", "6A86"),
        ("0044", "6A86"),
        ("0480", "6A86"),
        ("0410", "6A86"),
        ("0424", "6A86"),
        ("0408", "6A86"),
        ("0A04", "6A86"),
    ],
)
def test_cc_ui_07_select_bad_p1_p2(card: SmallCard, p1p2: str, status: str) -> None:
    assert card(f"00A4{p1p2}023F00") == status


@pytest.mark.parametrize("p2, has_data", [("00", True), ("04", True), ("0C", False)])
def test_p2_says_whether_data_are_returned(card: SmallCard, p2: str, has_data: bool) -> None:
    for select in ("00A400{}022FE200", "00A400{}023F0000", f"00A404{{}}0C{USIM}00"):
        answer = card(select.format(p2))
        assert answer.endswith("9000")
        assert answer.startswith("62") is has_data


def two_usims() -> SmallCard:
    builder = standard()
    builder.adf(USIM2, 0x7FD1)
    return SmallCard(builder.build())


RID_3GPP = "A000000087"


@pytest.mark.parametrize(
    "steps",
    [
        [("00", USIM), ("02", ISIM), ("02", USIM2), ("02", None)],
        [("01", USIM2), ("03", ISIM), ("03", USIM), ("03", None)],
        [("02", USIM), ("02", ISIM)],  # next without a current one: the first
        [("03", USIM2)],
    ],
)
def test_cc_ui_06_select_by_partial_aid_and_occurrence(steps: list[tuple[str, Aid | None]]) -> None:
    card = two_usims()
    name: Aid | None = None
    for occurrence, expected in steps:
        answer = card(f"00A404{int(occurrence, 16) | 4:02X}05{RID_3GPP}00")
        if expected is None:
            assert answer == "6A82"
        else:
            name = expected
            assert fcp(answer).name == expected
        assert card("80F2000100") == f"84{len(name or b''):02X}{name}9000"


def test_partial_aid_that_only_one_application_has(card: SmallCard) -> None:
    assert fcp(card("00A4040407A000000087100400")).name == ISIM
    assert fcp(card("00A4040407A000000343100200")).name == CSIM


@pytest.mark.parametrize(
    "command, status",
    [
        ("00A4040C10" + "A0" * 16, "6A82"),
        ("00A4040C04A0000000", "6700"),
        ("00A4040C11" + "A0" * 17, "6700"),
        ("00A4040000", "6A82"),  # no issuer security domain on an eUICC
        ("00A4040C0D" + str(USIM) + "00", "6A82"),  # longer than any AID
    ],
)
def test_names_that_select_nothing(card: SmallCard, command: str, status: str) -> None:
    assert card(command) == status
    assert current(card) == 0x3F00


def test_terminating_an_application_makes_the_mf_current(card: SmallCard) -> None:
    card.usim()
    assert fcp(card(f"00A404440C{USIM}00")).fid == 0x3F00
    assert card("00A4000C027FFF") == "6A82"
    assert card(f"00A4044C0C{USIM}") == "6985"  # it is not active any more
    assert card("80F2000100") == "6985"


def test_another_application_ends_the_former_one(card: SmallCard) -> None:
    card.usim()
    card.usim(ISIM)
    card.select(0x7FFF)
    assert current(card) == 0x7FB0


def test_deactivated_file_is_selected_with_a_warning() -> None:
    builder = standard()
    builder.file(builder.mf, 0x2F77, b"abc", lcs=0x04)
    card = SmallCard(builder.build())
    assert fcp(card("00A40004022F7700"), "6283").lcs == 4
    assert card("00A4000C022F77") == "6283"
    assert card("00B0000003") == "6984"


def test_deactivated_file_may_be_readable_all_the_same() -> None:
    builder = standard()
    builder.file(builder.mf, 0x2F77, b"abc", lcs=0x04, special=0x40)
    card = SmallCard(builder.build())
    assert card("00A4000C022F77") == "6283"
    assert card("00B0000003") == "6162639000"


class Domain:
    """An application that is no ADF."""

    commands: Mapping[int, Handler] = {}

    def __init__(self) -> None:
        self.aid = Aid.from_string("A000000151000000")
        self.log: list[str] = []

    def select(self, channel: Channel) -> bytes:
        """Take note."""
        self.log.append("select")
        return bytes.fromhex("6F02A500")

    def deselect(self, channel: Channel) -> None:
        """Take note."""
        self.log.append("deselect")


def test_security_domain_and_files_take_turns() -> None:
    domain = Domain()
    card = SmallCard(standard().build(), applications=[domain])
    card.usim()
    assert card("00A4040008A00000015100000000") == "6F02A5009000"
    assert card("80F2000100") == "8408A0000001510000009000"
    assert current(card) == 0x3F00  # the application session of the USIM is over
    assert card("00B0000001") == "6D00"  # a file command means nothing to a security domain
    assert card("00A4000C027FFF") == "6A82"
    assert domain.log == ["select"]
    assert card("00A4000C022FE2") == "9000"
    assert domain.log == ["select", "deselect"]
    assert card("00B000000A").endswith("9000")
    assert card("00A4040C08A000000151000000") == "9000"
    assert card(f"00A4044C08{domain.aid}") == "9000"
    assert domain.log == ["select", "deselect", "select", "deselect"]
    assert card("00A4040C08A000000151000000") == "9000"
    card.select(0x7F10)
    assert domain.log[-1] == "deselect"


@pytest.mark.parametrize(
    "command, status",
    [
        ("80F2000C00", "9000"),
        ("80F2010C00", "9000"),
        ("80F2020C00", "9000"),
        ("80F2000C", "9000"),
        ("80F2030C00", "6A86"),
        ("80F2000200", "6A86"),
        ("80F2000C0101", "6700"),
        ("80F2000100", "6985"),  # no application is active
    ],
)
def test_status_answers(card: SmallCard, command: str, status: str) -> None:
    assert card(command) == status


def test_status_is_the_fcp_of_the_current_directory(card: SmallCard) -> None:
    assert card("80F2000000") == card("00A40004023F0000")
    card.usim()
    assert card("80F2000000") == card("00A40004027FFF00")


@pytest.mark.parametrize(
    "command, status",
    [
        ("00A4000C023F00", "6A82"),
        ("00A4080C027F10", "6A82"),
        (f"00A4040C0C{USIM}", "6A82"),
        ("80F2000C00", "9000"),
        ("80F2000000", "6985"),
        ("00B0000001", "6985"),
        ("00B2010401", "6985"),
        ("00D600000101", "6985"),
        ("00DC01040101", "6985"),
        ("0020000108" + "31" * 8, "6985"),
        ("0088008110" + "00" * 16, "6985"),
        ("8078000100", "6985"),
    ],
)
def test_card_without_an_enabled_profile(command: str, status: str) -> None:
    assert SmallCard(None)(command) == status


@pytest.mark.parametrize(
    "channel, command, status",
    [(1, "01A4000C022FE2", "9000"), (4, "40A4000C022FE2", "9000"), (19, "4FA4000C022FE2", "9000")],
)
def test_channels_have_files_of_their_own(card: SmallCard, channel: int, command: str, status: str) -> None:
    assert card(f"007000{channel:02X}") == "9000"
    assert card(command) == status
    read = f"{int(command[:2], 16):02X}B000000A"
    assert card(read).endswith("9000")
    assert card("00B000000A") == "6986"
