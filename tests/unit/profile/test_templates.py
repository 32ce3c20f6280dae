# SPDX-License-Identifier: Apache-2.0
"""The template tables: complete, consistent with the module, and right where public tables are not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from apdu.profile.der import Oid
from apdu.profile.elements.kinds import KINDS
from apdu.profile.templates.model import Content, FileTemplate, FileType, Template, oid
from apdu.profile.templates.registry import TEMPLATES
from apdu.profile.templates.rules import ACCESS_RULES, ef_arr
from apdu.tlv.scan import split

VERSIONS = {
    "mf": ["2.1"], "cd": ["2.2"], "telecom": ["2.3", "2.3.2"], "usim": ["2.4", "2.4.2"],
    "opt-usim": ["2.5", "2.5.2", "2.5.3"], "phonebook": ["2.6"], "gsm-access": ["2.7"], "isim": ["2.8"],
    "opt-isim": ["2.9", "2.9.2"], "csim": ["2.10", "2.10.2"], "opt-csim": ["2.11", "2.11.2"], "eap": ["2.12"],
    "df-5gs": ["2.13", "2.13.2", "2.13.3", "2.13.4"], "df-saip": ["2.14"], "df-snpn": ["2.15"], "df-5gprose": ["2.16"],
    "iot": ["2.17"], "opt-iot": ["2.18"],
}  # fmt: skip


def rows() -> Iterator[tuple[Template, FileTemplate]]:
    for template in TEMPLATES.values():
        for row in template.rows:
            yield template, row


def test_all_templates_and_versions_are_there() -> None:
    found: dict[str, list[Oid]] = {}
    for template in TEMPLATES.values():
        found.setdefault(template.kind, []).append(template.oid)
    assert found == {kind: [oid(text) for text in texts] for kind, texts in VERSIONS.items()}
    created = {template.kind for template in TEMPLATES.values() if template.by_default}
    assert created == {"mf", "usim", "isim", "csim", "iot"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_newest_version_has_every_file_of_the_module(kind: str) -> None:
    newest = [template for template in TEMPLATES.values() if template.kind == kind][-1]
    assert newest.by_name.keys() == {file.name for file in KINDS[kind].files}


def test_versions_only_add_files() -> None:
    for kind in KINDS:
        names = [t.by_name.keys() for t in TEMPLATES.values() if t.kind == kind]
        assert all(older <= newer for older, newer in pairwise(names))


def test_rows_make_sense() -> None:
    for template, row in rows():
        where = f"{template.oid} {row.name}"
        assert 1 <= row.arr <= len(ACCESS_RULES), where
        assert row.sfi is None or 1 <= row.sfi <= 30, where
        record_file = row.type in (FileType.LINEAR, FileType.CYCLIC)
        assert record_file or not row.record_length, where
        if record_file and row.records and row.record_length:
            assert row.size == row.records * row.record_length, where
        if row.content.literal and (length := row.record_length or row.size):
            assert len(row.content.literal) == length, where
        if row.within is not None:
            assert template.by_name[row.within].type is FileType.DIRECTORY, where


def test_identifiers_are_unique_in_their_directory() -> None:
    for template in TEMPLATES.values():
        given = [(row.within, row.fid) for row in template.rows if row.fid is not None]
        assert len(set(given)) == len(given), template.oid


FACTS: list[tuple[str, str, str, object]] = [
    # values that public tables print wrong (annex 2.1)
    ("2.1", "ef-iccid", "fid", 0x2FE2),
    ("2.13.4", "df-df-5gs", "fid", 0x5FC0),
    ("2.14", "df-df-saip", "fid", 0x5FD0),
    ("2.5.3", "ef-ext7", "fid", 0x6FCC),
    ("2.3.2", "ef-mmssmode", "fid", 0x4F22),
    ("2.5.3", "ef-mudmidconfigdata", "fid", 0x6FFE),
    ("2.9.2", "ef-mudmidconfigdata", "fid", 0x6FFE),
    # what differs between versions
    ("2.4", "ef-ust", "size", 14),
    ("2.4.2", "ef-ust", "size", 17),
    ("2.13", "ef-5gs3gppnsc", "record_length", 57),
    ("2.13", "ef-routing-indicator", "content", Content(literal=bytes.fromhex("F0FFFFFF"))),
    ("2.13.3", "ef-5gs3gppnsc", "size", 124),
    ("2.13.4", "ef-routing-indicator", "content", Content(literal=bytes.fromhex("F0FF0000"))),
    # one of each kind of default content
    ("2.4", "ef-keys", "content", Content(fill=bytes.fromhex("07FF"))),
    ("2.4", "ef-psloci", "content", Content(literal=b"\xff" * 10 + bytes.fromhex("0000FF01"))),
    ("2.5", "ef-plmnwact", "content", Content(repeat=bytes.fromhex("FFFFFF0000"))),
    ("2.5", "ef-ici", "content", Content(literal=b"\xff" * 31 + bytes.fromhex("0000000001FFFF"))),
    ("2.7", "ef-kc", "content", Content(literal=b"\xff" * 8 + b"\x07")),
    ("2.4", "ef-epsloci", "special", 0x80),
    ("2.4", "ef-imsi", "special", 0x00),
    ("2.10", "ef-ah", "flexible", True),
    ("2.10", "ef-tmsi", "flexible", False),
    # which directory a file lies in
    ("2.3", "ef-img", "within", "df-graphics"),
    ("2.3", "df-graphics", "within", "df-telecom"),
    ("2.3", "df-telecom", "within", None),
    ("2.5", "ef-li", "within", None),
    ("2.18", "ef-ursp", "within", "df-df-5gs"),
    ("2.18", "ef-fdn", "within", None),
    ("2.17", "adf-usim", "within", "mf"),
    ("2.17", "ef-imsi", "within", "adf-usim"),
]


@pytest.mark.parametrize("template, name, attribute, value", FACTS)
def test_facts_of_the_tables(template: str, name: str, attribute: str, value: object) -> None:
    assert getattr(TEMPLATES[oid(template)].by_name[name], attribute) == value


@pytest.mark.parametrize(
    "content, size, expected",
    [
        (Content(fill=b"\x00\xff"), 4, "00FFFFFF"),
        (Content(fill=b"\x00\xff"), 1, "00"),
        (Content(fill=b"\x00"), 3, "000000"),
        (Content(repeat=b"\x01\x02"), 5, "0102010201"),
        (Content(literal=b"\x01\x02"), 4, "0102FFFF"),
        (Content(literal=b"\x01\x02"), 1, "01"),
        (Content(literal=b""), 2, "FFFF"),
    ],
)
def test_patterns_fill_a_size(content: Content, size: int, expected: str) -> None:
    assert content.expand(size).hex().upper() == expected


def test_access_rules_are_records_of_an_ef_arr() -> None:
    assert len(ACCESS_RULES) == 14
    for rule in ACCESS_RULES:
        tags = [tlv.tag for tlv in split(rule)]
        assert set(tags[::2]) <= {0x80, 0x84}
        assert set(tags[1::2]) <= {0x90, 0x97, 0xA4}
    length, content = ef_arr()
    assert len(content) == 14 * length
    assert content[13 * length :].rstrip(b"\xff") == bytes.fromhex("80015EA40683010A950108")
