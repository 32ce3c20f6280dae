# SPDX-License-Identifier: Apache-2.0
"""Profiles enabled, disabled, deleted and audited on their cards (SGP.02 v4.2 3.2 to 3.4, 5.4, 5.5).

One that was interrupted has passed its preconditions before; now the card is asked how far it came.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from apdu.ids import Iccid
from smsr.api.eis import Eis
from smsr.api.eis_parts import Operation, Pol2Action, ProfileInfo, ProfileState
from smsr.api.functions import Function, Interface
from smsr.api.messages import AuditEisRequest, CardResponse, EisResponse, ProfileRequest
from smsr.api.status import SUCCESS, Code
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
        former = eis.enabled.iccid if eis.enabled is not None else None
        if interrupted is not None:
            noted_former = interrupted.note.get(_FORMER)
            former = Iccid.from_string(noted_former) if noted_former else None
        else:
            if profile.state is not ProfileState.DISABLED:
                raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
            demand(profile, Pol2Action.ENABLE)
            demand(eis.enabled, Pol2Action.DISABLE)
        with self._context.operation(request.call, eis, Operation.ENABLE, profile.iccid):
            work = self._cards.enable(eis.eid, profile, former, interrupted=interrupted is not None)
            status = yield from noted(work, {_FORMER: str(former or "")})
        self._tell(_as_before(eis, former), request)
        return CardResponse(status=status)

    def disable(
        self, function: Function, request: ProfileRequest, interrupted: Interrupted | None
    ) -> CardProcedure[CardResponse]:
        """DisableProfile: the fall-back profile takes its place."""
        eis, profile = self._profile(function, request)
        if interrupted is None:
            _demand_disabling(profile)
        with self._context.operation(request.call, eis, Operation.DISABLE, profile.iccid):
            status = yield from self._cards.disable(eis.eid, profile, interrupted=interrupted is not None)
        self._tell(_as_before(eis, profile.iccid), request)
        return CardResponse(status=status)

    def delete(
        self, function: Function, request: ProfileRequest, interrupted: Interrupted | None
    ) -> CardProcedure[CardResponse]:
        """ES3.DeleteISDP, ES4.DeleteProfile: also the clean-up of a download that failed."""
        eis, profile = self._profile(function, request)
        if profile.fall_back:
            raise Refused(Code.EUICC_REFUSED, "it is the fall-back profile", profile.iccid)
        demand(profile, Pol2Action.DELETE)
        with self._context.operation(request.call, eis, Operation.DELETE, profile.iccid):
            if interrupted is not None:
                yield from self._cards.audit(eis.eid)
            found = self._cards.known(eis.eid).find(profile.iccid)
            if found is not None and found.state is ProfileState.ENABLED:
                _demand_disabling(found)
                yield from self._cards.disable(eis.eid, found)
            if self._cards.known(eis.eid).find(profile.iccid) is not None:
                yield from self._cards.delete(eis.eid, profile)
        self._tell(eis, request)
        return CardResponse(status=SUCCESS)

    def audit(
        self, function: Function, request: AuditEisRequest, interrupted: Interrupted | None
    ) -> CardProcedure[EisResponse]:
        """AuditEIS: ask the card, and answer what it says about the requester's profiles."""
        context, call = self._context, request.call
        code = Code.PROFILES_NOT_ALLOWED if function.interface is Interface.ES4 else Code.PROFILE_NOT_ALLOWED
        for iccid in request.iccids:
            context.access.profile(function, call, request.eid, iccid, code)
        context.access.view(function, call, request.eid)
        with context.operation(call, self._cards.known(request.eid), Operation.AUDIT, None):
            try:
                yield from self._cards.audit(request.eid)
            except OutcomeUnknown as error:
                raise Refused(Code.NO_RESPONSE, str(error), request.eid) from None
        view = context.access.view(function, call, request.eid)
        wanted = tuple(each for each in view.profiles if not request.iccids or each.iccid in request.iccids)
        last_audit = self._cards.known(request.eid).last_audit
        return EisResponse(status=SUCCESS, eis=replace(view, profiles=wanted, last_audit=last_audit))

    def unsupported(self, function: Function, request: ProfileRequest, interrupted: Interrupted | None) -> NoReturn:
        """Functions whose part on the card is not there: the requester's rights are checked all the same."""
        self._profile(function, request)
        raise Refused(Code.NOT_SUPPORTED, str(function))

    def _profile(self, function: Function, request: ProfileRequest) -> tuple[Eis, ProfileInfo]:
        return self._context.access.profile(function, request.call, request.eid, request.iccid)

    def _tell(self, before: Eis, request: ProfileRequest) -> None:
        self._context.notices.compare(before, self._cards.known(request.eid), request.call, request.iccid)


def _demand_disabling(profile: ProfileInfo) -> None:
    if profile.state is not ProfileState.ENABLED:
        raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
    if profile.fall_back:
        raise Refused(Code.EUICC_REFUSED, "it is the fall-back profile", profile.iccid)
    demand(profile, Pol2Action.DISABLE)


def _as_before(eis: Eis, enabled: Iccid | None) -> Eis:
    """The EIS as it was when this profile was enabled: an interrupted function may find it changed already."""
    return replace(eis, profiles=tuple(_set(profile, profile.iccid == enabled) for profile in eis.profiles))


def _set(profile: ProfileInfo, enabled: bool) -> ProfileInfo:
    if enabled:
        return replace(profile, state=ProfileState.ENABLED)
    changed = profile.state is ProfileState.ENABLED
    return replace(profile, state=ProfileState.DISABLED) if changed else profile
