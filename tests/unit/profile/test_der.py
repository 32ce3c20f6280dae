# SPDX-License-Identifier: Apache-2.0
"""DER codecs against values written in the standard, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from apdu.errors import DecodeError, EncodeError
from apdu.profile.der import NULL, BadValue, Codec, Integer, Octets, Oid, OidCodec, Text, context_tag
from apdu.profile.names import BitNames, Names

SIGNED = Integer(-(1 << 31), 1 << 31)
NAMES = Names(" ".join(f"n{number}" for number in range(34)))
BITS = BitNames("a b c d e f g h i j")

# ISO/IEC 8825-1 8.3, 8.6, 8.19 and its annex; the rest by hand
VECTORS: list[tuple[Codec[Any], Any, str]] = [
    (SIGNED, 0, "00"),
    (SIGNED, 127, "7F"),
    (SIGNED, 128, "0080"),
    (SIGNED, 256, "0100"),
    (SIGNED, -128, "80"),
    (SIGNED, -129, "FF7F"),
    (SIGNED, 170, "00AA"),
    (NULL, True, ""),
    (Octets(), b"\x01", "01"),
    (Text(1, 4), "Jö", "4AC3B6"),
    (OidCodec(), Oid.from_string("2.999.3"), "883703"),
    (OidCodec(), Oid.from_string("1.2.840.113549"), "2A864886F70D"),
    (OidCodec(), Oid.from_string("2.23.143.1.2.13.4"), "67810F01020D04"),
    (OidCodec(), Oid.from_string("0.39"), "27"),
    (NAMES, (), ""),
    (NAMES, ("n0", "n30", "n31", "n33"), "8000 9E00 9F1F00 9F2100"),
    (NAMES, ("n1", "tag-9F7F=0102"), "8100 9F7F020102"),
    (NAMES, ("tag-BF40=8000",), "BF40028000"),
    (BITS, (), "00"),
    (BITS, ("a",), "0780"),
    (BITS, ("a", "h"), "0081"),
    (BITS, ("b", "i"), "074080"),
    (BITS, ("bit-15",), "000001"),
]


@pytest.mark.parametrize("codec, value, hexadecimal", VECTORS)
def test_vectors_both_ways(codec: Codec[Any], value: Any, hexadecimal: str) -> None:
    data = bytes.fromhex(hexadecimal)
    assert codec.write(value) == data
    assert codec.read(b"\xaa" + data + b"\xbb", 1, 1 + len(data)) == value
    assert codec.from_json(codec.to_json(value)) == value


MALFORMED: list[tuple[Codec[Any], str]] = [
    (SIGNED, ""),
    (SIGNED, "0000"),
    (SIGNED, "007F"),
    (SIGNED, "FF80"),
    (SIGNED, "000000000000000001"),
    (NULL, "00"),
    (Text(1, 4), "FF"),
    (OidCodec(), ""),
    (OidCodec(), "2A86"),
    (OidCodec(), "80"),
    (OidCodec(), "2A8001"),
    (NAMES, "800100"),
    (NAMES, "81008000"),
    (NAMES, "80008000"),
    (NAMES, "80"),
    (NAMES, "0500"),
    (NAMES, "BF4002A100A0"),
    (BITS, ""),
    (BITS, "01"),
    (BITS, "0880"),
    (BITS, "0000"),
    (BITS, "0781"),
    (BITS, "008000"),
]


@pytest.mark.parametrize("codec, hexadecimal", MALFORMED)
def test_malformed_contents_are_refused(codec: Codec[Any], hexadecimal: str) -> None:
    data = bytes.fromhex(hexadecimal)
    with pytest.raises(DecodeError) as caught:
        codec.read(data, 0, len(data))
    assert not isinstance(caught.value, BadValue)


@pytest.mark.parametrize(
    "codec, hexadecimal",
    [
        (Integer(0, 255), "0100"),
        (Integer(0, 255), "80"),
        (Octets(2, 3), "01"),
        (Octets(2, 3), "01020304"),
        (Text(2, 3), "41"),
        (Text(2, 3), "41424344"),
    ],
)
def test_values_outside_their_constraint_are_bad_values(codec: Codec[Any], hexadecimal: str) -> None:
    data = bytes.fromhex(hexadecimal)
    with pytest.raises(BadValue) as caught:
        codec.read(b"\x00\x00" + data, 2, 2 + len(data))
    assert caught.value.offset == 2
    assert isinstance(caught.value.inside("there", 5), BadValue)


@pytest.mark.parametrize(
    "codec, value",
    [
        (Integer(0, 255), 256),
        (Octets(1, 2), b""),
        (Text(2, 3), "a"),
        (NAMES, ("none",)),
        (NAMES, ("n1", "n1")),
        (NAMES, ("tag-30",)),
        (BITS, ("z",)),
    ],
)
def test_values_that_cannot_be_written(codec: Codec[Any], value: Any) -> None:
    with pytest.raises(EncodeError):
        codec.write(value)


@pytest.mark.parametrize("text", ["", "1", "a.b", "3.1", "1.40", "1..2", "-1.2"])
def test_what_is_no_object_identifier(text: str) -> None:
    with pytest.raises(DecodeError):
        Oid.from_string(text)


def test_tags_of_automatic_tagging() -> None:
    assert [context_tag(n, constructed=False) for n in (0, 30, 31, 127)] == [0x80, 0x9E, 0x9F1F, 0x9F7F]
    assert [context_tag(n, constructed=True) for n in (0, 30, 31)] == [0xA0, 0xBE, 0xBF1F]
    with pytest.raises(EncodeError):
        context_tag(128, constructed=True)
