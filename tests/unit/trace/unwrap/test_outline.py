# SPDX-License-Identifier: Apache-2.0
"""Profile elements as a trace tells them: no secret is left, whatever the redaction does afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apdu.profile.der import Oid
from apdu.profile.elements.authentication import AlgoParameter, PeAkaParameter, PeCdmaParameter
from apdu.profile.elements.codes import PePinCodes, PePukCodes
from apdu.profile.elements.domains import PeSecurityDomain
from apdu.profile.elements.element import ProfileElement, element_kind
from apdu.profile.elements.files import PeHeader
from apdu.profile.elements.other import PeNonStandard, UnknownElement
from apdu.profile.elements.template import TemplateElement
from apdu.profile.package import decode_package
from apdu.trace.events import FunctionEvent
from apdu.trace.unwrap.outline import OPEN_FILES, outline
from apdu.trace.unwrap.profile import Download
from tests.require import profile_paths
from tests.support.profile import subscriber

HEADER = PeHeader(identification=1)
SECRET = bytes(range(0xA0, 0xB0))


def secrets(element: ProfileElement) -> Iterator[bytes]:
    """Keys, codes, and what stands in files that are not open."""
    if isinstance(element, PeAkaParameter) and isinstance(element.configuration, AlgoParameter):
        yield from (element.configuration.key, element.configuration.opc)
    elif isinstance(element, (PePinCodes, PePukCodes)) and isinstance(element.codes, tuple):
        yield from (each.code for each in element.codes)
    elif isinstance(element, PeSecurityDomain):
        yield from (part.data for key in element.keys or () for part in key.components)
        yield from element.personalisation or ()
    elif isinstance(element, TemplateElement):
        for name, items in element.files.items():
            if name not in OPEN_FILES:
                yield from (item for item in items if type(item) is bytes)


def shown(element: ProfileElement) -> str:
    return json.dumps(outline(element), default=dict)


def check(package: bytes) -> int:
    found = 0
    for element in decode_package(package):
        text = shown(element)
        for secret in secrets(element):
            if len(secret) >= 8:
                found += 1
                assert secret.hex().upper() not in text, element_kind(element)
    return found


def test_the_secrets_of_a_profile_are_left_out() -> None:
    assert check(subscriber(1).package) > 10


@pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)
def test_those_of_packages_of_others(path: Path) -> None:
    assert check(path.read_bytes()) > 10


@pytest.mark.parametrize(
    "element",
    [
        PeCdmaParameter(header=HEADER, key=SECRET[:8], ssd=SECRET, hrpd=SECRET, simple_ip=SECRET, mobile_ip=SECRET),
        PeNonStandard(header=HEADER, issuer=Oid.from_string("2.999"), content=SECRET),
        UnknownElement(0xBF30, SECRET),
    ],
    ids=lambda element: element_kind(element),
)
def test_elements_that_profiles_here_do_not_have(element: Any) -> None:
    assert SECRET[:8].hex().upper() not in shown(element)


def test_identities_are_shown() -> None:
    person = subscriber(1)
    text = "".join(map(shown, decode_package(person.package)))
    assert str(person.iccid) in text
    assert person.imsi.ef_imsi.hex().upper() in text


def test_a_package_in_pieces_of_any_size() -> None:
    package = subscriber(1).package
    whole = list(Download("A0").take(0, package, b""))
    for size in (1, 100, 1007):
        download = Download("A0")
        pieces = (package[at : at + size] for at in range(0, len(package), size))
        assert [event for piece in pieces for event in download.take(0, piece, b"")] == whole


def test_what_is_no_package_is_a_finding_and_ends_it() -> None:
    download = Download("A0")
    good = subscriber(1).package[:83]
    events = [*download.take(0, good, b""), *download.take(0, b"\x00\x01\x02", b""), *download.take(0, good, b"")]
    assert [(event.name, event.outcome) for event in events] == [("header", "read"), ("package", "malformed")]
    assert isinstance(events[1], FunctionEvent)
    assert "profile-malformed" in str(events[1].extra["findings"])


def test_a_refusal_is_told() -> None:
    answer = bytes.fromhex("3009A00530038001038100")
    (event,) = Download("A0").take(0, b"", answer)
    assert event.name == "installation"
    assert event.outcome.startswith("refused: bad-values")
    (event,) = Download("A0").take(0, b"", b"\x30\x05")
    assert event.outcome == "malformed"
