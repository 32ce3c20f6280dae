# SPDX-License-Identifier: Apache-2.0
"""Off-card procedures as scripts: generators that yield batches of commands and receive their responses.

A script knows neither bearer nor database. `Run` steps one without any I/O, so that a loop over a reader, a proof of
receipt that arrives minutes later, or a card's HTTP POST can all drive the same script.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import LocalProtocolError
from apdu.ids import Aid

__all__ = ["ApduScript", "Batch", "Done", "ProfileScript", "Run", "Script"]

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch(Generic[C]):
    """Commands that may be sent together, and the application that they are for."""

    target: Aid
    commands: tuple[C, ...]


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The script's result."""

    result: T


Script: TypeAlias = Generator[Batch[C], Sequence[R], T]
ApduScript: TypeAlias = Script[CommandApdu, ResponseApdu, T]
"""Commands for the card's applications (ES5, ES8 key establishment)."""
ProfileScript: TypeAlias = Script[bytes, bytes, T]
"""SCP03t TLVs for an ISD-P (ES8 download) and their answers."""


class Run(Generic[C, R, T]):
    """One script under way."""

    def __init__(self, script: Script[C, R, T]) -> None:
        self._script = script
        self._waiting: Batch[C] | None = None
        self._started = False

    def start(self) -> Batch[C] | Done[T]:
        """Run to the first batch."""
        if self._started:
            raise LocalProtocolError("this run has started already")
        self._started = True
        return self._step(None)

    def feed(self, responses: Sequence[R]) -> Batch[C] | Done[T]:
        """Hand over the responses to the last batch, fewer than commands when the card stopped at an error."""
        if self._waiting is None:
            raise LocalProtocolError("this run waits for no responses")
        if len(responses) > len(self._waiting.commands):
            raise LocalProtocolError(f"{len(responses)} responses to {len(self._waiting.commands)} commands")
        return self._step(responses)

    def _step(self, responses: Sequence[R] | None) -> Batch[C] | Done[T]:
        self._waiting = None
        try:
            batch = next(self._script) if responses is None else self._script.send(responses)
        except StopIteration as stop:
            return Done(stop.value)
        self._waiting = batch
        return batch

    def close(self) -> None:
        """Give the script up."""
        self._script.close()
