# SPDX-License-Identifier: Apache-2.0
"""A general ASN.1 library reads our elements from the published module, and sees what our JSON form says.

asn1tools can loop on malformed input, so it only decodes, in a process of its own with a time limit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apdu.profile.der import Json
from apdu.profile.elements.element import decode_element, element_from_json, element_to_json, encode_element
from apdu.profile.package import encode_package, split_package
from smdp.profiles import load_profile
from tests.require import module_path, profile_paths, require
from tests.unit.profile.samples import SAMPLES, VARIANTS

LIMIT = 60
"""Seconds for one package."""

DECODER = """
import json, sys
import asn1tools

module = asn1tools.compile_files([sys.argv[1]], "der")

def plain(value):
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, tuple):
        return {value[0]: plain(value[1])}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value

elements = []
for line in sys.stdin:
    name, value = module.decode("ProfileElement", bytes.fromhex(line))
    elements.append({name: plain(value)})
json.dump(elements, sys.stdout)
"""

DEFAULTS = {
    "specialFileInformation": "00",
    "fileDetails": "01",
    "lcsi": "05",
    "pinAttributes": 7,
    "rotationConstants": "4000204060",
    "xoringConstants": "".join(f"{last:032X}" for last in (0, 1, 2, 4, 8)),
    "numberOfKeccak": 1,
    "sqnOptions": "02",
    "sqnDelta": "000010000000",
    "sqnAgeLimit": "000010000000",
    "sqnInit": "0x000000000000",  # a default of another type than its component, as printed in the module
    "keyAccess": "00",
    "macLength": 8,
    "lifeCycleState": "07",
}
TRIES = {"pinCodes": 51, "pukCodes": 170}


def foreign(elements: list[bytes]) -> list[dict[str, Any]]:
    """The elements as asn1tools reads them."""
    require("asn1tools")
    done = subprocess.run(
        [sys.executable, "-c", DECODER, str(module_path())],
        input="\n".join(raw.hex() for raw in elements),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    decoded: list[dict[str, Any]] = json.loads(done.stdout)
    return decoded


def agree(ours: Any, theirs: Any, where: str) -> None:
    """Equal but for the defaults that a decoder fills in, and for how NULL and sets of names are shown."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in theirs.keys() - ours.keys():
            default = TRIES[where.split("/")[0]] if name.startswith("maxNum") else DEFAULTS[name]
            assert theirs[name] == default, f"{where}/{name}"
        assert not ours.keys() - theirs.keys(), where
        for name in ours:
            agree(ours[name], theirs[name], f"{where}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, dict):
        assert dict.fromkeys(ours) == theirs, where
    elif isinstance(ours, list) and isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            agree(one, other, f"{where}/{number}")
    elif ours is True:
        assert theirs is None, where
    else:
        assert ours == theirs, where


def check(elements: list[bytes]) -> None:
    for raw, theirs in zip(elements, foreign(elements), strict=True):
        ours = element_to_json(decode_element(raw))
        assert ours.keys() == theirs.keys()
        kind = next(iter(ours))
        agree(ours[kind], theirs[kind], kind)


def test_it_reads_hand_made_elements_of_every_kind() -> None:
    samples: list[dict[str, Json]] = [{kind: content} for kind, content in (*SAMPLES.items(), *VARIANTS.items())]
    check([encode_element(element_from_json(sample)) for sample in samples])


def test_it_reads_our_own_profile() -> None:
    check([element.raw for element in split_package(encode_package(load_profile()))])


def test_it_reads_published_packages() -> None:
    for path in profile_paths():
        check([element.raw for element in split_package(Path(path).read_bytes())])


@pytest.mark.parametrize("kind", ["df-snpn", "df-5gprose", "iot"])
def test_our_tags_above_thirty_are_the_modules(kind: str) -> None:
    raw = encode_element(element_from_json({kind: SAMPLES[kind]}))
    assert list(foreign([raw])[0]) == [kind]
