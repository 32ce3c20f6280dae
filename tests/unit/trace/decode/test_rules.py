# SPDX-License-Identifier: Apache-2.0
"""Each rule with a trace that breaks it and one like it that does not."""

from __future__ import annotations

from typing import Final, NamedTuple

import pytest

from apdu.trace.decode import Finding, decode
from apdu.trace.events import LinkEvent
from apdu.trace.rules.table import RULES, Rule, Rules

ATR: Final = "3B9D96801FC78031E073FE215F655549434331B9"
RAND, AUTN = "00" * 16, "11" * 16
AUTHENTICATE: Final = f"00880081 22 10{RAND} 10{AUTN}"
VERIFY: Final = "0020000108 31323334FFFFFFFF"
QUERY: Final = "00200001"
FCP: Final = "62178202412183022FE28A01058B032F06018002000A880110"
SMS: Final = "D009 8103010104 82028182"
DONE: Final = "9000"
READ_WAITING: Final = ("00B0000001", "00910B")
"""A proactive command waits."""


class Case(NamedTuple):
    """Commands and responses in turn, one that breaks a rule and one that does not."""

    rule: Rule
    bad: tuple[str, ...]
    good: tuple[str, ...]


def wrong_pins(*left: int) -> tuple[str, ...]:
    return tuple(part for tries in left for part in (VERIFY, f"63C{tries:X}"))


def stored(*numbers: int) -> tuple[str, ...]:
    parts: list[str] = []
    for at, number in enumerate(numbers):
        last = at == len(numbers) - 1
        parts += [f"80E2{'90' if last else '10'}{number:02X}02 8600", DONE]
    return tuple(parts)


CASES: Final = (
    Case(Rules.COMMAND_FORM, ("00A404", "6700"), ("00A40400", "6700")),
    Case(Rules.COMMAND_LENGTH, ("00A40004033F00", "6700"), ("00A40004023F00", "6700")),
    Case(Rules.COMMAND_LENGTH, ("00A4000400000300", "6700"), ("00A40004000002AABB", "6700")),
    Case(Rules.RESPONSE_FORM, ("00B0000001", "90"), ("00B0000001", "00" + DONE)),
    Case(Rules.DATA_WITH_ERROR, ("00B0000001", "006A82"), ("00B0000001", "6A82")),
    Case(Rules.LONG, ("00B0000001", "0000" + DONE), ("00B0000000", "0000" + DONE)),
    Case(Rules.NO_STATUS, ("00B0000001", "1234"), ("00B0000001", "6982")),
    Case(Rules.UNKNOWN_STATUS, ("00B0000001", "6A77"), ("00B0000001", "6982")),
    Case(Rules.CARD_FAILED, ("00B0000001", "6F00"), ("00B0000001", "6982")),
    Case(Rules.NOT_CONTINUED, ("00A40004023F00", "6119"), ("00A40004023F00", "6119", "00C0000019", FCP + DONE)),
    Case(Rules.NOT_REPEATED, ("00B0000000", "6C0A"), ("00B0000000", "6C0A", "00B000000A", "00" * 10 + DONE)),
    Case(
        Rules.NOTHING_WAITS,
        ("00B0000002", "00009000", "00C0000004", "01020304" + DONE),
        ("00B0000002", "00009000", "00C0000004", "6985"),
    ),
    Case(Rules.SHORT, ("00B000000A", "0102" + DONE), ("00B000000A", "0102" + "6282")),
    Case(
        Rules.CHANNEL,
        ("01B0000001", "00" + DONE, "01B0000001", "00" + DONE),
        ("0070000001", "01" + DONE, "01B0000001", "00" + DONE),
    ),
    Case(
        Rules.CHANNEL,
        ("0070000001", "02" + DONE, "00708002", DONE, "02B0000001", "00" + DONE),
        ("0070000001", "02" + DONE, "00708002", DONE, "02B0000001", "6881"),
    ),
    Case(Rules.STATUS, ("00B0000001", "9862"), ("00B0000001", "6982")),
    Case(Rules.STATUS, ("00A40004023F00", "6282"), ("00B00000FF", "00" + "6282")),
    Case(Rules.STATUS, ("00B0000001", "63C2"), (VERIFY, "63C2")),
    Case(Rules.STATUS, ("80E2900001 00", "9850"), ("8032000003 000001", "9850")),
    Case(Rules.TEMPLATE, ("00A40004023F00", "620583022FE2" + DONE), ("00A40004022FE2", FCP + DONE)),
    Case(Rules.TEMPLATE, ("00A40004023F00", FCP[:-2] + DONE), ("00A40004022FE2", "6283")),
    Case(
        Rules.TEMPLATE,
        ("00A4040007A0000001510000", "6F02A500" + DONE),
        ("00A4040007A0000001510000", "6F0B8407A0000001510000A500" + DONE),
    ),
    Case(Rules.STORE_BLOCK, stored(0, 1, 3), (*stored(0, 1, 2), *stored(0, 1))),
    Case(Rules.PIN_TRIES, wrong_pins(2, 3), (*wrong_pins(2, 1), VERIFY, DONE, *wrong_pins(2))),
    Case(Rules.PIN_TRIES, wrong_pins(2, 2), (*wrong_pins(2), QUERY, "63C2", *wrong_pins(1))),
    Case(
        Rules.PIN_TRIES,
        (VERIFY, "6983", VERIFY, DONE),
        (VERIFY, "6983", f"002C000110{'31' * 16}", DONE, VERIFY, DONE),
    ),
    Case(
        Rules.FETCH_LENGTH,
        ("80F2000000", "910B", "801200000C", SMS + DONE),
        ("80F2000000", "910B", "801200000B", SMS + DONE),
    ),
    Case(Rules.PROACTIVE, ("8012000003", "D00201" + DONE), ("801200000B", SMS + DONE)),
    Case(Rules.PROACTIVE, ("8012000004", "D0028202" + DONE), ("801200000B", SMS + DONE)),
    Case(
        Rules.TERMINAL_RESPONSE,
        ("801200000B", SMS + DONE, "801400000C 8103020104 82028281 030100", DONE),
        ("801200000B", SMS + DONE, "801400000C 8103010104 82028281 030100", DONE),
    ),
    Case(
        Rules.NOT_FETCHED,
        ("80F2000000", "910B", *READ_WAITING * 40),
        ("80F2000000", "910B", *READ_WAITING * 5, "801200000B", SMS + DONE, *("00B0000001", "00" + DONE) * 40),
    ),
    Case(Rules.AUTN_TWICE, (AUTHENTICATE, "DB0400000000" + DONE) * 2, (AUTHENTICATE, "DB0400000000" + DONE)),
    Case(Rules.AUTN_TWICE, (AUTHENTICATE, "DB0400000000" + DONE) * 2, (AUTHENTICATE, "DC0E" + "00" * 14 + DONE) * 2),
    Case(Rules.AUTN_MAC, (AUTHENTICATE, "9862"), (AUTHENTICATE, "DC0E" + "00" * 14 + DONE)),
)  # fmt: skip
ELSEWHERE: Final = ("tls-", "http-", "admin-", "remote-", "scp80-", "scp03", "scp03t", "channel-recorded", "profile")
"""Rules of secure channels, whose cases stand with the tests of unwrapping."""


