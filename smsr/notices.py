# SPDX-License-Identifier: Apache-2.0
"""Which notifications a change of a profile causes, and for whom (SGP.02 v4.2 3.20-3.21, 5.4.11 ff., 5.5.9 ff.).

The operator of a profile hears what was done to it, unless it asked for it itself or its SM-DP did, which answers it;
unless it configured not to (ONC). M2M SPs hear what the operator granted. An operator that has no access here is told
through the SM-DP of the profile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from apdu.ids import Eid
from smsr.api.eis_parts import ProfileInfo
from smsr.api.functions import FUNCTIONS, Exchange, Function, Interface
from smsr.api.grants import NotificationType, Plma
from smsr.api.notifications import (
    Notification,
    PlmaNotification,
    Pol2Notification,
    ProfileNotification,
    RelayedPol2Notification,
    RelayedProfileNotification,
)
from smsr.grants import GrantStore, listeners, muted
from smsr.kit.oid import Oid
from smsr.views import PartnerRole

__all__ = ["MemoryOutbox", "Notices", "Outbox"]

_ROWS: Final = {(each.interface, each.name): each for each in FUNCTIONS if each.exchange is Exchange.NOTIFICATION}


class Outbox(Protocol):
    """Notifications on their way; what was told is kept with whatever else the call changed."""

    def tell(self, receiver: Oid, function: Function, message: Notification) -> None:
        """Send this, once, sooner or later."""
        ...


class MemoryOutbox:
    """Keeps them in memory, for whoever looks."""

    def __init__(self) -> None:
        self.sent: list[tuple[Oid, Function, Notification]] = []

    def tell(self, receiver: Oid, function: Function, message: Notification) -> None:
        """Send this."""
        self.sent.append((receiver, function, message))


class Notices:
    """What this SM-SR tells."""

    def __init__(
        self, outbox: Outbox, grants: GrantStore, partners: Mapping[Oid, PartnerRole], clock: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._grants = grants
        self._partners = partners
        self._clock = clock

    def changed(self, kind: NotificationType, eid: Eid, profile: ProfileInfo, requester: Oid) -> None:
        """Something was done to a profile."""
        at = datetime.fromtimestamp(self._clock(), UTC)
        if kind is NotificationType.POL2_UPDATED:
            direct: ProfileNotification = Pol2Notification(
                completion_timestamp=at, eid=eid, iccid=profile.iccid, pol2=profile.pol2
            )
            relayed: ProfileNotification = RelayedPol2Notification(
                completion_timestamp=at, eid=eid, iccid=profile.iccid, pol2=profile.pol2, mno_id=profile.mno_id
            )
        else:
            direct = ProfileNotification(completion_timestamp=at, eid=eid, iccid=profile.iccid)
            relayed = RelayedProfileNotification(
                completion_timestamp=at, eid=eid, iccid=profile.iccid, mno_id=profile.mno_id
            )
        for listener in listeners(self._grants, profile, kind):
            if listener != requester:
                self._outbox.tell(listener, _ROWS[Interface.ES4, kind], direct)
        if requester in (profile.mno_id, profile.smdp_id) or muted(self._grants, profile, kind):
            return
        if self._partners.get(profile.mno_id) is PartnerRole.MNO:
            self._outbox.tell(profile.mno_id, _ROWS[Interface.ES4, kind], direct)
        elif profile.smdp_id is not None:
            self._outbox.tell(profile.smdp_id, _ROWS[Interface.ES3, kind], relayed)

    def granted(self, plma: Plma) -> None:
        """A grant was set: its M2M SP hears of it."""
        message = PlmaNotification(completion_timestamp=datetime.fromtimestamp(self._clock(), UTC), plma=plma)
        self._outbox.tell(plma.m2m_sp_id, _ROWS[Interface.ES4, NotificationType.PLMA_SETTING], message)
