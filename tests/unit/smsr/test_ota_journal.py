# SPDX-License-Identifier: Apache-2.0
"""What outlives a process: jobs, counters, notification numbers; and that keys do not lie about in the clear."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from apdu.errors import SecurityError
from apdu.ids import Eid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import SecretKey
from smsr.kit.sealer import Sealer
from smsr.ota.counters import Counters, MemoryCounters
from smsr.ota.journal import Order, SqliteJournal
from smsr.ota.parcels import Opener
from smsr.ota.task import Sent
from tests.unit.kit.world import EID

KEY = SecretKey(bytes(range(16)))
OTHER = Eid.create("8904903299")
SEED = b"thirty-two bytes, all of them..."
ORDER = Order(EID, "ES5.EnableProfile", arguments={"aid": "A0"})


def sealer(key: SecretKey = KEY, seed: bytes = b"nonces") -> Sealer:
    return Sealer(key, SeededEntropy(seed))


def opened(path: Path, seed: bytes = b"nonces") -> SqliteJournal:
    return SqliteJournal(path, sealer(seed=seed))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_a_job_and_its_steps_are_there_in_another_process(path: Path) -> None:
    journal = opened(path)
    job = journal.open_job(ORDER, SEED, 2500, Opener.PERSONALIZATION)
    ledger = journal.ledger(job)
    ledger.sent(Sent(b"digest 1", "sms", b"state 1"))
    ledger.answered(b"answer 1")
    ledger.sent(Sent(b"digest 2", "https", b"state 2"))
    journal.close()
    again = opened(path)
    (found,) = again.open_jobs(EID)
    assert (found.order, found.seed, found.room, found.opener) == (ORDER, SEED, 2500, Opener.PERSONALIZATION)
    assert found.steps == (
        Sent(b"digest 1", "sms", b"state 1", b"answer 1"),
        Sent(b"digest 2", "https", b"state 2"),
    )
    assert again.open_jobs(OTHER) == ()
    going_on = again.ledger(found)
    going_on.answered(b"answer 2")
    going_on.sent(Sent(b"digest 3", "sms", b""))
    assert len(again.open_jobs(EID)[0].steps) == 3
    going_on.closed("ok")
    assert again.open_jobs(EID) == ()


def test_what_was_written_survives_without_a_goodbye(path: Path) -> None:
    journal = opened(path)
    journal.open_job(ORDER, SEED, 1, Opener.NOTHING)
    assert journal.reserve(EID, 1) == 1
    assert len(opened(path).open_jobs(EID)) == 1
    assert opened(path).reserve(EID, 1) == 2


def test_entropy_is_sealed_and_opens_nowhere_else(path: Path) -> None:
    journal = opened(path)
    job = journal.open_job(ORDER, SEED, 1, Opener.NOTHING)
    assert SEED.hex() not in repr(job)
    journal.close()
    contents = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert SEED not in contents
    assert SEED[:16] not in contents
    with pytest.raises(SecurityError):
        SqliteJournal(path, sealer(SecretKey(bytes(16)))).open_jobs(EID)
    database = sqlite3.connect(path)
    database.execute("UPDATE job SET name = 'ES5.DisableProfile'")
    database.commit()
    with pytest.raises(SecurityError):
        opened(path).open_jobs(EID)
    database.execute("UPDATE job SET name = ?, sealed = x'00'", (ORDER.name,))
    database.commit()
    with pytest.raises(SecurityError):
        opened(path).open_jobs(EID)


def test_the_file_is_its_owners_only(path: Path) -> None:
    opened(path).reserve(EID, 1)
    for each in path.parent.iterdir():
        assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0, each


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_counters_go_up_only(kind: str, path: Path) -> None:
    counters: Counters = MemoryCounters() if kind == "memory" else opened(path)
    assert [counters.reserve(EID, 1) for _ in range(3)] == [1, 2, 3]
    assert counters.reserve(EID, 2) == 1
    assert counters.reserve(OTHER, 1) == 1
    assert counters.reserve(EID, 1, above=100) == 101
    assert counters.reserve(EID, 1, above=50) == 102
    assert counters.reserve(OTHER, 3, above=7) == 8
    assert counters.reserve(EID, 1, above=1 << 40) == (1 << 40) + 1


def test_notification_numbers(path: Path) -> None:
    journal = opened(path)
    assert journal.last_notification(EID) is None
    for number in (0, 1, 0xFFFF, 0):
        journal.keep_notification(EID, number)
        assert opened(path).last_notification(EID) == number
