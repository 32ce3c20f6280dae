# SPDX-License-Identifier: Apache-2.0
"""Elements of profile packages: bytes, values and JSON are three forms of the same thing."""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Iterator
from typing import Any, cast

import pytest

from apdu.errors import DecodeError, EncodeError
from apdu.profile.compound import Sequence, SequenceCodec
from apdu.profile.der import BadValue, Json
from apdu.profile.elements.authentication import PeAkaParameter
from apdu.profile.elements.codes import PePinCodes
from apdu.profile.elements.element import (
    decode_element,
    element_from_json,
    element_header,
    element_kind,
    element_to_json,
    encode_element,
)
from apdu.profile.elements.files import (
    DO_NOT_CREATE,
    Fcp,
    FilePath,
    PeGenericFileManagement,
    PeHeader,
    ProprietaryInfo,
)
from apdu.profile.elements.other import UnknownElement
from apdu.profile.elements.template import TemplateElement
from apdu.tlv.scan import Tlv, ber, read_header
from tests.scale import count
from tests.unit.profile.samples import SAMPLES, VARIANTS, check_three_forms


@pytest.mark.parametrize("kind, content", [*SAMPLES.items(), *VARIANTS.items()])
def test_every_kind_survives(kind: str, content: Json) -> None:
    value = element_from_json({kind: content})
    raw = encode_element(value)
    check_three_forms(raw)
    assert element_kind(value) == kind
    assert element_to_json(decode_element(raw)) == {kind: content}


def test_all_kinds_of_the_module_are_there() -> None:
    kinds = {element_kind(element_from_json({kind: content})) for kind, content in SAMPLES.items()}
    assert len(kinds) == 29  # the 34 alternatives of ProfileElement without rfu1 to rfu5


@pytest.mark.parametrize("tag", [0xAB, 0xAF, 0xBF22, 0xBF8101])
def test_unknown_elements_are_kept(tag: int) -> None:
    raw = ber(tag, bytes.fromhex("A005 8000 810107 9F5F020102"))
    value = decode_element(raw)
    assert isinstance(value, UnknownElement)
    header = element_header(value)
    assert header is not None
    assert (header.mandated, header.identification) == (True, 7)
    check_three_forms(raw)


def test_an_empty_reserved_element_is_one_of_the_module() -> None:
    value = decode_element(bytes.fromhex("AB00"))
    assert element_kind(value) == "rfu1"
    assert element_header(value) is None
    check_three_forms(bytes.fromhex("AB00"))


