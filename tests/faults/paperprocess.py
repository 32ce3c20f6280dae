# SPDX-License-Identifier: Apache-2.0
"""Processes of one SM-SR on one database, in which nothing happens unless somebody says so, and a card of paper."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from apdu.gp.codes import LifeCycle
from apdu.ids import Aid, Iccid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import SecretKey
from smsr.api.eis_parts import ProfileInfo, ProfileState
from smsr.api.functions import FUNCTIONS
from smsr.cardsteps import CardStep
from smsr.context import Context, Identity
from smsr.db.eis import SqlEisStore
from smsr.db.grants import SqlGrantStore, SqlProcedureStore
from smsr.db.journal import SqlJournal
from smsr.handlers import Handlers
from smsr.kit.sealer import Sealer
from smsr.ota.notifications import Notifications
from smsr.procedures import Procedures
from smsr.service import MIGRATIONS
from smsr.serving.database import Database
from smsr.serving.engine import Engine, EngineSettings
from smsr.serving.outbox import SqlOutbox
from smsr.serving.procedure import Outcome, Step
from smsr.stores import Stores
from tests.unit.kit.world import MNO_OID, SM_DP_OID, SM_SR_OID, world
from tests.unit.smsr.bench import ICCID, ICCID_2, MEMORY, PARTNERS, PaperCard, make_eis
from tests.unit.smsr.scene import ICCID_3, ICCID_4, TYPE

__all__ = ["AS_ON_CARD", "FALL_BACK", "LEASE", "MADE", "NEW", "OFF", "ON", "Flight", "Place", "Process", "make_card"]

FALL_BACK: Final = ICCID_2
"""Disabled, with the Fall-Back Attribute."""
ON, OFF, MADE, NEW = ICCID, ICCID_3, ICCID_4, Iccid.from_string("8988211000000123493")
"""Enabled; disabled; an ISD-P without a profile; nowhere yet."""
LEASE: Final = 30.0
_MASTER: Final = SecretKey(bytes(range(32)))
_SIZE: Final = 0x100
_HELD: Final = {
    FALL_BACK: ProfileState.DISABLED,
    ON: ProfileState.ENABLED,
    OFF: ProfileState.DISABLED,
    MADE: ProfileState.CREATED,
}
AS_ON_CARD: Final = {
    ProfileState.CREATED: (LifeCycle.SELECTABLE, LifeCycle.DISABLED),
    ProfileState.DISABLED: (LifeCycle.DISABLED,),
    ProfileState.ENABLED: (LifeCycle.ENABLED,),
}
"""A profile that was downloaded is created until its SM-DP says that it is complete."""


@dataclass(slots=True, eq=False)
class Flight:
    """A step under way to the card, and back."""

    process: Process
    number: int
    """Its counter: the card takes nothing that is older than what it has seen."""
    step: CardStep
    done: Callable[[Outcome], None]
    outcome: Outcome | None = None
    stale: bool = False


class Desk(Protocol):
    """What a process needs of its world."""

    place: Place
    born: int
    """Processes that were started later."""
    sent: int
    """Steps that were begun."""

    def clock(self) -> float:
        """Seconds."""
        ...

    def stir(self) -> None:
        """Something has changed: there may be work for everybody."""
        ...


class Place:
    """A folder for one world after the other. The processes' databases know the statements of those before."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        self.path = folder / "server.db"
        self.databases = {name: Database(f"sqlite:///{self.path}", [MIGRATIONS]) for name in ("A", "B")}
        _make_template(self._template)

    def clear(self) -> None:
        """As at the beginning."""
        for database in self.databases.values():
            database.close()
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()
        shutil.copyfile(self._template, self.path)


class Process:
    """One process of the SM-SR; its performer keeps steps until somebody lets the card have them."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.desk = desk
        self.name = name
        self.idle = True
        """Whether there was nothing to do when it looked, and nothing has changed since then."""
        self.flights: list[Flight] = []
        database = desk.place.databases[name]
        sealer = Sealer(_MASTER, SeededEntropy(f"{name} {desk.born}".encode()))
        self.eis = SqlEisStore(database, sealer)
        self.outbox = SqlOutbox(database, FUNCTIONS, desk.clock)
        self.procedures = Procedures(desk.clock, SqlProcedureStore(database))
        stores = Stores(
            eis=self.eis,
            grants=SqlGrantStore(database),
            procedures=self.procedures,
            outbox=self.outbox,
        )
        identity = Identity(oid=SM_SR_OID, partners=PARTNERS, verify_eum=_nobody)
        self.notifications = Notifications(self.eis, SqlJournal(database, sealer))
        self.notifications.unit = database.unit
        self.engine = Engine(
            SM_SR_OID,
            functions=FUNCTIONS,
            does=Handlers(Context(identity, stores, desk.clock)),
            performer=self,
            database=database,
            clock=desk.clock,
            outbox=self.outbox,
            settings=EngineSettings(lease=LEASE),
        )
        self.engine.worker.serves = name == "A"  # it begins calls as they come, the other one when it looks for some

    def perform(self, step: Step, done: Callable[[Outcome], None]) -> None:
        """Performer."""
        assert isinstance(step, CardStep)
        self.desk.sent += 1
        self.flights.append(Flight(self, self.desk.sent, step, done))

    def work(self) -> None:
        """One unit of work."""
        before = self.engine.worker.running
        self.idle = not self.engine.worker.work()
        if self.engine.worker.running < before:
            self.desk.stir()


def _nobody(der: bytes, at: float) -> Any:
    raise AssertionError("nobody registers here")


# --- how it begins


def _make_template(path: Path) -> None:
    """The database of an SM-SR that knows the card."""
    database = Database(f"sqlite:///{path}", [MIGRATIONS])
    database.migrate()
    profiles = tuple(
        ProfileInfo(
            iccid=iccid,
            isd_p_aid=Aid.isd_p(number),
            mno_id=MNO_OID,
            smdp_id=SM_DP_OID,
            state=state,
            fall_back=iccid == FALL_BACK,
            allocated_memory=_SIZE,
            profile_type="" if state is ProfileState.CREATED else TYPE,
        )
        for number, (iccid, state) in enumerate(_HELD.items(), 0x10)
    )
    eis = make_eis(profiles=profiles, remaining_memory=MEMORY - len(_HELD) * _SIZE)
    assert SqlEisStore(database, Sealer(_MASTER, SeededEntropy(b"template"))).add(eis)
    database.close()


def make_card() -> PaperCard:
    card = PaperCard(world().ecasd.encoded)
    for number, state in enumerate(_HELD.values(), 0x10):
        card.isd_ps[Aid.isd_p(number)] = AS_ON_CARD[state][-1]
        card.granted[Aid.isd_p(number)] = _SIZE
        card.memory -= _SIZE
    card.fall_back = Aid.isd_p(0x10)
    return card
