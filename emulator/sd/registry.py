# SPDX-License-Identifier: Apache-2.0
"""The card's registry: its records read from and written to memory, and the invariants over all of them.

Nothing is cached that a failed command could leave wrong: a record is read where it is used. SGP.02 v4.2 2.2.1, 3.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from apdu.command.status import SW
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid
from emulator.errors import CardError
from emulator.memory.store import Memory
from emulator.sd.records import CardRecord, EcasdRecord, IsdPRecord, IsdRRecord, NotificationRecord

__all__ = ["ISD_P_OVERHEAD", "Registry", "isd_p_prefix"]

ISD_P_OVERHEAD: Final = 512
"""Bytes of memory that an ISD-P takes besides its profile: registry entry, keys, counters."""

# Entries are immutable and hold no keys, and every command reads some: equal bytes are decoded once per process.
_isd_p = lru_cache(maxsize=1024)(IsdPRecord.decode)
_isd_r = lru_cache(maxsize=256)(IsdRRecord.decode)

_STAGE: Final = "stage/"


@lru_cache(maxsize=1024)
def isd_p_prefix(aid: Aid) -> str:
    """Where an ISD-P's records lie."""
    return f"isdp/{aid.tar}"


class Registry:
    """Reads and writes the records of one card."""

    __slots__ = ("_card", "_ecasd", "memory")

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._card: CardRecord | None = None
        self._ecasd: EcasdRecord | None = None

    def _read(self, key: str) -> bytes:
        data = self.memory.get(key)
        if data is None:
            raise CardError(SW.MEMORY_FAILURE)
        return data

    @property
    def card(self) -> CardRecord:
        """What the EUM fixed; it never changes, so it is read once."""
        if self._card is None:
            self._card = CardRecord.decode(self._read("card"))
        return self._card

    @property
    def ecasd(self) -> EcasdRecord:
        """Identity and roots; they never change, so they are read once."""
        if self._ecasd is None:
            self._ecasd = EcasdRecord.decode(self._read("ecasd"))
        return self._ecasd

    @property
    def isd_r(self) -> IsdRRecord:
        """The ISD-R's own data."""
        return _isd_r(self._read("isdr"))

    def save_isd_r(self, record: IsdRRecord) -> None:
        """Write the ISD-R's own data."""
        self.memory.put("isdr", record.value())

    def isd_ps(self) -> Iterator[IsdPRecord]:
        """All ISD-Ps, by AID."""
        for key, value in self.memory.items("isdp/"):
            if key.count("/") == 1:
                yield _isd_p(value)

    def find(self, aid: bytes) -> IsdPRecord | None:
        """The ISD-P with an AID."""
        known = aid if isinstance(aid, Aid) else Aid(aid)
        data = self.memory.get(isd_p_prefix(known)) if known.is_isd_p else None
        return None if data is None else _isd_p(data)

    def require(self, aid: bytes) -> IsdPRecord:
        """The ISD-P with an AID; CardError 6A88 when there is none."""
        record = self.find(aid)
        if record is None:
            raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
        return record

    def enabled(self) -> IsdPRecord | None:
        """The ISD-P that is ENABLED, if any."""
        return next((record for record in self.isd_ps() if record.state is LifeCycle.ENABLED), None)

    def save(self, record: IsdPRecord) -> None:
        """Write an ISD-P's registry entry."""
        self.memory.put(isd_p_prefix(record.aid), record.value())

    def set_state(self, record: IsdPRecord, state: LifeCycle) -> None:
        """Write an ISD-P's registry entry with another state."""
        self.save(replace(record, state=state))

    def remove(self, record: IsdPRecord) -> None:
        """Delete an ISD-P with everything that belongs to it."""
        prefix = isd_p_prefix(record.aid)
        self.memory.delete(prefix)
        self.memory.delete_all(prefix + "/")
        self.memory.delete_all(f"{_STAGE}{record.aid.tar}/")
        pending = self.notification
        if pending is not None and record.aid in pending.previous:  # the next ISD-P with this AID is another one
            left = tuple(aid for aid in pending.previous if aid != record.aid)
            self.save_notification(replace(pending, previous=left))

    def stage_key(self, aid: Aid, number: int) -> str:
        """Where a segment of an unfinished download lies."""
        return f"{_STAGE}{aid.tar}/{number:04d}"

    def drop_stage(self, aid: Aid) -> None:
        """Delete what an unfinished download of one ISD-P left."""
        self.memory.delete_all(f"{_STAGE}{aid.tar}/")

    def sweep(self) -> None:
        """Delete what unfinished downloads left: at power-on nobody can go on with them."""
        self.memory.delete_all(_STAGE)

    @property
    def notification(self) -> NotificationRecord | None:
        """What waits for its confirmation."""
        data = self.memory.get("pending")
        return None if data is None else NotificationRecord.decode(data)

    @property
    def may_notify(self) -> bool:
        """Whether there is something to tell the SM-SR, now or as soon as the network serves the card."""
        data = self.memory.get("isdr")
        record = None if data is None else _isd_r(data)
        if record is None or not record.addressing:
            return False
        return not record.attached or self.notification is not None

    def save_notification(self, record: NotificationRecord) -> None:
        """Write what waits."""
        self.memory.put("pending", record.value())

    def allocated(self, record: IsdPRecord) -> int:
        """Bytes of memory that are set aside for an ISD-P."""
        return ISD_P_OVERHEAD + max(record.granted, record.used)

    def free(self) -> int:
        """Bytes of non-volatile memory that are left."""
        return self.card.memory - sum(map(self.allocated, self.isd_ps()))

    def available(self, record: IsdPRecord) -> int:
        """Bytes that a profile may take in an ISD-P: its quota, or all that is free."""
        return record.granted or self.free()
