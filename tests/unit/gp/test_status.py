# SPDX-License-Identifier: Apache-2.0
"""GET STATUS, recognition data, key information, resources: samples of card.md 3.5, 3.6 and 4.5 in both directions."""

from __future__ import annotations

import pytest

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.gp.codes import LifeCycle, Privilege
from apdu.gp.recognition import (
    OID_GLOBALPLATFORM,
    CardData,
    CardRecognition,
    EcasdData,
    ExtendedCardResources,
    KeyComponentInfo,
    KeyInformation,
    KeyInformationTemplate,
    Oid,
    decode_ecasd_query,
    get_data,
    get_ecasd_data,
    scp_oid,
)
from apdu.gp.status import (
    ISD_P_TAGS,
    IsdPAttribute,
    RegistryEntry,
    StatusQuery,
    StatusScope,
    Tag,
    decode_entries,
    decode_tag_list,
    encode_tag_list,
)
from apdu.ids import ISD_P_LOAD_FILE, ISD_R, Aid

ISD_P_13 = Aid.isd_p(0x13)
AID = ISD_P_13.hex()

ENTRIES: list[tuple[str, RegistryEntry]] = [
    (f"E316 4F10{AID} 9F70013F", RegistryEntry(aid=ISD_P_13, state=LifeCycle.ENABLED)),  # captured (S:whty)
    (
        f"E323 4F10{AID} 9F70011F 530101 8F020000 910400010000",
        RegistryEntry(
            aid=ISD_P_13,
            state=LifeCycle.DISABLED,
            attributes=IsdPAttribute.FALL_BACK,
            granted_memory=0,
            remaining_memory=0x10000,
        ),
    ),
    (
        f"E33F 4F10{AID} 9F700107 C50380C000 C410{ISD_P_LOAD_FILE.hex()} CC10{ISD_R.hex()}",
        RegistryEntry(
            aid=ISD_P_13,
            state=LifeCycle.SELECTABLE,
            privileges=Privilege(0x80C000),
            load_file=ISD_P_LOAD_FILE,
            security_domain=ISD_R,
        ),
    ),
]


@pytest.mark.parametrize("raw, entry", ENTRIES)
def test_registry_entry_both_ways(raw: str, entry: RegistryEntry) -> None:
    data = bytes.fromhex(raw)
    assert RegistryEntry.from_tlv(data) == entry
    assert entry.encode() == data
    assert decode_entries(data * 3) == (entry,) * 3
    for end in range(1, len(data)):
        with pytest.raises(DecodeError):
            decode_entries(data[:end])


def test_entry_without_what_was_not_asked() -> None:
    entry = ENTRIES[1][1]
    assert entry.only((Tag.AID, Tag.STATE)) == RegistryEntry(aid=ISD_P_13, state=LifeCycle.DISABLED)


def test_captured_query() -> None:
    query = StatusQuery(aid=ISD_P_13, tags=(Tag.AID, Tag.STATE))
    raw = bytes.fromhex(f"80F24002 17 4F10{AID} 5C034F9F70 00")
    assert query.command() == CommandApdu.parse(raw)
    assert StatusQuery.decode(0x40, 0x02, raw[5:-1]) == query


def test_query_of_all() -> None:
    query = StatusQuery(tags=ISD_P_TAGS, following=True)
    assert query.command().encode() == bytes.fromhex("80F24003 0A 4F00 5C06 4F9F70538F91 00")
    assert StatusQuery.decode(0x40, 0x03, query.command().data) == query
    assert StatusQuery.decode(0x80, 0x02, b"\x4f\x00") == StatusQuery(StatusScope.ISSUER_SECURITY_DOMAIN)


@pytest.mark.parametrize("p1, p2", [(0x00, 0x02), (0x40, 0x00), (0x41, 0x02), (0x40, 0x04)])
def test_query_with_unknown_parameters(p1: int, p2: int) -> None:
    assert StatusQuery.decode(p1, p2, b"\x4f\x00") is None


@pytest.mark.parametrize("data", ["", "5C014F", "4F11" + "00" * 17, "4F005C019F", "5C014F4F00", "4F00C600", "4F"])
def test_query_that_is_none(data: str) -> None:
    with pytest.raises(DecodeError):
        StatusQuery.decode(0x40, 0x02, bytes.fromhex(data))


