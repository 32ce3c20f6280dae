# SPDX-License-Identifier: Apache-2.0
"""The profile of a run: what is drawn, and what is read from a package."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from apdu.aka.milenage import STANDARD, MilenageConstants
from apdu.keys.entropy import SeededEntropy
from apdu.profile.elements.authentication import AlgoParameter, PeAkaParameter
from apdu.profile.elements.codes import PePinCodes
from apdu.profile.elements.element import ProfileElement
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.elements.template import TemplateElement
from apdu.profile.package import decode_package, encode_package
from tools.errors import ToolError
from tools.subscription import PreparedProfile, ProfileFile, draw_profile, read_file, read_profile

DRAWN = draw_profile(SeededEntropy(b"subscription"))
ELEMENTS = decode_package(DRAWN.package)


def read(elements: list[ProfileElement]) -> PreparedProfile:
    return read_profile(ProfileFile("test", encode_package(elements)))


def changed(change: Callable[[ProfileElement], ProfileElement | None]) -> list[ProfileElement]:
    """The drawn package with each element changed, or left out."""
    return [result for each in ELEMENTS if (result := change(each)) is not None]


def test_what_is_drawn_is_what_is_read() -> None:
    found = read_profile(ProfileFile("test", DRAWN.package))
    assert found == DRAWN
    assert re.fullmatch("999[0-9]{9}", found.msisdn)
    assert found.subscriber == DRAWN.subscriber
    assert (found.algorithm, found.pin) == ("Milenage", None)
    assert found.elements == len(ELEMENTS)


@pytest.mark.parametrize(
    "field, number",
    [
        ("0691947111F5", "4917115"),
        ("0291F1", "1"),
        ("FFFF", ""),
        ("0191", ""),
        ("0C91947111F5", ""),
        ("0491A1F3F5", ""),
        ("03911FF2", ""),
    ],
)
def test_numbers_of_subscribers(field: str, number: str) -> None:
    """A record without a number, or with one that nobody could dial, is none."""

    def change(element: ProfileElement) -> ProfileElement:
        if not isinstance(element, TemplateElement) or element.kind != "opt-usim":
            return element
        *parameters, record = element.files["ef-msisdn"]
        assert isinstance(record, bytes)
        content = record[:-14] + bytes.fromhex(field).ljust(14, b"\xff")
        return replace(element, files=MappingProxyType({**element.files, "ef-msisdn": (*parameters, content)}))

    assert read(changed(change)).msisdn == number


def test_draws_differ_in_every_secret() -> None:
    other = draw_profile(SeededEntropy(b"another"))
    assert len(other.secrets) == len(DRAWN.secrets) > 10
    assert not set(other.secrets) & set(DRAWN.secrets)
    assert other.iccid != DRAWN.iccid
    assert other.imsi != DRAWN.imsi


@pytest.mark.parametrize("seed", range(20))
def test_card_numbers_have_a_check_digit(seed: int) -> None:
    digits = [int(digit) for digit in str(draw_profile(SeededEntropy(bytes((seed,)))).iccid)]
    assert len(digits) == 20
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    assert (sum(doubled) + sum(digits[::-2])) % 10 == 0


def test_no_text_shows_a_secret() -> None:
    text = repr(DRAWN)
    for secret in (*DRAWN.secrets, DRAWN.subscriber.parameters.key, DRAWN.subscriber.parameters.opc):
        assert secret.hex() not in text.lower()
        assert repr(secret)[2:-1] not in text


def without_imsi(element: ProfileElement) -> ProfileElement:
    if isinstance(element, TemplateElement) and element.kind == "usim":
        return replace(element, files=MappingProxyType({**element.files, "ef-imsi": ()}))
    return element


@pytest.mark.parametrize("hole", [False, True])
def test_contents_in_pieces(hole: bool) -> None:
    """The same EF.IMSI in two contents; with an offset between them, which leaves FF."""
    content = DRAWN.imsi.ef_imsi
    pieces = (content[:3], 1, content[4:]) if hole else (content[:3], content[3:])

    def change(element: ProfileElement) -> ProfileElement:
        if isinstance(element, TemplateElement) and element.kind == "usim":
            return replace(element, files=MappingProxyType({**element.files, "ef-imsi": pieces}))
        return element

    if hole:
        with pytest.raises(ToolError, match="no IMSI"):
            read(changed(change))
    else:
        assert read(changed(change)).imsi == DRAWN.imsi


@pytest.mark.parametrize(
    "change, reason",
    [
        (without_imsi, "no IMSI: personalise the profile first"),
        (lambda each: None if isinstance(each, PeAkaParameter) else each, "no authentication key"),
        (lambda each: None if getattr(each, "kind", "") in ("usim", "opt-usim") else each, "no USIM"),
        (lambda each: None if isinstance(each, ProfileHeader) else each, "begins with a profile header"),
    ],
)
def test_profiles_that_cannot_attach(change: Callable[[ProfileElement], ProfileElement | None], reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        read(changed(change))


def test_operator_constants_reach_the_network() -> None:
    rotation, xoring = bytes((1, 2, 3, 4, 5)), bytes(range(80))

    def change(element: ProfileElement) -> ProfileElement:
        if isinstance(element, PeAkaParameter) and isinstance(element.configuration, AlgoParameter):
            return replace(element, configuration=replace(element.configuration, rotation=rotation, xoring=xoring))
        return element

    assert DRAWN.subscriber.parameters.constants == STANDARD
    assert read(changed(change)).subscriber.parameters.constants == MilenageConstants.from_bytes(rotation, xoring)


@pytest.mark.parametrize("attributes, pin", [(6, None), (7, "1234"), (None, "1234")])
def test_pin(attributes: int | None, pin: str | None) -> None:
    def change(element: ProfileElement) -> ProfileElement:
        if not isinstance(element, PePinCodes) or not isinstance(element.codes, tuple):
            return element
        codes = tuple(
            replace(code, code=b"1234\xff\xff\xff\xff", attributes=attributes) if code.reference == 1 else code
            for code in element.codes
        )
        return replace(element, codes=codes)

    assert read(changed(change)).pin == pin


def test_names_are_fit_for_a_terminal() -> None:
    def change(element: ProfileElement) -> ProfileElement:
        if isinstance(element, ProfileHeader):
            return replace(element, profile_type="\x1b[31mred\x07\u202e" + "x" * 90)
        return element

    name = read(changed(change)).name
    assert name.startswith("?[31mred??xxx")
    assert len(name) == 60


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "profile.der"
    path.write_bytes(DRAWN.package)
    assert read_file(path) == (str(path), DRAWN.package)
    with pytest.raises(ToolError, match=r"cannot be read: is a directory$"):
        read_file(tmp_path)
