# SPDX-License-Identifier: Apache-2.0
"""The profiles that an SM-DP has prepared: whose they are, which card each is for, and their packages.

Packages are kept by content hash: profiles with the same package share it. A package holds the subscriber's keys.
A profile moves from available to reserved when a download begins, and to downloaded when the SM-SR knows that it is
on the card; `ProfileStore.swap` is the only way to move one, so that two operations never have the same profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum, unique
from hashlib import sha256
from threading import Lock
from typing import Protocol

from apdu.errors import DecodeError
from apdu.ids import Aid, Eid, Iccid
from smsr.api.eis_parts import NO_SUBSCRIPTION, Pol2Rule, SubscriptionAddress
from smsr.api.limits import MAX_PROFILE_TYPE, check_iccid
from smsr.kit.oid import Oid

__all__ = ["MemoryProfileStore", "ProfileStore", "StockState", "StoredProfile", "content_hash"]


@unique
class StockState(StrEnum):
    """Where a profile is."""

    AVAILABLE = "available"
    """On no card."""
    RESERVED = "reserved"
    """For one card: a download is under way, or one has failed and something of it may be on the card."""
    DOWNLOADED = "downloaded"
    """On a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProfile:
    """One profile. Which operation has reserved it, and for which card, is part of its state.

    DecodeError for one that no message could be about.
    """

    iccid: Iccid
    mno_id: Oid
    """Its owner."""
    content: str
    """Of its package, as `content_hash` gives it."""
    profile_type: str = ""
    memory: int = 0
    """Bytes granted to its ISD-P, 0 for no quota."""
    subscription: SubscriptionAddress = NO_SUBSCRIPTION
    pol2: tuple[Pol2Rule, ...] = ()
    state: StockState = StockState.AVAILABLE
    operation: str = ""
    """Who downloads it now; empty where nobody does."""
    eid: Eid | None = None
    """The card that it is reserved for, or on."""
    smsr_id: Oid | None = None
    """The SM-SR of that card."""
    isd_p: Aid | None = None
    """Where on that card."""
    since: datetime | None = None
    """When it was downloaded."""

    def __post_init__(self) -> None:
        check_iccid(self.iccid)
        if len(self.profile_type) > MAX_PROFILE_TYPE:
            raise DecodeError(f"a profile type of {len(self.profile_type)} characters, at most {MAX_PROFILE_TYPE}")

    def available(self) -> StoredProfile:
        """The same on no card."""
        return replace(
            self, state=StockState.AVAILABLE, operation="", eid=None, smsr_id=None, isd_p=None, since=None
        )  # fmt: skip


def content_hash(package: bytes) -> str:
    """Under which name a package is kept: SHA-256 in hex."""
    return sha256(package).hexdigest()


class ProfileStore(Protocol):
    """A store by ICCID."""

    def add(self, profile: StoredProfile, package: bytes) -> bool:
        """Keep a new profile; False, and nothing changed, when its ICCID is there already."""
        ...

    def get(self, iccid: Iccid) -> StoredProfile | None:
        """A profile as it is now."""
        ...

    def package(self, content: str) -> bytes:
        """A package; KeyError when there is none."""
        ...

    def swap(self, before: StoredProfile, after: StoredProfile) -> bool:
        """Put `after` where `before` is; False, and nothing changed, when it is not like this any more."""
        ...

    def find_available(self, profile_type: str, mno_id: Oid) -> StoredProfile | None:
        """Any available profile of this type and owner."""
        ...

    def owners(self, profile_type: str) -> frozenset[Oid]:
        """Who has profiles of this type, in whatever state."""
        ...

    def __iter__(self) -> Iterator[StoredProfile]:
        """All of them."""
        ...


class MemoryProfileStore:
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._profiles: dict[Iccid, StoredProfile] = {}
        self._packages: dict[str, bytes] = {}
        self._lock = Lock()

    def add(self, profile: StoredProfile, package: bytes) -> bool:
        """Keep a new profile; False, and nothing changed, when its ICCID is there already."""
        with self._lock:
            if profile.iccid in self._profiles:
                return False
            self._profiles[profile.iccid] = profile
            self._packages[profile.content] = package
            return True

    def get(self, iccid: Iccid) -> StoredProfile | None:
        """A profile as it is now."""
        return self._profiles.get(iccid)

    def package(self, content: str) -> bytes:
        """A package; KeyError when there is none."""
        return self._packages[content]

    def swap(self, before: StoredProfile, after: StoredProfile) -> bool:
        """Put `after` where `before` is; False, and nothing changed, when it is not like this any more."""
        with self._lock:
            if self._profiles.get(before.iccid) != before:
                return False
            self._profiles[before.iccid] = after
            return True

    def find_available(self, profile_type: str, mno_id: Oid) -> StoredProfile | None:
        """Any available profile of this type and owner."""
        wanted = (profile_type, mno_id, StockState.AVAILABLE)
        return next((each for each in self if (each.profile_type, each.mno_id, each.state) == wanted), None)

    def owners(self, profile_type: str) -> frozenset[Oid]:
        """Who has profiles of this type, in whatever state."""
        return frozenset(each.mno_id for each in self if each.profile_type == profile_type)

    def __iter__(self) -> Iterator[StoredProfile]:
        """All of them."""
        return iter(tuple(self._profiles.values()))