def constructed(data: bytes, start: int, stop: int, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """The places of all constructed objects, as indices from the outside to the inside."""
    at, number = start, 0
    while at < stop:
        tag, begin, end = read_header(data, at, stop)
        first = tag >> 8 if tag > 0xFF else tag
        if first & 0x20:
            yield (*path, number)
            yield from constructed(data, begin, end, (*path, number))
        at, number = end, number + 1


def with_appended(data: bytes, path: tuple[int, ...], extra: bytes, *, front: bool = False) -> bytes:
    """The same objects with another one at the end (or start) of the one at `path`; lengths follow."""
    out, at, number = b"", 0, 0
    while at < len(data):
        tag, begin, end = read_header(data, at, len(data))
        value = data[begin:end]
        if path and path[0] == number:
            if len(path) == 1:
                value = extra + value if front else value + extra
            else:
                value = with_appended(value, path[1:], extra, front=front)
        out += ber(tag, value)
        at, number = end, number + 1
    return out


EXTRA = bytes.fromhex("9F6A0101")


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("front", [False, True], ids=["end", "start"])
def test_unknown_components_are_kept_wherever_they_stand(kind: str, front: bool) -> None:
    raw = encode_element(element_from_json({kind: SAMPLES[kind]}))
    kept = 0
    for path in constructed(raw, 0, len(raw)):
        changed = with_appended(raw, path, EXTRA, front=front)
        try:
            value = decode_element(changed)
        except DecodeError:
            continue  # lists of one type and explicit tags take no further object; a template's head keeps its order
        assert encode_element(value) == changed
        assert encode_element(element_from_json(element_to_json(value))) == changed
        kept += 1
    assert kept >= (0 if front else 1)


def test_values_do_not_keep_their_input() -> None:
    source = bytearray(encode_element(element_from_json({"usim": SAMPLES["usim"]})))
    value = decode_element(cast(bytes, source))
    before = encode_element(value)
    source[:] = bytes(len(source))
    assert encode_element(value) == before
    raw = encode_element(value)
    reachable: list[Any] = [decode_element(raw)]
    seen: set[int] = set()
    while reachable:
        item = reachable.pop()
        if id(item) in seen or isinstance(item, type):
            continue
        seen.add(id(item))
        assert item is not raw
        assert not isinstance(item, memoryview)
        reachable += gc.get_referents(item)


def test_values_read_as_people_expect() -> None:
    usim = element_from_json({"usim": SAMPLES["usim"]})
    assert isinstance(usim, TemplateElement)
    fcp, offset, content = usim.files["ef-imsi"]
    assert isinstance(fcp, Fcp)
    assert (fcp.descriptor, fcp.file_id, offset, content) == (b"\x42\x21\x00\x14", b"\x6f\x06", 300, bytes(200))
    assert usim.files["ef-ust"] == (DO_NOT_CREATE,)
    generic = element_from_json({"genericFileManagement": SAMPLES["genericFileManagement"]})
    assert isinstance(generic, PeGenericFileManagement)
    assert generic.commands[1][0] == FilePath(bytes.fromhex("7F105F3A"))


def test_secrets_are_in_no_repr() -> None:
    pins = element_from_json({"pinCodes": SAMPLES["pinCodes"]})
    aka = element_from_json({"akaParameter": SAMPLES["akaParameter"]})
    domain = element_from_json({"securityDomain": SAMPLES["securityDomain"]})
    assert isinstance(pins, PePinCodes)
    assert isinstance(aka, PeAkaParameter)
    assert "00000000" not in repr(pins)
    assert "key=" not in repr(aka)
    assert "@ABC" not in repr(domain)


# an end element (AA {A0 {80 mandated, 81 identification}}) with one fault each, and what is no element at all
BROKEN = [
    ("AA", "data end before a length"),
    ("AA05 A003 8001", "5 bytes, 4 are left"),
    ("AA80", "indefinite"),
    ("AA8107 A005 8000 81011F", "shortest form"),
    ("AA07 A005 8000 81011F 00", "bytes after the element"),
    ("AA07 A105 8000 81011F", "end-header is missing"),
    ("AA04 A002 8000", "identification is missing"),
    ("AA07 A005 81011F 8000", "mandated (80) is out of order"),
    ("AA0A A008 8000 81011F 81011F", "identification (81) is out of order or stands twice"),
    ("AA08 A006 8001AA 81011F", "a NULL that is not empty"),
    ("AA06 A004 8000 8100", "a number of 0 bytes"),
    ("AA08 A006 8000 8102001F", "a number that is not coded in the shortest form"),
    ("AA07 A005 8000 01011F", "end-header: identification is missing"),
    ("AA09 A007 8000 9F81010155", "identification is missing"),
    ("AA0B A005 8000 81011F BF60019F", "end inside a tag"),
    ("30058000810105", "not that of a profile element"),
    ("8A0180", "not that of a profile element"),
    ("AA8500000000 05", "more than five bytes"),
    ("AA84FFFFFFFF", "are left"),
    ("BF8101", "data end before a length"),
    ("BF8001 00", "leading zeros"),
    ("", "an object was expected"),
]


@pytest.mark.parametrize("hexadecimal, reason", BROKEN)
def test_broken_elements_are_refused_with_a_reason(hexadecimal: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_element(bytes.fromhex(hexadecimal))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def change(kind: str, path: tuple[str | int, ...], value: Json) -> dict[str, Json]:
    """A sample with one value exchanged."""
    sample: Any = json.loads(json.dumps(SAMPLES[kind]))
    target = sample
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return {kind: sample}


BAD_VALUES: list[tuple[str, tuple[str | int, ...], Json]] = [
    ("header", ("iccid",), "00" * 9),
    ("header", ("major-version",), 256),
    ("header", ("major-version",), -1),
    ("header", ("profileType",), ""),
    ("header", ("profileType",), "x" * 101),
    ("header", ("iotOptions", "pix"), "00" * 6),
    ("header", ("eUICC-Mandatory-AIDs", 0, "aid"), "00" * 4),
    ("header", ("eUICC-Mandatory-AIDs", 0, "version"), "00"),
    ("end", ("end-header", "identification"), 32768),
    ("pinCodes", ("pinCodes", "pinconfig"), []),
    ("pinCodes", ("pinCodes", "pinconfig", 0, "pinValue"), "30" * 7),
    ("pinCodes", ("pinCodes", "pinconfig", 0, "keyReference"), 256),
    ("pukCodes", ("pukCodes",), []),
    ("pukCodes", ("pukCodes", 0, "pukValue"), "30" * 9),
    ("akaParameter", ("sqnInit",), ["000000000000"] * 31),
    ("akaParameter", ("sqnInit", 5), "0000000000"),
    ("akaParameter", ("sqnDelta",), "0000000000"),
    ("akaParameter", ("algoConfiguration", "algoParameter", "xoringConstants"), "00" * 79),
    ("akaParameter", ("algoConfiguration", "algoParameter", "rotationConstants"), "00" * 6),
    ("cdmaParameter", ("authenticationKey",), "00" * 7),
    ("cdmaParameter", ("hrpdAccessAuthenticationData",), "00"),
    ("securityDomain", ("keyList",), []),
    ("securityDomain", ("keyList", 0, "keyComponents"), []),
    ("securityDomain", ("keyList", 0, "keyIdentifier"), "0102"),
    ("securityDomain", ("instance", "instanceAID"), "00" * 17),
    ("securityDomain", ("instance", "systemSpecificParameters", "volatileMemoryQuotaC7"), "00"),
    ("securityDomain", ("catTpParameters", "catTpMaxSduSize"), 65536),
    ("rfm", ("tarList",), []),
    ("rfm", ("tarList", 0), "B000"),
    ("rfm", ("minimumSecurityLevel",), ""),
    ("usim", ("ef-imsi", 0, "fileDescriptor", "fileDescriptor"), "41"),
    ("usim", ("ef-imsi", 0, "fileDescriptor", "fileID"), "6F"),
    ("usim", ("ef-imsi", 0, "fileDescriptor", "lcsi"), ""),
    ("usim", ("ef-imsi", 0, "fileDescriptor", "securityAttributesReferenced"), "00" * 4),
    ("usim", ("ef-imsi", 0, "fileDescriptor", "shortEFID"), "0000"),
    ("usim", ("ef-imsi", 0, "fileDescriptor", "proprietaryEFInfo", "fillPattern"), ""),
    ("usim", ("ef-imsi", 0, "fileDescriptor", "proprietaryEFInfo", "fillPattern"), "00" * 201),
    ("usim", ("ef-imsi", 1, "fillFileOffset"), 65536),
    ("genericFileManagement", ("fileManagementCMD",), []),
    ("genericFileManagement", ("fileManagementCMD", 0), []),
    ("genericFileManagement", ("fileManagementCMD", 1, 0, "filePath"), "00" * 9),
]


@pytest.mark.parametrize("kind, path, value", BAD_VALUES, ids=lambda item: str(item)[:60])
def test_values_outside_the_modules_constraints(kind: str, path: tuple[str | int, ...], value: Json) -> None:
    with pytest.raises(BadValue):
        element_from_json(change(kind, path, value))


@pytest.mark.parametrize(
    "text",
    [
        [],
        {},
        {"end": {}, "mf": {}},
        {"usim": []},
        {"nothing": {}},
        {"unknown": {"tag": "B3", "value": ""}},
        {"unknown": {"tag": "", "value": ""}},
        {"unknown": {"tag": "BF22"}},
        {"end": {"end-header": {"identification": "1"}}},
        {"end": {"end-header": {"identification": 1}, "surplus": 1}},
        {"end": {"end-header": {"identification": 1}, "extensions": [{"tag": "9F22", "value": ""}]}},
        {"nonStandard": {"nonStandard-header": {"identification": 1}, "issuerID": 5, "content": ""}},
        {"pinCodes": {"pin-Header": {"identification": 1}, "pinCodes": {"other": 1}}},
        {"mf": {"mf-header": {"identification": 1}, "templateID": "2.23.143.1.2.1", "mf": [{"x": 1}]}},
        {"mf": {"mf-header": {"identification": 1}, "templateID": "2.23.143.1.2.1", "mf": [], "ef-x": []}},
    ],
)
def test_json_that_is_no_element(text: Json) -> None:
    with pytest.raises(DecodeError):
        element_from_json(text)


def test_an_error_names_the_place() -> None:
    raw = encode_element(element_from_json({"usim": SAMPLES["usim"]}))
    at = raw.index(bytes.fromhex("83026F06"))
    broken = raw[:at] + bytes.fromhex("8303") + raw[at + 2 :]
    with pytest.raises(DecodeError) as caught:
        decode_element(broken)
    assert str(caught.value).startswith("usim/adf-usim/fileDescriptor/fileID: an octet string of 3 bytes")
    assert caught.value.offset == at + 2


def test_what_cannot_be_written() -> None:
    usim = element_from_json({"usim": SAMPLES["usim"]})
    assert isinstance(usim, TemplateElement)
    header = usim.header
    for files in ({}, {**usim.files, "ef-other": ()}, {**usim.files, "ef-imsi": ("text",)}):
        with pytest.raises(EncodeError):
            encode_element(
                TemplateElement(kind="usim", header=header, template=usim.template, files=files)  # type: ignore[arg-type]
            )


def test_an_unknown_step_of_a_file_is_kept() -> None:
    step = Tlv(0x85, b"\x01")
    usim = element_from_json({"usim": SAMPLES["usim"]})
    assert isinstance(usim, TemplateElement)
    files = {**usim.files, "ef-imsi": (*usim.files["ef-imsi"], step)}
    raw = encode_element(TemplateElement(kind="usim", header=usim.header, template=usim.template, files=files))
    check_three_forms(raw)
    again = decode_element(raw)
    assert isinstance(again, TemplateElement)
    assert again.files["ef-imsi"][-1] == step


HOT: list[tuple[type[Sequence], str]] = [
    (PeHeader, "8000 8101 7F"),
    (ProprietaryInfo, "C00180 C10200FF 86020200 840101"),
    (Fcp, "82044221 0014 83026F06 8A0105 8B032F0601 80020140 8801B8 A503C00140"),
    (Fcp, "82027821 83027FD0 840CA0000000871002FF49FF0589 8B010E C60381010A"),
    (Fcp, "82024121 83026F3B C7047FD06F3B"),
]


@pytest.mark.parametrize("cls, hexadecimal", HOT)
def test_the_straight_reader_agrees_with_the_general_one(cls: type[Sequence], hexadecimal: str) -> None:
    straight = cls.codec().straight
    assert straight is not None
    general = SequenceCodec(cls)
    general.straight = None
    data = bytes.fromhex(hexadecimal)
    value = straight(b"\x55" + data + b"\x55", 1, 1 + len(data))
    assert value == general.read(data, 0, len(data))
    assert type(value) is cls
    assert hash(value) == hash(general.read(data, 0, len(data)))
    with pytest.raises(AttributeError):
        setattr(value, "extensions", ())  # noqa: B010
    source = random.Random(hexadecimal)
    for _ in range(count("hypothesis_examples") * 20):
        mutated = bytearray(data)
        for _ in range(source.randint(1, 2)):
            mutated[source.randrange(len(mutated))] = source.choice((source.randrange(256), 0, 1, 0x81, 0xFF))
        made = straight(bytes(mutated), 0, len(mutated))
        if made is not None:
            assert made == general.read(bytes(mutated), 0, len(mutated))


def test_equal_unknown_components_are_all_kept() -> None:
    raw = ber(0xAA, bytes.fromhex("A005 8000 81011F 9F6A0101 9F6A0101"))
    check_three_forms(raw)
