# SPDX-License-Identifier: Apache-2.0
"""Jobs over the air, counters of packets and numbers of notifications in the database of the SM-SR.

What smsr.ota.journal.SqliteJournal keeps in a file of its own, for a server that has one database (Journal, Counters,
Sequences).
"""

from __future__ import annotations

import json

from sqlalchemy import RowMapping, case, insert, select, update

from apdu.ids import Eid
from smsr.db.tables import COUNTER, JOB, JOB_STEP, NOTIFICATION
from smsr.kit.sealer import Sealer
from smsr.ota.journal import Job, Order, place_of
from smsr.ota.parcels import Opener
from smsr.ota.task import Ledger, Sent
from smsr.serving.database import Database

__all__ = ["SqlJournal"]


class SqlJournal:
    """Journal, counters and notification numbers. Each call is a unit of work of its own unless one is open."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    # --- jobs

    def open_job(self, order: Order, seed: bytes, room: int, opener: Opener) -> Job:
        """Take an order."""
        values = {
            "eid": str(order.eid),
            "name": order.name,
            "version": order.version,
            "arguments": json.dumps(dict(order.arguments), sort_keys=True),
            "sealed": self._sealer.seal(seed, place_of(order)),
            "room": room,
            "opener": opener.value,
        }
        with self._database.unit() as connection:
            number = connection.execute(insert(JOB).returning(JOB.c.id), values).scalar_one()
        return Job(number, order, seed, room, opener)

    def ledger(self, job: Job) -> Ledger:
        """Where the steps of a job go."""
        return _SqlLedger(self._database, job)

    def open_jobs(self, eid: Eid) -> tuple[Job, ...]:
        """The jobs of a card that are not over."""
        query = select(JOB).where(JOB.c.eid == str(eid), JOB.c.outcome.is_(None)).order_by(JOB.c.id)
        with self._database.reading() as connection:
            return tuple(self._job(row) for row in connection.execute(query).mappings().all())

    def _job(self, row: RowMapping) -> Job:
        order = Order(Eid.from_string(row["eid"]), row["name"], row["version"], json.loads(row["arguments"]))
        query = select(JOB_STEP).where(JOB_STEP.c.job == row["id"]).order_by(JOB_STEP.c.number)
        with self._database.reading() as connection:
            steps = connection.execute(query).mappings().all()
        sent = tuple(Sent(step["digest"], step["bearer"], step["state"], step["answer"]) for step in steps)
        seed = self._sealer.open(row["sealed"], place_of(order))
        return Job(row["id"], order, seed, row["room"], Opener(row["opener"]), sent)

    # --- counters and notifications

    def reserve(self, eid: Eid, kvn: int, above: int = 0) -> int:
        """The next number of a key set's counter (Counters)."""
        last = case((COUNTER.c.last > above, COUNTER.c.last), else_=above) + 1
        statement = (
            self._database.insert(COUNTER)
            .values(eid=str(eid), kvn=kvn, last=above + 1)
            .on_conflict_do_update(index_elements=[COUNTER.c.eid, COUNTER.c.kvn], set_={"last": last})
            .returning(COUNTER.c.last)
        )
        with self._database.unit() as connection:
            return int(connection.execute(statement).scalar_one())

    def last_notification(self, eid: Eid) -> int | None:
        """The number of the last notification that was accepted (Sequences)."""
        query = select(NOTIFICATION.c.last).where(NOTIFICATION.c.eid == str(eid))
        with self._database.reading() as connection:
            return connection.execute(query).scalar()

    def keep_notification(self, eid: Eid, sequence: int) -> None:
        """A notification was accepted."""
        statement = self._database.insert(NOTIFICATION).values(eid=str(eid), last=sequence)
        with self._database.unit() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=[NOTIFICATION.c.eid], set_={"last": sequence})
            )


class _SqlLedger:
    """The steps of one job."""

    def __init__(self, database: Database, job: Job) -> None:
        self._database = database
        self._job = job.id
        self._number = len(job.steps)

    def sent(self, sent: Sent) -> None:
        """A parcel is about to be sent."""
        self._number += 1
        values = {"job": self._job, "number": self._number, "digest": sent.digest, "bearer": sent.bearer}
        with self._database.unit() as connection:
            connection.execute(insert(JOB_STEP), {**values, "state": sent.state})

    def answered(self, answer: bytes) -> None:
        """The answer to the last parcel."""
        mine = (JOB_STEP.c.job == self._job, JOB_STEP.c.number == self._number)
        with self._database.unit() as connection:
            connection.execute(update(JOB_STEP).where(*mine).values(answer=answer))

    def closed(self, outcome: str) -> None:
        """The job is over."""
        with self._database.unit() as connection:
            connection.execute(update(JOB).where(JOB.c.id == self._job).values(outcome=outcome))
