# SPDX-License-Identifier: Apache-2.0
"""What an SM-SR tells without being asked (SGP.02 v4.2 5.4.11 and following, 5.5.9 and following).

To an operator a notification says which profile on which card, and when; to an SM-DP also for which operator, who is
then told on ES2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apdu.ids import Eid, Iccid
from smsr.api.eis_parts import Pol2Rule
from smsr.api.grants import Plma
from smsr.kit.oid import Oid

__all__ = [
    "Notification",
    "PlmaNotification",
    "Pol2Notification",
    "ProfileNotification",
    "RelayedPol2Notification",
    "RelayedProfileNotification",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What every notification has."""

    completion_timestamp: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileNotification(Notification):
    """Something was done to a profile; what, the function's name says."""

    eid: Eid
    iccid: Iccid


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedProfileNotification(ProfileNotification):
    """The same to an SM-DP."""

    mno_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Pol2Notification(ProfileNotification):
    """A profile has other rules now."""

    pol2: tuple[Pol2Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedPol2Notification(Pol2Notification):
    """The same to an SM-DP."""

    mno_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class PlmaNotification(Notification):
    """A grant was set."""

    plma: Plma
