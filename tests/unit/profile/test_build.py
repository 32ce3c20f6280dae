# SPDX-License-Identifier: Apache-2.0
"""Profiles from a description, and for a subscriber."""

from __future__ import annotations

import pytest

from apdu.errors import DecodeError, EncodeError
from apdu.ids import Iccid, Imsi
from apdu.profile.build import build_package, file_from_description
from apdu.profile.der import Json
from apdu.profile.elements.authentication import AlgoParameter, PeAkaParameter
from apdu.profile.elements.codes import PePinCodes, PePukCodes
from apdu.profile.elements.domains import PeSecurityDomain
from apdu.profile.elements.element import ProfileElement, element_header
from apdu.profile.elements.files import FILE, Fcp, File, ProprietaryInfo
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.elements.template import TemplateElement
from apdu.profile.package import decode_package, encode_package
from apdu.profile.personalise import Personalisation, msisdn_record, personalise
from smdp.profiles import load_profile

FILES: list[tuple[dict[str, Json], File]] = [
    ({}, ()),
    ({"content": "0102"}, (b"\x01\x02",)),
    ({"text": "Jö"}, ("Jö".encode(),)),
    ({"size": 300, "type": "transparent"}, (Fcp(descriptor=b"\x41\x21", size=b"\x01\x2c"),)),
    ({"type": "ber-tlv", "size": 1024}, (Fcp(descriptor=b"\x79\x21", size=b"\x04\x00"),)),
    ({"sfi": 3, "rule": "2F0603"}, (Fcp(short_id=b"\x18", access_rule=b"\x2f\x06\x03"),)),
    ({"sfi": 0}, (Fcp(short_id=b""),)),
    ({"fill": "00FF", "special": "80"}, (Fcp(proprietary=ProprietaryInfo(special=b"\x80", fill_pattern=b"\x00\xff")),)),
    ({"link": "7FD06F3B"}, (Fcp(link_path=bytes.fromhex("7FD06F3B")),)),
    (
        {"record-length": 4, "records": 3, "content": ["01020304", "05"]},
        (Fcp(descriptor=b"\x42\x21\x00\x04", size=b"\x0c"), b"\x01\x02\x03\x04", b"\x05", 3),
    ),
    ({"type": "cyclic", "record-length": 3, "records": 2}, (Fcp(descriptor=b"\x46\x21\x00\x03", size=b"\x06"),)),
    ({"services": [1, 10, 17]}, (Fcp(size=b"\x03"), b"\x01\x02\x01")),
    ({"size": 4, "services": [2]}, (Fcp(size=b"\x04"), b"\x02\x00\x00\x00")),
    (
        {"applications": {"A0000000871002": "USIM"}},
        (Fcp(descriptor=b"\x42\x21\x00\x11", size=b"\x11"), bytes.fromhex("610F4F07A00000008710025004") + b"USIM"),
    ),
]


@pytest.mark.parametrize("described, file", FILES)
def test_files_from_their_description(described: dict[str, Json], file: File) -> None:
    assert file_from_description(described) == file
    FILE.write(file)


@pytest.mark.parametrize(
    "described",
    [
        {"unknown": 1},
        {"content": 1},
        {"content": ["01"]},
        {"record-length": 1, "content": ["0102"]},
        {"sfi": 31},
        {"type": "linear fixed"},
        {"size": -1},
        {"record-length": 256},
        {"aid": "A000"},
        {"services": [0]},
        {"applications": []},
        {"text": 1},
    ],
)
def test_descriptions_that_are_none(described: dict[str, Json]) -> None:
    with pytest.raises(DecodeError):
        file_from_description(described)


@pytest.mark.parametrize(
    "description",
    [
        {},
        ["end"],
        [{}],
        [{"end": {}, "mf": {}}],
        [{"nothing": {}}],
        [{"mf": {"mf": {"size": "1"}}}],
        [{"securityDomain": {"keySets": [{"keys": ["00"], "usage": []}]}}],
    ],
)
def test_packages_that_are_none(description: Json) -> None:
    with pytest.raises(DecodeError):
        build_package(description)


def test_headers_are_numbered_and_mandated() -> None:
    headers = [header for element in load_profile() if (header := element_header(element)) is not None]
    assert [header.identification for header in headers] == list(range(1, len(headers) + 1))
    assert all(header.mandated for header in headers)


