# SPDX-License-Identifier: Apache-2.0
"""The functions of an SM-DP, each a procedure that yields calls of ES3 (SGP.02 v4.2 5.3).

A function that fails answers with a status and never raises. All but DownloadProfile are one call to the SM-SR, which
is repeated as the same call when it was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from apdu.errors import M2mError
from apdu.ids import Eid, Iccid
from smdp.api import messages as es2
from smdp.desk import Desk
from smdp.downloads import Downloads
from smdp.errors import Refused, status_of
from smdp.views import view_for_operator
from smsr.api import messages as es3
from smsr.api.functions import Function
from smsr.api.messages import Call, CardResponse, EisResponse, Request, Response
from smsr.api.status import Code
from smsr.kit.oid import Oid
from smsr.serving.procedure import Interrupted, Procedure

__all__ = ["Handlers"]

R = TypeVar("R", bound=Response)


class Handlers:
    """What an SM-DP does (Functions)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._downloads = Downloads(desk)
        self._procedures: dict[str, Callable[[Any, Interrupted | None], Procedure[Response]]] = {
            "GetEIS": self._get_eis,
            "DownloadProfile": self._downloads.run,
            "UpdatePolicyRules": self._update_policy_rules,
            "UpdateSubscriptionAddress": self._update_subscription_address,
            "EnableProfile": self._platform("EnableProfile"),
            "DisableProfile": self._platform("DisableProfile"),
            "DeleteProfile": self._delete,
            "AuditEIS": self._audit,
            "SetFallBackAttribute": self._platform("SetFallBackAttribute"),
            "SetEmergencyProfileAttribute": self._platform("SetEmergencyProfileAttribute"),
            "SetPLMA": self._set_plma,
            "GetPLMA": self._get_plma,
            "SetONC": self._set_onc,
            "GetONC": self._get_onc,
        }

    def run(self, function: Function, request: Request, interrupted: Interrupted | None = None) -> Procedure[Response]:
        """The procedure of one call. It ends with a response, whatever happens."""
        assert function.response is not None, f"{function} is a notification"
        try:
            self._desk.demand_operator(request.call)
            response = yield from self._procedures[function.name](request, interrupted)
            response.check(str(function))
        except M2mError as error:
            return function.response(status=status_of(error))
        return response

    # --- EIS

    def _get_eis(self, request: es2.GetEisRequest, interrupted: Interrupted | None) -> Procedure[Response]:
        relayed = es3.GetEisRequest(call=request.call, eid=request.eid)
        response = yield from self._relayed("GetEIS", request, relayed, EisResponse, interrupted)
        return _own_view(response, request.eid, request.call.requester)

    def _audit(self, request: es2.AuditEisRequest, interrupted: Interrupted | None) -> Procedure[Response]:
        for iccid in request.iccids:
            self._desk.on_card(request.call, request.eid, iccid)
        relayed = es3.AuditEisRequest(call=request.call, eid=request.eid, iccids=request.iccids)
        response = yield from self._relayed("AuditEIS", request, relayed, EisResponse, interrupted)
        return _own_view(response, request.eid, request.call.requester)

    # --- one profile

    def _platform(self, name: str) -> Callable[[es2.ProfileRequest, Interrupted | None], Procedure[Response]]:
        """A function that is the same on ES3."""

        def relay(request: es2.ProfileRequest, interrupted: Interrupted | None) -> Procedure[Response]:
            self._desk.on_card(request.call, request.eid, request.iccid)
            relayed = _profile(request.call, request.eid, request.iccid)
            return _bare((yield from self._relayed(name, request, relayed, CardResponse, interrupted)))

        return relay

    def _delete(self, request: es2.ProfileRequest, interrupted: Interrupted | None) -> Procedure[Response]:
        profile = self._desk.on_card(request.call, request.eid, request.iccid)
        relayed = _profile(request.call, request.eid, request.iccid)
        response = yield from self._relayed("DeleteISDP", request, relayed, CardResponse, interrupted)
        gone = response.status.is_success or response.status.code == Code.ICCID_UNKNOWN.pair
        if gone and self._desk.profiles.swap(profile, profile.available()):
            self._desk.forget_keys(profile)
        return _bare(response)

    def _update_policy_rules(
        self, request: es2.UpdatePolicyRulesRequest, interrupted: Interrupted | None
    ) -> Procedure[Response]:
        self._desk.on_card(request.call, request.eid, request.iccid)
        relayed = es3.UpdatePolicyRulesRequest(
            call=request.call, eid=request.eid, iccid=request.iccid, pol2=request.pol2
        )
        return (yield from self._relayed("UpdatePolicyRules", request, relayed, Response, interrupted))

    def _update_subscription_address(
        self, request: es2.UpdateSubscriptionAddressRequest, interrupted: Interrupted | None
    ) -> Procedure[Response]:
        self._desk.on_card(request.call, request.eid, request.iccid)
        relayed = es3.UpdateSubscriptionAddressRequest(
            call=request.call,
            eid=request.eid,
            iccid=request.iccid,
            new_subscription_address=request.new_subscription_address,
        )
        return (yield from self._relayed("UpdateSubscriptionAddress", request, relayed, Response, interrupted))

    # --- what operators grant

    def _set_plma(self, request: es2.SetPlmaRequest, interrupted: Interrupted | None) -> Procedure[Response]:
        _demand_own(request.call, request.plma.mno_id)
        relayed = es3.SetPlmaRequest(call=request.call, plma=request.plma)
        return (yield from self._relayed("SetPLMA", request, relayed, Response, interrupted))

    def _get_plma(self, request: es2.GetPlmaRequest, interrupted: Interrupted | None) -> Procedure[Response]:
        relayed = es3.RelayedGetPlmaRequest(
            call=request.call,
            mno_id=request.call.requester,
            m2m_sp_id=request.m2m_sp_id,
            profile_type=request.profile_type,
        )
        response = yield from self._relayed("GetPLMA", request, relayed, es3.GetPlmaResponse, interrupted)
        return replace(response, plma=tuple(each for each in response.plma if each.mno_id == request.call.requester))

    def _set_onc(self, request: es2.SetOncRequest, interrupted: Interrupted | None) -> Procedure[Response]:
        _demand_own(request.call, request.onc.mno_id)
        relayed = es3.SetOncRequest(call=request.call, onc=request.onc)
        return (yield from self._relayed("SetONC", request, relayed, Response, interrupted))

    def _get_onc(self, request: es2.GetOncRequest, interrupted: Interrupted | None) -> Procedure[Response]:
        relayed = es3.RelayedGetOncRequest(
            call=request.call, profile_type=request.profile_type, mno_id=request.call.requester
        )
        response = yield from self._relayed("GetONC", request, relayed, es3.GetOncResponse, interrupted)
        return replace(response, onc=tuple(each for each in response.onc if each.mno_id == request.call.requester))

    # --- what functions have in common

    def _relayed(
        self, name: str, request: Any, relayed: Request, kind: type[R], interrupted: Interrupted | None
    ) -> Procedure[R]:
        """The same function on ES3, in the name of this SM-DP, with the operator's period of validity."""
        calls = self._desk.calls(request.call, request.smsr_id, interrupted)
        head = calls.head("relay", request.call.validity_period)
        return (yield from calls.ask(name, replace(relayed, call=head), kind))


def _profile(call: Call, eid: Eid, iccid: Iccid) -> es3.ProfileRequest:
    return es3.ProfileRequest(call=call, eid=eid, iccid=iccid)


def _bare(response: CardResponse) -> Response:
    """What operators get of it: the card's own words are for the SM-DP."""
    return Response(
        status=response.status, processing_start=response.processing_start, processing_end=response.processing_end
    )  # fmt: skip


def _own_view(response: EisResponse, eid: Eid, mno_id: Oid) -> EisResponse:
    if not response.status.is_success:
        return response
    if response.eis is None or response.eis.eid != eid:
        raise Refused(Code.SM_SR_FAILED, "it answered with another EIS", eid)
    return replace(response, eis=view_for_operator(response.eis, mno_id))


def _demand_own(call: Call, mno_id: Oid) -> None:
    if mno_id != call.requester:
        raise Refused(Code.REQUESTER_NOT_ALLOWED, "it is another operator's", mno_id)
