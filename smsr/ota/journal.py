# SPDX-License-Identifier: Apache-2.0
"""What outlives the process of an SM-SR: jobs and their steps, counters of packets, numbers of notifications.

A job is a script by name, version and arguments, so that another process can make it again; each of its steps is what
was sent and what the card answered. Random bytes that a job drew are kept encrypted, like keys (AES-GCM).

    job    name, version, arguments, sealed entropy, room, opener      step    digest, bearer, state, answer
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from apdu.ids import Eid
from smsr.kit.sealer import Sealer
from smsr.ota.parcels import Opener
from smsr.ota.task import Ledger, Sent

__all__ = ["Job", "Journal", "Order", "SqliteJournal", "place_of"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS job (
    id INTEGER PRIMARY KEY, eid BLOB NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, arguments TEXT NOT NULL,
    sealed BLOB NOT NULL, room INTEGER NOT NULL, opener INTEGER NOT NULL, outcome TEXT
);
CREATE INDEX IF NOT EXISTS job_open ON job (eid) WHERE outcome IS NULL;
CREATE TABLE IF NOT EXISTS step (
    job INTEGER NOT NULL REFERENCES job (id), number INTEGER NOT NULL, digest BLOB NOT NULL, bearer TEXT NOT NULL,
    state BLOB NOT NULL, answer BLOB, PRIMARY KEY (job, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (
    eid BLOB NOT NULL, kvn INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (eid, kvn)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notification (eid BLOB PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with a card: a script by its name, version and arguments."""

    eid: Eid
    name: str
    version: int = 1
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """An order that was taken, and how far it came."""

    id: int
    order: Order
    seed: bytes = field(repr=False)
    """What the job's random bytes come from."""
    room: int
    """Bytes of a script that its bearer carries."""
    opener: Opener
    """What the card remembered when the job began."""
    steps: tuple[Sent, ...] = ()
    outcome: str | None = None


class Journal(Protocol):
    """Where jobs are kept. What a call wrote is durable when it returns."""

    def open_job(self, order: Order, seed: bytes, room: int, opener: Opener) -> Job:
        """Take an order."""
        ...

    def ledger(self, job: Job) -> Ledger:
        """Where the steps of a job go, behind those that it has."""
        ...

    def open_jobs(self, eid: Eid) -> tuple[Job, ...]:
        """The jobs of a card that are not over, in their order."""
        ...


class SqliteJournal:
    """Journal, counters and notification numbers in one SQLite file; ":memory:" keeps them in memory."""

    def __init__(self, path: Path | str, sealer: Sealer) -> None:
        self._sealer = sealer
        self._lock = threading.Lock()
        if str(path) != ":memory:":
            Path(path).touch(mode=0o600)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # --- jobs

    def open_job(self, order: Order, seed: bytes, room: int, opener: Opener) -> Job:
        """Take an order."""
        arguments = json.dumps(dict(order.arguments), sort_keys=True)
        sealed = self._sealer.seal(seed, place_of(order))
        row = (bytes(order.eid), order.name, order.version, arguments, sealed, room, opener.value)
        ((number,),) = self._write(
            "INSERT INTO job (eid, name, version, arguments, sealed, room, opener) VALUES (?, ?, ?, ?, ?, ?, ?) "
            "RETURNING id",
            row,
        )
        return Job(number, order, seed, room, opener)

    def ledger(self, job: Job) -> Ledger:
        """Where the steps of a job go."""
        return _SqliteLedger(self, job)

    def open_jobs(self, eid: Eid) -> tuple[Job, ...]:
        """The jobs of a card that are not over."""
        rows = self._read("SELECT * FROM job WHERE eid = ? AND outcome IS NULL ORDER BY id", (bytes(eid),))
        return tuple(self._job(row) for row in rows)

    def _job(self, row: tuple[int, bytes, str, int, str, bytes, int, int, str | None]) -> Job:
        number, eid, name, version, arguments, sealed, room, opener, outcome = row
        order = Order(Eid(eid), name, version, json.loads(arguments))
        steps = self._read("SELECT digest, bearer, state, answer FROM step WHERE job = ? ORDER BY number", (number,))
        seed = self._sealer.open(sealed, place_of(order))
        return Job(number, order, seed, room, Opener(opener), tuple(Sent(*step) for step in steps), outcome)

    def write_step(self, job: int, number: int, sent: Sent) -> None:
        """Keep what is about to be sent."""
        row = (job, number, sent.digest, sent.bearer, sent.state)
        self._write("INSERT INTO step (job, number, digest, bearer, state) VALUES (?, ?, ?, ?, ?)", row)

    def write_answer(self, job: int, number: int, answer: bytes) -> None:
        """Keep what the card answered."""
        self._write("UPDATE step SET answer = ? WHERE job = ? AND number = ?", (answer, job, number))

    def close_job(self, job: int, outcome: str) -> None:
        """A job is over."""
        self._write("UPDATE job SET outcome = ? WHERE id = ?", (outcome, job))

    # --- counters and notifications

    def reserve(self, eid: Eid, kvn: int, above: int = 0) -> int:
        """The next number of a key set's counter (Counters)."""
        ((number,),) = self._write(
            "INSERT INTO counter VALUES (:eid, :kvn, :above + 1) "
            "ON CONFLICT DO UPDATE SET last = max(last, :above) + 1 RETURNING last",
            {"eid": bytes(eid), "kvn": kvn, "above": above},
        )
        return int(number)

    def last_notification(self, eid: Eid) -> int | None:
        """The number of the last notification that was accepted (Sequences)."""
        rows = self._read("SELECT last FROM notification WHERE eid = ?", (bytes(eid),))
        return rows[0][0] if rows else None

    def keep_notification(self, eid: Eid, sequence: int) -> None:
        """A notification was accepted."""
        self._write("INSERT OR REPLACE INTO notification VALUES (?, ?)", (bytes(eid), sequence))

    # ---

    def _write(self, statement: str, values: tuple[object, ...] | dict[str, object]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    _read = _write


class _SqliteLedger:
    """The steps of one job."""

    def __init__(self, journal: SqliteJournal, job: Job) -> None:
        self._journal = journal
        self._job = job.id
        self._number = len(job.steps)

    def sent(self, sent: Sent) -> None:
        """A parcel is about to be sent."""
        self._number += 1
        self._journal.write_step(self._job, self._number, sent)

    def answered(self, answer: bytes) -> None:
        """The answer to the last parcel."""
        self._journal.write_answer(self._job, self._number, answer)

    def closed(self, outcome: str) -> None:
        """The job is over."""
        self._journal.close_job(self._job, outcome)


def place_of(order: Order) -> bytes:
    """What the entropy of a job is sealed for."""
    return order.eid + f"{order.name}/{order.version}".encode()
