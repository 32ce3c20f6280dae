# SPDX-License-Identifier: Apache-2.0
"""Packages as a row of elements: whole, in segments that end anywhere, and as no package at all."""

from __future__ import annotations

import random

import pytest

from apdu.errors import DecodeError
from apdu.profile.package import MAX_ELEMENT, Splitter, decode_package, encode_package, split_package
from apdu.tlv.scan import ber
from smdp.profiles import load_profile
from tests.scale import count

PACKAGE = encode_package(load_profile())


def test_elements_with_their_offsets() -> None:
    elements = split_package(PACKAGE)
    assert b"".join(element.raw for element in elements) == PACKAGE
    assert [element.offset for element in elements] == [
        sum(len(before.raw) for before in elements[:number]) for number in range(len(elements))
    ]
    assert [element.kind for element in elements] == [
        "header", "mf", "pukCodes", "pinCodes", "telecom", "usim", "opt-usim", "pinCodes", "akaParameter",
        "securityDomain", "rfm", "rfm", "end",
    ]  # fmt: skip


def test_any_two_segments_give_the_same_elements() -> None:
    whole = split_package(PACKAGE)
    for cut in range(len(PACKAGE) + 1):
        splitter = Splitter()
        found = splitter.feed(PACKAGE[:cut]) + splitter.feed(PACKAGE[cut:])
        splitter.close()
        assert found == whole


def test_byte_by_byte() -> None:
    splitter = Splitter()
    found = [element for at in range(len(PACKAGE)) for element in splitter.feed(PACKAGE[at : at + 1])]
    splitter.close()
    assert found == split_package(PACKAGE)
    assert splitter.offset == len(PACKAGE)


def test_an_element_comes_as_soon_as_it_is_complete() -> None:
    splitter = Splitter()
    header = split_package(PACKAGE)[0].raw
    assert splitter.feed(header[:-1]) == []
    assert splitter.pending == len(header) - 1
    assert [element.raw for element in splitter.feed(header[-1:])] == [header]
    assert splitter.pending == 0


def test_long_tags_and_lengths_may_be_cut_too() -> None:
    raw = ber(0xBF8101, bytes(70_000)) + ber(0xBF22, b"")
    for size in (1, 2, 3, 5, 1000):
        splitter = Splitter()
        found = [e for at in range(0, len(raw), size) for e in splitter.feed(raw[at : at + size])]
        splitter.close()
        assert [(element.tag, len(element.raw)) for element in found] == [(0xBF8101, 70_007), (0xBF22, 3)]


@pytest.mark.parametrize("segment", ["A084FFFFFFFF", "A083080001", "B3847FFFFFFF", "BF2284FFFFFFFF"])
def test_an_element_longer_than_the_limit_is_refused_at_its_length(segment: str) -> None:
    splitter = Splitter()
    splitter.feed(PACKAGE)
    with pytest.raises(DecodeError) as caught:
        splitter.feed(bytes.fromhex(segment))
    assert caught.value.offset == len(PACKAGE)
    assert str(MAX_ELEMENT) in str(caught.value)


def test_the_limit_is_the_callers() -> None:
    assert split_package(ber(0xAB, bytes(96)), limit=98)
    with pytest.raises(DecodeError):
        split_package(ber(0xAB, bytes(97)), limit=98)


@pytest.mark.parametrize(
    "segment",
    ["00", "3003", "2D2D2D2D2D", "8001", "A080", "A085", "A08101", "A0820001", "BF80", "BF818181", "7F21"],
)
def test_what_is_no_package_is_refused_at_once(segment: str) -> None:
    with pytest.raises(DecodeError):
        Splitter().feed(bytes.fromhex(segment) + bytes(8))


@pytest.mark.parametrize("size", [1, 2, 100, len(PACKAGE) - 1])
def test_an_incomplete_package_is_refused_at_the_end(size: int) -> None:
    with pytest.raises(DecodeError):
        split_package(PACKAGE[:size])


def test_an_error_counts_from_the_start_of_the_package() -> None:
    element = split_package(PACKAGE)[4]
    at = element.offset + 4  # the tag of its header
    broken = PACKAGE[:at] + b"\xa3" + PACKAGE[at + 1 :]
    with pytest.raises(DecodeError) as caught:
        decode_package(broken)
    assert caught.value.path[0] == "telecom"
    assert caught.value.offset >= element.offset


def test_mutations_give_a_package_or_a_decode_error() -> None:
    source = random.Random(7)
    for _ in range(count("hypothesis_examples") * 10):
        mutated = bytearray(PACKAGE)
        for _ in range(source.randint(1, 4)):
            mutated[source.randrange(len(mutated))] = source.randrange(256)
        try:
            elements = decode_package(bytes(mutated))
        except DecodeError as error:
            fault = str(error)
        else:
            fault = ""
            assert encode_package(elements) == mutated
        assert "\n" not in fault
