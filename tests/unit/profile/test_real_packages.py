# SPDX-License-Identifier: Apache-2.0
"""Published packages: read, shown as JSON, read back, written, byte for byte the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apdu.errors import DecodeError
from apdu.profile.package import (
    decode_package,
    encode_package,
    package_from_json,
    package_to_json,
    split_package,
)
from apdu.profile.templates.registry import TEMPLATES
from tests.require import profile_paths
from tests.unit.profile.samples import check_three_forms

PACKAGES = pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)


@PACKAGES
def test_every_element_survives(path: Path) -> None:
    for element in split_package(path.read_bytes()):
        check_three_forms(element.raw)


@PACKAGES
def test_the_package_survives(path: Path) -> None:
    package = path.read_bytes()
    elements = decode_package(package)
    again = package_from_json(json.loads(json.dumps(package_to_json(elements))))
    assert again == elements
    assert encode_package(again) == package


@PACKAGES
def test_cut_short_it_is_refused_with_offset_and_reason(path: Path) -> None:
    package = path.read_bytes()
    offsets = {element.offset for element in split_package(package)}
    for size in range(1, len(package), 7):
        if size in offsets:
            continue  # between two elements: whole elements, of which the end is missing
        with pytest.raises(DecodeError) as caught:
            decode_package(package[:size])
        assert caught.value.offset == max(offset for offset in offsets if offset < size)


# annex 2.16: files whose size the TS.48 packages leave to the template
SIZES = {
    "mf": {"ef-umpc": 5, "ef-iccid": 10},
    "telecom": {"ef-psc": 4, "ef-cc": 2, "ef-puid": 2},
    "usim": {"ef-imsi": 9, "ef-keys": 33, "ef-keysPS": 33, "ef-hpplmn": 1, "ef-smss": 2, "ef-spn": 17, "ef-est": 1}
    | {"ef-start-hfn": 6, "ef-threshold": 3, "ef-psloci": 14, "ef-acc": 2, "ef-fplmn": 12, "ef-loci": 11, "ef-ad": 4}
    | {"ef-epsloci": 18},
    "opt-usim": {"ef-li": 6, "ef-acmax": 3, "ef-puct": 5, "ef-dck": 16, "ef-ccp2": 75, "ef-vgcss": 7, "ef-vbss": 7}
    | {"ef-emlpp": 2, "ef-aaem": 1, "ef-hiddenkey": 4, "ef-ext8": 130, "ef-ehplmnpi": 1, "ef-lrplmnsi": 1},
    "gsm-access": {"ef-kc": 9, "ef-kcgprs": 9, "ef-invscan": 1},
    "isim": {"ef-ad": 3},
    "df-5gs": {"ef-5gs3gpploci": 20, "ef-5gsn3gpploci": 20, "ef-uac-aic": 4, "ef-routing-indicator": 4},
}


@pytest.mark.parametrize("kind", SIZES)
def test_sizes_that_packages_leave_to_the_template(kind: str) -> None:
    oldest = next(template for template in TEMPLATES.values() if template.kind == kind)
    assert {name: oldest.by_name[name].size for name in SIZES[kind]} == SIZES[kind]
