# SPDX-License-Identifier: Apache-2.0
"""Units of work of several threads that SQLite keeps with one commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, select

from smsr.serving.database import Database
from smsr.serving.tables import ANSWER


class Site:
    """A database whose commits are counted, and may fail."""

    def __init__(self, path: Path) -> None:
        self.database = Database(f"sqlite:///{path}/a.db")
        self.database.migrate()
        self.commits = 0
        self.kept_when_over: dict[str, int] = {}
        self.errors: dict[str, Exception] = {}
        self.failing = False

        @event.listens_for(self.database._engine, "commit")
        def count(_: Connection) -> None:
            self.commits += 1
            if self.failing:
                raise OSError("the disk is gone")

        self._count = count

    def write(self, key: str, then: Callable[[], None] = lambda: None) -> None:
        """One unit of work, and how many commits there were when it was over."""
        values = {"key": key, "sender": "1.2", "relates_to": key, "function": "f", "response": "{}", "received": 1.0}
        try:
            with self.database.unit() as connection:
                connection.execute(insert(ANSWER), values)
                then()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            self.errors[key] = error
        self.kept_when_over[key] = self.commits

    def kept(self) -> list[str]:
        """What was kept."""
        with self.database.reading() as connection:
            return list(connection.execute(select(ANSWER.c.key).order_by(ANSWER.c.key)).scalars())

    def together(self, **thens: Callable[[], None]) -> None:
        """Units of as many threads, begun while the first one is open, which ends when all of them wait."""
        threads = [threading.Thread(target=self.write, args=each) for each in thens.items()]

        def first() -> None:
            for thread in threads:
                thread.start()
            while self.database._transaction.__self__._waiting < len(threads):  # type: ignore[attr-defined]
                time.sleep(0.001)
            self.commits = 0

        self.write("first", first)
        for thread in threads:
            thread.join()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A new one."""
    site = Site(tmp_path)
    yield site
    site.database.close()


def nothing() -> None:
    """Nothing more."""


def fail() -> None:
    """Something goes wrong."""
    raise KeyError


def test_those_that_wait_share_a_commit_and_none_is_over_before_it(site: Site) -> None:
    site.together(a=nothing, b=nothing, c=nothing)
    assert site.commits == 1
    assert site.kept_when_over == {"first": 1, "a": 1, "b": 1, "c": 1}
    assert site.kept() == ["a", "b", "c", "first"]


def test_one_that_fails_takes_back_its_own_only(site: Site) -> None:
    site.together(a=nothing, b=fail, c=nothing)
    assert site.commits == 1
    assert list(site.errors) == ["b"]
    assert site.kept() == ["a", "c", "first"]
    site.write("d", fail)  # alone
    site.write("e")
    assert site.kept() == ["a", "c", "e", "first"]


def test_a_commit_that_fails_is_heard_of_by_all(site: Site) -> None:
    def break_down() -> None:
        site.failing = True

    site.together(a=nothing, b=break_down)
    assert {str(error) for error in site.errors.values()} == {"the disk is gone"}
    assert sorted(site.errors) == ["a", "b", "first"]
    site.failing = False
    assert site.kept() == []
    site.write("d")
    assert site.kept() == ["d"]


def test_a_transaction_that_sqlite_took_back_is_kept_by_nobody(site: Site) -> None:
    def lose() -> None:
        connection = site.database._current()
        assert connection is not None
        connection.exec_driver_sql("ROLLBACK")  # as SQLite does when the disk is full
        raise MemoryError

    site.together(a=nothing, b=lose, c=nothing)
    assert "first" in site.errors
    assert set(site.kept()) == {"a", "b", "c"} - set(site.errors)
    site.write("d")
    assert "d" in site.kept()


def test_many_are_kept_in_several_commits(site: Site) -> None:
    site.together(**{f"{number:02d}": nothing for number in range(40)})
    assert 3 <= site.commits <= 5  # at most sixteen together
    assert len(site.kept()) == 41


def test_what_need_not_be_durable_makes_nothing_else_less_durable(site: Site) -> None:
    levels: list[int] = []

    @event.listens_for(site.database._engine, "commit")
    def look(connection: Connection) -> None:
        found = connection.connection.dbapi_connection.execute("PRAGMA synchronous").fetchone()  # type: ignore[union-attr]
        levels.append(found[0])

    def lazily() -> None:
        with site.database.unit(durable=False) as connection:
            connection.exec_driver_sql("UPDATE answer SET received = 2")

    lazily()
    assert levels == [1]
    threads = [threading.Thread(target=site.write, args=("a",))]
    with site.database.unit(durable=False) as connection:
        connection.exec_driver_sql("UPDATE answer SET received = 3")
        for thread in threads:
            thread.start()
        while not site.database._transaction.__self__._waiting:  # type: ignore[attr-defined]
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert levels == [1, 1, 2]
