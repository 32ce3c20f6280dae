# SPDX-License-Identifier: Apache-2.0
"""Files of the published TS.48 packages, as pycrate finds their contents, in words.

What the values should be stands in TS.48: the test subscription of MCC 001, MNC 01, and the ICCID that pycrate reads in
the header of the package.
"""

from __future__ import annotations

from pathlib import Path as FilePath

import pytest

from apdu.errors import DecodeError
from apdu.files.catalogue import ADFS, by_identifier
from apdu.files.contents import content_of, read_contents
from emulator.profile.policy import SERVICES
from tests.protocol.profile_oracle import Expected, Oracle, Path
from tests.protocol.test_profile_install import foreign_decode
from tests.require import profile_paths, require

require("pycrate")


def name_of(path: Path) -> tuple[str, str]:
    """Directory and file by the catalogue's names."""
    directory = "mf"
    for step in path[:-1]:
        if len(step) > 4:
            aid = bytes.fromhex(step)
            directory = next((name for name, prefix in ADFS.items() if aid.startswith(prefix)), "")
        else:
            entry = by_identifier(directory, int(step, 16))
            directory = "" if entry is None else entry.name
    entry = by_identifier(directory, int(path[-1], 16))
    return directory, "" if entry is None else entry.name


def records(file: Expected) -> list[bytes]:
    if not file.record_length:
        return [file.content]
    return [file.content[at : at + file.record_length] for at in range(0, len(file.content), file.record_length)]


@pytest.mark.parametrize("package", profile_paths(), ids=lambda path: path.stem)
def test_contents_of_published_profiles(package: FilePath) -> None:
    oracle = Oracle(SERVICES)
    elements = foreign_decode(package.read_bytes())
    for name, element in elements:
        oracle.element(name, element)
    said: dict[str, dict[str, str]] = {}
    wrong: list[str] = []
    read = 0
    for path, file in oracle.files.items():
        directory, name = name_of(path)
        content = content_of(directory, name)
        if content is None or file.link is not None:
            continue
        for record in records(file):
            try:
                found = {item.name: item.value for item in read_contents(content, record)}
            except DecodeError as error:
                wrong.append(f"{directory}/{name}: {error}")
                continue
            said.setdefault(f"{directory}/{name}", found)
            read += 1
    assert not wrong
    assert read > 100
    header = dict(elements)["header"]
    assert said["mf/ef-iccid"]["ICCID"] == header["iccid"].hex().rstrip("f")
    assert said["adf-usim/ef-imsi"]["IMSI"].startswith("00101")
    assert said["adf-usim/ef-ad"] == {
        "operation mode": "type approval operations",
        "additional information": "0000",
        "length of the MNC": "2",
    }
    assert said["mf/ef-dir"]["application"].startswith("USIM")
    assert said["adf-usim/ef-keys"]["CK"] == "not shown" or said["adf-usim/ef-keys"] == {"contents": "empty"}
