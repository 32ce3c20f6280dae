# SPDX-License-Identifier: Apache-2.0
"""Commands as text: the forms that people write, with yubikey-manager's own reader as the oracle of its form."""

from __future__ import annotations

from importlib import import_module

import pytest

from apdu.command.apdu import CommandApdu
from tests.require import require
from tools.errors import ToolError
from tools.reader.apdutext import format_command, parse_command, parse_lines

FORMS = [
    ("00A40004023F0000", "00A40004023F0000", None),
    ("00 a4 00 04 02 3f 00", "00A40004023F00", None),
    ("00A4", "00A40000", None),
    ("A4", "00A40000", None),
    ("A40004:3F00", "00A40004023F00", None),
    ("00A40004:3F00/00=9000", "00A40004023F0000", 0x9000),
    ("00 A4 0004 : 3F00 / 00 = 61 1C", "00A40004023F0000", 0x611C),
    ("00B00000/0A=", "00B000000A", 0x9000),
    ("00B0000000=6A82", "00B0000000", 0x6A82),
    ("00B00000/0000", "00B00000000000", None),
    ("80E28800:" + "11" * 256, "80E28800000100" + "11" * 256, None),
]


@pytest.mark.parametrize("text, command, expected", FORMS)
def test_forms(text: str, command: str, expected: int | None) -> None:
    line = parse_command(text)
    assert line.command.hex().upper() == command
    assert line.expected == expected


@pytest.mark.parametrize("text", ["A4", "00A4", "a40400", "00A40004", "A40004:3F00=", "0004:AABB/10=6A82", "A4:00/01"])
def test_short_forms_mean_what_yubikey_manager_makes_of_them(text: str) -> None:
    require("ykman")
    (cla, ins, p1, p2, body, le), sw = import_module("ykman._cli.apdu")._parse_apdu(text)
    line = parse_command(text)
    command = CommandApdu.parse(line.command)
    assert (command.cla, command.ins, command.p1, command.p2, command.data) == (cla, ins, p1, p2, body)
    assert (command.le or 0) & 0xFF == le
    assert line.expected == sw


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "no command"),
        ("zz", "no command"),
        ("00A4000", "no command"),
        ("00A40004:", "no command"),
        ("00A40004=900", "no command"),
        ("00A40004/000", "no command"),
        ("00A4000402:3F00", "at most CLA INS P1 P2"),
        ("00A40004033F00", "Lc is 3"),
    ],
)
def test_what_is_no_command(text: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        parse_command(text)


@pytest.mark.parametrize("text, command, expected", FORMS)
def test_what_is_written_is_read_again(text: str, command: str, expected: int | None) -> None:
    parsed = CommandApdu.parse(bytes.fromhex(command))
    line = format_command(parsed, expected, "a comment")
    (again,) = parse_lines([line])
    assert CommandApdu.parse(again.command) == parsed
    assert again.expected == expected


def test_a_script_has_comments_and_line_numbers() -> None:
    lines = list(parse_lines(["# header", "", "00A40004:3F00  # MF", "  B00000/01=6986"]))
    assert [(line.number, line.expected) for line in lines] == [(3, None), (4, 0x6986)]
    with pytest.raises(ToolError, match="line 2: 'xx'"):
        list(parse_lines(["00A4", "xx"]))
