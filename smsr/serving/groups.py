# SPDX-License-Identifier: Apache-2.0
"""Units of work of several threads in one transaction of SQLite, so that one write to the disk keeps all of them.

SQLite has one writer at a time, and a commit waits for the disk. A unit that ends while others wait for their turn
leaves the transaction to them; the last one commits, and until then none of them is over. One that raises takes back
what it wrote itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

__all__ = ["Groups"]

_MOST: Final = 16
"""Units in one transaction: those that are over wait for the others."""


class _Group:
    """One transaction."""

    def __init__(self, connection: Connection, *, durable: bool) -> None:
        self.members = 0
        self.error: BaseException | None = None
        self.durable = durable
        self.connection = connection
        self._over = threading.Event()
        try:
            self._transaction = self.connection.begin()
        except BaseException:
            self.connection.close()
            raise

    def keep(self) -> None:
        """Commit, unless something went wrong that took all of it; the members hear of it."""
        try:
            if self.error is None:
                self._transaction.commit()
        except BaseException as error:
            self.error = error
            raise
        finally:
            if self.error is not None:  # nobody knows what state SQLite is in: the next one has another connection
                self.connection.invalidate()
            self.connection.close()
            self._over.set()

    def wait(self) -> None:
        """Until it is kept; raises what kept it from being kept."""
        self._over.wait()
        if self.error is not None:
            raise self.error


class Groups:
    """The writing side of one database file in this process."""

    def __init__(self, connect: Callable[[bool], Connection]) -> None:
        """`connect` makes a connection for a transaction that is durable, or one that need not be."""
        self._connect = connect
        self._turn = threading.Lock()
        self._guard = threading.Lock()
        self._waiting = 0
        self._group: _Group | None = None

    @contextmanager
    def unit(self, durable: bool) -> Iterator[Connection]:
        """A unit of work; it is kept, and where it has to be durable it is on the disk, when this ends."""
        group = self._enter(durable)
        try:
            with self._part(group):
                yield group.connection
        finally:
            self._leave(group)
        group.wait()

    def _enter(self, durable: bool) -> _Group:
        with self._guard:
            self._waiting += 1
        try:
            self._turn.acquire()
        finally:
            with self._guard:
                self._waiting -= 1
        try:
            group = self._joined(durable)
        except BaseException:
            self._turn.release()
            raise
        group.members += 1
        return group

    def _joined(self, durable: bool) -> _Group:
        group, self._group = self._group, None
        if group is not None and durable and not group.durable:
            group.keep()
            group = None
        self._group = group or _Group(self._connect(durable), durable=durable)
        return self._group

    def _leave(self, group: _Group) -> None:
        try:
            if group.error is not None or group.members >= _MOST or not self._waiting:
                self._group = None
                group.keep()
        finally:
            self._turn.release()

    @contextmanager
    def _part(self, group: _Group) -> Iterator[None]:
        """What is taken back alone when it fails."""
        execute = group.connection.exec_driver_sql
        execute("SAVEPOINT unit")
        try:
            yield
            execute("RELEASE unit")
        except BaseException:
            try:
                execute("ROLLBACK TO unit")
                execute("RELEASE unit")
            except SQLAlchemyError as error:  # SQLite has taken back all of it: the disk is full, for instance
                group.error = error
            raise
