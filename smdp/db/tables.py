# SPDX-License-Identifier: Apache-2.0
"""The tables of an SM-DP besides those of every server. EIDs, ICCIDs and AIDs are text."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

__all__ = ["KEY_SET", "METADATA", "PACKAGE", "PROFILE", "SEEN"]

METADATA: Final = MetaData()

PACKAGE: Final = Table(
    "package",
    METADATA,
    Column("content", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Profile packages by the SHA-256 of what they are; they hold subscribers' keys."""

PROFILE: Final = Table(
    "profile",
    METADATA,
    Column("iccid", Text, primary_key=True),
    Column("content", Text, ForeignKey("package.content"), nullable=False),
    Column("mno_id", Text, nullable=False),
    Column("type_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index("profile_of_type", "type_key", "state", "iccid"),
)
"""One profile: its StoredProfile as JSON. The type key is the SHA-256 of the profile type."""

KEY_SET: Final = Table(
    "key_set",
    METADATA,
    Column("eid", Text, primary_key=True),
    Column("isd_p", Text, primary_key=True),
    Column("kvn", Integer, primary_key=True),
    Column("kid", Integer, primary_key=True),
    Column("type", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""The keys of ISD-Ps, each sealed for its place."""

SEEN: Final = Table(
    "seen",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("at", Float, nullable=False),
)
"""Messages that were taken."""
