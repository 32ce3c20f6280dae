# SPDX-License-Identifier: Apache-2.0
"""Who may do what to which profile, told once more in few words: what random calls are held against.

It knows parties, profiles and rules, and nothing of scripts, audits or the EIS. A fault says how far the card came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from apdu.ids import Iccid
from smsr.api.functions import Interface
from smsr.api.status import Code
from smsr.kit.oid import Oid
from smsr.procedures import LEASE
from tests.unit.smsr.bench import MEMORY
from tests.unit.smsr.scene import ES3

CREATED, DISABLED, ENABLED = "Created", "Disabled", "Enabled"
AUTO, NO_ENABLE, NO_DISABLE, NO_DELETE = "auto-delete", "no enabling", "no disabling", "no deletion"
RULES: Final = (AUTO, NO_ENABLE, NO_DISABLE, NO_DELETE)


class Fault(Enum):
    """What befalls the first command that changes something."""

    NONE = auto()
    LOST = auto()
    """The card carries it out, the answer is lost; then all is well again."""
    NEVER = auto()
    """It does not arrive; then all is well again."""
    DEAD_AFTER = auto()
    """The card carries it out, and nothing is heard of it any more."""
    DEAD_BEFORE = auto()
    """Nobody is there from the beginning."""
    KILLED = auto()
    """The process ends, another goes on."""


WHOLE: Final = (Fault.NONE, Fault.LOST, Fault.KILLED)
"""After these a function does all that it is for."""


@dataclass
class Profile:
    """One profile on the card."""

    mno: Oid
    smdp: Oid
    memory: int
    state: str = CREATED
    rules: frozenset[str] = frozenset()


@dataclass
class Model:
    """One card and who has business with it."""

    profiles: dict[Iccid, Profile] = field(default_factory=dict)
    fall_back: Iccid | None = None
    grants: dict[tuple[Oid, Oid], frozenset[str]] = field(default_factory=dict)
    """Operations that an operator grants to somebody."""
    download: tuple[Oid, Iccid, float] | None = None
    """Whose is under way, for which profile, until when."""
    now: float = 0.0

    @property
    def enabled(self) -> Iccid | None:
        """The enabled profile."""
        return next((iccid for iccid, each in self.profiles.items() if each.state == ENABLED), None)

    @property
    def free(self) -> int:
        """Bytes that are not granted to a profile."""
        return MEMORY - sum(each.memory for each in self.profiles.values())

    # --- what stands against it

    def foreign(self, interface: Interface, name: str, requester: Oid, iccid: Iccid) -> Code | None:
        """Whether the profile is there and the requester's business."""
        profile = self.profiles.get(iccid)
        if profile is None:
            return Code.ICCID_UNKNOWN
        if interface is ES3:
            allowed = requester == profile.smdp
        else:
            granted = profile.state != CREATED and name in self.grants.get((profile.mno, requester), ())
            allowed = requester == profile.mno or granted
        return None if allowed else Code.PROFILE_NOT_ALLOWED

    def forbidden(self, name: str, iccid: Iccid) -> Code | None:
        """Rules and states."""
        profile, rules = self.profiles[iccid], self.profiles[iccid].rules
        on = self.enabled
        if name == "EnableProfile":
            if NO_ENABLE in rules:
                return Code.POL2
            if profile.state != DISABLED:
                return Code.WRONG_STATE
            return Code.POL2 if on is not None and NO_DISABLE in self.profiles[on].rules else None
        if name == "DisableProfile":
            if NO_DISABLE in rules:
                return Code.POL2
            if profile.state != ENABLED:
                return Code.WRONG_STATE
            return Code.EUICC_REFUSED if iccid == self.fall_back else None
        if NO_DELETE in rules or (profile.state == ENABLED and NO_DISABLE in rules):
            return Code.POL2
        return Code.EUICC_REFUSED if iccid == self.fall_back else None

    def busy(self, requester: Oid, iccid: Iccid) -> Code | None:
        """Whether somebody else's download, or another of one's own, is under way."""
        if self.download is None or (requester, iccid) == self.download[:2] or self.now >= self.download[2]:
            return None
        return Code.BUSY

    def ended(self, requester: Oid, iccid: Iccid, *, done: bool, goes_on: bool = False) -> None:
        """A function that came past all this is over."""
        mine = self.download is not None and (requester, iccid) == self.download[:2]
        stays = goes_on if done else mine
        self.download = (requester, iccid, self.now + LEASE) if stays else None

    # --- what comes of it; whether it was all that the function is for

    def switch(self, name: str, iccid: Iccid, fault: Fault) -> bool | Code:
        """Enable, disable or delete."""
        if fault in (Fault.NEVER, Fault.DEAD_BEFORE):
            return False
        former = self.enabled
        if name == "EnableProfile":
            self._on(iccid)
        elif former == iccid:
            if self.fall_back is None:
                return Code.EUICC_REFUSED if fault in (Fault.NONE, Fault.KILLED) else False  # a refusal is lost, too
            self._on(self.fall_back)
        else:
            del self.profiles[iccid]
            return fault is not Fault.DEAD_AFTER
        if fault is Fault.DEAD_AFTER:
            return False
        if former is not None and AUTO in self.profiles[former].rules and former != self.fall_back:
            del self.profiles[former]
        if name == "Delete":
            self.profiles.pop(iccid, None)
        return True

    def _on(self, iccid: Iccid) -> None:
        for each in self.profiles.values():
            if each.state == ENABLED:
                each.state = DISABLED
        self.profiles[iccid].state = ENABLED
