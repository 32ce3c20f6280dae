# SPDX-License-Identifier: Apache-2.0
"""Processes of an SM-SR that end at any step, and others that go on with what they kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self

from apdu.errors import M2mError
from smsr.api.functions import Interface
from smsr.api.messages import Response
from smsr.cardsteps import CardStep
from smsr.context import Context, Identity
from smsr.handlers import Handlers
from smsr.procedures import MemoryProcedureStore, Procedures
from smsr.serving.outbox import MemoryOutbox
from smsr.serving.procedure import Interrupted, drive
from smsr.store import MemoryEisStore, MemoryGrantStore
from smsr.stores import Stores
from tests.unit.kit.world import EID, NOW, SM_SR_OID
from tests.unit.smsr.bench import PARTNERS, PaperCard
from tests.unit.smsr.scene import ROWS, Scene, perform, request

__all__ = ["Ended", "Kept", "Key", "World", "ends", "run"]

Key = tuple[Interface, str]


@dataclass
class Kept:
    """What a database holds."""

    eis: MemoryEisStore = field(default_factory=MemoryEisStore)
    grants: MemoryGrantStore = field(default_factory=MemoryGrantStore)
    open: MemoryProcedureStore = field(default_factory=MemoryProcedureStore)
    now: float = NOW
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)

    @classmethod
    def of(cls, scene: Scene) -> Self:
        """What a scene has come to; no procedure is open."""
        kept = cls(grants=scene.smsr.stores.grants)  # type: ignore[arg-type]
        for eis in scene.store:
            kept.eis.add(eis)
        return kept

    def copy(self) -> Kept:
        """As it is now."""
        made = Kept(grants=self.grants, now=self.now)
        for eis in self.eis:
            made.eis.add(eis)
        held = self.open.get(EID)
        if held is not None:
            made.open.put(EID, held)
        made.outbox.entries.extend(self.outbox.entries)
        return made

    def same(self, other: Kept) -> bool:
        """Whether nothing was written since."""
        mine, others = ((tuple(each.eis), each.open.get(EID), tuple(each.outbox.entries)) for each in (self, other))
        return mine == others

    def handlers(self) -> Handlers:
        """Those of a new process."""
        identity = Identity(oid=SM_SR_OID, partners=PARTNERS, verify_eum=no_eum)
        stores = Stores(
            eis=self.eis,
            grants=self.grants,
            procedures=Procedures(lambda: self.now, self.open),
            outbox=self.outbox,
        )
        return Handlers(Context(identity, stores, lambda: self.now))


def no_eum(der: bytes, at: float) -> Any:
    raise AssertionError("nobody registers a card here")


@dataclass
class World:
    """A database and a card."""

    kept: Kept
    card: PaperCard
    rules: Callable[[PaperCard], None] = lambda card: None

    def perform(self, step: CardStep) -> Any:
        """Have the card do it."""
        result = perform(self.card, step)
        if step.name == "reset":
            self.rules(self.card)
        return result

    def copy(self) -> World:
        """The same, apart."""
        card = PaperCard(self.card.certificate)
        for name in ("isd_ps", "fall_back", "memory", "granted", "history"):
            setattr(card, name, copy(getattr(self.card, name)))
        card.fault = self.card.fault
        return World(self.kept.copy(), card, self.rules)


@dataclass(frozen=True)
class Ended:
    """What is left of a process: nothing but what it kept, and which step it had begun."""

    world: World
    interrupted: Interrupted


def run(world: World, key: Key, interrupted: Interrupted | None = None, **values: Any) -> Response:
    """A whole run."""
    row = ROWS[key]
    return drive(world.kept.handlers().run(row, request(row, **values), interrupted), world.perform)


def ends(
    world: World, key: Key, interrupted: Interrupted | None = None, *, left: int = 1, **values: Any
) -> Iterator[Ended]:
    """A process that ends at each of its steps, the step carried out or not; with `left`, also those that go on."""
    row = ROWS[key]
    done = 0
    while True:
        for carried_out in (False, True):
            here = world.copy()
            procedure = here.kept.handlers().run(row, request(row, **values), interrupted)
            step = _advance(here, procedure, done)
            if step is None:
                return
            kept = here.kept.copy()
            if carried_out:
                _quietly(here, step)
            procedure.close()
            assert here.kept.same(kept), f"thrown away at {step.name}, it wrote"
            ended = Ended(here, Interrupted(step.name, step.note))
            yield ended
            if left > 1:
                yield from ends(ended.world, key, ended.interrupted, left=left - 1, **values)
        done += 1


def _advance(world: World, procedure: Any, steps: int) -> CardStep | None:
    """Lead a procedure to one of its steps; None when it has not so many."""
    try:
        step: CardStep = next(procedure)
        for _ in range(steps):
            try:
                result = world.perform(step)
            except M2mError as error:
                step = procedure.throw(error)
            else:
                step = procedure.send(result)
    except StopIteration:
        return None
    return step


def _quietly(world: World, step: CardStep) -> None:
    """The card does it, and nobody hears what came of it."""
    with suppress(M2mError):
        world.perform(step)
