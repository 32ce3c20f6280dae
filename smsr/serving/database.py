# SPDX-License-Identifier: Apache-2.0
"""The database of a server: SQLite in a file, or PostgreSQL by its URL; units of work; migrations.

A unit of work belongs to its thread. Stores write through the unit that is open there, so what a function does and
what it answers are kept together or not at all.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError

from apdu.errors import LocalProtocolError, M2mError
from smsr.serving.groups import Groups
from smsr.serving.kept import Kept

__all__ = ["Database", "DatabaseError", "Stale"]

_ENVIRONMENT: Final = Path(__file__).parent / "migrations"
_BUSY: Final = 30_000
"""Milliseconds that a process waits for another one's write to SQLite."""
_PAUSE: Final = 0.01
"""Seconds until a new file is tried again that somebody else is just making."""
_READING: Final = "reading"
_LAZY: Final = "lazy"
_MIGRATION_LOCK: Final = 0x45_55_49_43
"""Of PostgreSQL's advisory locks; one process migrates at a time."""


class DatabaseError(M2mError):
    """The database cannot be used as it is configured."""


class Stale(Exception):
    """What was read in this unit of work was changed by another one meanwhile; nothing of this unit is kept."""


class _Discarded(Exception):
    """What was written is not to be kept."""


class Database:
    """Connections, and the unit of work of each thread."""

    def __init__(self, url: str, migrations: Sequence[Path] = (), *, connections: int = 32) -> None:
        self._migrations = (_ENVIRONMENT / "versions", *migrations)
        self._local = threading.local()
        try:
            self._url = make_url(url)
        except ArgumentError:
            raise DatabaseError("the database's URL is none") from None
        backend = self._url.get_backend_name()
        if backend == "sqlite":
            self._engine = _sqlite(self._url.database, connections)
            self._kept = Kept(partial(self._opened, **{_READING: True}), lambda _: None)
            self._transaction: Callable[[bool], AbstractContextManager[Connection]] = Groups(self._writer).unit
        elif backend == "postgresql":
            self._engine = _postgresql(self._url, connections)
            self._kept = Kept(self._engine.connect, _try_out)
            self._transaction = self._alone
        else:
            raise DatabaseError(f"a database of kind {backend!r}: take sqlite or postgresql")
        self.is_sqlite: Final = backend == "sqlite"

    # --- units of work

    @contextmanager
    def unit(self, *, durable: bool = True) -> Iterator[Connection]:
        """What is written in here is kept when it ends, and not when it raises. One inside another is part of it.

        What need not be durable survives the end of this process as well, but perhaps not that of the machine.
        """
        if (current := self._current()) is not None:
            if self._local.reads:
                raise LocalProtocolError("a unit of work that only reads cannot write")
            yield current
            return
        with self._transaction(durable) as connection, self._bound(connection):
            yield connection
            after = self._local.after
        for call in after:
            call()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The unit that is open, or one that sees one state of the database and does not wait for those who write."""
        if (current := self._current()) is not None:
            yield current
            return
        with self._kept.transaction() as connection, self._bound(connection, reads=True):
            yield connection
            after = self._local.after
        for call in after:
            call()

    @contextmanager
    def discarded(self) -> Iterator[None]:
        """Nothing that is written in here is kept."""
        with suppress(_Discarded), self._transaction(False) as connection, self._bound(connection):
            yield
            raise _Discarded

    @property
    def noted(self) -> dict[Any, Any]:
        """What stores remember for the rest of the unit that is open."""
        noted: dict[Any, Any] = self._local.noted
        return noted

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that says what happens when the row is there already."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def after(self, call: Callable[[], None]) -> None:
        """Call it when the unit that is open was kept; at once when none is open."""
        if self._current() is None:
            call()
        elif call not in self._local.after:
            self._local.after.append(call)

    def _writer(self, durable: bool) -> Connection:
        return self._opened(**{_LAZY: not durable})

    @contextmanager
    def _alone(self, durable: bool) -> Iterator[Connection]:
        with self._kept.transaction() as connection:
            if not durable:
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            yield connection

    def _opened(self, **options: bool) -> Connection:
        return self._engine.connect().execution_options(**options)

    def _current(self) -> Connection | None:
        return getattr(self._local, "connection", None)

    @contextmanager
    def _bound(self, connection: Connection, *, reads: bool = False) -> Iterator[None]:
        self._local.connection = connection
        self._local.reads = reads
        self._local.noted = {}
        self._local.after = []
        try:
            yield
        finally:
            self._local.connection = None

    # --- tables

    def migrate(self) -> None:
        """Bring the tables up to date; processes that start together wait for one another."""
        config = Config()
        config.set_main_option("script_location", str(_ENVIRONMENT).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", "\n".join(map(str, self._migrations)).replace("%", "%%"))
        with self.unit() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "heads")

    def close(self) -> None:
        """Close all connections."""
        self._kept.close()
        self._engine.dispose()

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string()!r})"  # without its password


def _sqlite(path: str | None, connections: int) -> Engine:
    if not path or path == ":memory:":
        raise DatabaseError("SQLite needs a file: sqlite:///PATH")
    try:
        Path(path).touch(mode=0o600)  # its WAL gets the same mode
    except OSError as error:
        raise DatabaseError(f"{path}: {error.strerror}") from None
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"isolation_level": None, "timeout": _BUSY / 1000}, pool_size=connections
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        _into_wal(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {_BUSY}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        level = "NORMAL" if connection.get_execution_options().get(_LAZY) else "FULL"
        if connection.info.get(_LAZY, "FULL") != level:
            connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
            connection.info[_LAZY] = level
        if connection.get_execution_options().get(_READING):
            assert connection.connection.dbapi_connection is not None
            connection.connection.dbapi_connection.execute("BEGIN")  # touches no file
        else:  # one that reads first and writes later could not go on when another one wrote in between
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _into_wal(connection: Any) -> None:
    """Have the file use a write-ahead log. Of two that change it at once SQLite refuses one without any waiting."""
    until = time.monotonic() + _BUSY / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _postgresql(url: URL, connections: int) -> Engine:
    try:
        return create_engine(url.set(drivername="postgresql+psycopg"), pool_size=connections, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise DatabaseError("PostgreSQL needs psycopg, which is not installed: m2m-euicc[postgresql]") from None


def _try_out(connection: Connection) -> None:
    """Of PostgreSQL: its server may have been restarted, or somebody between has forgotten the connection."""
    assert connection.dialect.dbapi is not None
    driven = connection.connection.dbapi_connection
    assert driven is not None
    try:
        connection.dialect.do_ping(driven)
    except connection.dialect.dbapi.Error:
        connection.invalidate()  # the next statement connects anew
