# SPDX-License-Identifier: Apache-2.0
"""Calls in the database: accepted once, claimed by one process at a time, their answers kept.

A call runs while it holds the lock of its card. Whoever claims it gets a token; what is written later holds only while
the token does, so a process that was taken for dead writes nothing any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    and_,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from smsr.api.functions import Function
from smsr.api.json_codec import decode, encode
from smsr.api.messages import Request, Response
from smsr.kit.oid import Oid
from smsr.serving.database import Database
from smsr.serving.procedure import Interrupted
from smsr.serving.service import Operation, OperationState, ReplyTo
from smsr.serving.tables import CALL, CARD_LOCK

__all__ = ["Calls", "Claim", "Lost", "StoredCall", "card_of", "digest_of", "key_of"]

_FREE: Final = 0.0
_DONE: Final[ColumnElement[str]] = literal_column("'done'")
"""In the text of statements: for a parameter SQLite would not use the index of open calls."""
_OPEN: Final = CALL.c.state != _DONE


class Lost(Exception):
    """The lock of a running call is another process's now."""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as it is kept."""

    row: RowMapping
    function: Function

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
    return sha256(f"{function}\n".encode() + encode(request)).digest()


class Calls:
    """The table of calls and that of locks. All methods are part of the unit of work that is open."""

    def __init__(self, database: Database, functions: Mapping[str, Function]) -> None:
        self._database = database
        self._functions = functions

    # --- accepting

    def find(self, requester: Oid, identifier: str) -> StoredCall | None:
        """The call with this identifier."""
        return self._one(select(CALL).where(CALL.c.key == key_of(requester, identifier)))

    def by_id(self, id: str) -> StoredCall | None:
        """The call with this id."""
        return self._one(select(CALL).where(CALL.c.id == id))

    def add(self, function: Function, asked: Request, **values: Any) -> StoredCall:
        """Keep a call; IntegrityError when another one with its identifier came first."""
        call, id = asked.call, secrets.token_hex(16)
        row = {
            "id": id,
            "function": str(function),
            "requester": str(call.requester),
            "identifier": call.identifier,
            "key": key_of(call.requester, call.identifier) if call.identifier else None,
            "digest": digest_of(function, asked),
            "card": card_of(asked) or id,
            "request": "",
            "reply": "",
            "attempts": 0,
            **values,
        }
        with self._database.unit() as connection:
            return self._stored(connection.execute(insert(CALL).returning(CALL), row).mappings().one())

    def open(self, most: int) -> int:
        """How many calls are not done; counted up to `most`."""
        some = select(CALL.c.number).where(_OPEN).limit(most).subquery()
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(some)).scalar_one())

    # --- locks

    def lock_free(self, card: str) -> bool:
        """Keep a card from being claimed until this unit ends; False when a call has it."""
        return self._take(card, None, 0.0, CARD_LOCK.c.call.is_(None)) is not None

    def claim(self, now: float, lease_until: float) -> Claim | None:
        """The oldest call that can run: the first of its card that is not done, and no process holds it."""
        earlier = CALL.alias()
        held = CARD_LOCK.alias()
        query = (
            select(CALL)
            .where(
                _OPEN,
                ~exists().where(held.c.card == CALL.c.card, held.c.call.is_not(None), held.c.lease_until >= now),
                ~exists().where(
                    earlier.c.card == CALL.c.card,
                    earlier.c.state != _DONE,
                    earlier.c.number < CALL.c.number,
                ),
            )
            .order_by(CALL.c.number)
            .limit(1)
            .with_for_update(of=CALL, skip_locked=True)
        )
        call = self._one(query)
        if call is None:
            return None
        lock = CARD_LOCK.c
        token = self._take(
            call.row["card"], call.row["number"], lease_until, or_(lock.call.is_(None), lock.lease_until < now)
        )
        if token is None:
            return None  # another process was faster; PostgreSQL shows that only now
        self._change(call, state=OperationState.RUNNING, attempts=CALL.c.attempts + 1)
        return Claim(call, token)

    def hold(self, claim: Claim, lease_until: float) -> None:
        """Make sure that the call may still run, until this unit ends and longer; Lost."""
        with self._database.unit() as connection:
            held = connection.execute(update(CARD_LOCK).where(_held_by(claim)).values(lease_until=lease_until))
            if held.rowcount != 1:
                raise Lost

    def release(self, claim: Claim) -> None:
        """Let others claim the call at once."""
        with self._database.unit() as connection:
            connection.execute(update(CARD_LOCK).where(_held_by(claim)).values(lease_until=_FREE))

    # --- running

    def begin_step(self, claim: Claim, name: str, note: Mapping[str, str]) -> None:
        """The call is about to begin a step."""
        self._change(claim.call, step=name, note=msgspec.json.encode(dict(note)).decode())

    def finish(self, claim: Claim, response: bytes) -> None:
        """The call has its answer, and its card is free."""
        self._change(claim.call, state=OperationState.DONE, response=response.decode())
        with self._database.unit() as connection:
            connection.execute(update(CARD_LOCK).where(_held_by(claim)).values(call=None, lease_until=_FREE))

    # ---

    def _take(self, card: str, call: int | None, lease_until: float, free: ColumnElement[bool]) -> int | None:
        statement = (
            self._database.insert(CARD_LOCK)
            .values(card=card, call=call, token=1, lease_until=lease_until)
            .on_conflict_do_update(
                index_elements=[CARD_LOCK.c.card],
                set_={"call": call, "token": CARD_LOCK.c.token + 1, "lease_until": lease_until},
                where=free,
            )
            .returning(CARD_LOCK.c.token)
        )
        with self._database.unit() as connection:
            return connection.execute(statement).scalar()

    def _change(self, call: StoredCall, **values: Any) -> None:
        with self._database.unit() as connection:
            connection.execute(update(CALL).where(CALL.c.number == call.row["number"]).values(values))

    def _one(self, query: Select[Any]) -> StoredCall | None:
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else self._stored(row)

    def _stored(self, row: RowMapping) -> StoredCall:
        return StoredCall(row, self._functions[row["function"]])


def _held_by(claim: Claim) -> ColumnElement[bool]:
    lock = CARD_LOCK.c
    return and_(lock.card == claim.call.row["card"], lock.call == claim.call.row["number"], lock.token == claim.token)
