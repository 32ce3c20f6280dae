# SPDX-License-Identifier: Apache-2.0
"""Notifications of SM-SRs, handed on to the operators that they concern (SGP.02 v4.2 5.3.9 ff., 5.4.11 ff.).

Each goes to one operator, once: the owner of the profile, or of the grant. What an SM-SR says about a card that is not
its own, or about a profile of another operator than it says, goes nowhere.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final

from smdp.api.functions import FUNCTIONS
from smdp.desk import Desk
from smdp.profiles.store import StockState, StoredProfile
from smsr.api.functions import Exchange, Function
from smsr.api.grants import NotificationType
from smsr.api.notifications import (
    Notification,
    PlmaNotification,
    Pol2Notification,
    ProfileNotification,
    RelayedPol2Notification,
    RelayedProfileNotification,
)
from smsr.kit.oid import Oid

__all__ = ["Relay"]

_ROWS: Final = {row.name: row for row in FUNCTIONS if row.exchange is Exchange.NOTIFICATION}


class Relay:
    """The SM-DP between an SM-SR and operators."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        """Take a notification of ES3: who is due one on ES2 is told."""
        if sender not in self._desk.sm_srs or not self._desk.inbox.first(_key(function, notification, sender)):
            return
        if isinstance(notification, PlmaNotification):
            self._tell(notification.plma.mno_id, function, notification)
        elif isinstance(notification, RelayedProfileNotification | RelayedPol2Notification):
            self._about_profile(function, notification, sender)

    def _about_profile(
        self, function: Function, notification: RelayedProfileNotification | RelayedPol2Notification, sender: Oid
    ) -> None:
        profile = self._desk.profiles.get(notification.iccid)
        if profile is not None and not _fits(profile, notification, sender):
            return
        deleted = function.name == NotificationType.PROFILE_DELETED
        if profile is not None and deleted and profile.eid == notification.eid:
            self._deleted(profile, notification.completion_timestamp)
        self._tell(notification.mno_id, function, _for_operator(notification))

    def _deleted(self, profile: StoredProfile, at: datetime) -> None:
        """A profile is on no card any more, unless it was downloaded once more meanwhile."""
        newer = profile.since is not None and profile.since.replace(microsecond=0) > at
        if profile.state is not StockState.DOWNLOADED or newer:
            return
        if self._desk.profiles.swap(profile, profile.available()):
            self._desk.forget_keys(profile)

    def _tell(self, receiver: Oid, function: Function, notification: Notification) -> None:
        if receiver in self._desk.operators:
            self._desk.outbox.notify(receiver, _ROWS[function.name], notification)


def _fits(
    profile: StoredProfile, notification: RelayedProfileNotification | RelayedPol2Notification, sender: Oid
) -> bool:
    """Whether its owner is who the stock says, and nobody speaks of a card that another SM-SR manages."""
    elsewhere = profile.eid == notification.eid and profile.smsr_id not in (None, sender)
    return profile.mno_id == notification.mno_id and not elsewhere


def _for_operator(notification: RelayedProfileNotification | RelayedPol2Notification) -> Notification:
    at, eid, iccid = notification.completion_timestamp, notification.eid, notification.iccid
    if isinstance(notification, RelayedPol2Notification):
        return Pol2Notification(completion_timestamp=at, eid=eid, iccid=iccid, pol2=notification.pol2)
    return ProfileNotification(completion_timestamp=at, eid=eid, iccid=iccid)


def _key(function: Function, notification: Notification, sender: Oid) -> str:
    """The same for a notification that is sent again."""
    return sha256(f"{sender} {function.name} {notification!r}".encode()).hexdigest()
