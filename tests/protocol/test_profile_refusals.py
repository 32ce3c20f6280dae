# SPDX-License-Identifier: Apache-2.0
"""What a package must not be: status, element and offset of every refusal (SAIP 7.2, 8.1 to 8.10)."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

import pytest

from apdu.errors import DecodeError
from apdu.profile.elements.element import element_header
from apdu.profile.package import decode_package, encode_package, split_package
from apdu.profile.response import EuiccResponse, PeStatus, Status
from apdu.tlv.scan import ber
from emulator.profile.cache import BaseCache
from emulator.profile.interpreter import InstallError, Interpreter
from emulator.profile.loader import base_for
from emulator.profile.policy import LAB, PRODUCTION, SERVICES, is_test_key
from smdp.profiles import load_profile
from tests.protocol.profile_faults import BEFORE, DF, EAP, EF, REFUSED, aka, generic, numbered, sd
from tests.protocol.profile_parts import (
    AKA,
    END,
    HEADER,
    KEY,
    MF,
    PINS,
    PUKS,
    TELECOM,
    USIM,
    WHOLE,
    Part,
    changed,
    create,
    files,
    install,
    package,
)
from tests.scale import count

S: Final = Status


@pytest.mark.parametrize("parts, status", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_with_status_element_and_offset(parts: tuple[Part, ...], status: Status) -> None:
    data = package(*parts)
    last = split_package(data)[-1]
    with pytest.raises(InstallError) as caught:
        install(data)
    error = caught.value
    given = element_header(decode_package(data)[-1])
    assert (error.status, error.offset) == (status, last.offset), str(error)
    assert error.identification == (None if given is None else given.identification)
    response = EuiccResponse.from_tlv(error.response().encode())
    assert response.aborted
    assert not response.installed
    assert response.statuses[-1] == PeStatus(status=status, identification=error.identification, offset=last.offset)
    assert response.message is not None


def test_the_whole_profile_is_right() -> None:
    base = install(package(*WHOLE))
    assert base.warnings == ()
    assert EuiccResponse.success(base.warnings).encode() == bytes.fromhex("3007A0053003800100")


# an element that a card may skip: its identification, if it says one, and the warning; what follows is installed
SKIPPED: list[tuple[str, Part, int | None, Status]] = [
    ("unknown", {"unknown": {"tag": "BF22", "value": "A003810107"}}, 7, S.PE_NOT_SUPPORTED),
    ("unknown without header", {"unknown": {"tag": "BF22", "value": "810107"}}, None, S.PE_NOT_SUPPORTED),
    ("reserved", {"unknown": {"tag": "AF", "value": "A003810107"}}, 7, S.PE_NOT_SUPPORTED),
    (
        "non-standard",
        {"nonStandard": {"nonStandard-header": {"identification": 7}, "issuerID": "1.3.6.1", "content": "00"}},
        7,
        S.PE_NOT_SUPPORTED,
    ),
    ("service not there", numbered(EAP, 7, mandated=False), 7, S.PE_NOT_SUPPORTED),
    (
        "template unknown",
        numbered(changed(USIM, "usim/templateID", "2.99"), 7, mandated=False),
        7,
        S.TEMPLATE_NOT_SUPPORTED,
    ),
]


@pytest.mark.parametrize("part, number, status", [case[1:] for case in SKIPPED], ids=[case[0] for case in SKIPPED])
def test_what_is_not_mandated_is_skipped_with_a_warning(part: Part, number: int | None, status: Status) -> None:
    # every part gets the number of its place, so place 7 belongs to the one under test
    base = install(package(*WHOLE[:7], part, *WHOLE[7:]))
    assert base.warnings == (PeStatus(status=status, identification=number),)
    response = EuiccResponse.success(base.warnings)
    assert response.installed
    assert [item.status for item in response.statuses] == [status, S.OK]


def test_a_template_that_the_header_demands_is_not_skipped() -> None:
    demanding = changed(HEADER, "header/eUICC-Mandatory-GFSTEList", ["2.23.143.1.2.1"])
    part = numbered(changed(USIM, "usim/templateID", "2.1"), 40, mandated=False)
    with pytest.raises(InstallError) as caught:
        install(package(demanding, MF, PUKS, PINS, part))
    assert caught.value.status == S.TEMPLATE_NOT_SUPPORTED


@pytest.mark.parametrize("local", [(), (TELECOM,)], ids=["no local PINs", "local PINs of another directory"])
def test_a_reference_without_pin_names_the_directorys_element(local: tuple[Part, ...]) -> None:
    data = package(*BEFORE, *local, USIM, AKA, END)
    with pytest.raises(InstallError) as caught:
        install(data)
    at = next(element for element in split_package(data) if element.kind == "usim")
    assert (caught.value.status, caught.value.offset) == (S.PIN_CODE_MISSING, at.offset)
    assert caught.value.identification == 4 + len(local)


def test_memory_is_bounded_by_what_is_available() -> None:
    data = package(*WHOLE)
    needed = install(data).footprint
    assert install(data, available=needed).footprint == needed
    for available in (0, 31, needed // 2, needed - 1):
        with pytest.raises(InstallError) as caught:
            install(data, available=available)
        assert caught.value.status == S.NOT_ENOUGH_MEMORY


def test_huge_sizes_allocate_nothing() -> None:
    data = package(*BEFORE, files(create("6F50", fileDescriptor="4121", efFileSize="FFFFFFFF")))
    with pytest.raises(InstallError) as caught:
        install(data)
    assert caught.value.status == S.NOT_ENOUGH_MEMORY


def test_many_files_are_too_many() -> None:
    commands = [create(f"{0x6000 + number:04X}", **EF) for number in range(30)]
    with pytest.raises(InstallError) as caught:
        install(package(*BEFORE, files(*commands)), replace(LAB, max_nodes=30))
    assert caught.value.status == S.NOT_ENOUGH_MEMORY


def test_a_package_may_be_too_long() -> None:
    with pytest.raises(InstallError) as caught:
        install(package(*WHOLE), replace(LAB, max_package=1000))
    assert caught.value.status == S.NOT_ENOUGH_MEMORY


def test_many_elements_are_too_many() -> None:
    unknown: list[Part] = [{"unknown": {"tag": "BF22", "value": ""}}] * 20
    assert len(install(package(*BEFORE, *unknown, END)).warnings) == 20
    with pytest.raises(InstallError) as caught:
        install(package(*BEFORE, *unknown, END), replace(LAB, max_elements=20))
    assert caught.value.status == S.NOT_ENOUGH_MEMORY


def test_an_element_full_of_unknown_components() -> None:
    for raw in (ber(0xB0, bytes.fromhex("A003810101 8101 27") + bytes.fromhex("9500") * 100_000),
                ber(0xA3, bytes.fromhex("A003810101") + bytes.fromhex("9500") * 100_000)):  # fmt: skip
        with pytest.raises(InstallError):
            base_for(package(HEADER) + raw, LAB)


@pytest.mark.parametrize(
    "service, parts",
    [
        ("ber-tlv", generic(create("6F50", fileDescriptor="7921", efFileSize="10"))),
        ("dfLink", generic(create("5F50", **DF), create("5F51", **DF), {"filePath": ""},
                           create("7F20", **DF, linkPath="5F50"))),
        ("milenage", (*BEFORE, USIM, AKA)),
        ("usim-test-algorithm", (*BEFORE, USIM, aka(algorithmID=3))),
    ],
)  # fmt: skip
def test_services_that_a_card_lacks(service: str, parts: tuple[Part, ...]) -> None:
    data = package(*parts)
    with pytest.raises(InstallError) as caught:
        install(data, replace(LAB, services=SERVICES - {service}))
    assert caught.value.status == S.FEATURE_NOT_SUPPORTED
    assert service in caught.value.reason


def test_elements_of_a_service_that_a_card_lacks() -> None:
    with pytest.raises(InstallError) as caught:
        install(package(*BEFORE, USIM), replace(LAB, services=SERVICES - {"usim"}))
    assert caught.value.status == S.PE_NOT_SUPPORTED


def test_no_base_before_the_end() -> None:
    interpreter = Interpreter(LAB, 1 << 20, BaseCache())
    for element in split_package(package(*WHOLE))[:-1]:
        interpreter.element(element.raw, element.offset)
    assert not interpreter.finished
    with pytest.raises(InstallError):
        interpreter.base()


TEST_KEYS = [
    "00" * 16,
    "FF" * 16,
    "00" * 32,
    "000102030405060708090A0B0C0D0E0F",
    "404142434445464748494A4B4C4D4E4F",
    "101112131415161718191A1B1C1D1E1F",
    "465B5CE8B199B49FAA5F0A2EE238A6BC",
]


@pytest.mark.parametrize("key", TEST_KEYS)
def test_published_keys_are_for_lab_cards_only(key: str) -> None:
    assert is_test_key(bytes.fromhex(key))
    cases: list[tuple[Part, ...]] = [(*BEFORE, sd("keySets/0/keys", [KEY, KEY, key]))]
    if len(key) == 32:
        cases.append((*BEFORE, USIM, aka(key=key)))
    for parts in cases:
        data = package(*parts)
        with pytest.raises(InstallError) as caught:
            install(data, PRODUCTION)
        assert (caught.value.status, caught.value.reason) == (S.BAD_VALUES, "a published test key")
        with pytest.raises(InstallError) as caught:
            install(data)  # a lab card takes it: what is wrong is only that the package ends
        assert caught.value.reason == "no end element"


def test_other_keys_are_for_all_cards() -> None:
    assert not is_test_key(bytes.fromhex(KEY))
    assert install(package(*WHOLE), PRODUCTION).footprint


PACKAGE = encode_package(load_profile())


def test_cut_anywhere_nothing_is_installed() -> None:
    stride = 1 if count("powercut_bytes_stride") == 1 else 11
    for size in range(0, len(PACKAGE), stride):
        with pytest.raises(InstallError):
            base_for(PACKAGE[:size], LAB)


@pytest.mark.parametrize("hexadecimal", ["A084FFFFFFFF", "A080", "B384FFFFFFFF00", "00", "30820100"])
def test_lengths_that_cannot_be_are_refused(hexadecimal: str) -> None:
    with pytest.raises(InstallError) as caught:
        base_for(bytes.fromhex(hexadecimal), LAB)
    assert caught.value.status == S.INVALID_REQUEST_FORMAT


def test_objects_nested_a_thousand_deep() -> None:
    nested = b""
    for _ in range(1000):
        nested = ber(0xA5, nested)
    for raw in (ber(0xA0, nested), ber(0xB3, ber(0xA0, bytes.fromhex("810101")) + nested), ber(0xBF22, nested)):
        with pytest.raises(InstallError):
            base_for(package(HEADER) + raw, LAB)


def test_mutated_packages_are_installed_or_refused() -> None:
    source = random.Random(48)
    elements = [element.raw for element in split_package(PACKAGE)]
    outcomes = set()
    for _ in range(count("hypothesis_examples") * 20):
        mutated = list(elements)
        action = source.randrange(4)
        if action == 0:
            del mutated[source.randrange(len(mutated))]
        elif action == 1:
            mutated.insert(source.randrange(len(mutated)), source.choice(elements))
        else:
            place = source.randrange(len(mutated))
            raw = bytearray(mutated[place])
            for _ in range(source.randint(1, 3)):
                raw[source.randrange(len(raw))] = source.choice((source.randrange(256), 0x00, 0x80, 0xFF))
            mutated[place] = bytes(raw)
        interpreter = Interpreter(LAB, 1 << 16, BaseCache())
        outcome = "installed"
        try:
            for element in split_package(b"".join(mutated)):
                interpreter.element(element.raw, element.offset)
            interpreter.base()
        except InstallError as error:
            outcome = Status.text(error.status)
            EuiccResponse.from_tlv(error.response().encode(239))
        except DecodeError:
            outcome = "no package"
        outcomes.add(outcome)
    assert {"installed", "no package", "bad-values", "invalid-request-format", "invalid-parameter"} <= outcomes
