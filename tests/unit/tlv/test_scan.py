# SPDX-License-Identifier: Apache-2.0
"""The scanner is bounded: whatever comes in, it ends with objects or a DecodeError, in time linear in the input."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from apdu.errors import DecodeError
from apdu.tlv.scan import (
    MAX_DEPTH,
    MAX_NODES,
    Tlv,
    ber,
    ber_length,
    comprehension,
    dgi,
    is_constructed,
    scan,
    split,
    split_comprehension,
    split_dgi,
)

H = bytes.fromhex

# X.690 8.1.3: the length octets
LENGTHS = [
    (0, "00"),
    (127, "7F"),
    (128, "8180"),
    (255, "81FF"),
    (256, "820100"),
    (65535, "82FFFF"),
    (65536, "83010000"),
]


@pytest.mark.parametrize("length, coded", LENGTHS)
def test_lengths(length: int, coded: str) -> None:
    assert ber_length(length) == H(coded)
    data = H("04") + H(coded) + bytes(length)
    assert split(data, der=True) == [Tlv(0x04, bytes(length))]


OBJECTS = [
    ("5A021122", [(0x5A, "1122")]),
    ("9F70010F", [(0x9F70, "0F")]),
    ("7F21009F4401015F3700", [(0x7F21, ""), (0x9F44, "01"), (0x5F37, "")]),
    ("BF3E035C015A", [(0xBF3E, "5C015A")]),
    ("9F8101010A", [(0x9F8101, "0A")]),
    ("", []),
]


@pytest.mark.parametrize("wire, objects", OBJECTS)
def test_ber_objects(wire: str, objects: list[tuple[int, str]]) -> None:
    expected = [Tlv(tag, H(value)) for tag, value in objects]
    assert split(H(wire)) == expected
    assert b"".join(ber(tag, value) for tag, value in expected) == H(wire)


@pytest.mark.parametrize(
    "wire",
    [
        "5A",  # no length
        "5A05112233",  # longer than the input
        "5A80",  # indefinite
        "5A85FFFFFFFFFF",  # length field of six bytes
        "5A84FFFFFFFF",  # four gigabytes
        "5A8201",  # cut inside the length
        "9F",  # cut inside the tag
        "9F81",
        "9F80810100",  # leading zeros in the tag number
        "9F8181818100",  # tag of more than four bytes
        "0000",  # tag zero: padding is not an object
        "5A021122FF",
    ],
)
def test_broken_ber(wire: str) -> None:
    with pytest.raises(DecodeError):
        split(H(wire))
    with pytest.raises(DecodeError):
        scan(H(wire))


@pytest.mark.parametrize("wire", ["04817F" + "00" * 127, "048200FF" + "00" * 255, "0483000100" + "00" * 256])
def test_der_wants_the_shortest_length(wire: str) -> None:
    assert len(split(H(wire))) == 1
    with pytest.raises(DecodeError):
        split(H(wire), der=True)


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = ber(0x30, data)
    return data


def test_depth_is_bounded() -> None:
    assert scan(nested(MAX_DEPTH - 1)) == MAX_DEPTH - 1
    for depth in (MAX_DEPTH + 1, 1_000, 20_000):
        with pytest.raises(DecodeError):
            scan(nested(depth))


def test_the_number_of_objects_is_bounded() -> None:
    many = H("0400") * (MAX_NODES + 1)
    for function in (scan, split):
        with pytest.raises(DecodeError):
            function(many)
    assert scan(many[:-2]) == MAX_NODES


def test_an_object_longer_than_its_parent_is_found_at_any_depth() -> None:
    inner = ber(0x30, ber(0x30, H("0405112233")))
    with pytest.raises(DecodeError) as caught:
        scan(inner)
    assert caught.value.offset == 4


def test_constructed_tags() -> None:
    assert [is_constructed(tag) for tag in (0x30, 0xA0, 0x7F21, 0xBF30, 0x5A, 0x9F70, 0x5F37)] == [True] * 4 + [
        False
    ] * 3


def test_data_groupings() -> None:
    wire = H("3A01A9") + bytes(0xA9) + H("0070FF0100") + bytes(256) + H("7F4900")
    groups = [Tlv(0x3A01, bytes(0xA9)), Tlv(0x0070, bytes(256)), Tlv(0x7F49, b"")]
    assert split_dgi(wire) == groups
    assert b"".join(dgi(*group) for group in groups) == wire
    assert dgi(0x3A01, bytes(0xFE))[2] == 0xFE


@pytest.mark.parametrize("wire", ["3A", "3A01", "3A010511", "3A01FF", "3A01FF00", "3A01FF000511"])
def test_broken_data_groupings(wire: str) -> None:
    with pytest.raises(DecodeError):
        split_dgi(H(wire))


def test_comprehension_objects_lose_their_bit() -> None:
    wire = H("81030102038202818283010099030909 0A".replace(" ", ""))
    assert [tag for tag, _ in split_comprehension(wire)] == [0x01, 0x02, 0x03, 0x19]
    assert comprehension(0x01, b"\x01", required=True) == H("810101")
    assert comprehension(0x0B, bytes(200)) == H("0B81C8") + bytes(200)


@pytest.mark.parametrize("wire", ["81", "8105", "0000", "8000", "FF00", "7F01", "0B8201", "0B80"])
def test_broken_comprehension_objects(wire: str) -> None:
    with pytest.raises(DecodeError):
        split_comprehension(H(wire))


@pytest.mark.parametrize("function", [split, split_dgi, split_comprehension, scan])
def test_random_bytes_end_in_a_result_or_a_decode_error(function: Callable[[bytes], object]) -> None:
    source = random.Random(102223)
    for _ in range(5_000):
        data = source.randbytes(source.randrange(40))
        try:
            function(data)
        except DecodeError as error:
            offset = error.offset
        else:
            offset = 0
        assert 0 <= offset <= len(data)
