# SPDX-License-Identifier: Apache-2.0
"""The default alphabet, its packing and alpha fields: examples of 3GPP specifications, pycrate as a second opinion."""

from __future__ import annotations

import random

import pytest

from apdu.errors import DecodeError, EncodeError
from apdu.sms.alphabet import alpha_text, from_septets, pack, to_alpha, to_septets, unpack
from tests.require import require

PACKED = [  # TS 31.124 27.22.4.10 (SEND SHORT MESSAGE 1.2 and 1.3), TS 23.038 6.1.2.1
    ("Send SM", "D3B29B0C9A3601"),
    ("Short Message", "53F45B4E0735CBF379F85C06"),
    ("hellohello", "E8329BFD4697D9EC37"),
]


@pytest.mark.parametrize("text, packed", PACKED)
def test_packing(text: str, packed: str) -> None:
    assert pack(to_septets(text)) == bytes.fromhex(packed)
    assert from_septets(unpack(bytes.fromhex(packed), len(text))) == text


def test_all_characters() -> None:
    every = "".join(from_septets(bytes((code,))) for code in range(128) if code != 0x1B) + "\f^{}\\[~]|€"
    assert len(set(every)) == 137
    assert from_septets(to_septets(every)) == every


def test_pycrate_packs_the_same() -> None:
    require("pycrate")
    from pycrate_mobile.TS23038 import decode_7b, encode_7b

    dice = random.Random(23038)
    letters = "".join(from_septets(bytes((code,))) for code in range(128) if code not in (0x1B, 0x00))
    for _ in range(100):
        text = "".join(dice.choice(letters) for _ in range(dice.randrange(1, 30)))
        theirs, count = encode_7b(text)
        spare = "\r" if len(text) % 8 == 7 else ""  # USSD's rule (6.1.2.3.1); in a short message spare bits are zero
        assert pack(to_septets(text + spare)) == theirs
        assert count == len(text)
        assert decode_7b(pack(to_septets(text + "x")))[: len(text)] == text


@pytest.mark.parametrize("fill", range(7))
def test_fill_bits(fill: int) -> None:
    septets = bytes(range(20))
    packed = pack(septets, fill)
    assert packed[0] & ((1 << fill) - 1) == 0
    assert unpack(packed, 20, fill) == septets


def test_what_cannot_be() -> None:
    with pytest.raises(EncodeError):
        to_septets("Привет")
    with pytest.raises(DecodeError):
        unpack(b"\x00" * 7, 9)
    assert from_septets(b"\x1b") == " "
    assert from_septets(b"\x1b\x41") == "A"


@pytest.mark.parametrize(
    "raw, text",
    [  # TS 31.124 27.22.4.10.2: the same word in the three UCS2 codings
        ("80041704140420041004120421042204120423041904220415", "ЗДРАВСТВУЙТЕ"),
        ("810C089794A09092A1A292A399A295", "ЗДРАВСТВУЙТЕ"),
        ("820C04108784908082919282938992 85", "ЗДРАВСТВУЙТЕ"),
        ("53656E6420534D", "Send SM"),
        ("4D324DFFFFFF", "M2M"),
        ("800041FFFFFF", "A"),
        ("", ""),
    ],
)
def test_alpha_fields(raw: str, text: str) -> None:
    assert alpha_text(bytes.fromhex(raw)) == text
    assert alpha_text(to_alpha(text)) == text


@pytest.mark.parametrize("raw", ["81", "8105084142", "820204", "80D800"])
def test_broken_alpha_fields(raw: str) -> None:
    with pytest.raises(DecodeError):
        alpha_text(bytes.fromhex(raw))
