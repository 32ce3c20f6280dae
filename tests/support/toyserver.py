# SPDX-License-Identifier: Apache-2.0
"""A server that does nothing but steps on a card that is a file: what its engine does can be counted.

As a program it starts processes that work until the queue is empty, or end themselves with SIGKILL at the moment that
they are told.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Column, MetaData, Table, Text, insert, select

from apdu.errors import M2mError
from apdu.ids import Eid, Iccid
from smsr.api.functions import FUNCTIONS, Function, Interface
from smsr.api.messages import Call, CardResponse, EisResponse, ProfileRequest, Request, Response
from smsr.api.status import SUCCESS
from smsr.kit.oid import Oid
from smsr.serving.database import Database
from smsr.serving.engine import Engine, EngineSettings, Listener
from smsr.serving.outbox import Entry, SqlOutbox
from smsr.serving.procedure import Interrupted, Outcome, Performer, Procedure, Step
from smsr.serving.service import Binding, ReplyTo

ME: Final = Oid("2.999.1")
PEER: Final = Oid("2.999.2")
ICCID: Final = Iccid.from_string("8988211000000123451")
REPLY: Final = ReplyTo(binding=Binding.JSON, url="https://peer.example/es3/callback", message_id="m-1")
STEPS: Final = 3
NOTHING: Final = Outcome()
NOTES: Final = MetaData()
EFFECT: Final = Table("effect", NOTES, Column("name", Text, primary_key=True))


def row(name: str) -> Function:
    """A function of ES3."""
    return next(each for each in FUNCTIONS if each.interface is Interface.ES3 and each.name == name)


ENABLE: Final = row("EnableProfile")
"""Asynchronous: three steps."""
UPDATE: Final = row("UpdatePolicyRules")
"""Synchronous: one effect."""
GET: Final = row("GetEIS")
"""Synchronous, reads."""


def eid(number: int = 0) -> Eid:
    """One of the cards."""
    return Eid.create(f"89001012{number:022d}")


def request(identifier: str = "1", card: int = 0, period: int | None = None, kind: Function = ENABLE) -> Request:
    """What a peer asks."""
    call = Call(PEER, identifier, period)
    if kind is GET:
        return kind.request(call=call, eid=eid(card))  # type: ignore[call-arg,return-value]
    return kind.request(call=call, eid=eid(card), iccid=ICCID)  # type: ignore[call-arg,return-value]


@dataclass(frozen=True)
class ToyStep:
    """Something that is done to the file."""

    name: str
    note: Mapping[str, str] = field(default_factory=dict)


class CardFile:
    """The lines that were done, in their order, durably."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def lines(self) -> list[str]:
        """What was done so far."""
        return self._path.read_text().splitlines()

    def append(self, line: str) -> None:
        """Do it."""
        with self._path.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


class ToyFunctions:
    """Three steps, each with an effect in the database; what was interrupted is asked for and never repeated."""

    def __init__(self, database: Database, steps: int = STEPS) -> None:
        self._database = database
        self._steps = steps
        self.interrupted: list[Interrupted] = []
        self.runs = 0
        self.instead: Callable[[Request], Procedure[Response]] | None = None
        """What a test wants to be run."""

    def run(self, function: Function, request: Request, interrupted: Interrupted | None = None) -> Procedure[Response]:
        """The procedure of one call."""
        self.runs += 1
        if self.instead is not None:
            return self.instead(request)
        if interrupted is not None:
            self.interrupted.append(interrupted)
        if function is GET:
            return self._nothing(EisResponse(status=SUCCESS))
        if function is UPDATE:
            return self._update(request)
        return self._enable(request, interrupted)

    def _nothing(self, response: Response) -> Procedure[Response]:
        yield from ()
        return response

    def _update(self, request: Request) -> Procedure[Response]:
        self.effect(f"update {request.call.identifier}")
        yield from ()
        return Response(status=SUCCESS)

    def _enable(self, request: Request, interrupted: Interrupted | None) -> Procedure[Response]:
        assert isinstance(request, ProfileRequest)
        name, first = request.call.identifier, 0
        if interrupted is not None:
            first = int(interrupted.note["number"])
            if (yield ToyStep("ask", {"number": str(first), "line": f"{name}-{first}"})):
                self.effect(f"{name}-{first}")
                first += 1
        for number in range(first, self._steps):
            yield ToyStep(f"step {number}", {"number": str(number), "line": f"{name}-{number}"})
            self.effect(f"{name}-{number}")
        return CardResponse(status=SUCCESS, data=name.encode())

    def effect(self, name: str) -> None:
        """Keep that something was done."""
        with self._database.unit() as connection:
            connection.execute(insert(EFFECT), {"name": name})


