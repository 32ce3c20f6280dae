# SPDX-License-Identifier: Apache-2.0
"""A trace as a ladder: who said what to whom, with repetitions drawn together.

APDUs go between device and card; functions and messages of bearers between the ends that their interface has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Final

from apdu.trace.decode import Entry, Exchange, Severity
from apdu.trace.decode.text import printable
from apdu.trace.events import AnyEvent, BearerEvent, ChannelEvent, Direction, FunctionEvent, HeaderEvent, Layer
from tools.trace.line import worst
from tools.trace.pipeline import examined
from tools.trace.statistics import command_name

__all__ = ["Actor", "Ladder", "LadderMaker", "Step", "StepKind", "ladder"]


@unique
class Actor(StrEnum):
    """Who speaks, in the order in which they stand."""

    CARD = "Card"
    DEVICE = "Device"
    SM_SR = "SM-SR"
    SM_DP = "SM-DP"
    OPERATOR = "Operator"
    EUM = "EUM"


@unique
class StepKind(StrEnum):
    """What a step is."""

    EXCHANGE = "exchange"
    MESSAGE = "message"
    BEGIN = "begin"
    END = "end"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rung: what went from one to the other."""

    kind: StepKind
    source: Actor
    target: Actor
    label: str
    answer: str = ""
    time: float
    first: int
    last: int
    """Numbers of its entries."""
    count: int = 1
    ok: bool = True
    severity: Severity | None = None
    repeats: tuple[str, ...] = ()
    """Steps that are the same in this are drawn together."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs, and how many entries are not drawn."""

    actors: tuple[Actor, ...]
    steps: tuple[Step, ...]
    start: float
    omitted: int


_BEARERS: Final[Mapping[str, tuple[Actor, Actor]]] = {
    Layer.SMS: (Actor.SM_SR, Actor.DEVICE),
    Layer.BIP: (Actor.SM_SR, Actor.DEVICE),
    Layer.TLS: (Actor.SM_SR, Actor.DEVICE),
}
"""Who sends to the card by a bearer, and who gets it; SM-SR and card where nothing else is said."""
_FUNCTIONS: Final[Mapping[str, tuple[Actor, Actor]]] = {
    "ES1": (Actor.EUM, Actor.SM_SR),
    "ES2": (Actor.OPERATOR, Actor.SM_DP),
    "ES3": (Actor.SM_DP, Actor.SM_SR),
    "ES4": (Actor.OPERATOR, Actor.SM_SR),
    "ES5": (Actor.SM_SR, Actor.CARD),
    "ES6": (Actor.OPERATOR, Actor.CARD),
    "ES7": (Actor.SM_SR, Actor.SM_SR),
    "ES8": (Actor.SM_DP, Actor.CARD),
}
"""The ends of an ES interface (SGP.02 2.2)."""
_FROM_AFAR: Final = (Actor.SM_SR, Actor.CARD)
_DONE: Final = "ok"


class LadderMaker:
    """Takes entries one by one, and keeps as many steps as fit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._steps: list[Step] = []
        self._start: float | None = None
        self._omitted = 0

    def add(self, entry: Entry) -> None:
        """Draw one entry."""
        if self._start is None:
            self._start = entry.time
        step = _step(entry)
        if step is None:
            return
        last = self._steps[-1] if self._steps and not self._omitted else None
        if last is not None and step.repeats and last.repeats == step.repeats:
            self._steps[-1] = _together(last, step)
        elif len(self._steps) < self._limit:
            self._steps.append(step)
        else:
            self._omitted += 1

    def ladder(self) -> Ladder:
        """What was drawn."""
        present = {Actor.CARD, Actor.DEVICE}
        for step in self._steps:
            present |= {step.source, step.target}
        actors = tuple(actor for actor in Actor if actor in present)
        return Ladder(actors, tuple(self._steps), self._start or 0.0, self._omitted)


def ladder(entries: Iterable[Entry], limit: int) -> Ladder:
    """The ladder of a trace, of so many steps at the most."""
    maker = LadderMaker(limit)
    for entry in entries:
        examined(entry)
        maker.add(entry)
    return maker.ladder()


def _together(first: Step, second: Step) -> Step:
    label = second.repeats[0]
    severities = [each for each in (first.severity, second.severity) if each is not None]
    severity = max(severities, key=list(Severity).index) if severities else None
    return replace(first, label=label, last=second.last, count=first.count + 1, severity=severity)


def _step(entry: Entry) -> Step | None:
    severity = worst(entry.findings) if entry.findings else None
    if isinstance(entry, Exchange):
        return _exchange(entry, severity)
    event = entry.events[0] if entry.events else None
    if isinstance(event, HeaderEvent):
        return None
    kind, (source, target), label = _content(event, entry.summary)
    return Step(
        kind=kind,
        source=source,
        target=target,
        label=label,
        time=entry.time,
        first=entry.number,
        last=entry.number,
        ok=not isinstance(event, FunctionEvent) or event.outcome in ("", _DONE),
        severity=severity,
    )


def _exchange(entry: Exchange, severity: Severity | None) -> Step:
    sw = entry.sw
    answer = "no response" if sw is None else f"{sw:04X}"
    return Step(
        kind=StepKind.EXCHANGE,
        source=Actor.DEVICE if entry.layer == Layer.APDU else Actor.SM_SR,
        target=Actor.CARD,
        label=entry.summary,
        answer=answer,
        time=entry.time,
        first=entry.number,
        last=entry.number,
        ok=sw is not None and (sw == 0x9000 or sw >> 8 in (0x91, 0x61, 0x62, 0x9F)),
        severity=severity,
        repeats=(command_name(entry), answer, entry.function, entry.layer, *entry.link),
    )


def _content(event: AnyEvent | None, summary: str) -> tuple[StepKind, tuple[Actor, Actor], str]:
    if isinstance(event, FunctionEvent):
        source, target = _FUNCTIONS.get(event.name[:3].upper(), _FROM_AFAR)
        if event.outcome:
            return StepKind.END, (target, source), printable(event.outcome)
        return StepKind.BEGIN, (source, target), printable(event.name)
    if isinstance(event, BearerEvent):
        source, target = _BEARERS.get(event.layer, _FROM_AFAR)
        ends = (target, source) if event.direction == Direction.FROM_CARD else (source, target)
        return StepKind.MESSAGE, ends, printable(event.name or event.layer)
    if isinstance(event, ChannelEvent):
        return StepKind.MESSAGE, _FROM_AFAR, summary
    return StepKind.NOTE, (Actor.CARD, Actor.DEVICE), summary
