# SPDX-License-Identifier: Apache-2.0
"""Commands in words."""

from __future__ import annotations

import pytest

from apdu.command.apdu import CommandApdu
from apdu.gp.describe import describe, lines
from apdu.ids import ECASD, ISD_R, MNO_SD, Aid
from apdu.script import Batch

AID = "A0000005591010FFFFFFFF8900001300"


@pytest.mark.parametrize(
    "command, text",
    [
        ("80E60C0000", "INSTALL [for install and make selectable]"),
        ("80E6630000", "INSTALL [for 63]"),
        ("80CABF30045C027F2100", "GET DATA BF30"),
        (f"80E28800153A03124F10{AID}", "STORE DATA block 00, enable profile"),
        ("80E2890107 3A0804 4E020000", "STORE DATA block 01, notification confirmation"),
        ("80E2090002 3A01", "STORE DATA block 00"),
        ("80E2910302 8600", "STORE DATA block 03"),
        (f"80E40040124F10{AID}00", f"DELETE {AID}"),
        ("80E4000003D20130", "DELETE"),
        ("80E4000001D2", "DELETE"),
        ("80F24002024F0000", "GET STATUS"),
        ("84E2880008" + "00" * 8, "STORE DATA, protected"),
        ("00B0000000", "command B0"),
    ],
)
def test_descriptions(command: str, text: str) -> None:
    assert describe(CommandApdu.parse(bytes.fromhex(command))) == text


def test_batch_of_commands() -> None:
    command = CommandApdu.parse(bytes.fromhex("80CAFF2100"))
    assert list(lines(Batch(ISD_R, (command,)))) == ["to ISD-R", "  GET DATA FF21", "    80CAFF2100"]


@pytest.mark.parametrize(
    "target, name", [(Aid.isd_p(0x13), "ISD-P 000013"), (ECASD, "ECASD"), (MNO_SD, "A000000151000000")]
)
def test_targets(target: Aid, name: str) -> None:
    empty: Batch[bytes] = Batch(target, ())
    assert list(lines(empty)) == [f"to {name}"]


def test_long_tlvs_are_cut() -> None:
    shown = list(lines(Batch(Aid.isd_p(0x13), (b"\x86" + bytes(1019), b"\x99"))))
    assert shown[1] == "  SCP03t protected data (1020)"
    assert shown[5] == "    ... 924 more bytes"
    assert shown[6:] == ["  SCP03t unknown (1)", "    99"]
    assert len(list(lines(Batch(Aid.isd_p(0x13), (bytes(128),))))) == 6
