# SPDX-License-Identifier: Apache-2.0
"""Profiles enabled, disabled, deleted and audited on their cards (SGP.02 v4.2 3.2 to 3.4, 5.4, 5.5).

One that was interrupted has passed its preconditions before; now the card is asked how far it came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from apdu.errors import M2mError
from apdu.ids import Eid, Iccid
from smsr.api.eis import Eis
from smsr.api.eis_parts import Operation, Pol2Action, ProfileInfo, ProfileState
from smsr.api.functions import Function, Interface
from smsr.api.messages import AuditEisRequest, CardResponse, EisResponse, ProfileRequest
from smsr.api.status import SUCCESS, Code, ExecutionStatus
from smsr.cardsteps import CardProcedure, noted
from smsr.context import Context
from smsr.errors import Refused
from smsr.ota.task import OutcomeUnknown
from smsr.policy import demand
from smsr.serving.procedure import Interrupted

__all__ = ["Platform"]

_FORMER = "former"
"""Note: which profile was enabled before."""


class Platform:
    """The functions that change which profile is enabled, and what there is."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cards = context.cards

    def enable(
        self, function: Function, request: ProfileRequest, interrupted: Interrupted | None
    ) -> CardProcedure[CardResponse]:
        """EnableProfile: the enabled one is disabled."""
        eis, profile = self._profile(function, request)
        if interrupted is None:
            _demand_enabling(profile, eis.enabled)
        former = _enabled_before(eis, interrupted)
        work = self._cards.enable(eis.eid, profile, former, interrupted=interrupted is not None)
        return (yield from self._carry_out(Operation.ENABLE, request, _as_before(eis, former), work))

    def disable(
        self, function: Function, request: ProfileRequest, interrupted: Interrupted | None
    ) -> CardProcedure[CardResponse]:
        """DisableProfile: the fall-back profile takes its place."""
        eis, profile = self._profile(function, request)
        if interrupted is None:
            _demand_disabling(profile)
        former = _enabled_before(eis, interrupted)
        work = self._cards.disable(eis.eid, profile, interrupted=interrupted is not None)
        return (yield from self._carry_out(Operation.DISABLE, request, _as_before(eis, former), work))

    def delete(
        self, function: Function, request: ProfileRequest, interrupted: Interrupted | None
    ) -> CardProcedure[CardResponse]:
        """ES3.DeleteISDP, ES4.DeleteProfile: also the clean-up of a download that failed."""
        eis, profile = self._profile(function, request)
        if interrupted is None:
            _demand_deletion(profile)
        former = _enabled_before(eis, interrupted)
        work = self._delete(eis.eid, profile, enabled=former == profile.iccid, interrupted=interrupted is not None)
        return (yield from self._carry_out(Operation.DELETE, request, _as_before(eis, former), work))

    def _delete(
        self, eid: Eid, profile: ProfileInfo, *, enabled: bool, interrupted: bool
    ) -> CardProcedure[ExecutionStatus]:
        """Disable it where it was enabled; POL1 or POL2 may then want it to go before it is asked to."""
        if enabled:
            yield from self._cards.disable(eid, profile, interrupted=interrupted)
        elif interrupted:
            yield from self._cards.audit(eid)
        if self._cards.known(eid).find(profile.iccid) is not None:
            yield from self._cards.delete(eid, profile)
        return SUCCESS

    def _carry_out(
        self, operation: Operation, request: ProfileRequest, before: Eis, work: CardProcedure[ExecutionStatus]
    ) -> CardProcedure[CardResponse]:
        """Do it, put it into the audit trail, and tell whom it concerns; also what a failed one did all the same."""
        context, enabled = self._context, before.enabled
        note = {_FORMER: str(enabled.iccid) if enabled is not None else ""}
        with context.operation(request.call, before, operation, request.iccid) as ended:
            try:
                ended.status = yield from noted(work, note)
            except M2mError:
                context.notices.compare(before, self._cards.known(before.eid), None)
                raise
        context.notices.compare(before, self._cards.known(before.eid), request)
        return CardResponse(status=ended.status)

    def audit(
        self, function: Function, request: AuditEisRequest, interrupted: Interrupted | None
    ) -> CardProcedure[EisResponse]:
        """AuditEIS: ask the card, and answer what it says about the requester's profiles."""
        context, call = self._context, request.call
        code = Code.PROFILES_NOT_ALLOWED if function.interface is Interface.ES4 else Code.PROFILE_NOT_ALLOWED
        for iccid in request.iccids:
            context.access.profile(function, call, request.eid, iccid, code)
        eis = context.access.card(function, call, request.eid)
        with context.operation(call, eis, Operation.AUDIT, None):
            try:
                yield from self._cards.audit(request.eid)
            except OutcomeUnknown as error:
                raise Refused(Code.NO_RESPONSE, str(error), request.eid) from None
        audited = self._cards.known(request.eid)
        view = context.access.view(function, call, audited)
        wanted = tuple(each for each in view.profiles if not request.iccids or each.iccid in request.iccids)
        return EisResponse(status=SUCCESS, eis=replace(view, profiles=wanted, last_audit=audited.last_audit))

    def unsupported(self, function: Function, request: ProfileRequest, interrupted: Interrupted | None) -> NoReturn:
        """Functions whose part on the card is not there: all that comes before it is checked all the same."""
        _, profile = self._profile(function, request)
        if profile.state not in (ProfileState.DISABLED, ProfileState.ENABLED):
            raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
        raise Refused(Code.NOT_SUPPORTED, str(function))

    def _profile(self, function: Function, request: ProfileRequest) -> tuple[Eis, ProfileInfo]:
        return self._context.access.profile(function, request.call, request.eid, request.iccid)


def _demand_enabling(profile: ProfileInfo, enabled: ProfileInfo | None) -> None:
    demand(profile, Pol2Action.ENABLE)
    if profile.state is not ProfileState.DISABLED:
        raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
    demand(enabled, Pol2Action.DISABLE)


def _demand_disabling(profile: ProfileInfo) -> None:
    demand(profile, Pol2Action.DISABLE)
    if profile.state is not ProfileState.ENABLED:
        raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
    if profile.fall_back:
        raise Refused(Code.EUICC_REFUSED, "it is the fall-back profile", profile.iccid)


def _demand_deletion(profile: ProfileInfo) -> None:
    demand(profile, Pol2Action.DELETE)
    if profile.state is ProfileState.ENABLED:  # it is disabled first
        demand(profile, Pol2Action.DISABLE)
    if profile.fall_back:
        raise Refused(Code.EUICC_REFUSED, "it is the fall-back profile", profile.iccid)


def _enabled_before(eis: Eis, interrupted: Interrupted | None) -> Iccid | None:
    """Which profile was enabled when the function began."""
    if interrupted is None:
        return eis.enabled.iccid if eis.enabled is not None else None
    noted_former = interrupted.note.get(_FORMER)
    return Iccid.from_string(noted_former) if noted_former else None


def _as_before(eis: Eis, enabled: Iccid | None) -> Eis:
    """The EIS as it was when this profile was enabled: an interrupted function may find it changed already."""
    return replace(eis, profiles=tuple(_switched(each, each.iccid == enabled) for each in eis.profiles))


def _switched(profile: ProfileInfo, enabled: bool) -> ProfileInfo:
    if enabled:
        return replace(profile, state=ProfileState.ENABLED)
    return replace(profile, state=ProfileState.DISABLED) if profile.state is ProfileState.ENABLED else profile
