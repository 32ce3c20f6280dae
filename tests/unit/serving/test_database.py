# SPDX-License-Identifier: Apache-2.0
"""Units of work, and that the migrations make the tables that are declared."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, insert, select, text
from sqlalchemy.exc import OperationalError

from apdu.errors import LocalProtocolError
from smdp import db as smdp_db
from smdp.db.tables import METADATA as SM_DP
from smsr import db as smsr_db
from smsr.api.grants import Plma
from smsr.api.json_codec import encode
from smsr.config import SmSrConfig
from smsr.db.grants import SqlGrantStore
from smsr.db.tables import METADATA as SM_SR
from smsr.kit.oid import Oid
from smsr.serving import kept
from smsr.serving.calls import key_of
from smsr.serving.config import ServerConfig
from smsr.serving.database import Database, DatabaseError
from smsr.serving.tables import ANSWER, METADATA
from smsr.store import Setting
from tools.bench.servers.cluster import postgres
from tools.errors import ToolError

SMSR_MIGRATIONS = Path(smsr_db.__path__[0]) / "migrations"
SMDP_MIGRATIONS = Path(smdp_db.__path__[0]) / "migrations"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """With the tables of every server."""
    database = Database(database_url)
    database.migrate()
    yield database
    database.close()


def _write(database: Database, key: str) -> None:
    values = {"key": key, "sender": "1.2", "relates_to": key, "function": "f", "response": "{}", "received": 1.0}
    with database.unit() as connection:
        connection.execute(insert(ANSWER), values)


def _keys(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(ANSWER.c.key).order_by(ANSWER.c.key)).scalars())


# --- migrations


@pytest.mark.parametrize(
    "migrations, tables",
    [([], [METADATA]), ([SMSR_MIGRATIONS], [METADATA, SM_SR]), ([SMDP_MIGRATIONS], [METADATA, SM_DP])],
    ids=["serving", "smsr", "smdp"],
)
def test_migrations_make_the_declared_tables(database_url: str, migrations: list[Path], tables: list[MetaData]) -> None:
    database = Database(database_url, migrations)
    database.migrate()
    database.migrate()  # nothing is left to do
    declared = MetaData()
    for each in tables:
        for table in each.sorted_tables:
            table.to_metadata(declared)
    with database.unit() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, declared) == []
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, MetaData()) != []  # it does see tables
    database.close()


def test_grants_that_were_there_are_the_operators(database_url: str, tmp_path: Path) -> None:
    """As they were kept before it was known who set them."""
    shutil.copy(SMSR_MIGRATIONS / "smsr_1.py", tmp_path)
    before = Database(database_url, [tmp_path])
    before.migrate()
    plma = Plma(mno_id=Oid("2.999.1"), m2m_sp_id=Oid("2.999.2"), profile_type="meter")
    values = {"mno_id": "2.999.1", "m2m_sp_id": "2.999.2", "profile_type": "meter", "document": encode(plma).decode()}
    with before.unit() as connection:
        connection.execute(
            text("INSERT INTO plma VALUES (:key, :mno_id, :m2m_sp_id, :profile_type, :document)"),
            {"key": key_of(*plma.subject), **values},
        )
    before.close()
    after = Database(database_url, [SMSR_MIGRATIONS])
    after.migrate()
    grants = SqlGrantStore(after)
    assert grants.plma() == (Setting(plma),)
    grants.set_plma(plma)
    assert grants.plma() == (Setting(plma),)
    after.close()


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    databases = [Database(database_url, [SMSR_MIGRATIONS]) for _ in range(4)]
    errors: list[Exception] = []

    def migrate(database: Database) -> None:
        try:
            database.migrate()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
            errors.append(error)

    threads = [threading.Thread(target=migrate, args=(each,)) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert _keys(databases[0]) == []
    for each in databases:
        each.close()


def test_a_new_file_that_somebody_else_writes_to_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself does not wait when a file begins to use a write-ahead log."""
    path = tmp_path / "server.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.1, other.execute, ["COMMIT"])
    end.start()
    database = Database(f"sqlite:///{path}")
    with database.unit() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    end.join()
    database.close()
    other.close()


