# SPDX-License-Identifier: Apache-2.0
"""Functions that need no card: they read and write what the SM-SR keeps (SGP.02 v4.2 5.2, 5.4, 5.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from apdu.ids import Eid, Iccid
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo, ProfileState
from smsr.api.functions import Function, Interface
from smsr.api.grants import NotificationType, Onc, Plma
from smsr.api.messages import (
    Call,
    EisResponse,
    GetEisRequest,
    GetOncRequest,
    GetOncResponse,
    GetPlmaRequest,
    GetPlmaResponse,
    ProfileDownloadCompletedRequest,
    RegisterEisRequest,
    RelayedGetOncRequest,
    RelayedGetPlmaRequest,
    Response,
    SetOncRequest,
    SetPlmaRequest,
    UpdateEisAdditionalPropertiesRequest,
    UpdatePolicyRulesRequest,
    UpdateSubscriptionAddressRequest,
)
from smsr.api.status import SUCCESS, Code
from smsr.context import Context
from smsr.errors import Refused
from smsr.grants import in_force
from smsr.kit.oid import Oid
from smsr.policy import check_rules
from smsr.registration import check_eis, unwrapped
from smsr.store import Setting
from smsr.upkeep import with_profile

__all__ = ["Records"]

S = TypeVar("S", Plma, Onc)

_OWNED = (ProfileState.DISABLED, ProfileState.ENABLED)
"""States of a profile whose rules and address can be changed."""


class Records:
    """The functions without a card."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stores = context.stores

    # --- ES1

    def register_eis(self, function: Function, request: RegisterEisRequest) -> Response:
        """ES1.RegisterEIS: take a card on."""
        identity, requester = self._context.identity, request.call.requester
        eis = unwrapped(request.eis, identity.transport_keys.get(requester))
        check_eis(eis, requester, identity.verify_eum, self._context.clock())
        if any(self._stores.eis.owner_of(profile.iccid) is not None for profile in eis.profiles):
            raise Refused(Code.ICCID_IN_USE)
        if not self._stores.eis.add(replace(eis, smsr_id=identity.oid, last_audit=None, audit_trail=())):
            raise Refused(Code.EID_IN_USE, subject_identifier=eis.eid)
        return Response(status=SUCCESS)

    def update_properties(self, function: Function, request: UpdateEisAdditionalPropertiesRequest) -> Response:
        """ES1.UpdateEISAdditionalProperties: those named take the place of those of the same key (U)."""
        eis = self._context.cards.known(request.eid)
        if eis.info.eum_id != request.call.requester:
            raise Refused(Code.EIS_NOT_ALLOWED, subject_identifier=request.eid)
        keys = [each.key for each in request.additional_properties]
        if len(set(keys)) != len(keys):
            raise Refused(Code.EIS_INVALID, "a property stands twice", request.eid)
        kept = tuple(each for each in eis.additional_properties if each.key not in keys)
        with self._stores.procedures.step(eis.eid, request.call.requester):
            self._stores.eis.put(replace(eis, additional_properties=(*kept, *request.additional_properties)))
        return Response(status=SUCCESS)

    # --- ES3 and ES4

    def get_eis(self, function: Function, request: GetEisRequest) -> EisResponse:
        """GetEIS: the EIS as the requester may see it."""
        return EisResponse(status=SUCCESS, eis=self._context.access.shown(function, request.call, request.eid))

    def completed(self, function: Function, request: ProfileDownloadCompletedRequest) -> Response:
        """ES3.ProfileDownloadCompleted: the profile is there, disabled."""
        eis, profile = self._context.access.profile(function, request.call, request.eid, request.iccid)
        check_rules(request.pol2)
        with self._stores.procedures.step(eis.eid, request.call.requester, profile.iccid):
            if profile.state is not ProfileState.CREATED:
                raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
            completed = replace(
                profile,
                state=ProfileState.DISABLED,
                profile_type=request.profile_type,
                subscription=request.subscription,
                pol2=request.pol2,
            )
            self._stores.eis.put(with_profile(eis, completed))
        self._tell(NotificationType.PROFILE_DOWNLOADED, eis.eid, completed, request.call)
        return Response(status=SUCCESS)

    def update_policy_rules(self, function: Function, request: UpdatePolicyRulesRequest) -> Response:
        """UpdatePolicyRules: the profile's own operator or SM-DP says which rules hold from now on."""
        eis, profile = self._own(function, request.call, request.eid, request.iccid)
        check_rules(request.pol2)
        changed = replace(profile, pol2=request.pol2)
        self._change(eis, changed, request.call)
        self._tell(NotificationType.POL2_UPDATED, eis.eid, changed, request.call)
        return Response(status=SUCCESS)

    def update_subscription_address(self, function: Function, request: UpdateSubscriptionAddressRequest) -> Response:
        """UpdateSubscriptionAddress: where the card is reached while this profile is enabled."""
        code = Code.ADDRESS_NOT_ALLOWED if function.interface is Interface.ES4 else Code.PROFILE_NOT_ALLOWED
        eis, profile = self._own(function, request.call, request.eid, request.iccid, code)
        self._change(eis, replace(profile, subscription=request.new_subscription_address), request.call)
        return Response(status=SUCCESS)

    def _own(
        self, function: Function, call: Call, eid: Eid, iccid: Iccid, code: Code = Code.PROFILE_NOT_ALLOWED
    ) -> tuple[Eis, ProfileInfo]:
        eis, profile = self._context.access.profile(function, call, eid, iccid, code)
        if profile.state not in _OWNED:
            raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
        return eis, profile

    def _change(self, eis: Eis, profile: ProfileInfo, call: Call) -> None:
        with self._stores.procedures.step(eis.eid, call.requester, profile.iccid):
            self._stores.eis.put(with_profile(eis, profile))

    def _tell(self, kind: NotificationType, eid: Eid, profile: ProfileInfo, call: Call) -> None:
        """The requester knows, and an SM-DP's answer tells its operator."""
        through_smdp = call.requester == profile.smdp_id
        asked_by = frozenset((call.requester, profile.mno_id) if through_smdp else (call.requester,))
        self._context.notices.changed(kind, eid, profile, asked_by)

    # --- ES3, ES4 and ES4A: what operators grant

    def set_plma(self, function: Function, request: SetPlmaRequest) -> Response:
        """SetPLMA: an operator's own grant; an SM-DP hands on those of its operators, for profiles of its own."""
        smdp_id = _through(function, request.call, request.plma.mno_id)
        self._stores.grants.set_plma(request.plma, smdp_id)
        self._context.notices.granted(request.plma)
        return Response(status=SUCCESS)

    def get_plma(self, function: Function, request: GetPlmaRequest) -> GetPlmaResponse:
        """GetPLMA: an operator's own grants, on ES4 also those that were given to the requester."""
        asking = request.mno_id if isinstance(request, RelayedGetPlmaRequest) else request.call.requester
        kept = self._stores.grants.plma(m2m_sp_id=request.m2m_sp_id, profile_type=request.profile_type)
        found = _shown(function, request.call, kept)
        own = tuple(each for each in found if asking in (each.mno_id, each.m2m_sp_id))
        return GetPlmaResponse(status=SUCCESS, plma=own)

    def set_onc(self, function: Function, request: SetOncRequest) -> Response:
        """SetONC: which notifications an operator does not want; by way of an SM-DP, about profiles of that SM-DP."""
        smdp_id = _through(function, request.call, request.onc.mno_id)
        self._stores.grants.set_onc(request.onc, smdp_id)
        return Response(status=SUCCESS)

    def get_onc(self, function: Function, request: GetOncRequest) -> GetOncResponse:
        """GetONC: an operator's configurations."""
        mno_id = request.mno_id if isinstance(request, RelayedGetOncRequest) else request.call.requester
        found = _shown(function, request.call, self._stores.grants.onc(mno_id, request.profile_type))
        return GetOncResponse(status=SUCCESS, onc=found)


def _through(function: Function, call: Call, mno_id: Oid) -> Oid | None:
    """The SM-DP that sets something in an operator's name; None where it is the operator itself."""
    if function.interface is Interface.ES3:
        return call.requester
    if mno_id != call.requester:
        raise Refused(Code.REQUESTER_NOT_ALLOWED, "it is another operator's", mno_id)
    return None


def _shown(function: Function, call: Call, kept: tuple[Setting[S], ...]) -> tuple[S, ...]:
    """An SM-DP sees what counts for its profiles, others whatever was set."""
    if function.interface is Interface.ES3:
        return in_force(kept, call.requester)
    return tuple(dict.fromkeys(each.value for each in kept))
