# SPDX-License-Identifier: Apache-2.0
"""What the files of a package become: defaults, patterns, offsets, further files, links (SAIP 8.3)."""

from __future__ import annotations

from typing import Any

import pytest

from apdu.profile.elements.kinds import KINDS
from apdu.profile.templates.registry import TEMPLATES
from apdu.profile.templates.rules import ACCESS_RULES
from emulator.profile.base import DirectoryKind, FileKind, ProfileBase
from emulator.profile.interpreter import InstallError
from tests.protocol.profile_parts import (
    AKA,
    END,
    HEADER,
    LOCAL,
    MF,
    OPT_USIM,
    PINS,
    PUKS,
    USIM,
    USIM_AID,
    WHOLE,
    Part,
    changed,
    create,
    directory_at,
    file_at,
    files,
    install,
    node_at,
    package,
)

BEFORE = (HEADER, MF, PUKS, PINS)
DF: dict[str, str] = {"fileDescriptor": "7821", "pinStatusTemplateDO": "010A"}
LINEAR = "4221"


def with_usim(name: str, file: Any) -> ProfileBase:
    """The whole profile with another file in its USIM."""
    return install(package(*BEFORE, changed(USIM, f"usim/{name}", file), LOCAL, END))


def with_files(*commands: Part) -> ProfileBase:
    """The whole profile and one generic file management element more."""
    return install(package(*BEFORE, USIM, LOCAL, files(*commands), END))


# a file of the USIM (EF.SMS: 10 records of 176 bytes; EF.SPN: 17 bytes; EF.PSLOCI: 14; EF.Keys: 33), its steps, and the
# body that comes of them
BODIES: list[tuple[str, Any, str]] = [
    ("ef-sms", {}, ("00" + "FF" * 175) * 10),
    ("ef-sms", {"record-length": 4, "records": 2}, "00FFFFFF" * 2),
    ("ef-sms", {"record-length": 3}, "00FFFF" * 10),  # the records of the template, in another length
    ("ef-sms", [{"fileDescriptor": {"efFileSize": "0160"}}], ("00" + "FF" * 175) * 2),
    ("ef-sms", {"record-length": 3, "records": 2, "fill": "0102"}, "010202" * 2),
    ("ef-sms", {"record-length": 3, "records": 2, "repeat": "0102"}, "010201" * 2),
    ("ef-sms", {"record-length": 3, "records": 2, "content": "AABBCCDD"}, "AABBCC" + "DDFFFF"),
    ("ef-sms", {"record-length": 3, "records": 3, "content": ["AA", "BBCC", "DD"]}, "AAFFFFBBCCFFDDFFFF"),
    ("ef-spn", {}, "FF" * 17),
    ("ef-spn", {"size": 3}, "FFFFFF"),
    ("ef-spn", {"fill": "0147FF"}, "0147" + "FF" * 15),
    ("ef-spn", {"fill": "01" * 20}, "01" * 17),
    ("ef-spn", {"size": 5, "repeat": "0102"}, "0102010201"),
    ("ef-spn", {"size": 4, "special": "80", "content": "01"}, "01FFFFFF"),
    ("ef-spn", [{"fillFileOffset": 2}, {"fillFileContent": "AA"}, {"fillFileOffset": 1}, {"fillFileContent": "BB"}],
     "FFFFAAFFBB" + "FF" * 12),
    ("ef-spn", [{"fillFileOffset": 17}], "FF" * 17),
    ("ef-psloci", {}, "FF" * 10 + "0000FF01"),
    ("ef-psloci", {"size": 16}, "FF" * 10 + "0000FF01FFFF"),  # literal defaults are padded
    ("ef-psloci", {"size": 4}, "FFFFFFFF"),  # or cut
    ("ef-psloci", {"special": "00"}, "FF" * 10 + "0000FF01"),  # proprietary information without pattern keeps it
    ("ef-psloci", {"fill": "00"}, "00" * 14),
    ("ef-psloci", {"content": "AA"}, "AA" + "FF" * 9 + "0000FF01"),
    ("ef-keys", {"size": 4}, "07FFFFFF"),  # patterns fill another size
    ("ef-keys", {"size": 1}, "07"),
]  # fmt: skip
FIDS = {"ef-sms": "6F3C", "ef-spn": "6F46", "ef-psloci": "6F73", "ef-keys": "6F08"}