SUBSCRIBER = Personalisation(
    iccid=Iccid.from_string("8949000000000000019"),
    imsi=Imsi("262019876543217"),
    key=bytes.fromhex("F1E2D3C4B5A6978877665544332211F0"),
    opc=bytes.fromhex("0FF1E2D3C4B5A69788776655443322AA"),
    msisdn="+491711234567",
    pins={0x01: "1234", 0x81: "98765432", 0x0A: "87654321"},
    puks={0x01: "12345678"},
    domain_keys={(0x01, 0x01): bytes(range(1, 17)), (0x40, 0x01): bytes(range(2, 18))},
)


def only(elements: tuple[ProfileElement, ...], kind: str) -> TemplateElement:
    found = [element for element in elements if isinstance(element, TemplateElement) and element.kind == kind]
    assert len(found) == 1
    return found[0]


def test_a_subscriber_is_everywhere_and_nothing_else_changes() -> None:
    before = load_profile()
    after = personalise(before, SUBSCRIBER)
    assert decode_package(encode_package(after)) == after
    header = after[0]
    assert isinstance(header, ProfileHeader)
    assert header.iccid.hex() == "8949000000000000019f"
    assert only(after, "mf").files["ef-iccid"][-1] == bytes.fromhex("989400000000000010F9")
    usim = only(after, "usim").files
    assert usim["ef-imsi"] == (bytes.fromhex("082926108967452371"),)
    assert usim["ef-acc"] == (bytes.fromhex("0080"),)  # class 7: the last digit of the IMSI
    msisdn = only(after, "opt-usim").files["ef-msisdn"]
    assert isinstance(msisdn[0], Fcp)
    assert msisdn[1:] == (b"\xff" * 14 + bytes.fromhex("0791947111325476FFFFFFFFFFFF"),)
    aka = [element.configuration for element in after if isinstance(element, PeAkaParameter)]
    assert isinstance(aka[0], AlgoParameter)
    assert (aka[0].key, aka[0].opc) == (SUBSCRIBER.key, SUBSCRIBER.opc)
    codes = [
        {item.reference: item.code for item in element.codes}
        for element in after
        if isinstance(element, PePinCodes | PePukCodes) and isinstance(element.codes, tuple)
    ]
    assert codes == [
        {0x01: b"12345678", 0x81: b"22222222"},
        {0x01: b"1234\xff\xff\xff\xff", 0x0A: b"87654321"},
        {0x81: b"98765432"},
    ]
    domain = next(element for element in after if isinstance(element, PeSecurityDomain))
    keys = {(key.kvn[0], key.kid[0]): key.components[0].data for key in domain.keys or ()}
    assert keys[0x01, 0x01] == bytes(range(1, 17))
    assert keys[0x40, 0x01] == bytes(range(2, 18))
    assert keys[0x30, 0x01].hex() == "404142434445464748494a4b4c4d4e4f"
    same = [one == other for one, other in zip(before, after, strict=True)]
    assert same == [False, False, False, False, True, False, False, False, False, False, True, True, True]


def test_a_subscriber_without_extras() -> None:
    plain = Personalisation(iccid=SUBSCRIBER.iccid, imsi=SUBSCRIBER.imsi, key=SUBSCRIBER.key)
    after = personalise(load_profile(), plain)
    assert only(after, "opt-usim") == only(load_profile(), "opt-usim")
    assert "F1E2" not in repr(plain).upper()


@pytest.mark.parametrize("kind", ["mf", "usim", "akaParameter", "opt-usim", "securityDomain"])
def test_a_package_without_a_place_is_refused(kind: str) -> None:
    fewer = tuple(
        element for element in load_profile() if getattr(element, "kind", getattr(element, "KIND", None)) != kind
    )
    with pytest.raises(EncodeError, match="no place for"):
        personalise(fewer, SUBSCRIBER)


@pytest.mark.parametrize(
    "number, length, record",
    [
        ("+4917", 14, "0391 9471 FFFFFFFFFFFFFFFF FFFF"),
        ("491", 15, "FF 0391 94F1 FFFFFFFFFFFFFFFF FFFF"),
        ("12345678901234567890", 14, "0B91 21436587092143658709 FFFF"),
    ],
)
def test_numbers_as_records(number: str, length: int, record: str) -> None:
    assert msisdn_record(number, length) == bytes.fromhex(record)


@pytest.mark.parametrize("number, length", [("12a", 14), ("", 14), ("1" * 21, 14), ("12", 13)])
def test_numbers_that_fit_no_record(number: str, length: int) -> None:
    with pytest.raises(EncodeError):
        msisdn_record(number, length)
