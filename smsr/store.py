# SPDX-License-Identifier: Apache-2.0
"""Where an SM-SR keeps its EIS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from apdu.ids import Eid, Iccid
from smsr.api.eis import Eis

__all__ = ["EisStore", "MemoryEisStore"]


class EisStore(Protocol):
    """A store by EID. A set is replaced as a whole: what was read before stays what it was."""

    def get(self, eid: Eid) -> Eis | None:
        """The set of a card."""
        ...

    def add(self, eis: Eis) -> bool:
        """Keep a new set; False, and nothing changed, when its EID is there already."""
        ...

    def put(self, eis: Eis) -> None:
        """Replace a set; KeyError when there is none."""
        ...

    def owner_of(self, iccid: Iccid) -> Eid | None:
        """The card that a profile is on."""
        ...

    def __iter__(self) -> Iterator[Eis]:
        """All of them."""
        ...


class MemoryEisStore:
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._by_eid: dict[Eid, Eis] = {}
        self._by_iccid: dict[Iccid, Eid] = {}

    def get(self, eid: Eid) -> Eis | None:
        """The set of a card."""
        return self._by_eid.get(eid)

    def add(self, eis: Eis) -> bool:
        """Keep a new set; False, and nothing changed, when its EID is there already."""
        if eis.eid in self._by_eid:
            return False
        self._by_eid[eis.eid] = eis
        self._index(eis)
        return True

    def put(self, eis: Eis) -> None:
        """Replace a set; KeyError when there is none."""
        for profile in self._by_eid[eis.eid].profiles:
            self._by_iccid.pop(profile.iccid, None)
        self._by_eid[eis.eid] = eis
        self._index(eis)

    def owner_of(self, iccid: Iccid) -> Eid | None:
        """The card that a profile is on."""
        return self._by_iccid.get(iccid)

    def __iter__(self) -> Iterator[Eis]:
        """All of them."""
        return iter(tuple(self._by_eid.values()))

    def _index(self, eis: Eis) -> None:
        self._by_iccid.update((profile.iccid, eis.eid) for profile in eis.profiles)