@pytest.mark.parametrize("name, file, body", BODIES)
def test_bodies(name: str, file: Any, body: str) -> None:
    node = file_at(with_usim(name, file), f"7FD0/{FIDS[name]}")
    assert node.content.hex().upper() == body
    assert node.size == len(body) // 2


def test_files_by_default_and_on_demand() -> None:
    base = install(package(*WHOLE))
    usim = {f"{fid:04X}" for fid in directory_at(base, "7FD0").children}
    template = next(t for t in TEMPLATES.values() if str(t.oid) == "2.23.143.1.2.4.2")
    assert usim == {f"{row.fid:04X}" for row in template.rows if row.fid is not None} | {"6F05"}
    assert {f"{fid:04X}" for fid in directory_at(base, "7F10").children} == {"6F06"}
    assert [node.label for node in directory_at(base, "").children.values()][:2] == ["ef-pl", "ef-iccid"]


def test_do_not_create() -> None:
    assert 0x6F3C not in directory_at(with_usim("ef-sms", [{"doNotCreate": True}]), "7FD0").children
    kept = install(package(HEADER, changed(MF, "mf/ef-pl", [{"doNotCreate": True}]), PUKS, PINS, END))
    assert file_at(kept, "2F05").size == 2  # no effect in the MF


def test_a_second_fcp_makes_a_further_file() -> None:
    first = {"fileID": "6F40", "fileDescriptor": "42210004", "efFileSize": "08"}
    second = {"fileID": "6F41", "efFileSize": "4C"}
    steps: Any = [{"fileDescriptor": first}, {"fillFileContent": "01"}]
    steps += [{"fileDescriptor": second}, {"fillFileContent": "02"}]
    cd: Part = {"cd": {"templateID": "2.2", "df-cd": {"pins": "010A"}, "ef-icon": [
        {"fileDescriptor": {"fileID": "6F40", "efFileSize": "02"}}, {"fillFileContent": "0A0B"},
        {"fileDescriptor": {"fileID": "6F41", "efFileSize": "03"}},
    ]}}  # fmt: skip
    base = install(package(*BEFORE, changed(USIM, "usim/ef-smsp", steps), LOCAL, cd, END))
    assert file_at(base, "7FD0/6F40").content == bytes.fromhex("01FFFFFFFFFFFFFF")
    assert file_at(base, "7FD0/6F41").content == b"\x02" + b"\xff" * 75
    assert file_at(base, "7FD0/6F41").record_length == 38  # each starts from the template anew
    assert file_at(base, "7F11/6F40").content == b"\x0a\x0b"
    assert file_at(base, "7F11/6F41").size == 3


def test_sizes_that_no_source_gives_grow_with_the_content() -> None:
    csim: dict[str, Any] = {"templateID": "2.10"} | {file.name: [] for file in KINDS["csim"].files}
    csim["adf-csim"] = {"fid": "7FC0", "aid": "A0000003431002F310FFFF89020000FF", "pins": "010A"}
    for name in ("ef-arr", "ef-cdmahome", "ef-znregi"):
        csim[name] = {"record-length": 8, "records": 1}
    for name in ("ef-prl", "ef-csim-st", "ef-li", "ef-home-tag", "ef-group-tag", "ef-specific-tag", "ef-call-prompt"):
        csim[name] = {"size": 2}
    csim["ef-ah"] = [{"fillFileOffset": 1}, {"fillFileContent": "AABBCC"}]
    base = install(package(*BEFORE, {"csim": csim}, END))
    assert file_at(base, "7FC0/6F25").content == bytes.fromhex("FFAABBCC")
    assert file_at(base, "7FC0/6F27").size == 7
    csim["ef-aop"] = [{"fillFileContent": "0102"}]  # the size of this one is known
    with pytest.raises(InstallError):
        install(package(*BEFORE, {"csim": csim}, END))