# --- units of work


def test_a_unit_is_kept_whole_or_not_at_all(database: Database) -> None:
    def fail() -> None:
        with database.unit():
            _write(database, "a")  # part of the outer unit
            assert _keys(database) == ["a"]
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert _keys(database) == []
    with database.unit():
        _write(database, "a")
        _write(database, "b")
    assert _keys(database) == ["a", "b"]


def test_what_others_write_is_seen_when_it_is_kept(database: Database) -> None:
    seen: list[list[str]] = []
    with database.unit():
        _write(database, "a")
        thread = threading.Thread(target=lambda: seen.append(_keys(database)))
        thread.start()
        thread.join()
    assert seen == [[]]
    assert _keys(database) == ["a"]


def test_a_unit_that_reads_does_not_write(database: Database) -> None:
    with database.reading(), pytest.raises(LocalProtocolError):
        _write(database, "a")


def test_discarded_work_is_not_kept(database: Database) -> None:
    with database.discarded():
        _write(database, "a")
        assert _keys(database) == ["a"]
    assert _keys(database) == []


def test_what_follows_a_unit_happens_when_it_was_kept(database: Database) -> None:
    told: list[list[str]] = []

    def tell() -> None:
        told.append(_keys(database))

    with database.unit():
        _write(database, "a")
        database.after(tell)
        database.after(tell)
        assert told == []
    assert told == [["a"]]
    with pytest.raises(KeyError), database.unit():
        database.after(tell)
        raise KeyError
    assert told == [["a"]]


def test_writers_wait_for_one_another(database: Database) -> None:
    def write(number: int) -> None:
        for each in range(20):
            _write(database, f"{number}-{each}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_keys(database)) == 80


# --- SQLite


def test_the_file_is_its_owners_and_durable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.db")
    database.migrate()
    _write(database, "a")
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with database.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "mysql://a/b", "sqlite:////nowhere/at/all.db"])
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(DatabaseError):
        Database(url)


def test_without_its_driver_postgresql_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseError, match="psycopg"):
        Database("postgresql://127.0.0.1/none")
    with pytest.raises(ToolError, match="psycopg"), postgres("postgresql://127.0.0.1/none"):
        pass


def test_a_password_is_not_shown() -> None:
    url = "postgresql://user:hunter2@127.0.0.1/none"
    assert "hunter2" not in repr(Database(url))
    config = ServerConfig(name="sm-sr", pki="pki", master_key="key", database=url)
    assert "hunter2" not in f"{config} {config!r} {SmSrConfig(server=config)!r}"


def test_connections_stay_open_and_are_tried_after_a_rest(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.is_sqlite:
        pytest.skip("in SQLite a connection is an open file")
    pid, others = text("SELECT pg_backend_pid()"), Database(database._url.render_as_string(hide_password=False))
    with database.unit() as connection:
        first = connection.execute(pid).scalar_one()
    with database.reading() as connection:
        assert connection.execute(pid).scalar_one() == first

    def end() -> None:
        with others.unit() as connection:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid"), {"pid": first}
            )

    end()
    with pytest.raises(OperationalError), database.unit() as connection:  # used a moment ago, so nobody looked
        connection.execute(pid)
    with database.unit() as connection:
        first = connection.execute(pid).scalar_one()
    end()
    monkeypatch.setattr(kept, "_TRUSTED", -1.0)
    with database.unit() as connection:
        assert connection.execute(pid).scalar_one() != first
    others.close()


def test_a_unit_that_raises_leaves_a_connection_that_can_be_used(database: Database) -> None:
    for unit in (database.unit, database.reading):
        with pytest.raises(ZeroDivisionError), unit():
            raise ZeroDivisionError
        with unit() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
