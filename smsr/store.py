# SPDX-License-Identifier: Apache-2.0
"""Where an SM-SR keeps its EIS, and what operators grant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from apdu.ids import Eid, Iccid
from smsr.api.eis import Eis
from smsr.api.grants import Onc, Plma
from smsr.kit.oid import Oid

__all__ = ["EisStore", "GrantStore", "MemoryEisStore", "MemoryGrantStore"]


class EisStore(Protocol):
    """A store by EID. A set is replaced as a whole: what was read before stays what it was."""

    def get(self, eid: Eid) -> Eis | None:
        """The set of a card."""
        ...

    def without_keys(self, eid: Eid) -> Eis | None:
        """The set of a card to look at: its keys may lack their values, and the audit trail its records."""
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


class GrantStore(Protocol):
    """PLMA by operator, M2M SP and profile type; ONC by operator and profile type."""

    def set_plma(self, plma: Plma) -> None:
        """Keep a grant, in the place of the one for the same three."""
        ...

    def plma(self, mno_id: Oid | None = None, m2m_sp_id: Oid | None = None, profile_type: str = "") -> tuple[Plma, ...]:
        """The grants that fit; what is not named is any."""
        ...

    def set_onc(self, onc: Onc) -> None:
        """Keep a configuration, in the place of the one for the same two."""
        ...

    def onc(self, mno_id: Oid, profile_type: str = "") -> tuple[Onc, ...]:
        """The configurations of an operator that fit; no type is any."""
        ...


class MemoryEisStore:
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._by_eid: dict[Eid, Eis] = {}
        self._by_iccid: dict[Iccid, Eid] = {}

    def get(self, eid: Eid) -> Eis | None:
        """The set of a card."""
        return self._by_eid.get(eid)

    without_keys = get

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


class MemoryGrantStore:
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._plma: dict[tuple[Oid, Oid, str], Plma] = {}
        self._onc: dict[tuple[Oid, str], Onc] = {}

    def set_plma(self, plma: Plma) -> None:
        """Keep a grant, in the place of the one for the same three."""
        self._plma[plma.mno_id, plma.m2m_sp_id, plma.profile_type] = plma

    def plma(self, mno_id: Oid | None = None, m2m_sp_id: Oid | None = None, profile_type: str = "") -> tuple[Plma, ...]:
        """The grants that fit; what is not named is any."""
        wanted = (mno_id, m2m_sp_id, profile_type)
        return tuple(self._plma[key] for key in sorted(self._plma) if _fits(key, wanted))

    def set_onc(self, onc: Onc) -> None:
        """Keep a configuration, in the place of the one for the same two."""
        self._onc[onc.mno_id, onc.profile_type] = onc

    def onc(self, mno_id: Oid, profile_type: str = "") -> tuple[Onc, ...]:
        """The configurations of an operator that fit; no type is any."""
        return tuple(self._onc[key] for key in sorted(self._onc) if _fits(key, (mno_id, profile_type)))


def _fits(key: tuple[str, ...], wanted: tuple[str | None, ...]) -> bool:
    return all(not want or has == want for has, want in zip(key, wanted, strict=True))
