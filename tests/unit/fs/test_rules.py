# SPDX-License-Identifier: Apache-2.0
"""Access rules: the records of the SAIP templates against the table that the specification prints, and broken ones."""

from __future__ import annotations

import pytest

from emulator.fs.rules import (
    ACTIVATE,
    DEACTIVATE,
    DELETE_SELF,
    INCREASE,
    READ,
    RESIZE,
    TERMINATE,
    UPDATE,
    WRITE,
    compile_rule,
)

ADM1, PIN1, PIN2 = 0x0A, 0x01, 0x81
ALWAYS, NEVER = "always", "never"
MODES = (READ, UPDATE, DEACTIVATE, ACTIVATE, DELETE_SELF)

# SAIP 9, record number -> (record, who may read, update, deactivate, activate, delete)
TEMPLATE_RULES: dict[int, tuple[str, tuple[int | str, ...]]] = {
    1: ("8001019000 800102A406830101950108 800158A40683010A950108", (ALWAYS, PIN1, ADM1, ADM1, ADM1)),
    2: ("800101A406830101950108 80015AA40683010A950108", (PIN1, ADM1, ADM1, ADM1, ADM1)),
    3: ("80015BA40683010A950108", (ADM1, ADM1, ADM1, ADM1, ADM1)),
    4: ("8001019000 80011A9700 800140A40683010A950108", (ALWAYS, NEVER, NEVER, NEVER, ADM1)),
    5: ("800103A406830101950108 800158A40683010A950108", (PIN1, PIN1, ADM1, ADM1, ADM1)),
    6: ("800111A406830101950108 80014AA40683010A950108", (PIN1, ADM1, ADM1, PIN1, ADM1)),
    7: (
        "800103A406830101950108 800158A40683010A950108 840132A406830101950108",
        (PIN1, PIN1, ADM1, ADM1, ADM1),
    ),
    8: (
        "800101A406830101950108 800102A406830181950108 800158A40683010A950108",
        (PIN1, PIN2, ADM1, ADM1, ADM1),
    ),
    9: ("8001019000 80011AA406830101950108 800140A40683010A950108", (ALWAYS, PIN1, PIN1, PIN1, ADM1)),
    10: ("8001019000 80015AA40683010A950108", (ALWAYS, ADM1, ADM1, ADM1, ADM1)),
    11: ("8001019000 800118A40683010A950108 8001429700", (ALWAYS, NEVER, ADM1, ADM1, NEVER)),
    12: ("800101A406830101950108 80015A9700", (PIN1, NEVER, NEVER, NEVER, NEVER)),
    13: ("800113A406830101950108 800148A40683010A950108", (PIN1, PIN1, ADM1, PIN1, ADM1)),
    14: ("80015EA40683010A950108", (NEVER, ADM1, ADM1, ADM1, ADM1)),
}


def allowed(record: str, mode: int, *verified: int) -> bool:
    return compile_rule(bytes.fromhex(record)).allows(mode, lambda reference: reference in verified)


@pytest.mark.parametrize("number", TEMPLATE_RULES)
@pytest.mark.parametrize("padding", ["", "FF", "FFFFFFFF9000"])
def test_rules_of_the_templates(number: int, padding: str) -> None:
    record, table = TEMPLATE_RULES[number]
    for mode, who in zip(MODES, table, strict=True):
        for verified in ((), (PIN1,), (PIN2,), (ADM1,), (0x0B,), (PIN1, PIN2)):
            expected = who == ALWAYS or who in verified
            assert allowed(record + padding, mode, *verified) is expected, (mode, verified)


def test_instructions_have_rules_of_their_own() -> None:
    record = TEMPLATE_RULES[7][0]
    assert allowed(record, INCREASE, PIN1)
    assert not allowed(record, INCREASE, ADM1)
    assert not allowed(record, RESIZE, PIN1)
    assert not allowed(TEMPLATE_RULES[3][0], INCREASE, ADM1)
    assert allowed("840232D4 9000", RESIZE)


@pytest.mark.parametrize(
    "record, verified, expected",
    [
        ("800101 A010 A406830101950108 A40683010A950108", (), False),  # OR
        ("800101 A010 A406830101950108 A40683010A950108", (PIN1,), True),
        ("800101 A010 A406830101950108 A40683010A950108", (ADM1,), True),
        ("800101 AF10 A406830101950108 A40683010A950108", (PIN1,), False),  # AND
        ("800101 AF10 A406830101950108 A40683010A950108", (PIN1, ADM1), True),
        ("800101 A406830101950108 A40683010A950108", (PIN1,), False),  # a plain sequence is AND
        ("800101 A406830101950108 A40683010A950108", (PIN1, ADM1), True),
        ("800101 A708 A406830101950108", (), True),  # NOT
        ("800101 A708 A406830101950108", (PIN1,), False),
        ("800101 A00C 9700 AF08 A406830101950108", (PIN1,), True),
        ("800101 9700 800101 9000", (), True),  # several for one mode: one that is met suffices
        ("800101 9000 9700", (), False),
        ("800101 A403830101", (PIN1,), True),  # without a usage qualifier
        ("800103 9E0111", (PIN1,), False),  # a security condition byte is never met
        ("800101 A703 9E0111", (), False),  # not even its contrary
        ("800101 A705 A703 9E0111", (), False),
        ("800101 A005 9E0111 9000", (), True),
        ("800101 AF05 9E0111 9000", (), False),
        ("800101 A707 A005 9E0111 9700", (), False),
        ("800101 A707 AF05 9E0111 9700", (), True),  # NOT of what cannot be met
        ("800101 A406830101950180", (PIN1,), False),  # another use than verifying the user
        ("800101 A403950108", (PIN1,), False),
        ("800101 A404830201 02", (1, 2), False),
        ("800101 A409830101 83010A 950108", (1, 0x0A), False),
        ("800101 A409830101 950108 800100", (1,), False),
        ("800101 900100", (), False),
        ("800101 970100", (), False),
        ("800101 A000", (), False),
        ("800101 B406830101950108", (1,), False),  # secure messaging
        ("800101", (), False),  # no condition
        ("9000", (), False),  # no mode
        ("80020101 9000", (), False),
        ("8000 9000", (), False),
        ("8101B0 9000", (), False),
        ("", (), False),
        ("FF", (), False),
        ("800101 9000 80", (), False),  # broken at the end: the whole record counts for nothing
        ("800101 9001", (), False),
        ("800101 A481", (), False),
        ("800101 A4068301", (), False),
        ("800101 9000 00", (), False),
    ],
)
def test_conditions(record: str, verified: tuple[int, ...], expected: bool) -> None:
    assert allowed(record, READ, *verified) is expected


def test_conditions_nested_without_end_are_not_met() -> None:
    condition = bytes.fromhex("9000")
    for depth in range(60):
        condition = bytes((0xA0, len(condition))) + condition if len(condition) < 128 else condition
        expected = depth < 8
        record = bytes.fromhex("800101") + condition
        assert compile_rule(record).allows(READ, lambda _: True) is expected, depth


def test_modes_are_told_apart() -> None:
    modes = (READ, UPDATE, WRITE, DEACTIVATE, ACTIVATE, TERMINATE, DELETE_SELF)
    assert [mode for mode in modes if allowed("800124 9000", mode)] == [WRITE, TERMINATE]