@pytest.mark.parametrize(
    "parameters, sfi",
    [({}, 0x16), ({"shortEFID": ""}, None), ({"shortEFID": "08"}, 1), ({"shortEFID": "E8"}, 29)],
)
def test_short_identifiers_of_generic_files(parameters: dict[str, str], sfi: int | None) -> None:
    base = with_files(create("6F56", fileDescriptor="4121", efFileSize="01", **parameters))
    node = file_at(base, "6F56")
    assert node.sfi == sfi
    assert sfi is None or base.mf.by_sfi[sfi] is node


@pytest.mark.parametrize("fid, sfi", [("6F20", None), ("6F5F", None), ("6F41", 1)])
def test_low_bits_that_are_no_short_identifier(fid: str, sfi: int | None) -> None:
    assert file_at(with_files(create(fid, fileDescriptor="4121", efFileSize="01")), fid).sfi == sfi


def test_the_first_file_keeps_a_short_identifier() -> None:
    ef = {"fileDescriptor": "4121", "efFileSize": "01", "shortEFID": "80"}
    base = with_files(create("6F50", **ef), create("6F51", **ef))
    assert base.mf.by_sfi[16] is file_at(base, "6F50")
    assert file_at(base, "6F51").sfi == 16


def test_access_rules_name_the_nearest_kind_of_ef_arr() -> None:
    ef = {"fileDescriptor": "4121", "efFileSize": "01"}
    base = with_files(
        create("6F50", **ef),
        create("5F50", **DF),
        create("6F50", **ef),
        create("5F51", **DF),
        {"filePath": "7FD0"},
        create("6F50", **ef),
        create("5F50", **DF),
        create("6F50", **ef, securityAttributesReferenced="2F0607"),
    )
    rules = {
        path: node_at(base, path).arr
        for path in ("", "6F50", "5F50", "5F50/6F50", "5F50/5F51", "7FD0", "7FD0/6F50", "7FD0/5F50", "7FD0/5F50/6F50")
    }
    assert rules == {
        "": (0x2F06, 14), "6F50": (0x2F06, 5), "5F50": (0x2F06, 5), "5F50/6F50": (0x6F06, 5),
        "5F50/5F51": (0x6F06, 5), "7FD0": (0x2F06, 14), "7FD0/6F50": (0x6F06, 5), "7FD0/5F50": (0x6F06, 5),
        "7FD0/5F50/6F50": (0x2F06, 7),
    }  # fmt: skip
    assert file_at(base, "2F06").content.startswith(ACCESS_RULES[0])


def test_ber_tlv_files() -> None:
    base = with_files(
        create("6F50", fileDescriptor="7921", efFileSize="0400", proprietaryEFInfo={"maximumFileSize": "0800"}),
        {"fillFileContent": "800101"},
        {"fillFileContent": "A10381019F"},
        create("6F51", fileDescriptor="7921", efFileSize="10"),
    )
    node = file_at(base, "6F50")
    assert (node.kind, node.size, node.maximum_size) == (FileKind.BER_TLV, 0x400, 0x800)
    assert node.content == bytes.fromhex("800101A10381019F")
    assert (file_at(base, "6F51").content, file_at(base, "6F51").maximum_size) == (b"", None)


