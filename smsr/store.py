# SPDX-License-Identifier: Apache-2.0
"""Where an SM-SR keeps its EIS, and what operators grant and do not want to hear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from apdu.ids import Eid, Iccid
from smsr.api.eis import Eis
from smsr.api.grants import Onc, Plma
from smsr.kit.oid import Oid

__all__ = ["EisStore", "GrantStore", "MemoryEisStore", "MemoryGrantStore", "Setting"]

S = TypeVar("S", Plma, Onc)


@dataclass(frozen=True, slots=True)
class Setting(Generic[S]):
    """A PLMA or ONC, and the SM-DP that set it in its operator's name; None: the operator itself did."""

    value: S
    smdp_id: Oid | None = None


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
    """PLMA by operator, M2M SP and profile type; ONC by operator and profile type.

    A new one takes the place of the one for the same that came from the same SM-DP; that of the operator itself takes
    the place of all for the same.
    """

    def set_plma(self, plma: Plma, smdp_id: Oid | None = None) -> None:
        """Keep a grant."""
        ...

    def plma(
        self, mno_id: Oid | None = None, m2m_sp_id: Oid | None = None, profile_type: str = ""
    ) -> tuple[Setting[Plma], ...]:
        """The grants that fit; what is not named is any."""
        ...

    def set_onc(self, onc: Onc, smdp_id: Oid | None = None) -> None:
        """Keep a configuration."""
        ...

    def onc(self, mno_id: Oid, profile_type: str = "") -> tuple[Setting[Onc], ...]:
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
        self._plma: _Settings[Plma] = {}
        self._onc: _Settings[Onc] = {}

    def set_plma(self, plma: Plma, smdp_id: Oid | None = None) -> None:
        """Keep a grant."""
        _keep(self._plma, Setting(plma, smdp_id))

    def plma(
        self, mno_id: Oid | None = None, m2m_sp_id: Oid | None = None, profile_type: str = ""
    ) -> tuple[Setting[Plma], ...]:
        """The grants that fit; what is not named is any."""
        return _fitting(self._plma, (mno_id, m2m_sp_id, profile_type))

    def set_onc(self, onc: Onc, smdp_id: Oid | None = None) -> None:
        """Keep a configuration."""
        _keep(self._onc, Setting(onc, smdp_id))

    def onc(self, mno_id: Oid, profile_type: str = "") -> tuple[Setting[Onc], ...]:
        """The configurations of an operator that fit; no type is any."""
        return _fitting(self._onc, (mno_id, profile_type))


_Settings = dict[tuple[str, ...], dict[Oid | None, Setting[S]]]
"""By what they are for, and who set them."""


def _keep(settings: _Settings[S], new: Setting[S]) -> None:
    same = settings.setdefault(new.value.subject, {})
    if new.smdp_id is None:
        same.clear()
    same[new.smdp_id] = new


def _fitting(settings: _Settings[S], wanted: tuple[str | None, ...]) -> tuple[Setting[S], ...]:
    return tuple(each for subject in sorted(settings) if _fits(subject, wanted) for each in settings[subject].values())


def _fits(subject: tuple[str, ...], wanted: tuple[str | None, ...]) -> bool:
    return all(not want or has == want for has, want in zip(subject, wanted, strict=True))
