# SPDX-License-Identifier: Apache-2.0
"""What a paper world is at a moment: two worlds of the same state have the same future.

It is made of all rows of the database, the card, what is under way, and what each process has in its memory. Of the
latter only little can be looked at; the rest, a procedure that waits for its step, follows from what the process saw
since it was last without work: each thing that it did, and the database (or the card) as it was then. Identifiers
drawn at random are named by the rows that have them. Left out is what changes nothing but speed, or only random bits:
statements and connections, and the nonces that a process will draw.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, Final

from smsr.db.tables import METADATA as OF_SM_SR
from smsr.serving.tables import CALL, OUTBOX
from smsr.serving.tables import METADATA as OF_EACH
from tests.faults.paperprocess import Process
from tests.faults.paperworld import World

__all__ = ["States"]

_TABLES: Final = [
    f"SELECT * FROM {table.name} ORDER BY {', '.join(column.name for column in table.primary_key)}"
    for metadata in (OF_EACH, OF_SM_SR)
    for table in metadata.sorted_tables
]
_DRAWN: Final = [f"SELECT number, id FROM {table.name} ORDER BY number" for table in (CALL, OUTBOX)]
_BEFORE_TIME_PASSES: Final = ("the card gets", "the card falls back", " hears of ", " comes to ")
_Way = tuple[str, ...]


class States:
    """Of worlds that all begin alike. What was looked at on the way is not looked at again on the same way."""

    def __init__(self) -> None:
        self._seen: dict[_Way, tuple[bytes, bytes]] = {}

    def follow(self, world: World) -> Callable[[str], bytes]:
        """Follow a world from its beginning: its state, after each choice."""
        return _Followed(world, self._seen).after

    def follow_what_happens(self, world: World) -> Callable[[str], bytes]:
        """The same, but the state of before when nothing has happened: all that comes of that comes without it, too.

        That is when a process has looked for something to do and found nothing, and time cannot pass before something
        else has happened.
        """
        return _Followed(world, self._seen).after_what_happens


class _Followed:
    def __init__(self, world: World, seen: dict[_Way, tuple[bytes, bytes]]) -> None:
        self._world = world
        self._seen = seen
        self._way: _Way = ()
        self._past: dict[Process, bytes] = {}
        """What each process saw since it was last without work."""
        self._database, self._card = self._look()
        self._state = b""

    def after_what_happens(self, choice: str) -> bytes:
        """The state after this was chosen, or the one before."""
        before, state = self._database, self.after(choice)
        if not any(self._was_idle(process, choice, before) for process in self._world.processes) or not any(
            part in each for each in self._world.choices() for part in _BEFORE_TIME_PASSES
        ):
            self._state = state
        return self._state

    def after(self, choice: str) -> bytes:
        """The state, after this was chosen."""
        before, card = self._database, self._card
        self._way += (choice,)
        self._database, self._card = self._look()
        seen = card if choice.startswith("the card gets") else before
        for process in self._world.processes:
            if _is_without_work(process):
                self._past.pop(process, None)
            elif process.name in choice.split() and not self._was_idle(process, choice, before):
                self._past[process] = _digest(self._past.get(process), choice, seen)
        return _digest(self._database, self._card, *self._rest())

    def _look(self) -> tuple[bytes, bytes]:
        if self._way not in self._seen:
            self._seen[self._way] = self._rows(), self._as_card_is()
        return self._seen[self._way]

    def _was_idle(self, process: Process, choice: str, before: bytes) -> bool:
        """Whether it looked for something to do and found nothing."""
        return choice == f"{process.name} works" and process.idle and self._database == before

    def _rows(self) -> bytes:
        connection = sqlite3.connect(self._world.place.path)
        text = repr([connection.execute(each).fetchall() for each in _TABLES])
        for kind, query in enumerate(_DRAWN):
            for number, id in connection.execute(query):
                text = text.replace(id, f"<{kind}:{number}>")
        connection.close()
        return _digest(text, self._world.now)

    def _as_card_is(self) -> bytes:
        card, world = self._world.card, self._world
        return _digest(card.isd_ps, card.fall_back, card.memory, card.granted, world.told, world.now)

    def _rest(self) -> Iterator[object]:
        world = self._world
        yield from (world.faults, world.faulty, world.lost, world._sequence, world._fell_back, world.born > 0)
        order = {number: at for at, number in enumerate(sorted(each.number for each in world._flights()))}
        for process in world.processes:
            worker = process.engine.worker
            running = [(each.claim.call.row["number"], each.claim.token) for each in worker._running.values()]
            ready = [None if each is None else each[0].claim.token for each in _items(worker._ready)]
            yield from (
                process.idle,
                process.procedures._running,
                +worker._behind,
                running,
                ready,
                self._past.get(process),
            )
            yield [(order[each.number], each.step.name, each.stale, each.outcome) for each in process.flights]
        yield [
            (order[each.number], each.step.name, each.stale, self._past.get(each.process)) for each in world._orphans
        ]
        yield [(each.came, each.response) for each in world.calls]


def _is_without_work(process: Process) -> bool:
    worker = process.engine.worker
    return not (worker.running or process.flights or any(_items(worker._ready)))


def _items(queue: Any) -> list[Any]:
    """What is in a queue that cannot be looked into."""
    found = [queue.get_nowait() for _ in range(queue.qsize())]
    for each in found:
        queue.put(each)
    return found


def _digest(*parts: object) -> bytes:
    text = repr(parts)
    assert " at 0x" not in text, "a place in memory is no part of a state"
    return sha256(text.encode()).digest()
