# SPDX-License-Identifier: Apache-2.0
"""Real packages through the interpreter: every file against what a foreign decoder and the template tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apdu.ids import Iccid, Imsi
from apdu.profile.package import Splitter, decode_package, encode_package, split_package
from apdu.profile.personalise import Personalisation, personalise
from apdu.profile.response import Status
from emulator.profile.base import Directory, FileNode, ProfileBase
from emulator.profile.cache import BaseCache
from emulator.profile.interpreter import InstallError, Interpreter
from emulator.profile.loader import base_for
from emulator.profile.policy import LAB, PRODUCTION, SERVICES
from tests.protocol.profile_oracle import Expected, Oracle
from tests.require import profile_paths, require
from tests.scale import count

PACKAGES = pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)


def interpret(package: bytes, available: int = 1 << 20) -> ProfileBase:
    """Interpret with a cache of its own, so that nothing is taken from an earlier test."""
    interpreter = Interpreter(LAB, available, BaseCache())
    for element in split_package(package):
        interpreter.element(element.raw, element.offset)
    return interpreter.base()


def foreign_decode(package: bytes) -> list[tuple[str, Any]]:
    """The elements as pycrate reads them; it does not split packages."""
    require("pycrate")
    from pycrate_asn1dir import eUICCPP_IFTv3

    codec = eUICCPP_IFTv3.PEDefinitions.ProfileElement
    elements = []
    at = 0
    while at < len(package):
        at = _end(package, start := at)
        codec.from_der(package[start:at])
        name, value = codec.get_val()
        elements.append((name, value))
    return elements


def _end(data: bytes, at: int) -> int:
    at += 2 if data[at] & 0x1F == 0x1F else 1
    count = data[at] & 0x7F if data[at] & 0x80 else 0
    length = int.from_bytes(data[at + 1 : at + 1 + count], "big") if count else data[at]
    return at + 1 + count + length


def tree(base: ProfileBase) -> tuple[dict[tuple[str, ...], FileNode], dict[tuple[str, ...], Directory]]:
    """All files and directories by path."""
    files: dict[tuple[str, ...], FileNode] = {}
    directories: dict[tuple[str, ...], Directory] = {}

    def walk(directory: Directory, path: tuple[str, ...]) -> None:
        directories[path] = directory
        for fid, node in directory.children.items():
            assert fid == node.fid
            below = (*path, f"{fid:04X}")
            if isinstance(node, Directory):
                walk(node, below)
            else:
                files[below] = node

    walk(base.mf, ())
    for adf in base.adfs:
        assert adf.aid is not None
        walk(adf, (str(adf.aid),))
    return files, directories


def check_file(node: FileNode, expected: Expected, where: str) -> None:
    """One file against the oracle."""
    assert node.kind.name == expected.type, where
    assert node.size == expected.size, where
    assert node.record_length == expected.record_length, where
    assert node.content == expected.content, where
    assert node.sfi == expected.sfi, where
    assert (f"{node.arr[0]:04X}", node.arr[1]) == expected.rule, where
    assert node.special == expected.special, where


@PACKAGES
def test_every_file_is_what_the_oracle_says(path: Path) -> None:
    package = path.read_bytes()
    oracle = Oracle(SERVICES)
    for name, value in foreign_decode(package):
        oracle.element(name, value)
    files, directories = tree(interpret(package))
    assert len(files) > 200
    assert files.keys() == oracle.files.keys()
    for where, expected in oracle.files.items():
        check_file(files[where], expected, "/".join(where))
        link = files[where].link
        if expected.link is None:
            assert link is None, where
        else:
            assert link is files[expected.link], where
    assert directories.keys() == oracle.directories.keys()
    for where, (rule, pins) in oracle.directories.items():
        found = directories[where]
        assert (f"{found.arr[0]:04X}", found.arr[1]) == rule, where
        assert found.pin_references == pins, where


@PACKAGES
def test_codes_and_keys_are_those_of_the_package(path: Path) -> None:
    package = path.read_bytes()
    base = interpret(package)
    elements = foreign_decode(package)
    pins = [item for name, value in elements if name == "pinCodes" for item in value["pinCodes"][1]]
    assert sorted((pin.reference, pin.value, pin.attributes) for pin in base.pins.values()) == sorted(
        (item["keyReference"], item["pinValue"], item.get("pinAttributes", 7)) for item in pins
    )
    owners = {context: {reference for c, reference in base.pins if c == context} for context, _ in base.pins}
    names = {directory.id: directory.label for directory in (base.mf, *base.adfs)}
    names |= {node.id: node.label for node in base.mf.children.values() if isinstance(node, Directory)}
    assert {names[context]: references for context, references in owners.items()} == {
        "mf": {0x01, 0x0A, 0x0B},
        "df-telecom": {0x81},
        "adf-usim": {0x81},
        "adf-csim": {0x81},
        "adf-isim": {0x81},
    }
    puks = [item for name, value in elements if name == "pukCodes" for item in value["pukCodes"]]
    assert {ref: puk.value for ref, puk in base.puks.items()} == {i["keyReference"]: i["pukValue"] for i in puks}
    akas = [value["algoConfiguration"][1] for name, value in elements if name == "akaParameter"]
    assert [(naa.adf.label, naa.algorithm, naa.options, naa.key.reveal(), naa.opc) for naa in base.naas] == [
        (name, aka["algorithmID"], aka["algorithmOptions"][0], aka["key"], aka["opc"])
        for name, aka in zip(("adf-usim", "adf-isim"), akas, strict=True)
    ]
    domain = next(value for name, value in elements if name == "securityDomain")
    assert [(key.kvn, key.kid, key.usage, key.components[0].reveal()) for key in base.domains[0].keys] == [
        (key["keyVersionNumber"][0], key["keyIdentifier"][0], key["keyUsageQualifier"], components[0]["keyData"])
        for key in domain["keyList"]
        for components in [key.get("keyCompontents", key.get("keyComponents"))]  # as pycrate's module spells it
    ]
    rfms = [value for name, value in elements if name == "rfm"]
    assert [(rfm.aid, [bytes(tar) for tar in rfm.tars]) for rfm in base.rfms] == [
        (value["instanceAID"], value["tarList"]) for value in rfms
    ]
    assert base.cdma[0] == next(value for name, value in elements if name == "cdmaParameter")["authenticationKey"]


@PACKAGES
def test_cut_anywhere_it_is_not_installed(path: Path) -> None:
    package = path.read_bytes()
    for size in range(0, len(package), count("profile_bytes_stride")):
        with pytest.raises(InstallError):
            base_for(package[:size], LAB)


@PACKAGES
def test_any_two_segments_make_the_same_profile(path: Path) -> None:
    package = path.read_bytes()
    whole = interpret(package)
    expected = {where: (node.id, node.content) for where, node in tree(whole)[0].items()}
    for cut in range(1, len(package), count("profile_bytes_stride")):
        splitter, interpreter = Splitter(), Interpreter(LAB, 1 << 20, BaseCache())
        for segment in (package[:cut], package[cut:]):
            for element in splitter.feed(segment):
                interpreter.element(element.raw, element.offset)
        base = interpreter.base()
        assert base.digest == whole.digest
        assert {where: (node.id, node.content) for where, node in tree(base)[0].items()} == expected


@PACKAGES
def test_a_production_card_refuses_its_keys(path: Path) -> None:
    with pytest.raises(InstallError) as caught:
        base_for(path.read_bytes(), PRODUCTION)
    assert (caught.value.status, caught.value.reason) == (Status.BAD_VALUES, "a published test key")


@PACKAGES
def test_a_subscriber_moves_in(path: Path) -> None:
    person = Personalisation(
        iccid=Iccid.from_string("8949000000000000019"),
        imsi=Imsi("262019876543217"),
        key=bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0"),
        msisdn="+491711234567",
    )
    before = interpret(path.read_bytes())
    after = interpret(encode_package(personalise(decode_package(path.read_bytes()), person)))
    old, new = tree(before)[0], tree(after)[0]
    usim = str(after.adfs[0].aid)
    changed = {where[-1] for where in new if new[where].content != old[where].content}
    assert changed == {"2FE2", "6F07", "6F78", "6F40"}
    assert new[("2FE2",)].content.hex().upper() == "989400000000000010F9"
    assert new[(usim, "6F07")].content.hex() == "082926108967452371"
    assert new[("7F10", "6F40")].content == new[(usim, "6F40")].content  # a link to it
    assert {naa.key.reveal() for naa in after.naas} == {person.key}
