# SPDX-License-Identifier: Apache-2.0
"""Declared objects parse, build and refuse; every error names the object, the path and the offset."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass

import pytest
from construct import Byte, Struct

from apdu.errors import DecodeError, EncodeError
from apdu.ids import ISD_R, Aid
from apdu.tlv.declare import AID, BYTE, FLAG, RAW, TEXT, UINT, UINT16, UINT24, UINT32, Leaf, Template, fixed, tlv

H = bytes.fromhex


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Template, tag=0xB6, clause="a test"):
    number: int = tlv(0x42, UINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer(Template, tag=0xE3, clause="a test"):
    aid: Aid = tlv(0x4F, AID)
    state: int = tlv(0x9F70, BYTE)
    flag: bool = tlv(0x81, FLAG, optional=True, default=False)
    text: str | None = tlv(0x82, TEXT, optional=True)
    inner: Inner | None = tlv(0xB6, Inner, optional=True)
    many: tuple[bytes, ...] = tlv(0x83, RAW, many=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered(Template, tag=0x30, clause="a test", ordered=True, open=True):
    first: int = tlv(0x81, BYTE)
    second: int = tlv(0x82, BYTE)


WIRE = H(
    "E328 4F10A0000005591010FFFFFFFF8900000100 9F700107 8100 8202C3A9 B604 42020102 8301AA 830100".replace(" ", "")
)
VALUE = Outer(aid=ISD_R, state=7, flag=True, text="é", inner=Inner(number=0x0102), many=(b"\xaa", b"\x00"))


def test_one_declaration_parses_and_builds() -> None:
    assert Outer.from_tlv(WIRE) == VALUE
    assert VALUE.encode() == WIRE
    assert Outer.decode(WIRE[2:]) == VALUE


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        VALUE.state = 8  # type: ignore[misc]


def test_objects_in_another_order_are_the_same_value() -> None:
    swapped = WIRE[20:24] + WIRE[2:20] + WIRE[24:]
    assert Outer.decode(swapped) == VALUE


@pytest.mark.parametrize(
    "wire, where, what",
    [
        ("9F700107", "Outer", "missing"),
        ("4F10A0000005591010FFFFFFFF89000001009F700107 9F700107", "Outer", "twice"),
        ("4F10A0000005591010FFFFFFFF89000001009F700107 8400", "Outer", "unknown"),
        ("4F04A00000009F700107", "Outer/aid", "5 to 16"),
        ("4F05A0000000009F70020707", "Outer/state", "1 bytes expected"),
        ("4F05A0000000009F700107B6024200", "Outer/inner/number", "1 to 8"),
        ("4F05A0000000009F7001078101 00", "Outer/flag", "empty"),
        ("4F05A0000000009F7001078201FF", "Outer/text", "UTF-8"),
    ],
)
def test_errors_name_path_and_reason(wire: str, where: str, what: str) -> None:
    with pytest.raises(DecodeError) as caught:
        Outer.decode(H(wire.replace(" ", "")))
    assert "/".join(caught.value.path) == where
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_order_and_openness_are_declared() -> None:
    assert Ordered.decode(H("810101 9F700105 820102".replace(" ", ""))) == Ordered(first=1, second=2)
    with pytest.raises(DecodeError, match="out of order"):
        Ordered.decode(H("820102810101"))


@pytest.mark.parametrize("wire", ["30068101018201", "E300", "8101018201 02".replace(" ", "")])
def test_from_tlv_takes_exactly_one_object_with_the_tag(wire: str) -> None:
    with pytest.raises(DecodeError):
        Ordered.from_tlv(H(wire))


POINT: Leaf[tuple[int, int]] = Leaf(
    Struct("x" / Byte, "y" / Byte), lambda c: (c.x, c.y), lambda point: {"x": point[0], "y": point[1]}
)


@pytest.mark.parametrize(
    "leaf, wire, value",
    [
        (BYTE, "0F", 15),
        (UINT16, "0102", 258),
        (UINT24, "010203", 66051),
        (UINT32, "01020304", 16909060),
        (UINT, "0100", 256),
        (UINT, "00", 0),
        (fixed(2), "AABB", H("AABB")),
        (POINT, "0102", (1, 2)),
    ],
)
def test_leaves(leaf: Leaf[object], wire: str, value: object) -> None:
    assert leaf.decode(H(wire)) == value
    assert leaf.encode(value) == H(wire)


@pytest.mark.parametrize(
    "leaf, wire", [(BYTE, ""), (UINT16, "01"), (UINT, ""), (UINT, "00" * 9), (fixed(2), "AA"), (POINT, "01")]
)
def test_leaves_refuse_other_lengths(leaf: Leaf[object], wire: str) -> None:
    with pytest.raises(DecodeError):
        leaf.decode(H(wire))


@pytest.mark.parametrize("leaf, value", [(BYTE, 256), (UINT16, -1), (UINT, -1), (fixed(2), b"a"), (POINT, (1, 300))])
def test_leaves_refuse_other_values(leaf: Leaf[object], value: object) -> None:
    with pytest.raises(EncodeError):
        leaf.encode(value)
