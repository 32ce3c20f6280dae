# SPDX-License-Identifier: Apache-2.0
"""Calls in the database: accepted once, claimed by one process at a time, their answers kept.

A call runs while it holds the lock of its card. Whoever claims it gets a token; what is written later holds only while
the token does, so a process that was taken for dead writes nothing any more.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    RowMapping,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from smsr.api.functions import Exchange, Function
from smsr.api.json_codec import decode, encode
from smsr.api.messages import Request, Response
from smsr.kit.oid import Oid
from smsr.serving.database import Database
from smsr.serving.procedure import Interrupted
from smsr.serving.service import Operation, OperationState, ReplyTo
from smsr.serving.tables import CALL, CARD_LOCK

__all__ = ["Calls", "Claim", "Lost", "Queue", "StoredCall", "card_of", "digest_of", "key_of"]

_FREE: Final = 0.0
_COUNTED: Final = 1.0
"""Seconds for which a count of open calls is good enough."""
_DONE: Final[ColumnElement[str]] = literal_column("'done'")
"""In the text of statements: for a parameter SQLite would not use the index of open calls."""
_OPEN: Final = CALL.c.state != _DONE


class Lost(Exception):
    """The lock of a running call is another process's now."""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as it is kept."""

    row: RowMapping | Mapping[str, Any]
    function: Function
    asked: Request | None = None
    """As it came, where it has just come."""

    @property
    def state(self) -> OperationState:
        """How far it is."""
        return OperationState(self.row["state"])

    @property
    def response(self) -> Response | None:
        """Its answer, when there is one."""
        written = self.row["response"]
        if written is None or self.function.response is None:
            return None
        return decode(self.function.response, written.encode())

    @property
    def request(self) -> Request:
        """What was asked."""
        if self.asked is not None:
            return self.asked
        assert issubclass(self.function.request, Request)
        return decode(self.function.request, self.row["request"].encode())

    @property
    def reply(self) -> ReplyTo | None:
        """Where its answer goes."""
        return decode(ReplyTo, self.row["reply"].encode()) if self.row["reply"] else None

    @property
    def interrupted(self) -> Interrupted | None:
        """The step that was begun last."""
        if self.row["step"] is None:
            return None
        return Interrupted(self.row["step"], msgspec.json.decode(self.row["note"], type=dict[str, str]))

    @property
    def operation(self) -> Operation:
        """As its requester sees it."""
        row = self.row
        return Operation(
            id=row["id"],
            function=self.function,
            requester=Oid(row["requester"]),
            identifier=row["identifier"],
            state=self.state,
            accepted=datetime.fromtimestamp(row["accepted"], UTC),
            deadline=None if row["deadline"] is None else datetime.fromtimestamp(row["deadline"], UTC),
            response=self.response,
        )


class Claim(NamedTuple):
    """A call that this process may run, and the token that says so."""

    call: StoredCall
    token: int


def card_of(request: Request) -> str:
    """The EID of the card that a request is about; empty when it is about none."""
    eis = getattr(request, "eis", None)
    return str(getattr(request, "eid", eis.eid if eis is not None else ""))


def key_of(*parts: str) -> str:
    """A fixed length for what others chose."""
    return sha256(b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)).hexdigest()


def digest_of(function: Function, request: Request) -> bytes:
    """Two calls with the same digest say the same."""
    return _digest_of(function, encode(request))


def _digest_of(function: Function, written: bytes) -> bytes:
    return sha256(f"{function}\n".encode() + written).digest()


