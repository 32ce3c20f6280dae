# SPDX-License-Identifier: Apache-2.0
"""What a server has to tell others: kept together with the effect that it tells of, sent later.

An entry is sent until its receiver has it, with longer and longer pauses, and given up after a day. Its id is the same
each time, so a receiver that got it twice takes it once.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, func, insert, literal_column, select, update

from apdu.errors import M2mError
from smsr.api.functions import Function
from smsr.api.json_codec import decode, encode
from smsr.api.messages import Response
from smsr.api.notifications import Notification
from smsr.kit.oid import Oid
from smsr.serving.database import Database
from smsr.serving.service import ReplyTo
from smsr.serving.tables import OUTBOX

__all__ = ["Backoff", "Begun", "Entry", "EntryKind", "EntryState", "MemoryOutbox", "Outbox", "Sender", "SqlOutbox"]

_LOG: Final = logging.getLogger(__name__)
_SENDING: Final = 120.0
"""Seconds that sending may take; afterwards another process tries."""
_HEAD_START: Final = 5.0
"""Seconds in which the process that has kept an entry sends it, without asking the database for it."""
_TOGETHER: Final = 16
"""Entries of which it is noted at once that they were sent."""
_LATE: Final = 1.0
"""Seconds after which fewer are noted, too."""
_MAX_ERROR: Final = 500
_WAITING: Final = OUTBOX.c.state == literal_column("'waiting'")
"""In the text of statements: for a parameter SQLite would not use the index of waiting entries."""


class Outbox(Protocol):
    """Where handlers put their notifications."""

    def notify(self, receiver: Oid, function: Function, notification: Notification) -> None:
        """Tell a party; it is sent when, and only when, what this call wrote is kept."""
        ...


class MemoryOutbox:
    """Keeps them in a list, in their order."""

    def __init__(self) -> None:
        self.entries: list[tuple[Oid, Function, Notification]] = []

    def notify(self, receiver: Oid, function: Function, notification: Notification) -> None:
        """Tell a party."""
        self.entries.append((receiver, function, notification))


@unique
class EntryKind(StrEnum):
    """What is told."""

    CALLBACK = "callback"
    NOTIFICATION = "notification"


@unique
class EntryState(StrEnum):
    """How far an entry is."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message to one party."""

    id: str
    """For its MessageID."""
    kind: EntryKind
    receiver: Oid
    function: Function
    message: Response | Notification
    reply: ReplyTo | None = None
    """Where a callback goes."""
    operation: str = ""
    """The operation that a callback ends."""


Begun = Mapping[str, Any]
"""A row of an entry that is being sent."""


class Sender(Protocol):
    """The way to other servers."""

    def deliver(self, entry: Entry) -> None:
        """Send it; M2mError when the receiver did not take it. May block."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait, in seconds: the first pause, doubled up to the longest; when to give up."""

    first: float = 1.0
    longest: float = 300.0
    give_up: float = 86_400.0

    def pause(self, attempts: int) -> float:
        """After so many attempts."""
        return min(self.first * 2.0 ** min(attempts - 1, 60), self.longest)


