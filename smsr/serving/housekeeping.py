# SPDX-License-Identifier: Apache-2.0
"""What a server does not keep for ever: calls that are done, what was told, answers, messages that were seen.

As long as a call is kept, the same call again is answered as the first time; afterwards it would be a new one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import BindParameter, ColumnElement, Delete, Float, bindparam, delete, select

from smsr.serving.database import Database
from smsr.serving.outbox import EntryState
from smsr.serving.service import OperationState
from smsr.serving.tables import ANSWER, CALL, CARD_LOCK, OUTBOX

__all__ = ["Housekeeping"]

_LOG: Final = logging.getLogger(__name__)
_BATCH: Final = 1000
"""Rows of one unit of work: others want to write as well."""
_BEFORE: Final[BindParameter[float]] = bindparam("before", type_=Float())
_LOCKED: Final = select(CARD_LOCK.c.call).where(CARD_LOCK.c.call.is_not(None))


def _oldest(column: ColumnElement[int], *where: ColumnElement[bool]) -> ColumnElement[bool]:
    return column.in_(select(column).where(*where).limit(_BATCH))


_OWN: Final = (
    delete(CALL).where(
        _oldest(
            CALL.c.number,
            CALL.c.state == OperationState.DONE.value,
            CALL.c.accepted < _BEFORE,
            CALL.c.number.not_in(_LOCKED),
        )
    ),
    delete(OUTBOX).where(
        _oldest(OUTBOX.c.number, OUTBOX.c.state != EntryState.WAITING.value, OUTBOX.c.created < _BEFORE)
    ),
    delete(ANSWER).where(ANSWER.c.received < _BEFORE),
)


class Housekeeping:
    """Sweeps a server's database; `more`: deletions of its own tables, with the parameter `before`."""

    def __init__(
        self, database: Database, clock: Callable[[], float], keep: float, more: Sequence[Delete] = ()
    ) -> None:
        """`keep`: seconds."""
        self._database = database
        self._clock = clock
        self._keep = keep
        self._statements = (*_OWN, *more)

    def sweep(self) -> int:
        """Delete what is too old; how many rows."""
        before = {"before": self._clock() - self._keep}
        found = sum(self._all(statement, before) for statement in self._statements)
        if found:
            _LOG.info("%d old rows were deleted", found)
        return found

    def _all(self, statement: Delete, before: dict[str, float]) -> int:
        found = 0
        while True:
            with self._database.unit(durable=False) as connection:
                deleted = connection.execute(statement, before).rowcount
            found += deleted
            if deleted < _BATCH:
                return found
