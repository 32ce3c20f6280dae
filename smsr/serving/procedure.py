# SPDX-License-Identifier: Apache-2.0
"""Functions as procedures: generators that yield what has to happen elsewhere, and go on with what came of it.

A procedure knows neither transport nor thread nor database. Whoever drives it keeps what it wrote before each step is
begun, so that after a crash another process knows which step was begun last; what became of that step only the other
side can tell, and `Interrupted` has the procedure ask there before it repeats anything (design: transactions).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from apdu.errors import M2mError
from smsr.api.functions import Function
from smsr.api.messages import Request, Response

__all__ = ["Functions", "Interrupted", "Outcome", "Performer", "Procedure", "Step", "advance", "drive"]

S = TypeVar("S")
T = TypeVar("T")


class Step(Protocol):
    """Something that happens elsewhere: a script on a card, a call to another server."""

    @property
    def name(self) -> str:
        """What it is, for traces and for a procedure that was interrupted at it."""
        ...

    @property
    def note(self) -> Mapping[str, str]:
        """What the procedure must know of it when it is interrupted here; no secrets."""
        ...


Procedure = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The step that a procedure had begun when its process ended: whether it happened is unknown."""

    name: str
    note: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step: a result, or the error that the procedure is to see."""

    result: Any = None
    error: M2mError | None = None


class Performer(Protocol):
    """Does the steps of a server's procedures."""

    def perform(self, step: Step, done: Callable[[Outcome], None]) -> None:
        """Begin a step; `done` is called once, now or later, from any thread. Never raises M2mError."""
        ...


class Functions(Protocol):
    """What a server does."""

    def run(self, function: Function, request: Request, interrupted: Interrupted | None = None) -> Procedure[Response]:
        """The procedure of one call. It ends with a response, whatever happens: M2mErrors become a status.

        Also when all its steps fail from now on: a call that was taken up too often is ended like this.
        """
        ...


def advance(procedure: Procedure[T], outcome: Outcome | None) -> Step | T:
    """Begin a procedure, or go on with what came of its step: the next step, or the value that it ended with."""
    try:
        if outcome is None:
            return next(procedure)
        if outcome.error is not None:
            return procedure.throw(outcome.error)
        return procedure.send(outcome.result)
    except StopIteration as stop:
        return cast(T, stop.value)


def drive(procedure: Generator[S, Any, T], perform: Callable[[S], Any]) -> T:
    """Run a procedure to its end in this thread; `perform` does a step and returns its result or raises M2mError."""
    try:
        step = next(procedure)
        while True:
            try:
                result = perform(step)
            except M2mError as error:
                step = procedure.throw(error)
            else:
                step = procedure.send(result)
    except StopIteration as stop:
        return cast(T, stop.value)
    finally:
        procedure.close()