def test_a_link_shows_its_target_under_a_name_of_its_own() -> None:
    base = with_files(
        create("6F3C", fileDescriptor="42210001", linkPath="7FD06F3C", shortEFID="08", efFileSize="01"),
        {"filePath": "7FD0"},
        create("6F7D", linkPath="6F3C", fileDescriptor="4121"),  # a link to a link is one to its target
    )
    target, link, second = file_at(base, "7FD0/6F3C"), file_at(base, "6F3C"), file_at(base, "7FD0/6F7D")
    for node in (link, second):
        assert node.link is target
        assert node.target is target
        assert (node.kind, node.size, node.record_length, node.content) == (
            target.kind, target.size, target.record_length, target.content
        )  # fmt: skip
    assert (link.fid, link.sfi, link.arr) == (0x6F3C, 1, (0x2F06, 5))
    assert base.mf.by_sfi[1] is link


def test_an_empty_link_path_makes_a_file_of_its_own() -> None:
    node = file_at(with_usim("ef-sms", [{"fileDescriptor": {"linkPath": ""}}]), "7FD0/6F3C")
    assert node.link is None
    assert node.records == 10


def test_a_linked_directory_shows_the_files_of_its_target() -> None:
    base = with_files(
        create("5F50", **DF),
        create("6F50", fileDescriptor="4121", efFileSize="01"),
        {"filePath": "7FD0"},
        create("5F60", linkPath="5F50", **DF),
        create("6F51", fileDescriptor="4121", efFileSize="01"),  # made through the link
        {"filePath": "7FD0"},
        create("5F61", linkPath="7FD05F60", **{**DF, "pinStatusTemplateDO": "81"}),
    )
    target, link, second = directory_at(base, "5F50"), directory_at(base, "7FD0/5F60"), directory_at(base, "7FD0/5F61")
    assert (link.link, second.link) == (target, target)
    assert link.children is target.children
    assert set(target.children) == {0x6F50, 0x6F51}
    assert file_at(base, "7FD0/5F61/6F51").parent.fid in (0x5F50, 0x5F60)
    assert (link.fid, link.kind, second.pin_references) == (0x5F60, DirectoryKind.DF, (0x81,))


@pytest.mark.parametrize(
    "commands",
    [
        [create("5F50", **DF), create("5F51", linkPath="5F50", **DF)],
        [create("5F50", **DF), create("5F51", **DF), create("5F52", linkPath="5F50", **DF)],
        [
            create("5F50", **DF),
            {"filePath": ""},
            create("5F51", **DF),
            create("5F52", linkPath="5F50", **DF),
            {"filePath": "5F50"},
            create("5F53", linkPath="5F51", **DF),
        ],
    ],
)
def test_linked_directories_make_no_circle(commands: list[Part]) -> None:
    with pytest.raises(InstallError, match="links to what it lies in"):
        with_files(*commands)


def test_generic_file_management_may_make_everything() -> None:
    arr = "".join(rule.ljust(54, b"\xff").hex() for rule in ACCESS_RULES)
    generic = files(
        {"filePath": ""},
        create("3F00", **DF),
        create("2F06", fileDescriptor="42210036", efFileSize="02F4"),
        {"fillFileContent": arr},
        create("2FE2", fileDescriptor="4121", efFileSize="0A"),
        {"fillFileContent": "98001032547698103214"},
        create("7FD0", **DF, dfName=USIM_AID),
        create("6F07", fileDescriptor="4121", efFileSize="09"),
        {"fillFileOffset": 1},
        {"fillFileContent": "0910"},
    )
    base = install(package(HEADER, generic, PUKS, PINS, AKA, OPT_USIM, END))
    assert (base.mf.kind, base.mf.id) == (DirectoryKind.MF, 0)
    assert file_at(base, "7FD0/6F07").content == bytes.fromhex("FF0910FFFFFFFFFFFF")
    assert base.naas[0].adf is base.adfs[0]  # the AID says that it is a USIM
    assert file_at(base, "7FD0/6F05").label == "ef-li"


def test_an_adf_is_no_child_of_the_mf() -> None:
    base = install(package(*WHOLE))
    assert [str(adf.aid) for adf in base.adfs] == [USIM_AID]
    assert 0x7FD0 not in base.mf.children
    assert base.adfs[0].parent is base.mf
