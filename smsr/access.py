# SPDX-License-Identifier: Apache-2.0
"""Who may do what with which profile (SGP.02 v4.2 3.20 and 5.5; the order of the checks: requester, card, profile).

An SM-DP manages the profiles that it downloaded, an operator those that are its own, an M2M SP those for which their
operator granted it the function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from apdu.ids import Eid, Iccid
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo
from smsr.api.functions import Function, Interface
from smsr.api.grants import PlmaOperation
from smsr.api.messages import Call
from smsr.api.status import Code
from smsr.errors import Refused
from smsr.grants import granted
from smsr.kit.oid import Oid
from smsr.store import EisStore, GrantStore
from smsr.views import PartnerRole, view_for

__all__ = ["Access"]

_ROLES: Final = {
    Interface.ES1: PartnerRole.EUM,
    Interface.ES3: PartnerRole.SM_DP,
    Interface.ES4: PartnerRole.MNO,
    Interface.ES4A: PartnerRole.MNO,
}
_GRANTABLE: Final = {
    "GetEIS": PlmaOperation.GET_EIS,
    "AuditEIS": PlmaOperation.AUDIT_EIS,
    "EnableProfile": PlmaOperation.ENABLE_PROFILE,
    "DisableProfile": PlmaOperation.DISABLE_PROFILE,
    "DeleteProfile": PlmaOperation.DELETE_PROFILE,
    "UpdateSubscriptionAddress": PlmaOperation.UPDATE_SUBSCRIPTION_ADDRESS,
    "SetFallBackAttribute": PlmaOperation.SET_FALL_BACK_ATTRIBUTE,
    "SetEmergencyProfileAttribute": PlmaOperation.SET_EMERGENCY_PROFILE_ATTRIBUTE,
}
"""By the name of the function of ES4."""


class Access:
    """The partners of an SM-SR, and what they may do."""

    def __init__(
        self, store: EisStore, grants: GrantStore, partners: Mapping[Oid, PartnerRole], known: Callable[[Eid], Eis]
    ) -> None:
        self._store = store
        self._grants = grants
        self._partners = partners
        self._known = known

    def demand_role(self, function: Function, call: Call) -> PartnerRole:
        """Refuse who is no partner, or none of the kind that this interface is for."""
        role = self._partners.get(call.requester)
        if role is None:
            raise Refused(Code.REQUESTER_UNKNOWN, subject_identifier=call.requester)
        if role is not _ROLES[function.interface]:
            raise Refused(Code.REQUESTER_NOT_ALLOWED, subject_identifier=call.requester)
        return role

    def profile(
        self, function: Function, call: Call, eid: Eid, iccid: Iccid, code: Code = Code.PROFILE_NOT_ALLOWED
    ) -> tuple[Eis, ProfileInfo]:
        """A profile that the requester may manage, and its card; Refused with `code` when it may not."""
        eis = self._known(eid)
        profile = eis.find(iccid)
        if profile is None:
            raise Refused(self._missing(function, call, iccid), subject_identifier=iccid)
        if not self._manages(function, call, profile):
            raise Refused(code, subject_identifier=iccid)
        return eis, profile

    def card(self, function: Function, call: Call, eid: Eid) -> Eis:
        """A card's EIS, whole; refused to an operator that has no business with the card."""
        eis = self._known(eid)
        self._check(call, eis, self._own(function, call, eis))
        return eis

    def shown(self, function: Function, call: Call, eid: Eid) -> Eis:
        """What the requester may see of a card's EIS; refused to an operator that has no business with the card."""
        role = self._partners[call.requester]
        eis = self._store.without_keys(eid) if role is PartnerRole.MNO else self._store.get(eid)
        if eis is None:
            raise Refused(Code.EID_UNKNOWN, subject_identifier=eid)
        own = self._own(function, call, eis)
        self._check(call, eis, own)
        return view_for(eis, own, role)

    def view(self, function: Function, call: Call, eis: Eis) -> Eis:
        """What the requester may see of an EIS that it has business with."""
        return view_for(eis, self._own(function, call, eis), self._partners[call.requester])

    def _check(self, call: Call, eis: Eis, own: tuple[Iccid, ...]) -> None:
        if self._partners[call.requester] is PartnerRole.MNO and not own:
            raise Refused(Code.EIS_NOT_ALLOWED, subject_identifier=eis.eid)

    def _own(self, function: Function, call: Call, eis: Eis) -> tuple[Iccid, ...]:
        return tuple(each.iccid for each in eis.profiles if self._manages(function, call, each))

    def _manages(self, function: Function, call: Call, profile: ProfileInfo) -> bool:
        if function.interface is Interface.ES3:
            return call.requester == profile.smdp_id
        if call.requester == profile.mno_id:
            return True
        operation = _GRANTABLE.get(function.name)
        return operation is not None and granted(self._grants, profile, call.requester, operation)

    def _missing(self, function: Function, call: Call, iccid: Iccid) -> Code:
        """Only who may manage a profile learns that it is on another card."""
        owner = self._store.owner_of(iccid)
        elsewhere = self._store.get(owner) if owner is not None else None
        profile = elsewhere.find(iccid) if elsewhere is not None else None
        if profile is not None and self._manages(function, call, profile):
            return Code.OTHER_EUICC
        return Code.ICCID_UNKNOWN