def findings(parts: tuple[str, ...], *, atr: str = ATR) -> list[Finding]:
    events = [LinkEvent(time=0, side="reader", kind="atr", data=bytes.fromhex(atr))] if atr else []
    for at, part in enumerate(parts):
        kind = "response" if at % 2 else "command"
        events.append(LinkEvent(time=at, side="reader", kind=kind, data=bytes.fromhex(part)))
    return [found for entry in decode(events) for found in entry.findings]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule.id)
def test_rules(case: Case) -> None:
    found = findings(case.bad)
    assert [each.rule for each in found].count(case.rule.id) == 1
    one = next(each for each in found if each.rule == case.rule.id)
    assert (one.severity, one.clause) == (case.rule.severity, case.rule.clause)
    assert case.rule.id not in [each.rule for each in findings(case.good)]


def test_every_rule_has_a_case() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    here = {case.rule.id for case in CASES}
    assert {rule.id for rule in RULES if not rule.id.startswith(ELSEWHERE)} == here


def test_a_trace_that_starts_in_the_middle_is_not_held_against_what_it_does_not_show() -> None:
    for parts in (("01B0000001", "00" + DONE), ("00C0000004", "01020304" + DONE), ("801200000B", SMS + DONE)):
        assert not findings(parts, atr="")


def test_a_reset_forgives_nothing_that_outlives_it() -> None:
    reset = LinkEvent(time=5, side="reader", kind="atr", data=bytes.fromhex(ATR))
    other = LinkEvent(time=5, side="reader", kind="atr", data=b"\x3b\x00")
    for event, expected in ((reset, ["pin-tries"]), (other, [])):
        events = [
            LinkEvent(time=0, side="reader", kind="atr", data=bytes.fromhex(ATR)),
            *_exchange(VERIFY, "63C1"),
            event,
            *_exchange(VERIFY, "63C2"),
        ]
        assert [found.rule for entry in decode(events) for found in entry.findings] == expected


def _exchange(command: str, response: str) -> list[LinkEvent]:
    return [
        LinkEvent(time=1, side="reader", kind="command", data=bytes.fromhex(command)),
        LinkEvent(time=2, side="reader", kind="response", data=bytes.fromhex(response)),
    ]