def test_foreign_object_among_entries() -> None:
    with pytest.raises(DecodeError, match="E4"):
        decode_entries(bytes.fromhex("E400"))


def test_tag_list() -> None:
    raw = bytes.fromhex("4F9F705C7F21")
    assert decode_tag_list(raw) == (0x4F, 0x9F70, 0x5C, 0x7F21)
    assert encode_tag_list(decode_tag_list(raw)) == raw
    for bad in ("9F", "4F9F", "9F81"):
        with pytest.raises(DecodeError):
            decode_tag_list(bytes.fromhex(bad))


def test_unknown_state_has_a_number() -> None:
    assert LifeCycle.describe(0x3F) == "ENABLED"
    assert LifeCycle.describe(0x83) == "83"


def test_resources() -> None:
    raw = bytes.fromhex("FF210D 810102 820400064000 83020800")
    value = ExtendedCardResources(applications=2, free_nonvolatile=0x64000, free_volatile=0x800)
    assert ExtendedCardResources.from_tlv(raw) == value
    assert value.encode() == raw


def test_audit_commands() -> None:
    assert get_data(0xFF21).encode() == bytes.fromhex("80CAFF2100")
    assert get_ecasd_data(0x7F21).encode() == bytes.fromhex("80CABF30045C027F2100")  # captured (S:njiwa, whty)
    assert get_ecasd_data(0x66).encode() == bytes.fromhex("80CABF30035C016600")
    assert decode_ecasd_query(bytes.fromhex("5C027F21")) == (0x7F21,)
    for bad in ("", "5C027F", "5D00", "5C00 5C00"):
        with pytest.raises(DecodeError):
            decode_ecasd_query(bytes.fromhex(bad))


def test_ecasd_certificate_comes_back_whole() -> None:
    certificate = bytes.fromhex("7F21 06 930102 420103")
    data = EcasdData.from_tlv(bytes.fromhex("BF3009") + certificate)
    assert data.certificate == certificate
    assert data.encode() == bytes.fromhex("BF3009") + certificate
    assert EcasdData.from_tlv(bytes.fromhex("BF3000")).certificate is None


def test_key_information() -> None:
    raw = bytes.fromhex("E00E C00401308810 C006 0174 B040 F000")
    value = KeyInformationTemplate(
        keys=(
            KeyInformation(0x01, 0x30, (KeyComponentInfo(0x88, 0x10),)),
            KeyInformation(0x01, 0x74, (KeyComponentInfo(0xB0, 0x40), KeyComponentInfo(0xF0, 0x00))),
        )
    )
    assert KeyInformationTemplate.from_tlv(raw) == value
    assert value.encode() == raw
    for bad in ("E005C003013088", "E007C0050130881000", "E006C0040130FF88"):
        with pytest.raises(DecodeError):
            KeyInformationTemplate.from_tlv(bytes.fromhex(bad))


def test_recognition_data() -> None:
    # GPCS H.2; the identifiers of SCP03 i=70 and of SCP80, SCP81 as card.md 3.5 spells them
    raw = bytes.fromhex(
        "6642 7340 06072A864886FC6B01 600B06092A864886FC6B020203 630906072A864886FC6B03"
        "640B06092A864886FC6B040370 640C060A2A864886FC6B04810000"
    )
    value = CardData(
        recognition=CardRecognition(
            oid=OID_GLOBALPLATFORM + b"\x01",
            version=Oid(oid=OID_GLOBALPLATFORM + bytes.fromhex("020203")),
            identification=Oid(oid=OID_GLOBALPLATFORM + b"\x03"),
            protocols=(scp_oid(0x03, 0x70), scp_oid(0x80, 0x00)),
        )
    )
    raw = bytes((0x66, len(raw) - 2, 0x73, len(raw) - 4)) + raw[4:]
    assert CardData.from_tlv(raw) == value
    assert value.encode() == raw
    assert scp_oid(0x81, 0x10).oid == bytes.fromhex("2A864886FC6B04810110")
