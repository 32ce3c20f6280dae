# SPDX-License-Identifier: Apache-2.0
"""Which notifications a change of a profile causes, and for whom (SGP.02 v4.2 3.20-3.21, 5.4.11 ff., 5.5.9 ff.).

The operator of a profile hears what was done to it, unless it asked for it itself or its SM-DP did, which answers it;
unless it configured not to (ONC). M2M SPs hear what the operator granted. An operator that has no access here is told
through the SM-DP of the profile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from apdu.ids import Eid, Iccid
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo, ProfileState
from smsr.api.functions import FUNCTIONS, Exchange, Interface
from smsr.api.grants import NotificationType, Plma
from smsr.api.messages import Call
from smsr.api.notifications import (
    PlmaNotification,
    Pol2Notification,
    ProfileNotification,
    RelayedPol2Notification,
    RelayedProfileNotification,
)
from smsr.grants import listeners, muted
from smsr.kit.oid import Oid
from smsr.serving.outbox import Outbox
from smsr.store import GrantStore
from smsr.views import PartnerRole

__all__ = ["Notices"]

_ROWS: Final = {(each.interface, each.name): each for each in FUNCTIONS if each.exchange is Exchange.NOTIFICATION}
_SWITCHED: Final = {
    ProfileState.ENABLED: NotificationType.PROFILE_ENABLED,
    ProfileState.DISABLED: NotificationType.PROFILE_DISABLED,
}


class Notices:
    """What this SM-SR tells."""

    def __init__(
        self, outbox: Outbox, grants: GrantStore, partners: Mapping[Oid, PartnerRole], clock: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._grants = grants
        self._partners = partners
        self._clock = clock

    def changed(self, kind: NotificationType, eid: Eid, profile: ProfileInfo, asked_by: frozenset[Oid]) -> None:
        """Something was done to a profile; `asked_by`: those who know already."""
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
            if listener not in asked_by:
                self._outbox.notify(listener, _ROWS[Interface.ES4, kind], direct)
        if profile.mno_id in asked_by or muted(self._grants, profile, kind):
            return
        if self._partners.get(profile.mno_id) is PartnerRole.MNO:
            self._outbox.notify(profile.mno_id, _ROWS[Interface.ES4, kind], direct)
        elif profile.smdp_id is not None:
            self._outbox.notify(profile.smdp_id, _ROWS[Interface.ES3, kind], relayed)

    def compare(self, before: Eis, after: Eis, call: Call, target: Iccid | None) -> None:
        """Tell what a call did to a card's profiles. Its answer tells the requester, and an SM-DP the operator."""
        for old in before.profiles:
            new = after.find(old.iccid)
            if new is None and old.state in (ProfileState.DISABLED, ProfileState.ENABLED):
                kind = NotificationType.PROFILE_DELETED
            elif new is not None and new.state is not old.state and new.state in _SWITCHED:
                kind = _SWITCHED[new.state]
            else:
                continue
            through_smdp = old.iccid == target and call.requester == old.smdp_id
            asked_by = frozenset((call.requester, old.mno_id) if through_smdp else (call.requester,))
            self.changed(kind, before.eid, new or old, asked_by)

    def granted(self, plma: Plma) -> None:
        """A grant was set: its M2M SP hears of it."""
        message = PlmaNotification(completion_timestamp=datetime.fromtimestamp(self._clock(), UTC), plma=plma)
        self._outbox.notify(plma.m2m_sp_id, _ROWS[Interface.ES4, NotificationType.PLMA_SETTING], message)
