# SPDX-License-Identifier: Apache-2.0
"""Questions to a trace."""

from __future__ import annotations

from typing import Any

import pytest

from apdu.trace.events import AnyEvent, FunctionEvent, LinkEvent
from apdu.trace.query import NotOne, TraceLog


def pair(command: str, response: str, at: float) -> list[AnyEvent]:
    return [
        LinkEvent(time=at, side="reader", kind="command", data=bytes.fromhex(command)),
        LinkEvent(time=at + 0.5, side="reader", kind="response", data=bytes.fromhex(response)),
    ]


ISD_R = "A0000005591010FFFFFFFF8900000100"
EVENTS: list[AnyEvent] = [
    *pair("00A40004022FE2", "9000", 1),
    *pair("00B000000A", "001122334455667788999000", 2),
    *pair("0020000108" + "FF" * 8, "63C2", 3),
    FunctionEvent(time=3.9, layer="es5", name="ES5.EnableProfile"),
    *pair(f"01A4040010{ISD_R}", "6A82", 4),
    *pair(f"00A4040010{ISD_R}", "9000", 5),
    *pair("80E6200000", "6985", 6),
    FunctionEvent(time=7, layer="es5", name="ES5.EnableProfile", outcome="6985"),
    LinkEvent(time=8, side="reader", kind="command", data=bytes.fromhex("00B000000A")),
]


@pytest.mark.parametrize(
    "criteria, numbers",
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"name": "read binary"}, [2, 9]),
        ({"name": "READ"}, []),
        ({"name": "INSTALL"}, [7]),
        ({"ins": 0xA4}, [1, 5, 6]),
        ({"sw": 0x9000}, [1, 2, 6]),
        ({"sw": "63Cx"}, [3]),
        ({"sw": "6xxx"}, [3, 5, 7]),
        ({"channel": 1}, [5]),
        ({"aid": bytes.fromhex(ISD_R)[:5]}, [5, 6, 7, 9]),
        ({"function": "enable"}, [5, 6, 7]),
        ({"layer": "es5"}, [4, 8]),
        ({"since": 5, "until": 6}, [6, 7]),
        ({"with_findings": True}, [9]),
        ({"name": "SELECT", "sw": 0x9000, "channel": 0}, [1, 6]),
    ],
)
def test_criteria(criteria: dict[str, Any], numbers: list[int]) -> None:
    found = [entry.number for entry in TraceLog(EVENTS).where(**criteria)]
    # functions know their own name from their begin on
    assert [number for number in found if "function" not in criteria or number not in (4, 8)] == numbers


def test_one_is_the_only_one() -> None:
    assert TraceLog(EVENTS).one(sw="63C2").number == 3


@pytest.mark.parametrize("criteria, shown", [({"sw": "6283"}, "0 entries"), ({"name": "SELECT"}, "3 entries")])
def test_one_says_what_there_is_instead(criteria: dict[str, Any], shown: str) -> None:
    with pytest.raises(NotOne, match=shown) as caught:
        TraceLog(EVENTS).one(**criteria)
    assert "SELECT" in str(caught.value)


def test_order() -> None:
    log = TraceLog(EVENTS)
    assert log.in_order("SELECT", "VERIFY PIN", "INSTALL")
    assert log.in_order("READ BINARY", "READ BINARY")
    assert not log.in_order("VERIFY PIN", "SELECT", "SELECT", "SELECT")
    assert not log.in_order("INSTALL", "VERIFY PIN")


def test_a_trace_that_grows_is_asked_again() -> None:
    events: list[AnyEvent] = []
    log = TraceLog(events)
    assert not log.entries
    events += pair("00A40004023F00", "9000", 1)
    assert len(log) == 1


@pytest.mark.parametrize("sw", ["9", "90000", "9g00"])
def test_a_status_word_has_four_digits(sw: str) -> None:
    with pytest.raises(ValueError, match="four digits"):
        TraceLog(EVENTS).where(sw=sw)


def test_an_unknown_criterion_is_refused() -> None:
    with pytest.raises(TypeError):
        TraceLog(EVENTS).where(colour="red")


def test_findings_and_text() -> None:
    log = TraceLog(EVENTS)
    assert [finding.text for finding in log.findings] == ["the command has no response"]
    assert "VERIFY PIN1 (01): 63C2 (2 tries left)" in str(log)