class Calls:
    """The table of calls and that of locks. All methods are part of the unit of work that is open."""

    def __init__(self, database: Database, functions: Mapping[str, Function]) -> None:
        self._database = database
        self._functions = functions
        self._add = database.insert(CALL).on_conflict_do_nothing(index_elements=[CALL.c.key]).returning(CALL.c.number)
        over = or_(CARD_LOCK.c.call.is_(None), CARD_LOCK.c.lease_until < _NOW)
        self._lock_free = _taking(database, CARD_LOCK.c.call.is_(None))
        self._lock = _taking(database, over)
        self._lock_first = _taking(database, over, _FIRST)

    # --- accepting

    def find(self, requester: Oid, identifier: str) -> StoredCall | None:
        """The call with this identifier."""
        return self._one(_BY_KEY, key=key_of(requester, identifier))

    def by_id(self, id: str) -> StoredCall | None:
        """The call with this id."""
        return self._one(_BY_ID, id=id)

    def add(self, function: Function, asked: Request, **values: Any) -> StoredCall | None:
        """Keep a call; None when there is one with its identifier."""
        call, id, written = asked.call, secrets.token_hex(16), encode(asked)
        row = {
            "id": id,
            "function": str(function),
            "requester": str(call.requester),
            "identifier": call.identifier,
            "key": key_of(call.requester, call.identifier) if call.identifier else None,
            "digest": _digest_of(function, written),
            "card": card_of(asked) or id,
            "request": written.decode() if function.exchange is Exchange.ASYNCHRONOUS else "",
            "reply": "",
            "attempts": 0,
            "deadline": None,
            "step": None,
            "note": None,
            "response": None,
            **values,
        }
        with self._database.unit() as connection:
            number = connection.execute(self._add, row).scalar()
        return None if number is None else StoredCall({**row, "number": number}, function, asked)

    def open(self, most: int) -> int:
        """How many calls are not done; counted up to `most`."""
        with self._database.reading() as connection:
            return int(connection.execute(_COUNT_OPEN, {"most": most}).scalar_one())

    # --- locks

    def lock_free(self, card: str) -> bool:
        """Keep a card from being claimed until this unit ends; False when a call has it."""
        return self._take(self._lock_free, card=card, call=None, lease_until=_FREE) is not None

    def waiting(self, now: float) -> bool:
        """Whether there is a call that can be claimed; keeps nobody from writing."""
        return self._one(_NEXT, now=now) is not None

    def claim(self, now: float, lease_until: float) -> Claim | None:
        """The oldest call that can run: the first of its card that is not done, and no process holds it."""
        call = self._one(_CLAIM, now=now)
        claim = None if call is None else self._locked(self._lock, call, now, lease_until)
        if claim is not None:
            self._execute(_CLAIMED, of=claim.call)
        return claim

    def claim_this(self, call: StoredCall, now: float, lease_until: float) -> Claim | None:
        """A call that was accepted in this unit, unless something else of its card is under way.

        That it runs is written with its first step.
        """
        return self._locked(self._lock_first, call, now, lease_until)

    def hold(self, claim: Claim) -> None:
        """Make sure that the call may still run, until this unit ends; Lost."""
        with self._database.unit() as connection:
            if connection.execute(_HOLD, _named(claim.call, claim)).first() is None:
                raise Lost

    def prolong(self, claim: Claim, lease_until: float) -> None:
        """Keep the call for longer; Lost."""
        if self._execute(_PROLONG, of=claim, lease_until=lease_until) != 1:
            raise Lost

    def release(self, claim: Claim) -> None:
        """Let others claim the call at once."""
        self._execute(_PROLONG, of=claim, lease_until=_FREE)

    # --- running

    def begin_step(self, claim: Claim, name: str, note: Mapping[str, str]) -> None:
        """The call is about to begin a step."""
        written = msgspec.json.encode(dict(note)).decode()
        self._execute(_BEGIN_STEP, of=claim.call, attempts=claim.call.row["attempts"] + 1, step=name, note=written)

    def finish(self, claim: Claim, response: bytes) -> None:
        """The call has its answer, and its card is free."""
        self._execute(_FINISH, of=claim.call, response=response.decode())
        self._execute(_UNLOCK, of=claim)

    # ---

    def _locked(self, lock: Executable, call: StoredCall, now: float, lease_until: float) -> Claim | None:
        number = call.row["number"]
        token = self._take(lock, card=call.row["card"], call=number, lease_until=lease_until, now=now)
        if token is None:
            return None  # another process was faster; PostgreSQL shows that only now
        return Claim(call, token)

    def _take(self, statement: Executable, **values: Any) -> int | None:
        with self._database.unit() as connection:
            return connection.execute(statement, {"token": 1, **values}).scalar()

    def _execute(self, statement: Executable, *, of: StoredCall | Claim, **values: Any) -> int:
        named = _named(of.call, of) if isinstance(of, Claim) else _named(of)
        with self._database.unit() as connection:
            return connection.execute(statement, {**named, **values}).rowcount

    def _one(self, query: Executable, **values: Any) -> StoredCall | None:
        with self._database.reading() as connection:
            row = connection.execute(query, values).mappings().first()
        return None if row is None else self._stored(row)

    def _stored(self, row: RowMapping) -> StoredCall:
        return StoredCall(row, self._functions[row["function"]])


