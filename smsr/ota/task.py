# SPDX-License-Identifier: Apache-2.0
"""One script on its way to a card, whatever carries it: parcels out, response scripts in, a result in the end.

    task.take(room)  ─► parcel   the bearer sends it, once
    task.answered(…)             the card's response script; then `take` again unless the task is done
    task.fail(…)                 the bearer gave up

Nothing here waits. A task whose steps are kept (a `Ledger`) can be taken up by another process: `replay` leads it to
where the first one left it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import EncodeError, LocalProtocolError, M2mError, RemoteProtocolError
from apdu.script import ApduScript, Batch, Done, ProfileScript, Run
from smsr.ota.parcels import Chain, Parcel, command_answers, cut, goes_on, tlv_answers

__all__ = ["JournalMismatch", "Ledger", "Outstanding", "OutcomeUnknown", "Sent", "Task", "command_task", "profile_task"]

T = TypeVar("T")


class OutcomeUnknown(RemoteProtocolError):
    """Nobody knows whether the card carried the script out: ask the card before anything is repeated."""


class JournalMismatch(M2mError):
    """A journal tells of other commands than the script sends: the card has to be asked."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A parcel that was sent: what was in it, how it travelled, and what the bearer needs to go on with it."""

    digest: bytes
    bearer: str
    state: bytes
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A parcel that was sent and not yet answered."""

    parcel: Parcel
    sent: Sent


class Ledger(Protocol):
    """Keeps the steps of one task, each durable when the call returns."""

    def sent(self, sent: Sent) -> None:
        """A parcel is about to be sent."""
        ...

    def answered(self, answer: bytes) -> None:
        """The answer to the last parcel."""
        ...

    def closed(self, outcome: str) -> None:
        """The task is over: "ok" or the reason."""
        ...


class _NoLedger:
    """Keeps nothing."""

    def sent(self, sent: Sent) -> None:
        """Forget it."""

    def answered(self, answer: bytes) -> None:
        """Forget it."""

    def closed(self, outcome: str) -> None:
        """Forget it."""


NO_LEDGER: Final = _NoLedger()
_Answers = Callable[[bytes, int], Sequence[Any]]


class Task(Generic[T]):
    """One script under way; made by `command_task` and `profile_task`."""

    def __init__(self, run: Run[Any, Any, T], read: _Answers, name: str, ledger: Ledger) -> None:
        self.name = name
        self.is_profile = read is tlv_answers
        """It is SCP03t for an ISD-P, which is long."""
        self.done = False
        self.finished: Callable[[], None] = _nothing
        """Called once when the task is over."""
        self._run = run
        self._read = read
        self._ledger = ledger
        self._batch: Batch[Any] | None = None
        self._answers: list[Any] = []
        self._parcel: Parcel | None = None
        self._started = False
        self._value: T | None = None
        self._error: M2mError | None = None

    @property
    def result(self) -> T:
        """What the script returned; raises what it raised, or why the bearer gave up."""
        if not self.done:
            raise LocalProtocolError(f"{self.name or 'the script'} is still under way")
        if self._error is not None:
            raise self._error
        return cast(T, self._value)

    @property
    def waiting(self) -> Parcel | None:
        """The parcel that was taken and not yet answered."""
        return self._parcel

    def take(self, room: int, chain: Chain) -> Parcel | None:
        """The next parcel; None when the task is done."""
        if self._parcel is not None:
            raise LocalProtocolError("the last parcel is not answered yet")
        if not self._started:
            self._started = True
            self._step(self._run.start)
        while self._batch is not None and not self._batch.commands:
            self._feed(self._batch, [])
        if self._batch is None:
            return None
        try:
            self._parcel = cut(self._batch.target, self._batch.commands[len(self._answers) :], room, chain)
        except EncodeError as error:
            self.fail(error)
        return self._parcel

    def sent(self, bearer: str, state: bytes) -> None:
        """Keep that the parcel is about to be sent, durably."""
        assert self._parcel is not None
        self._ledger.sent(Sent(self._parcel.digest, bearer, state))

    def answered(self, data: bytes, chain: Chain) -> None:
        """The card's response script to the parcel."""
        if self._parcel is None or self._batch is None:
            raise LocalProtocolError("no parcel waits for an answer")
        self._ledger.answered(data)
        self._answer(data, chain)

    def fail(self, error: M2mError) -> None:
        """The bearer gives up."""
        if not self.done:
            self._run.close()
            self._end(error)

    def replay(self, steps: Sequence[Sent], room: int, chain: Chain) -> Outstanding | None:
        """Lead the script through the steps that a journal holds; the last one where it has no answer yet."""
        for step in steps:
            parcel = self.take(room, chain)
            if parcel is None or parcel.digest != step.digest:
                raise JournalMismatch(f"{self.name}: the journal tells of other commands than the script sends")
            if step.answer is None:
                return Outstanding(parcel, step)
            self._answer(step.answer, chain)
        return None

    # ---

    def _answer(self, data: bytes, chain: Chain) -> None:
        parcel, batch = self._parcel, self._batch
        assert parcel is not None
        assert batch is not None
        self._parcel = None
        try:
            answers = self._read(data, len(parcel.items))
        except RemoteProtocolError as error:
            chain.break_off()
            self.fail(error)
            return
        self._answers.extend(answers)
        stopped = len(answers) < len(parcel.items) or not goes_on(answers[-1])
        if stopped:
            chain.break_off()
        if stopped or len(self._answers) == len(batch.commands):
            self._feed(batch, self._answers)

    def _feed(self, batch: Batch[Any], answers: Sequence[Any]) -> None:
        self._batch, self._answers = None, []
        self._step(lambda: self._run.feed(answers))

    def _step(self, step: Callable[[], Batch[Any] | Done[T]]) -> None:
        try:
            following = step()
        except M2mError as error:
            self._end(error)
            return
        if isinstance(following, Done):
            self._value = following.result
            self._end(None)
        else:
            self._batch = following

    def _end(self, error: M2mError | None) -> None:
        self._batch, self._parcel, self._error, self.done = None, None, error, True
        self._ledger.closed("ok" if error is None else str(error) or type(error).__name__)
        self.finished()


def _nothing() -> None:
    """Nobody waits."""


def command_task(script: ApduScript[T], name: str = "", ledger: Ledger = NO_LEDGER) -> Task[T]:
    """A script of commands."""
    run: Run[CommandApdu, ResponseApdu, T] = Run(script)
    return Task(run, command_answers, name, ledger)


def profile_task(script: ProfileScript[T], name: str = "", ledger: Ledger = NO_LEDGER) -> Task[T]:
    """A script of SCP03t TLVs."""
    run: Run[bytes, bytes, T] = Run(script)
    return Task(run, tlv_answers, name, ledger)