class SqlOutbox:
    """The outbox in the database, and what empties it."""

    def __init__(
        self,
        database: Database,
        functions: Iterable[Function],
        clock: Callable[[], float],
        backoff: Backoff = Backoff(),
    ) -> None:
        self._database = database
        self._functions = {str(function): function for function in functions}
        self._clock = clock
        self._backoff = backoff
        self._guard = threading.Lock()
        self._sent: list[dict[str, Any]] = []
        """Those of which it is not noted yet."""
        self.begun: Callable[[Begun], None] | None = None
        """Called with what was kept, for `deliver`, where threads of this process send it at once."""

    def notify(self, receiver: Oid, function: Function, notification: Notification) -> None:
        """Tell a party."""
        assert type(notification) is function.request
        self._add(EntryKind.NOTIFICATION, receiver, function, encode(notification))

    def call_back(self, receiver: Oid, function: Function, response: bytes, reply: ReplyTo, operation: str) -> None:
        """Answer an asynchronous function; the response as it is kept."""
        self._add(EntryKind.CALLBACK, receiver, function, response, reply=encode(reply).decode(), operation=operation)

    def _add(self, kind: EntryKind, receiver: Oid, function: Function, message: bytes, **reply: str) -> None:
        now, begun = self._clock(), self.begun
        values = {
            "id": secrets.token_hex(16),
            "kind": kind,
            "receiver": str(receiver),
            "function": str(function),
            "message": message.decode(),
            "reply": "",
            "operation": "",
            "created": now,
            "attempts": 0 if begun is None else 1,
            "next_at": now if begun is None else now + _HEAD_START,
            "state": EntryState.WAITING,
            **reply,
        }
        with self._database.unit() as connection:
            number = connection.execute(_ADD, values).scalar_one()
            if begun is not None:
                mine: Begun = {**values, "number": number}
                self._database.after(lambda: begun(mine))

    # --- sending

    def deliver_one(self, sender: Sender) -> bool:
        """Send one entry that is due; False when none is. No unit of work is open meanwhile."""
        self.settle()
        due = self.next_at()
        row = self._claim() if due is not None and due <= self._clock() else None
        if row is not None:
            self._deliver(row, sender)
            self.settle()
        return row is not None

    def deliver(self, begun: Begun, sender: Sender) -> None:
        """Send an entry that this process has kept; when that was too long ago it is anybody's.

        That it was sent is noted together with others (`settle`), well before another process would send it.
        """
        if self._clock() < begun["next_at"]:
            self._deliver(begun, sender)
        with self._guard:
            long = bool(self._sent) and self._clock() - self._sent[0]["next_at"] > _LATE
        self.settle(1 if long else _TOGETHER)

    def _deliver(self, row: Begun, sender: Sender) -> None:
        try:
            sender.deliver(self._entry(row))
        except M2mError as error:
            self._failed(row, str(error))
        except Exception as error:  # noqa: BLE001 - one entry that cannot be sent must not keep the others back
            _LOG.exception("outbox entry %s cannot be sent", row["id"])
            self._failed(row, type(error).__name__)
        else:
            mine = {"of_number": row["number"], "of_attempts": row["attempts"]}
            with self._guard:
                self._sent.append({**mine, "state": str(EntryState.SENT), "next_at": self._clock(), "last_error": None})

    def settle(self, least: int = 1) -> None:
        """Note which entries were sent, if there are so many."""
        with self._guard:
            if len(self._sent) < least:
                return
            sent, self._sent = self._sent, []
        with self._database.unit(durable=False) as connection:
            connection.execute(_SETTLE, sent)

    def next_at(self) -> float | None:
        """When the next entry is due."""
        with self._database.reading() as connection:
            return connection.execute(_NEXT_AT).scalar()

    def waiting(self) -> int:
        """How many entries are still to be sent."""
        with self._database.reading() as connection:
            return int(connection.execute(_COUNT).scalar_one())

    # What follows need not be durable: an entry that was sent and is not known as such is sent once more.

    def _claim(self) -> Begun | None:
        now = self._clock()
        with self._database.unit(durable=False) as connection:
            row = connection.execute(_DUE, {"now": now}).mappings().first()
            if row is None:
                return None
            connection.execute(_TAKE, {"of_number": row["number"], "next_at": now + _SENDING})
        return {**row, "attempts": row["attempts"] + 1}

    def _failed(self, row: Begun, error: str) -> None:
        now = self._clock()
        pause = self._backoff.pause(row["attempts"])
        over = now + pause > row["created"] + self._backoff.give_up
        _LOG.warning("outbox entry %s to %s was not taken: %s", row["id"], row["receiver"], error)
        state = EntryState.GIVEN_UP if over else EntryState.WAITING
        values = {"state": str(state), "next_at": now + pause, "last_error": error[:_MAX_ERROR]}
        with self._database.unit(durable=False) as connection:
            connection.execute(_SETTLE, {"of_number": row["number"], "of_attempts": row["attempts"], **values})

    def _entry(self, row: Begun) -> Entry:
        function = self._functions[row["function"]]
        kind = EntryKind(row["kind"])
        message_type = function.request if kind is EntryKind.NOTIFICATION else function.response
        assert message_type is not None
        message = decode(message_type, row["message"].encode())
        assert isinstance(message, Response | Notification)
        return Entry(
            id=row["id"],
            kind=kind,
            receiver=Oid(row["receiver"]),
            function=function,
            message=message,
            reply=decode(ReplyTo, row["reply"].encode()) if row["reply"] else None,
            operation=row["operation"],
        )


# --- statements, made once: making one takes longer than running it; comments name columns that parameters set

_ADD: Final = insert(OUTBOX).returning(OUTBOX.c.number)
_NEXT_AT: Final = select(func.min(OUTBOX.c.next_at)).where(_WAITING)
_COUNT: Final = select(func.count()).select_from(OUTBOX).where(_WAITING)
_DUE: Final = (
    select(OUTBOX)
    .where(_WAITING, OUTBOX.c.next_at <= bindparam("now"))
    .order_by(OUTBOX.c.next_at, OUTBOX.c.number)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_THIS: Final = OUTBOX.c.number == bindparam("of_number")
_TAKE: Final = update(OUTBOX).where(_THIS).values(attempts=OUTBOX.c.attempts + 1)  # next_at
_SETTLE: Final = update(OUTBOX).where(
    _THIS, OUTBOX.c.attempts == bindparam("of_attempts")
)  # state, next_at, last_error
