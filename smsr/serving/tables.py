# SPDX-License-Identifier: Apache-2.0
"""The tables that every server has: calls, locks of cards, what is to be told, what was answered.

Moments are seconds since 1970. Messages are as smsr.api.json_codec writes them.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

__all__ = ["METADATA", "ANSWER", "CALL", "CARD_LOCK", "NUMBER", "OUTBOX"]

METADATA: Final = MetaData()
NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts by itself in columns of the type INTEGER only."""

CALL: Final = Table(
    "call",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("function", Text, nullable=False),
    Column("requester", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("key", Text, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("request", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("accepted", Float, nullable=False),
    Column("deadline", Float),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("step", Text),
    Column("note", Text),
    Column("response", Text),
    Index(
        "call_open", "card", "number", sqlite_where=text("state <> 'done'"), postgresql_where=text("state <> 'done'")
    ),
)
"""One call of a function; `card` is its EID, or its own id when it is about none. Its key is the SHA-256 of requester
and identifier (which may be longer than what an index takes), none when it has no identifier."""

CARD_LOCK: Final = Table(
    "card_lock",
    METADATA,
    Column("card", Text, primary_key=True),
    Column("call", NUMBER, ForeignKey("call.number")),
    Column("token", BigInteger, nullable=False),
    Column("lease_until", Float, nullable=False),
)
"""Who works on a card. The token grows each time that the lock is taken."""

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("last_error", Text),
    Index(
        "outbox_waiting", "next_at", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")
    ),
)

ANSWER: Final = Table(
    "answer",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("sender", Text, nullable=False),
    Column("relates_to", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("received", Float, nullable=False),
)
"""Callbacks of other servers; the key is the SHA-256 of sender and what it relates to."""
