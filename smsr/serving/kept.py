# SPDX-License-Identifier: Apache-2.0
"""Connections that stay open between units of work: to take one out of a pool costs as much as a short unit does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection

__all__ = ["Kept"]

_TRUSTED: Final = 2.0
"""Seconds for which a connection that was used is not tried before it is used again."""


class Kept:
    """As many as are used at the same time. The one that was used last is used next."""

    def __init__(self, connect: Callable[[], Connection], try_out: Callable[[Connection], None]) -> None:
        """`try_out` replaces what is behind a connection that has rested, if it is broken."""
        self._connect = connect
        self._try_out = try_out
        self._free: list[tuple[Connection, float]] = []

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction, kept when it ends and not when it raises."""
        connection = self._taken()
        try:
            with connection.begin():
                yield connection
        except BaseException:
            connection.close()  # whatever state it is in, the pool resets it
            raise
        self._free.append((connection, time.monotonic()))

    def close(self) -> None:
        """Close those that are not in use."""
        while self._free:
            self._free.pop()[0].close()

    def _taken(self) -> Connection:
        try:
            connection, since = self._free.pop()
        except IndexError:
            return self._connect()
        if time.monotonic() - since > _TRUSTED:
            self._try_out(connection)
        return connection
