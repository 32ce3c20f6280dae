# SPDX-License-Identifier: Apache-2.0
"""What operators grant to M2M SPs (PLMA) and do not want to hear (ONC): who may do and hear what by it.

SGP.02 v4.2 3.20, 3.21: a grant is for one M2M SP and the operator's profiles of one type; a new one takes the place of
an older one for the same three.
"""

from __future__ import annotations

from smsr.api.eis_parts import ProfileInfo
from smsr.api.grants import NotificationType, PlmaOperation
from smsr.kit.oid import Oid
from smsr.store import GrantStore

__all__ = ["granted", "listeners", "muted"]


def granted(grants: GrantStore, profile: ProfileInfo, requester: Oid, operation: PlmaOperation) -> bool:
    """Whether the profile's operator lets the requester do this with it."""
    found = grants.plma(mno_id=profile.mno_id, m2m_sp_id=requester, profile_type=profile.profile_type)
    return any(each.profile_type == profile.profile_type and operation in each.operations for each in found)


def listeners(grants: GrantStore, profile: ProfileInfo, notification: NotificationType) -> list[Oid]:
    """The M2M SPs that the profile's operator lets hear of this."""
    found = grants.plma(mno_id=profile.mno_id, profile_type=profile.profile_type)
    wanted = (each for each in found if each.profile_type == profile.profile_type)
    return [each.m2m_sp_id for each in wanted if notification in each.notifications]


def muted(grants: GrantStore, profile: ProfileInfo, notification: NotificationType) -> bool:
    """Whether the profile's operator does not want to hear of this itself; without a configuration it hears all."""
    found = grants.onc(profile.mno_id, profile.profile_type)
    return any(each.profile_type == profile.profile_type and notification in each.discarded for each in found)
