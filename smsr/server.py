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
from typing import TypeVar

from cryptography import x509

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import is_success
from apdu.errors import DecodeError, M2mError, StatusError
from apdu.ids import ISD_R, Eid, Iccid
from apdu.script import ApduScript, Batch, ProfileScript
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
from smsr.api.status import SUCCESS, Code, ExecutionStatus, Status, failed
from smsr.bearers.bearer import Bearer
from smsr.errors import Refused, status_of
from smsr.forwarding import Forwarding
from smsr.kit.oid import Oid
from smsr.policy import auto_deletes, check_rules, demand
from smsr.procedures import Procedures
from smsr.registration import check_eis
from smsr.scripts.audit import FUNCTION as AUDIT
from smsr.scripts.audit import audit, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile
from smsr.store import EisStore
from smsr.upkeep import apply_audit, free_aid, with_profile, with_record, without_profile
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
    ) -> None:
        self.oid = oid
        self._roots = tuple(roots)
        self._partners = partners
        self._store = store
        self._clock = clock
        self._procedures = Procedures(clock)
        self._bearers: dict[Eid, Bearer] = {}
        self._forwarding: dict[Eid, Forwarding] = {}

    # --- cards

    def attach(self, eid: Eid, bearer: Bearer) -> None:
        """A card can be reached."""
        self._bearers[eid] = bearer
        self._forwarding.pop(eid, None)

    def detach(self, eid: Eid) -> None:
        """A card cannot be reached any more."""
        self._bearers.pop(eid, None)

    # --- ES1

    def register_eis(self, request: RegisterEisRequest) -> Response:
        """ES1.RegisterEIS: take a card on."""
        return self._answer(Response, lambda: self._register(request))

    def _register(self, request: RegisterEisRequest) -> Response:
        self._role(request.call, PartnerRole.EUM)
        eis = request.eis
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
        bearer = self._bearer(request.eid)
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
            self._store.put(with_profile(eis, profile))
            self._run_create(bearer, eis, profile)
            eis = self._known(eis.eid)
            created = replace(profile, state=ProfileState.CREATED)
            remaining = eis.remaining_memory - request.required_memory
            self._store.put(replace(with_profile(eis, created), remaining_memory=remaining))
        return CreateIsdpResponse(status=SUCCESS, isd_p_aid=profile.isd_p_aid)

    def _run_create(self, bearer: Bearer, eis: Eis, profile: ProfileInfo) -> None:
        """Create it on the card; when that failed no entry is left, unless the card has it after all."""
        load_file, module = eis.info.isd_p_load_file, eis.info.isd_p_module
        script = create_isdp(profile.isd_p_aid, profile.allocated_memory, load_file=load_file, module=module)
        try:
            bearer.run(script, "ES5.CreateISDP")
        except StatusError:
            self._store.put(eis)
            raise
        except M2mError:
            if not bearer.run(isd_p_states(profile.isd_p_aid), "ES5.GetStatus"):
                self._store.put(eis)
                raise

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
        bearer = self._bearer(request.eid)
        with self._procedures.step(eis.eid, request.call.requester, profile.iccid, goes_on=request.more_to_do):
            try:
                if holds_commands(request.data):
                    return self._send_commands(bearer, request)
                tlvs = decode_tlvs(request.data)
            except DecodeError as error:
                raise Refused(Code.SD_NOT_ALLOWED, str(error), request.sd_aid) from None
            answers = bearer.run_profile(_forward_tlvs(Batch(request.sd_aid, tlvs)))
            return CardResponse(status=SUCCESS, data=b"".join(answers))

    def _send_commands(self, bearer: Bearer, request: SendDataRequest) -> CardResponse:
        commands = decode_commands(request.data)
        self._forwarding.setdefault(request.eid, Forwarding()).check(commands, request.sd_aid)
        responses = bearer.run(_forward_commands(Batch(ISD_R, commands)))
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
        former = eis.enabled
        demand(profile, Pol2Action.ENABLE)
        demand(former, Pol2Action.DISABLE)
        with self._operation(request.call, eis, Operation.ENABLE, profile.iccid):
            return self._switch(eis, profile, former, enable_profile(profile.isd_p_aid), "ES5.EnableProfile")

    def disable_profile(self, request: ProfileRequest) -> CardResponse:
        """ES3 and ES4.DisableProfile: the fall-back profile takes its place."""
        return self._answer(CardResponse, lambda: self._disable(request))

    def _disable(self, request: ProfileRequest) -> CardResponse:
        eis, profile = self._managed(request)
        self._demand_disabling(profile)
        with self._operation(request.call, eis, Operation.DISABLE, profile.iccid):
            return self._run_disable(eis, profile)

    def _demand_disabling(self, profile: ProfileInfo) -> None:
        if profile.state is not ProfileState.ENABLED:
            raise Refused(Code.WRONG_STATE, f"it is {profile.state}", profile.iccid)
        if profile.fall_back:
            raise Refused(Code.EUICC_REFUSED, "it is the fall-back profile", profile.iccid)
        demand(profile, Pol2Action.DISABLE)

    def _run_disable(self, eis: Eis, profile: ProfileInfo) -> CardResponse:
        return self._switch(eis, profile, profile, disable_profile(profile.isd_p_aid), "ES5.DisableProfile")

    def _switch(
        self, eis: Eis, target: ProfileInfo, former: ProfileInfo | None, script: ApduScript[None], name: str
    ) -> CardResponse:
        """Run the switch, reset the card, and believe the audit: the answer to the command only says that it began."""
        bearer = self._bearer(eis.eid)
        wanted = ProfileState.DISABLED if former is target else ProfileState.ENABLED
        try:
            bearer.run(script, name)
        except StatusError:
            raise
        except M2mError:  # nobody knows what the card did
            if self._audit_after_reset(eis.eid, bearer, target.iccid) is not wanted:
                raise
        else:
            found = self._audit_after_reset(eis.eid, bearer, target.iccid)
            if found is not wanted and not (found is None and wanted is ProfileState.DISABLED):
                raise Refused(Code.ISD_R_FAILED, f"after the reset the profile is {found}", target.iccid)
        return CardResponse(status=self._auto_delete(eis.eid, bearer, former))

    def _audit_after_reset(self, eid: Eid, bearer: Bearer, iccid: Iccid) -> ProfileState | None:
        bearer.reset()
        self._forwarding.pop(eid, None)
        self._audit(eid, bearer)
        profile = self._known(eid).find(iccid)
        return None if profile is None else profile.state

    def _auto_delete(self, eid: Eid, bearer: Bearer, former: ProfileInfo | None) -> ExecutionStatus:
        """POL2 may want the profile that was disabled to go; failing that is a warning."""
        left = self._known(eid).find(former.iccid) if former is not None else None
        if left is None or left.state is not ProfileState.DISABLED or not auto_deletes(left):
            return SUCCESS
        try:
            self._run_delete(eid, bearer, left)
        except M2mError as error:
            status = status_of(error)
            return replace(status, status=Status.EXECUTED_WITHWARNING)
        return SUCCESS

    def delete_isdp(self, request: ProfileRequest) -> CardResponse:
        """ES3.DeleteISDP: also the clean-up of a download that failed."""
        return self._answer(CardResponse, lambda: self._delete(request))

    def delete_profile(self, request: ProfileRequest) -> CardResponse:
        """ES4.DeleteProfile."""
        return self.delete_isdp(request)

    def _delete(self, request: ProfileRequest) -> CardResponse:
        eis, profile = self._managed(request)
        bearer = self._bearer(eis.eid)
        if profile.fall_back:
            raise Refused(Code.EUICC_REFUSED, "it is the fall-back profile", profile.iccid)
        demand(profile, Pol2Action.DELETE)
        with self._operation(request.call, eis, Operation.DELETE, profile.iccid):
            if profile.state is ProfileState.ENABLED:
                self._demand_disabling(profile)
                self._run_disable(eis, profile)
            if self._known(eis.eid).find(profile.iccid) is not None:
                self._run_delete(eis.eid, bearer, profile)
        return CardResponse(status=SUCCESS)

    def _run_delete(self, eid: Eid, bearer: Bearer, profile: ProfileInfo) -> None:
        try:
            bearer.run(delete_profile(profile.isd_p_aid), "ES5.DeleteProfile")
        except M2mError as error:
            refused = isinstance(error, StatusError) and status_of(error).code != Code.ICCID_UNKNOWN.pair
            if refused or bearer.run(isd_p_states(profile.isd_p_aid), "ES5.GetStatus"):
                raise
        self._store.put(without_profile(self._known(eid), profile.iccid))

    def audit_eis(self, request: AuditEisRequest) -> EisResponse:
        """ES3 and ES4.AuditEIS: ask the card, and answer what it says about the requester's profiles."""
        return self._answer(EisResponse, lambda: self._audit_for(request))

    def _audit_for(self, request: AuditEisRequest) -> EisResponse:
        role = self._role(request.call, *_MANAGERS)
        eis = self._known(request.eid)
        for iccid in request.iccids:
            self._profile(request.call, request.eid, iccid)
        with self._operation(request.call, eis, Operation.AUDIT, None):
            self._audit(eis.eid, self._bearer(eis.eid))
        eis = self._known(eis.eid)
        view = view_for(eis, request.call.requester, role)
        wanted = tuple(each for each in view.profiles if not request.iccids or each.iccid in request.iccids)
        return EisResponse(status=SUCCESS, eis=replace(view, profiles=wanted, last_audit=eis.last_audit))

    def _audit(self, eid: Eid, bearer: Bearer) -> None:
        found = bearer.run(audit(), AUDIT)
        eis = self._known(eid)
        if found.certificate != eis.info.ecasd_certificate:
            raise Refused(Code.ECASD_CERTIFICATE, "the card holds another certificate than its EIS", eid)
        self._store.put(apply_audit(eis, found, datetime.fromtimestamp(self._clock(), UTC)))

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
        eis = self._store.get(eid)
        if eis is None:
            raise Refused(Code.EID_UNKNOWN, subject_identifier=eid)
        return eis

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

    def _bearer(self, eid: Eid) -> Bearer:
        bearer = self._bearers.get(eid)
        if bearer is None:
            raise Refused(Code.ISD_R_FAILED, "the card cannot be reached", eid)
        return bearer

    @contextmanager
    def _operation(
        self, call: Call, eis: Eis, operation: Operation, iccid: Iccid | None, *, goes_on: bool = False
    ) -> Iterator[None]:
        """A step of a procedure that goes into the card's audit trail, however it ends."""
        with self._procedures.step(eis.eid, call.requester, iccid, goes_on=goes_on):
            isd_p = eis.find(iccid) if iccid else None
            record = AuditRecord(
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


def _forward_commands(batch: Batch[CommandApdu]) -> ApduScript[Sequence[ResponseApdu]]:
    return (yield batch)


def _forward_tlvs(batch: Batch[bytes]) -> ProfileScript[Sequence[bytes]]:
    return (yield batch)
