# SPDX-License-Identifier: Apache-2.0
"""Which notifications a change of a profile causes, and for whom (SGP.02 v4.2 3.20-3.21, 5.4.11 ff., 5.5.9 ff.).

The operator of a profile hears what was done to it, unless it asked for it itself or its SM-DP did, which answers it;
unless it configured not to (ONC). M2M SPs hear what the operator granted. An operator that has no access here is told
through the SM-DP of the profile. A function that fails half-way tells all of them: its answer does not say what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from apdu.ids import Eid
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo, ProfileState
from smsr.api.functions import FUNCTIONS, Exchange, Interface
from smsr.api.grants import NotificationType, Plma
from smsr.api.messages import ProfileRequest
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
            if listener not in asked_by and listener != profile.mno_id and self._is(listener, PartnerRole.MNO):
                self._outbox.notify(listener, _ROWS[Interface.ES4, kind], direct)
        if profile.mno_id in asked_by or muted(self._grants, profile, kind):
            return
        if self._is(profile.mno_id, PartnerRole.MNO):
            self._outbox.notify(profile.mno_id, _ROWS[Interface.ES4, kind], direct)
        elif profile.smdp_id is not None and self._is(profile.smdp_id, PartnerRole.SM_DP):
            self._outbox.notify(profile.smdp_id, _ROWS[Interface.ES3, kind], relayed)

    def compare(self, before: Eis, after: Eis, answered: ProfileRequest | None) -> None:
        """Tell what a function did to a card's profiles. Its answer tells the requester, and an SM-DP the operator.

        None: the answer is that the function failed, and whoever it concerns has to be told what it did all the same.
        """
        for old in before.profiles:
            new = after.find(old.iccid)
            if new is None and old.state in (ProfileState.DISABLED, ProfileState.ENABLED):
                kind = NotificationType.PROFILE_DELETED
            elif new is not None and new.state is not old.state and new.state in _SWITCHED:
                kind = _SWITCHED[new.state]
            else:
                continue
            self.changed(kind, before.eid, new or old, _who_knows(old, answered))

    def granted(self, plma: Plma) -> None:
        """A grant was set: its M2M SP hears of it."""
        message = PlmaNotification(completion_timestamp=datetime.fromtimestamp(self._clock(), UTC), plma=plma)
        if self._is(plma.m2m_sp_id, PartnerRole.MNO):
            self._outbox.notify(plma.m2m_sp_id, _ROWS[Interface.ES4, NotificationType.PLMA_SETTING], message)

    def _is(self, party: Oid, role: PartnerRole) -> bool:
        """Who is no partner here, or not any more, cannot be reached."""
        return self._partners.get(party) is role


def _who_knows(profile: ProfileInfo, answered: ProfileRequest | None) -> frozenset[Oid]:
    """Those to whom the function's answer tells it."""
    if answered is None:
        return frozenset()
    requester = answered.call.requester
    through_smdp = answered.iccid == profile.iccid and requester == profile.smdp_id
    return frozenset((requester, profile.mno_id) if through_smdp else (requester,))
