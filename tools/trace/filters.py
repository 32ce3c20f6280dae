# SPDX-License-Identifier: Apache-2.0
"""Which entries are wanted: every condition that is given must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from apdu.trace.decode import Entry, Exchange
from apdu.trace.decode.model import visible
from apdu.trace.events import AnyEvent, FunctionEvent

__all__ = ["Conditions", "Moment", "SwPattern", "wanted"]

Test = Callable[[Entry], bool]
_SELECT_BY_AID: Final = (0xA4, 0x04)


class SwPattern(NamedTuple):
    """A status word of which some digits may be anything."""

    value: int
    mask: int

    @classmethod
    def parse(cls, text: str) -> SwPattern:
        """Four digits, of which x stands for any; ValueError."""
        if len(text) != 4:
            raise ValueError(text)
        digits = text.lower()
        mask = int("".join("0" if digit == "x" else "f" for digit in digits), 16)
        return cls(int(digits.replace("x", "0"), 16), mask)

    def matches(self, sw: int | None) -> bool:
        """Whether a status word is meant."""
        return sw is not None and sw & self.mask == self.value


class Moment(NamedTuple):
    """A point in time: of the clock, or seconds from the beginning of the trace."""

    seconds: float
    relative: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What was asked for; what is empty lets everything through."""

    aid: bytes | None = None
    ins: tuple[int, ...] = ()
    sw: tuple[SwPattern, ...] = ()
    channel: tuple[int, ...] = ()
    function: str = ""
    start: Moment | None = None
    end: Moment | None = None
    findings: bool = False


def wanted(conditions: Conditions) -> Test:
    """The test of one trace: entries are given to it in order, from the first one on."""
    tests = [
        make(conditions) for name, make in _TESTS.items() if getattr(conditions, name) not in (None, (), "", False)
    ]
    if len(tests) == 1:
        return tests[0]
    return lambda entry: all(test(entry) for test in tests)


def _by_aid(conditions: Conditions) -> Test:
    aid = conditions.aid or b""

    def test(entry: Entry) -> bool:
        if not isinstance(entry, Exchange):
            return False
        if entry.place.application.startswith(aid):
            return True
        raw = visible(entry.command) or b""
        return (raw[1:2] + raw[2:3]) == bytes(_SELECT_BY_AID) and raw[5:].startswith(aid)

    return test


def _by_ins(conditions: Conditions) -> Test:
    return lambda entry: isinstance(entry, Exchange) and entry.ins in conditions.ins


def _by_sw(conditions: Conditions) -> Test:
    return lambda entry: isinstance(entry, Exchange) and any(each.matches(entry.sw) for each in conditions.sw)


def _by_channel(conditions: Conditions) -> Test:
    return lambda entry: isinstance(entry, Exchange) and entry.channel in conditions.channel


def _by_function(conditions: Conditions) -> Test:
    name = conditions.function.lower()
    return lambda entry: name in entry.function.lower() or any(_ends(event, name) for event in entry.events)


def _ends(event: AnyEvent, name: str) -> bool:
    """Whether an event is the end of a function: it is not within it any more."""
    return isinstance(event, FunctionEvent) and name in event.name.lower()


def _by_findings(_: Conditions) -> Test:
    return lambda entry: bool(entry.findings)


def _by_time(side: Literal["start", "end"]) -> Callable[[Conditions], Test]:
    def make(conditions: Conditions) -> Test:
        moment: Moment = getattr(conditions, side)
        limit: float | None = None if moment.relative else moment.seconds

        def test(entry: Entry) -> bool:
            nonlocal limit
            if limit is None:
                limit = entry.time + moment.seconds
            return entry.time >= limit if side == "start" else entry.time <= limit

        return test

    return make


_TESTS: Final[Mapping[str, Callable[[Conditions], Test]]] = {
    "end": _by_time("end"),
    "start": _by_time("start"),
    "aid": _by_aid,
    "ins": _by_ins,
    "sw": _by_sw,
    "channel": _by_channel,
    "function": _by_function,
    "findings": _by_findings,
}
"""By the name of the condition: what makes its test. Those of time come first: they have to see the first entry."""
