# SPDX-License-Identifier: Apache-2.0
"""All that an SM-SR keeps, as its functions see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from smsr.procedures import Procedures
from smsr.serving.outbox import MemoryOutbox, Outbox
from smsr.store import EisStore, GrantStore, MemoryEisStore, MemoryGrantStore

__all__ = ["Stores"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The EIS, what operators granted, the procedures that are open, and what is still to be told."""

    eis: EisStore
    grants: GrantStore
    procedures: Procedures
    outbox: Outbox

    @classmethod
    def in_memory(cls, clock: Callable[[], float], eis: EisStore | None = None) -> Self:
        """For one process that keeps nothing."""
        return cls(
            eis=MemoryEisStore() if eis is None else eis,
            grants=MemoryGrantStore(),
            procedures=Procedures(clock),
            outbox=MemoryOutbox(),
        )
