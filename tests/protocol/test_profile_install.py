# SPDX-License-Identifier: Apache-2.0
"""Real packages through the interpreter: every file against what a foreign decoder and the template tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apdu.profile.package import split_package
from emulator.profile.base import Directory, FileNode, ProfileBase
from emulator.profile.cache import BaseCache
from emulator.profile.interpreter import Interpreter
from emulator.profile.policy import LAB, SERVICES
from tests.protocol.profile_oracle import Expected, Oracle
from tests.require import profile_paths, require

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