def _named(call: StoredCall, claim: Claim | None = None) -> dict[str, Any]:
    named = {"of_number": call.row["number"]}
    return named if claim is None else {**named, "of_card": call.row["card"], "of_token": claim.token}


# --- statements, made once: making one takes longer than running it; comments name columns that parameters set

_NOW: Final[BindParameter[float]] = bindparam("now", type_=CARD_LOCK.c.lease_until.type)
_BY_KEY: Final = select(CALL).where(CALL.c.key == bindparam("key"))
_BY_ID: Final = select(CALL).where(CALL.c.id == bindparam("id"))
_COUNT_OPEN: Final = select(func.count()).select_from(
    select(CALL.c.number).where(_OPEN).limit(bindparam("most", type_=CALL.c.attempts.type)).subquery()
)
_EARLIER: Final = CALL.alias()
_HELD: Final = CARD_LOCK.alias()
# With a call that another process is just claiming those behind it are passed over, too: it would get none of them.
_NEXT: Final = (
    select(CALL)
    .where(
        _OPEN,
        ~exists().where(_HELD.c.card == CALL.c.card, _HELD.c.call.is_not(None), _HELD.c.lease_until >= _NOW),
        ~exists().where(_EARLIER.c.card == CALL.c.card, _EARLIER.c.state != _DONE, _EARLIER.c.number < CALL.c.number),
    )
    .order_by(CALL.c.number)
    .limit(1)
)
_CLAIM: Final = _NEXT.with_for_update(of=CALL, skip_locked=True)
_ALWAYS: Final = literal_column("1") == literal_column("1")
"""For SQLite's parser: it takes the ON CONFLICT behind a SELECT for a join where there is no WHERE."""
_FIRST: Final = ~exists().where(
    _OPEN, CALL.c.card == bindparam("card"), CALL.c.number != bindparam("call", type_=CARD_LOCK.c.call.type)
)
_THIS_CALL: Final = CALL.c.number == bindparam("of_number")
_CLAIMED: Final = update(CALL).where(_THIS_CALL).values(state=str(OperationState.RUNNING), attempts=CALL.c.attempts + 1)
_BEGIN_STEP: Final = (
    update(CALL).where(_THIS_CALL).values(state=str(OperationState.RUNNING))  # attempts, step, note
)
_FINISH: Final = (
    update(CALL).where(_THIS_CALL).values(state=str(OperationState.DONE))  # response
)
_HELD_BY_IT: Final = and_(
    CARD_LOCK.c.card == bindparam("of_card"),
    CARD_LOCK.c.call == bindparam("of_number"),
    CARD_LOCK.c.token == bindparam("of_token"),
)
_HOLD: Final = select(CARD_LOCK.c.token).where(_HELD_BY_IT).with_for_update()
_PROLONG: Final = update(CARD_LOCK).where(_HELD_BY_IT)  # lease_until
_UNLOCK: Final = update(CARD_LOCK).where(_HELD_BY_IT).values(call=None, lease_until=_FREE)


def _taking(database: Database, free: ColumnElement[bool], also: ColumnElement[bool] = _ALWAYS) -> Executable:
    """Take the lock of a card where it is free in this sense; gives the new token, or nothing."""
    columns = [CARD_LOCK.c.card, CARD_LOCK.c.call, CARD_LOCK.c.token, CARD_LOCK.c.lease_until]
    taken = select(*(bindparam(each.name, type_=each.type) for each in columns)).where(also)
    statement = database.insert(CARD_LOCK).from_select(columns, taken)
    return statement.on_conflict_do_update(
        index_elements=[CARD_LOCK.c.card],
        set_={
            "call": statement.excluded.call,
            "token": CARD_LOCK.c.token + 1,
            "lease_until": statement.excluded.lease_until,
        },
        where=free,
    ).returning(CARD_LOCK.c.token)


class Queue:
    """Whether there is room for another call. Counting takes time, so it is done now and then.

    What came since is taken to be still open, so in one process there are never too many; those of others may come to
    light a second late.
    """

    def __init__(self, calls: Calls, most: int) -> None:
        self._calls = calls
        self._most = most
        self._guard = threading.Lock()
        self._room = 0
        self._until = -math.inf

    def has_room(self) -> bool:
        """Take a place, if there is one."""
        now = time.monotonic()
        with self._guard:
            if self._room < 1 or now >= self._until:
                self._room, self._until = self._most - self._calls.open(self._most), now + _COUNTED
            self._room -= 1
            return self._room >= 0