class AtOnce:
    """Does steps on the file at once."""

    def __init__(self, card: CardFile, moment: Callable[[], None] = lambda: None) -> None:
        self._card = card
        self._moment = moment

    def perform(self, step: Step, done: Callable[[Outcome], None]) -> None:
        """Do it."""
        self._moment()
        line = step.note["line"]
        if step.name == "ask":
            done(Outcome(line in self._card.lines()))
        else:
            self._card.append(line)
            self._moment()
            done(Outcome())


class ByHand:
    """Keeps the steps that were begun; a test ends them."""

    def __init__(self) -> None:
        self.begun: list[tuple[Step, Callable[[Outcome], None]]] = []

    def perform(self, step: Step, done: Callable[[Outcome], None]) -> None:
        """Keep it."""
        self.begun.append((step, done))

    def end(self, outcome: Outcome = NOTHING) -> Step:
        """End the oldest."""
        step, done = self.begun.pop(0)
        done(outcome)
        return step


class Inbox:
    """A receiver that takes an entry once, and drops as many as it is told."""

    def __init__(self, drop: int = 0) -> None:
        self.drop = drop
        self.tried: list[Entry] = []
        self.taken: dict[str, Entry] = {}

    def deliver(self, entry: Entry) -> None:
        """Take it (Sender)."""
        self.tried.append(entry)
        if self.drop:
            self.drop -= 1
            raise M2mError("nobody there")
        self.taken[entry.id] = entry


class Time:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Toy:
    """One process's engine over a database that several may share."""

    def __init__(
        self,
        database: Database,
        performer: Performer,
        clock: Callable[[], float],
        *,
        listener: Listener | None = None,
        **settings: float,
    ) -> None:
        self.database = database
        self.does = ToyFunctions(database)
        self.outbox = SqlOutbox(database, FUNCTIONS, clock)
        self.engine = Engine(
            ME,
            functions=FUNCTIONS,
            does=self.does,
            performer=performer,
            database=database,
            clock=clock,
            outbox=self.outbox,
            settings=EngineSettings(**settings),  # type: ignore[arg-type]
            listener=listener,
        )

    def work(self) -> int:
        """Until there is nothing to do: how many units of work it was."""
        count = 0
        while self.engine.worker.work():
            count += 1
        return count

    def effects(self) -> list[str]:
        """What was kept."""
        with self.database.reading() as connection:
            return list(connection.execute(select(EFFECT.c.name).order_by(EFFECT.c.name)).scalars())


def prepare(url: str) -> Database:
    """The tables, and the one for effects."""
    database = Database(url)
    database.migrate()
    with database.unit() as connection:
        NOTES.create_all(connection)
    return database


def run(url: str, card: Path, last: int, now: float) -> int:
    """Work until the queue is empty, or end at the moment of this number: how many moments passed."""
    passed = 0

    def moment() -> None:
        nonlocal passed
        if passed == last:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    toy = Toy(Database(url), AtOnce(CardFile(card), moment), clock=lambda: now, lease=30)
    while toy.engine.worker.work():
        moment()
    return passed


def main() -> None:
    """For each line URL CARD MOMENT TIME a process; answers with the moments that it passed, or `killed`."""
    for line in sys.stdin:
        url, card, last, now = line.split()
        child = os.fork()
        if not child:
            print(run(url, Path(card), int(last), float(now)), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed" if os.WTERMSIG(status) == signal.SIGKILL else status, flush=True)


if __name__ == "__main__":
    main()
