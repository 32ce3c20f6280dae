# SPDX-License-Identifier: Apache-2.0
"""Where an SM-SR keeps what operators grant to M2M SPs (PLMA) and do not want to hear (ONC), and who may do what by it.

SGP.02 v4.2 3.20, 3.21: a grant is for one M2M SP and the operator's profiles of one type; a new one takes the place of
an older one for the same three.
"""

from __future__ import annotations

from typing import Protocol

from smsr.api.eis_parts import ProfileInfo
from smsr.api.grants import NotificationType, Onc, Plma, PlmaOperation
from smsr.kit.oid import Oid

__all__ = ["GrantStore", "MemoryGrantStore", "granted", "listeners", "muted"]


class GrantStore(Protocol):
    """PLMA by operator, M2M SP and profile type; ONC by operator and profile type."""

    def put_plma(self, plma: Plma) -> None:
        """Keep a grant; one without operations and notifications takes all back."""
        ...

    def plma(self, *, mno_id: Oid | None = None, m2m_sp_id: Oid | None = None, profile_type: str = "") -> list[Plma]:
        """The grants that fit, in a fixed order; what is not named is any."""
        ...

    def put_onc(self, onc: Onc) -> None:
        """Keep a configuration."""
        ...

    def onc(self, mno_id: Oid, profile_type: str = "") -> list[Onc]:
        """An operator's configurations; no profile type: any."""
        ...


class MemoryGrantStore:
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._plma: dict[tuple[Oid, Oid, str], Plma] = {}
        self._onc: dict[tuple[Oid, str], Onc] = {}

    def put_plma(self, plma: Plma) -> None:
        """Keep a grant; one without operations and notifications takes all back."""
        key = plma.mno_id, plma.m2m_sp_id, plma.profile_type
        if plma.operations or plma.notifications:
            self._plma[key] = plma
        else:
            self._plma.pop(key, None)

    def plma(self, *, mno_id: Oid | None = None, m2m_sp_id: Oid | None = None, profile_type: str = "") -> list[Plma]:
        """The grants that fit, in a fixed order; what is not named is any."""
        wanted = mno_id, m2m_sp_id, profile_type
        return [
            self._plma[key]
            for key in sorted(self._plma)
            if all(not want or want == have for want, have in zip(wanted, key, strict=True))
        ]

    def put_onc(self, onc: Onc) -> None:
        """Keep a configuration."""
        self._onc[onc.mno_id, onc.profile_type] = onc

    def onc(self, mno_id: Oid, profile_type: str = "") -> list[Onc]:
        """An operator's configurations; no profile type: any."""
        return [self._onc[key] for key in sorted(self._onc) if key[0] == mno_id and profile_type in ("", key[1])]


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
