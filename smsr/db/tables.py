# SPDX-License-Identifier: Apache-2.0
"""The tables of an SM-SR besides those of every server. EIDs and ICCIDs are digits, moments seconds since 1970."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text, text

from smsr.serving.tables import NUMBER

__all__ = [
    "AUDIT",
    "COUNTER",
    "EIS",
    "EIS_KEY",
    "EIS_PROFILE",
    "JOB",
    "JOB_STEP",
    "METADATA",
    "NOTIFICATION",
    "ONC",
    "OPEN_PROCEDURE",
    "PLMA",
]

METADATA: Final = MetaData()

EIS: Final = Table(
    "eis",
    METADATA,
    Column("eid", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Column("remaining_memory", BigInteger, nullable=False),
    Column("audit_count", BigInteger, nullable=False),
    Column("audit_head", LargeBinary, nullable=False),
)
"""One card: its EIS as JSON, without keys and audit trail. The version grows with each change."""

EIS_PROFILE: Final = Table(
    "eis_profile",
    METADATA,
    Column("iccid", Text, primary_key=True),
    Column("eid", Text, ForeignKey("eis.eid"), nullable=False, index=True),
)
"""Which card a profile is on: one at most."""

EIS_KEY: Final = Table(
    "eis_key",
    METADATA,
    Column("eid", Text, ForeignKey("eis.eid"), primary_key=True),
    Column("kvn", Integer, primary_key=True),
    Column("kid", Integer, primary_key=True),
    Column("type", Integer, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""The keys of the ISD-R, each sealed for its place."""

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("eid", Text, ForeignKey("eis.eid"), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("record", Text, nullable=False),
    Column("chain", LargeBinary, nullable=False),
)
"""The audit trail of a card, from number 1; the chain of the last record stands in `eis`, too."""

PLMA: Final = Table(
    "plma",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("mno_id", Text, nullable=False, index=True),
    Column("m2m_sp_id", Text, nullable=False),
    Column("profile_type", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("smdp_id", Text),
)
"""Without an SM-DP the operator itself has set it."""

ONC: Final = Table(
    "onc",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("mno_id", Text, nullable=False, index=True),
    Column("profile_type", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("smdp_id", Text),
)
"""Without an SM-DP the operator itself has set it."""

OPEN_PROCEDURE: Final = Table(
    "open_procedure",
    METADATA,
    Column("eid", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("iccid", Text),
    Column("deadline", Float, nullable=False),
    Column("chain", LargeBinary, nullable=False),
)

JOB: Final = Table(
    "job",
    METADATA,
    Column("id", NUMBER, primary_key=True),
    Column("eid", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("room", Integer, nullable=False),
    Column("opener", Integer, nullable=False),
    Column("outcome", Text),
    Index("job_open", "eid", sqlite_where=text("outcome IS NULL"), postgresql_where=text("outcome IS NULL")),
)
"""Scripts over the air."""

JOB_STEP: Final = Table(
    "job_step",
    METADATA,
    Column("job", NUMBER, ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("bearer", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
)

COUNTER: Final = Table(
    "counter",
    METADATA,
    Column("eid", Text, primary_key=True),
    Column("kvn", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
"""Counters of secured packets."""

NOTIFICATION: Final = Table(
    "notification",
    METADATA,
    Column("eid", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
"""The number of the last notification that each card sent."""
