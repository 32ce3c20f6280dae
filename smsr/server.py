# SPDX-License-Identifier: Apache-2.0
"""The SM-SR as an object: ES1, ES3 and ES4 functions over a store of EIS and the bearers to the cards.

No network and no database: requests and responses are values (smsr.api), the store is a Protocol, time is passed in. A
function that fails answers with a status and never raises; what it changed on the card is what the EIS says afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeVar

from cryptography import x509

from apdu.command.apdu import CommandApdu
from apdu.command.status import is_success
from apdu.errors import DecodeError, M2mError
from apdu.ids import Eid, Iccid
from apdu.keys.secret import SecretKey
from smsr.api.eis import Eis
from smsr.api.eis_parts import AuditRecord, Operation, Pol2Action, ProfileInfo, ProfileState
from smsr.api.messages import (
    AuditEisRequest,
    Call,
    CardResponse,
    CreateIsdpRequest,
    CreateIsdpResponse,
    EisResponse,
    GetEisRequest,
    ProfileDownloadCompletedRequest,
    ProfileRequest,
    RegisterEisRequest,
    Response,
    SendDataRequest,
)
from smsr.api.send_data import decode_commands, decode_tlvs, encode_responses, holds_commands
from smsr.api.status import SUCCESS, Code, failed
from smsr.bearers.bearer import Bearer
from smsr.cards import Cards
from smsr.errors import Refused, status_of
from smsr.kit.oid import Oid
from smsr.policy import check_rules, demand
from smsr.procedures import Procedures
from smsr.registration import check_eis, unwrapped
from smsr.store import EisStore
from smsr.upkeep import free_aid, with_profile, with_record
from smsr.views import PartnerRole, view_for

__all__ = ["SmSr"]

R = TypeVar("R", bound=Response)

_MANAGERS = (PartnerRole.SM_DP, PartnerRole.MNO)


class SmSr:
    """One SM-SR."""

    def __init__(
        self,
        oid: Oid,
        *,
        roots: Sequence[x509.Certificate],
        partners: Mapping[Oid, PartnerRole],
        store: EisStore,
        clock: Callable[[], float],
        transport_keys: Mapping[Oid, SecretKey] = MappingProxyType({}),
    ) -> None:
        self.oid = oid
        self._roots = tuple(roots)
        self._partners = partners
        self._store = store
        self._clock = clock
        self._transport_keys = transport_keys
        self._procedures = Procedures(clock)
        self._cards = Cards(store, clock)

    # --- cards

    def attach(self, eid: Eid, bearer: Bearer) -> None:
        """A card can be reached."""
        self._cards.attach(eid, bearer)

    def detach(self, eid: Eid) -> None:
        """A card cannot be reached any more."""
        self._cards.detach(eid)

    # --- ES1

    def register_eis(self, request: RegisterEisRequest) -> Response:
        """ES1.RegisterEIS: take a card on."""
        return self._answer(Response, lambda: self._register(request))

    def _register(self, request: RegisterEisRequest) -> Response:
        self._role(request.call, PartnerRole.EUM)
        eis = unwrapped(request.eis, self._transport_keys.get(request.call.requester))
        check_eis(eis, request.call.requester, self._roots, self._clock())
        if any(self._store.owner_of(profile.iccid) is not None for profile in eis.profiles):
            raise Refused(Code.ICCID_IN_USE)
        if not self._store.add(replace(eis, smsr_id=self.oid, last_audit=None, audit_trail=())):
            raise Refused(Code.EID_IN_USE, subject_identifier=eis.eid)
        return Response(status=SUCCESS)

    # --- ES3 and ES4, without a card

    def get_eis(self, request: GetEisRequest) -> EisResponse:
        """ES3.GetEIS and ES4.GetEIS: the EIS as the requester may see it."""
        return self._answer(EisResponse, lambda: self._view(request.call, request.eid))

    def _view(self, call: Call, eid: Eid) -> EisResponse:
        role = self._role(call, *_MANAGERS)
        return EisResponse(status=SUCCESS, eis=view_for(self._known(eid), call.requester, role))

    def profile_download_completed(self, request: ProfileDownloadCompletedRequest) -> Response:
        """ES3.ProfileDownloadCompleted: the profile is there, disabled."""
        return self._answer(Response, lambda: self._completed(request))

    def _completed(self, request: ProfileDownloadCompletedRequest) -> Response:
        self._role(request.call, PartnerRole.SM_DP)
        eis, profile = self._profile(request.call, request.eid, request.iccid)
        check_rules(request.pol2)
        with self._procedures.step(eis.eid, request.call.requester, profile.iccid):
            if profile.state is not ProfileState.CREATED:
                raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
            completed = replace(
                profile,
                state=ProfileState.DISABLED,
                profile_type=request.profile_type,
                subscription=request.subscription,
                pol2=request.pol2,
            )
            self._store.put(with_profile(eis, completed))
        return Response(status=SUCCESS)

    # --- ES3: download

    def create_isdp(self, request: CreateIsdpRequest) -> CreateIsdpResponse:
        """ES3.CreateISDP: an empty ISD-P for a profile to come."""
        return self._answer(CreateIsdpResponse, lambda: self._create(request))

    def _create(self, request: CreateIsdpRequest) -> CreateIsdpResponse:
        self._role(request.call, PartnerRole.SM_DP)
        eis = self._known(request.eid)
        self._cards.bearer(request.eid)
        if self._store.owner_of(request.iccid) is not None:
            raise Refused(Code.ICCID_IN_USE, subject_identifier=request.iccid)
        if request.required_memory > eis.remaining_memory:
            raise Refused(Code.MEMORY, f"{request.required_memory} of {eis.remaining_memory} bytes", request.eid)
        profile = ProfileInfo(
            iccid=request.iccid,
            isd_p_aid=free_aid(eis),
            mno_id=request.mno_id,
            smdp_id=request.call.requester,
            state=ProfileState.IN_CREATION,
            allocated_memory=request.required_memory,
        )
        with self._operation(request.call, eis, Operation.CREATE_ISDP, profile.iccid, goes_on=request.more_to_do):
            self._cards.create(eis, profile)
        return CreateIsdpResponse(status=SUCCESS, isd_p_aid=profile.isd_p_aid)

    def send_data(self, request: SendDataRequest) -> CardResponse:
        """ES3.SendData: hand on what an SM-DP and its ISD-P have to say to each other."""
        return self._answer(CardResponse, lambda: self._send(request))

    def _send(self, request: SendDataRequest) -> CardResponse:
        self._role(request.call, PartnerRole.SM_DP)
        eis = self._known(request.eid)
        profile = eis.find_isd_p(request.sd_aid)
        if profile is None:
            raise Refused(Code.SD_UNKNOWN, subject_identifier=request.sd_aid)
        if profile.smdp_id != request.call.requester:
            raise Refused(Code.SD_NOT_ALLOWED, subject_identifier=request.sd_aid)
        with self._procedures.step(eis.eid, request.call.requester, profile.iccid, goes_on=request.more_to_do):
            try:
                if holds_commands(request.data):
                    return self._send_commands(request, decode_commands(request.data))
                tlvs = decode_tlvs(request.data)
            except DecodeError as error:
                raise Refused(Code.SD_NOT_ALLOWED, str(error), request.sd_aid) from None
            answers = self._cards.send_tlvs(request.eid, request.sd_aid, tlvs)
            return CardResponse(status=SUCCESS, data=b"".join(answers))

    def _send_commands(self, request: SendDataRequest, commands: tuple[CommandApdu, ...]) -> CardResponse:
        responses = self._cards.send_commands(request.eid, request.sd_aid, commands)
        status = SUCCESS
        if not responses or not is_success(responses[-1].sw):
            last = str(responses[-1].status) if responses else "no answer"
            status = failed(Code.ISD_P_FAILED, last, request.sd_aid)
        return CardResponse(status=status, data=encode_responses(responses))

    # --- ES3 and ES4: profiles

    def enable_profile(self, request: ProfileRequest) -> CardResponse:
        """ES3 and ES4.EnableProfile."""
        return self._answer(CardResponse, lambda: self._enable(request))

    def _enable(self, request: ProfileRequest) -> CardResponse:
        eis, profile = self._managed(request)
        if profile.state is not ProfileState.DISABLED:
            raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
        demand(profile, Pol2Action.ENABLE)
        demand(eis.enabled, Pol2Action.DISABLE)
        with self._operation(request.call, eis, Operation.ENABLE, profile.iccid):
            return CardResponse(status=self._cards.enable(eis, profile))

    def disable_profile(self, request: ProfileRequest) -> CardResponse:
        """ES3 and ES4.DisableProfile: the fall-back profile takes its place."""
        return self._answer(CardResponse, lambda: self._disable(request))

    def _disable(self, request: ProfileRequest) -> CardResponse:
        eis, profile = self._managed(request)
        self._demand_disabling(profile)
        with self._operation(request.call, eis, Operation.DISABLE, profile.iccid):
            return CardResponse(status=self._cards.disable(eis, profile))

    def _demand_disabling(self, profile: ProfileInfo) -> None:
        if profile.state is not ProfileState.ENABLED:
            raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
        if profile.fall_back:
            raise Refused(Code.EUICC_REFUSED, "it is the fall-back profile", profile.iccid)
        demand(profile, Pol2Action.DISABLE)

    def delete_isdp(self, request: ProfileRequest) -> CardResponse:
        """ES3.DeleteISDP: also the clean-up of a download that failed."""
        return self._answer(CardResponse, lambda: self._delete(request))

    def delete_profile(self, request: ProfileRequest) -> CardResponse:
        """ES4.DeleteProfile."""
        return self.delete_isdp(request)

    def _delete(self, request: ProfileRequest) -> CardResponse:
        eis, profile = self._managed(request)
        if profile.fall_back:
            raise Refused(Code.EUICC_REFUSED, "it is the fall-back profile", profile.iccid)
        demand(profile, Pol2Action.DELETE)
        with self._operation(request.call, eis, Operation.DELETE, profile.iccid):
            if profile.state is ProfileState.ENABLED:
                self._demand_disabling(profile)
                self._cards.disable(eis, profile)
            if self._known(eis.eid).find(profile.iccid) is not None:
                self._cards.delete(eis.eid, profile)
        return CardResponse(status=SUCCESS)

    def audit_eis(self, request: AuditEisRequest) -> EisResponse:
        """ES3 and ES4.AuditEIS: ask the card, and answer what it says about the requester's profiles."""
        return self._answer(EisResponse, lambda: self._audit_for(request))

    def _audit_for(self, request: AuditEisRequest) -> EisResponse:
        role = self._role(request.call, *_MANAGERS)
        eis = self._known(request.eid)
        for iccid in request.iccids:
            self._profile(request.call, request.eid, iccid)
        with self._operation(request.call, eis, Operation.AUDIT, None):
            self._cards.audit(eis.eid)
        eis = self._known(eis.eid)
        view = view_for(eis, request.call.requester, role)
        wanted = tuple(each for each in view.profiles if not request.iccids or each.iccid in request.iccids)
        return EisResponse(status=SUCCESS, eis=replace(view, profiles=wanted, last_audit=eis.last_audit))

    # --- what functions have in common

    def _answer(self, kind: type[R], work: Callable[[], R]) -> R:
        try:
            return work()
        except M2mError as error:
            return kind(status=status_of(error))

    def _role(self, call: Call, *allowed: PartnerRole) -> PartnerRole:
        role = self._partners.get(call.requester)
        if role is None:
            raise Refused(Code.REQUESTER_UNKNOWN, subject_identifier=call.requester)
        if role not in allowed:
            raise Refused(Code.REQUESTER_NOT_ALLOWED, subject_identifier=call.requester)
        return role

    def _known(self, eid: Eid) -> Eis:
        return self._cards.known(eid)

    def _profile(self, call: Call, eid: Eid, iccid: Iccid) -> tuple[Eis, ProfileInfo]:
        eis = self._known(eid)
        profile = eis.find(iccid)
        if profile is None:
            raise Refused(Code.ICCID_UNKNOWN, subject_identifier=iccid)
        if call.requester not in (profile.smdp_id, profile.mno_id):
            raise Refused(Code.PROFILE_NOT_ALLOWED, subject_identifier=iccid)
        return eis, profile

    def _managed(self, request: ProfileRequest) -> tuple[Eis, ProfileInfo]:
        self._role(request.call, *_MANAGERS)
        return self._profile(request.call, request.eid, request.iccid)

    @contextmanager
    def _operation(
        self, call: Call, eis: Eis, operation: Operation, iccid: Iccid | None, *, goes_on: bool = False
    ) -> Iterator[None]:
        """A step of a procedure that goes into the card's audit trail, however it ends."""
        with self._procedures.step(eis.eid, call.requester, iccid, goes_on=goes_on):
            isd_p = eis.find(iccid) if iccid else None
            record = AuditRecord(
                eid=eis.eid,
                smsr_id=self.oid,
                date=datetime.fromtimestamp(self._clock(), UTC),
                operation=operation,
                requester=call.requester,
                iccid=iccid,
                isd_p_aid=isd_p.isd_p_aid if isd_p else None,
                status=SUCCESS,
            )
            try:
                yield
            except M2mError as error:
                self._store.put(with_record(self._known(eis.eid), replace(record, status=status_of(error))))
                raise
            self._store.put(with_record(self._known(eis.eid), record))
