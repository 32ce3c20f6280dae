# SPDX-License-Identifier: Apache-2.0
"""Answers to reset, ours and those printed in standards and found on cards."""

from __future__ import annotations

import pytest

from apdu.errors import DecodeError
from emulator.atr import ATR
from tools.reader.atr import Atr


def test_our_own() -> None:
    atr = Atr.parse(ATR)
    assert atr.check is True
    assert atr.protocols == (0,)
    assert dict(atr.interface) == {"TA1": 0x96, "TD1": 0x80, "TD2": 0x1F, "TA3": 0xC7}
    assert atr.lines() == [
        "protocols T=0, direct convention, TCK right",
        "Fi 512, Di 32",
        "services: SELECT by full DF name, SELECT by partial DF name, EF.DIR",
        "capabilities: 8 or more logical channels, extended lengths",
        "pre-issuing data: 5549434331 (UICC1)",
    ]


@pytest.mark.parametrize(
    "raw, protocols, historical, check",
    [
        ("3B00", (0,), "", None),
        ("3B021450", (0,), "1450", None),
        ("3F65250052096A9000", (0,), "52096A9000", None),
        ("3B9F95801FC78031E073FE211B63E2089E830F900076", (0,), "8031E073FE211B63E2089E830F9000", False),
        ("3B8F8001804F0CA000000306030001000000006A", (0, 1), "804F0CA00000030603000100000000", True),
    ],
)
def test_others(raw: str, protocols: tuple[int, ...], historical: str, check: bool | None) -> None:
    atr = Atr.parse(bytes.fromhex(raw))
    assert (atr.protocols, atr.historical.hex().upper()) == (protocols, historical)
    assert atr.check is check
    assert ("TCK WRONG" in atr.lines()[0]) is (check is False)


@pytest.mark.parametrize("size", range(len(ATR)))
def test_what_ends_too_early(size: int) -> None:
    with pytest.raises(DecodeError):
        Atr.parse(ATR[:size])


@pytest.mark.parametrize("raw", ["0000", "3C00", "3B0000"])
def test_what_is_none(raw: str) -> None:
    with pytest.raises(DecodeError):
        Atr.parse(bytes.fromhex(raw))
