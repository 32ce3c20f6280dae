# SPDX-License-Identifier: Apache-2.0
"""Callbacks as they came from other servers, for whoever waits for them: now, later, or in another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import bindparam, select

from smsr.api.functions import Function
from smsr.api.json_codec import decode, encode
from smsr.api.messages import Response
from smsr.kit.oid import Oid
from smsr.serving.calls import key_of
from smsr.serving.database import Database
from smsr.serving.tables import ANSWER

__all__ = ["Answers"]

R = TypeVar("R", bound=Response)

_FIND: Final = select(ANSWER.c.response).where(ANSWER.c.key == bindparam("wanted"))


class Answers:
    """The table of answers. The first to one message is kept, a repeated one changes nothing."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._keep = database.insert(ANSWER).on_conflict_do_nothing().returning(ANSWER.c.key)

    def keep(self, function: Function, response: Response, sender: Oid, relates_to: str) -> bool:
        """Keep an answer; False when there is one already."""
        values = {
            "key": key_of(sender, relates_to),
            "sender": str(sender),
            "relates_to": relates_to,
            "function": str(function),
            "response": encode(response).decode(),
            "received": self._clock(),
        }
        with self._database.unit() as connection:
            return connection.execute(self._keep, values).first() is not None

    def find(self, kind: type[R], sender: Oid, relates_to: str) -> R | None:
        """The answer of one server to one message."""
        with self._database.reading() as connection:
            written = connection.execute(_FIND, {"wanted": key_of(sender, relates_to)}).scalar()
        return None if written is None else decode(kind, written.encode())
