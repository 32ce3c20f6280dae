# SPDX-License-Identifier: Apache-2.0
"""What operators grant to M2M SPs (PLMA) and do not want to hear (ONC): who may do and hear what by it.

SGP.02 v4.2 3.20, 3.21: a grant is for one M2M SP and the operator's profiles of one type; a new one takes the place of
an older one for the same three. What an SM-DP sets in an operator's name holds for the profiles that are that SM-DP's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from smsr.api.eis_parts import ProfileInfo
from smsr.api.grants import NotificationType, Onc, Plma, PlmaOperation
from smsr.kit.oid import Oid
from smsr.store import GrantStore, Setting

__all__ = ["granted", "in_force", "listeners", "muted"]

S = TypeVar("S", Plma, Onc)


def in_force(settings: Iterable[Setting[S]], smdp_id: Oid | None) -> tuple[S, ...]:
    """Those that count for profiles of an SM-DP: its own, else the operator's; those of another SM-DP never do.

    (U) Which profiles ES3.SetPLMA and ES3.SetONC reach is not said; an SM-DP's own are all that it may manage on ES3.
    One that the operator has set later has taken the SM-DP's place, so what the SM-DP has is the newer of both.
    """
    found: dict[tuple[str, ...], S] = {}
    for each in settings:
        if each.smdp_id is None:
            found.setdefault(each.value.subject, each.value)
        elif each.smdp_id == smdp_id:
            found[each.value.subject] = each.value
    return tuple(found.values())


def granted(grants: GrantStore, profile: ProfileInfo, requester: Oid, operation: PlmaOperation) -> bool:
    """Whether the profile's operator lets the requester do this with it."""
    kept = grants.plma(mno_id=profile.mno_id, m2m_sp_id=requester, profile_type=profile.profile_type)
    found = in_force(kept, profile.smdp_id)
    return any(each.profile_type == profile.profile_type and operation in each.operations for each in found)


def listeners(grants: GrantStore, profile: ProfileInfo, notification: NotificationType) -> list[Oid]:
    """The M2M SPs that the profile's operator lets hear of this."""
    found = in_force(grants.plma(mno_id=profile.mno_id, profile_type=profile.profile_type), profile.smdp_id)
    wanted = (each for each in found if each.profile_type == profile.profile_type)
    return [each.m2m_sp_id for each in wanted if notification in each.notifications]


def muted(grants: GrantStore, profile: ProfileInfo, notification: NotificationType) -> bool:
    """Whether the profile's operator does not want to hear of this itself; without a configuration it hears all."""
    found = in_force(grants.onc(profile.mno_id, profile.profile_type), profile.smdp_id)
    return any(each.profile_type == profile.profile_type and notification in each.discarded for each in found)
