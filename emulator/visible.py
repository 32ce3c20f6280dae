# SPDX-License-Identifier: Apache-2.0
"""The profile that terminal and OTA see: the one that was enabled at the last reset (SGP.02 v4.2 2.2.1.3).

Its immutable base, its file system, and its registry of applications: what the package installed with what has
changed since laid over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from apdu.errors import DecodeError
from apdu.ids import Aid
from emulator.fs.filesystem import FileSystem
from emulator.memory.store import Memory
from emulator.profile.base import DomainSpec, ProfileBase
from emulator.sd.profile_domain import AppRecord, ProfileDomain
from emulator.sd.registry import Registry, isd_p_prefix

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["VisibleProfile", "open_profile"]

_NOT_YET_SELECTABLE: Final = 0x03
_LOCKED: Final = 0x80


def open_profile(registry: Registry) -> VisibleProfile | None:
    """The profile that the registry says is ENABLED; None on a card without one."""
    record = registry.enabled()
    if record is None:
        return None
    package = registry.memory.get(f"{isd_p_prefix(record.aid)}/pkg")
    if package is None:
        raise DecodeError(f"the package of {record.aid} is missing")
    # the interpreter takes 0.1 s to import, which a card without a profile never needs
    from emulator.profile.loader import base_of

    return VisibleProfile(record.aid, base_of(package, lab=registry.card.lab), registry.memory)


class VisibleProfile:
    """One profile opened for a card session."""

    __slots__ = ("aid", "base", "files", "memory", "prefix")

    def __init__(self, aid: Aid, base: ProfileBase, memory: Memory) -> None:
        self.aid = aid
        self.base = base
        self.memory = memory
        self.prefix = isd_p_prefix(aid)
        self.files = FileSystem(base, memory, self.prefix)

    def spec(self, aid: Aid) -> DomainSpec | None:
        """How the package defined a security domain; None for one that was installed later."""
        return next((spec for spec in self.base.domains if spec.aid == aid), None)

    def is_mno_sd(self, aid: Aid) -> bool:
        """Whether it is the AID of the profile's MNO-SD."""
        return bool(self.base.domains) and self.base.domains[0].aid == aid

    def applications(self) -> list[AppRecord]:
        """All security domains and applications, those of the package first."""
        changed = {record.aid: record for record in self._changes()}
        initial = [_from_domain(spec) for spec in self.base.domains]
        initial += [
            AppRecord(
                aid=spec.aid,
                load_file=spec.package,
                module=spec.module,
                parent=spec.domain,
                privileges=spec.privileges,
                state=spec.lifecycle,
                parameters=b"",
            )
            for spec in self.base.applications
            if spec.aid is not None
        ]
        merged = [changed.pop(record.aid, record) for record in initial]
        return [record for record in (*merged, *changed.values()) if not record.deleted]

    def application(self, aid: Aid) -> AppRecord | None:
        """One application by its whole AID."""
        return next((record for record in self.applications() if record.aid == aid), None)

    def domain(self, card: Card, aid: Aid) -> ProfileDomain | None:
        """A security domain by its whole AID."""
        record = self.application(aid)
        return None if record is None or not record.is_domain else self._open(card, record)

    def _open(self, card: Card, record: AppRecord) -> ProfileDomain:
        spec = self.spec(record.aid)
        return ProfileDomain(card, self, record, spec.keys if spec is not None else ())

    def selectable_domains(self, card: Card) -> list[ProfileDomain]:
        """Security domains that SELECT finds: neither still INSTALLED nor locked (GPCS 11.9.3.2)."""
        return [
            self._open(card, record)
            for record in self.applications()
            if record.is_domain and record.state != _NOT_YET_SELECTABLE and not record.state & _LOCKED
        ]

    def save(self, record: AppRecord) -> None:
        """Write an application's registry entry."""
        self.memory.put(self._key(record.aid), record.value())

    def remove(self, record: AppRecord) -> None:
        """Take an application out of the registry, with its keys and data."""
        self.memory.delete_all(f"{self.prefix}/sd/{record.aid}/")
        initial = {spec.aid for spec in self.base.domains} | {spec.aid for spec in self.base.applications}
        if record.aid in initial:
            gone = AppRecord(aid=record.aid, privileges=b"\x00", state=0, parameters=b"", deleted=True)
            self.save(gone)
        else:
            self.memory.delete(self._key(record.aid))

    def _key(self, aid: Aid) -> str:
        return f"{self.prefix}/app/{aid}"

    def _changes(self) -> list[AppRecord]:
        return [AppRecord.decode(value) for _, value in self.memory.items(f"{self.prefix}/app/")]


def _from_domain(spec: DomainSpec) -> AppRecord:
    return AppRecord(
        aid=spec.aid,
        load_file=spec.load_file,
        module=spec.module,
        parent=spec.parent,
        privileges=spec.privileges,
        state=spec.lifecycle,
        parameters=spec.parameters_c9,
        is_domain=True,
    )
