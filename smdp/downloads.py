# SPDX-License-Identifier: Apache-2.0
"""ES2.DownloadProfile: a profile from the stock onto a card, and enabled there (SGP.02 v4.2 3.1, 5.3.2).

An SM-DP that was interrupted goes on from the call that was under way:

    GetEIS                                                  it is read again
    CreateISDP, ProfileDownloadCompleted, EnableProfile     the same call again: the SM-SR gives its first answer
    SendData                                                a secure channel bears no repetition: the ISD-P is deleted,
                                                            and the next attempt begins with CreateISDP
    DeleteISDP                                              the same call again, and then what it was for

When an answer of SendData is lost on the other side, key agreement or download is begun anew in the same ISD-P, and
when that fails once more from CreateISDP: the answer that was lost may have been that the profile is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from apdu.errors import LocalProtocolError, M2mError
from apdu.ids import Aid, Iccid
from smdp.api.messages import DownloadProfileRequest, DownloadProfileResponse
from smdp.desk import Desk
from smdp.errors import DownloadFailed, NotEligible, Refused, status_of
from smdp.es3 import Es3Calls
from smdp.installation import InstallationProcedure, Order
from smdp.profiles.store import StockState, StoredProfile
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileState
from smsr.api.messages import CardResponse, EisResponse, GetEisRequest, ProfileRequest
from smsr.api.status import SUCCESS, Code, ExecutionStatus, FunctionFailed, Status, StatusCode
from smsr.serving.procedure import Interrupted, Procedure

__all__ = ["Downloads"]

_ATTEMPTS: Final = 2
"""How often key agreement and download are begun when the SM-SR cannot say what the card answered."""
_LEFTOVER: Final = "leftover"
_LEFT: Final = "left"
"""Note: what an earlier download has left may still be on the card."""


class Downloads:
    """The function, and how it takes profiles from the stock."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def run(
        self, request: DownloadProfileRequest, interrupted: Interrupted | None
    ) -> Procedure[DownloadProfileResponse]:
        """ES2.DownloadProfile."""
        calls = self._desk.calls(request.call, request.smsr_id, interrupted)
        if interrupted is not None and "iccid" in interrupted.note:
            profile = self._known(interrupted.note["iccid"])
            calls.facts.update({_LEFT: _LEFT} if _LEFT in interrupted.note else {})
        else:
            interrupted = None  # at the call that comes before there is a profile
            yield from self._restocked(request, calls)
            profile = self._reserved(request, calls)
        calls.facts["iccid"] = str(profile.iccid)
        status = yield from _Download(self._desk, request, profile, calls).run(interrupted)
        return DownloadProfileResponse(status=status, iccid=profile.iccid)

    def _known(self, iccid: str) -> StoredProfile:
        profile = self._desk.profiles.get(Iccid.from_string(iccid))
        if profile is None:
            raise LocalProtocolError(f"profile {iccid} has left the stock during its download")
        return profile

    # --- which profile

    def _reserved(self, request: DownloadProfileRequest, calls: Es3Calls) -> StoredProfile:
        while True:
            found = self._named(request) if request.iccid is not None else self._any(request)
            taken = replace(
                found,
                state=StockState.RESERVED,
                operation=calls.operation,
                eid=request.eid,
                smsr_id=request.smsr_id,
            )
            if self._desk.profiles.swap(found, taken):
                calls.facts.update({_LEFT: _LEFT} if found.state is StockState.RESERVED else {})
                return taken

    def _named(self, request: DownloadProfileRequest) -> StoredProfile:
        assert request.iccid is not None
        found = self._desk.owned(request.call, request.iccid)
        if request.profile_type and request.profile_type != found.profile_type:
            raise Refused(Code.TYPE_UNKNOWN, "the profile is of another type", request.profile_type)
        left = found.state is StockState.RESERVED and not found.operation and found.eid == request.eid
        if found.state is not StockState.AVAILABLE and not left:
            raise Refused(Code.ICCID_IN_USE, f"it is {found.state} already", request.iccid)
        return found

    def _any(self, request: DownloadProfileRequest) -> StoredProfile:
        kind, requester = request.profile_type, request.call.requester
        if not kind:
            raise Refused(Code.PROFILE_UNNAMED)
        found = self._desk.profiles.find_available(kind, requester)
        if found is not None:
            return found
        owners = self._desk.profiles.owners(kind)
        if not owners:
            raise Refused(Code.TYPE_UNKNOWN, subject_identifier=kind)
        raise Refused(Code.TYPE_EXHAUSTED if requester in owners else Code.TYPE_NOT_ALLOWED, subject_identifier=kind)

    def _restocked(self, request: DownloadProfileRequest, calls: Es3Calls) -> Procedure[None]:
        """A profile that was deleted past this SM-DP is available again: its SM-SR knows."""
        if request.iccid is None:
            return
        found = self._desk.owned(request.call, request.iccid)
        wanted_here = found.state is StockState.RESERVED and found.eid == request.eid
        if found.operation or wanted_here or found.eid is None or found.smsr_id not in self._desk.sm_srs:
            return
        asked = replace(calls, receiver=found.smsr_id) if found.smsr_id is not None else calls
        response = yield from asked.ask("GetEIS", GetEisRequest(call=calls.head("where"), eid=found.eid), EisResponse)
        if response.eis is not None and response.eis.find(found.iccid) is None:
            self._desk.profiles.swap(found, found.available())


class _Download:
    """One profile, reserved for one card."""

    def __init__(
        self, desk: Desk, request: DownloadProfileRequest, profile: StoredProfile, calls: Es3Calls
    ) -> None:  # fmt: skip
        self._desk = desk
        self._request = request
        self._profile = profile
        self._calls = calls

    def run(self, interrupted: Interrupted | None) -> Procedure[ExecutionStatus]:
        """From wherever it is to its end."""
        if interrupted is None or interrupted.name != "EnableProfile":
            try:
                yield from self._install(interrupted)
            except M2mError as error:
                self._given_up(error)
                raise
        if not self._request.enable_profile:
            return SUCCESS
        return (yield from self._enable())

    def _install(self, interrupted: Interrupted | None) -> Procedure[None]:
        name = interrupted.name if interrupted is not None else ""
        note = interrupted.note if interrupted is not None else {}
        if name in ("SendData", "DeleteISDP"):
            yield from self._cleared(name, note)
            self._calls.attempt += 1
        isd_p = note.get("isd_p") if name not in ("SendData", "DeleteISDP") else None
        installation = self._installation(isd_p)
        if name not in ("ProfileDownloadCompleted", "Pause"):
            try:
                yield from self._filled(installation, created=isd_p is not None, repeated=name == "CreateISDP")
            except DownloadFailed as error:
                if not (error.lost and error.cleaned):
                    raise
                self._calls.attempt += 1
                installation = self._installation(None)
                yield from self._filled(installation, created=False, repeated=False)
        completed = yield from installation.complete(int(note.get("tried", "0")))
        since = completed.processing_end or self._desk.installer.now()
        self._move(
            replace(self._profile, state=StockState.DOWNLOADED, operation="", isd_p=installation.isd_p, since=since)
        )

    def _filled(self, installation: InstallationProcedure, *, created: bool, repeated: bool) -> Procedure[None]:
        """An ISD-P with the profile in it. One that exists, or may exist, is not looked for in the EIS."""
        if not created:
            if not repeated:
                eis = yield from installation.check()
                installation.demand_room(eis)
                yield from self._without_leftover(installation, eis)
                self._calls.facts.pop(_LEFT, None)
            yield from self._created(installation)
        if created or repeated:
            yield from self._checked(installation)
        yield from installation.establish_keyset()
        yield from installation.download()

    def _created(self, installation: InstallationProcedure) -> Procedure[None]:
        try:
            yield from installation.create_isdp()
        except M2mError as error:
            if _nothing_created(error):
                raise
            yield from self._abandoned(installation, error)

    def _checked(self, installation: InstallationProcedure) -> Procedure[None]:
        """The card's key, for an ISD-P that is there already."""
        try:
            yield from installation.check()
        except M2mError as error:
            yield from self._abandoned(installation, error)

    def _abandoned(self, installation: InstallationProcedure, error: M2mError) -> Procedure[None]:
        cleaned = yield from installation.abandon(error)
        raise DownloadFailed("create-isdp", error, cleaned=cleaned) from error

    def _without_leftover(self, installation: InstallationProcedure, eis: Eis) -> Procedure[None]:
        """What an earlier download has left on this card goes first; a profile that is complete stays."""
        found = eis.find(self._profile.iccid)
        if found is None:
            return
        if found.state is not ProfileState.CREATED:
            self._move(
                replace(self._profile, state=StockState.DOWNLOADED, operation="", isd_p=found.isd_p_aid,
                        since=self._desk.installer.now())
            )  # fmt: skip
            raise NotEligible(Code.ICCID_IN_USE, "it is on the card already", found.iccid)
        if not (yield from installation.abandon(what=_LEFTOVER)):
            raise DownloadFailed(_LEFTOVER, NotEligible(Code.ICCID_IN_USE, "", found.iccid), cleaned=False)

    def _cleared(self, name: str, note: Mapping[str, str]) -> Procedure[None]:
        """Nothing of an interrupted attempt is on the card any more; the error that ended it, where one did."""
        what = note.get("removal", "delete") if name == "DeleteISDP" else "delete"
        ended = _ended(note) if name == "DeleteISDP" else None
        cleaned = yield from self._installation(note.get("isd_p")).abandon(ended, what)
        if ended is not None or not cleaned:
            lost = NotEligible(Code.NO_RESPONSE, "interrupted", self._profile.eid)
            raise DownloadFailed("interrupted", ended or lost, cleaned=cleaned)

    def _installation(self, isd_p: str | None) -> InstallationProcedure:
        profile, desk = self._profile, self._desk
        order = Order(
            eid=self._request.eid,
            iccid=profile.iccid,
            mno_id=profile.mno_id,
            package=desk.profiles.package(profile.content),
            profile_type=profile.profile_type,
            subscription=profile.subscription,
            pol2=profile.pol2,
            memory=profile.memory,
            attempts=_ATTEMPTS,
            validity_period=self._request.call.validity_period,
        )
        self._calls.facts.pop("isd_p", None)
        return InstallationProcedure(desk.installer, order, self._calls, Aid.from_string(isd_p) if isd_p else None)

    # --- after it

    def _enable(self) -> Procedure[ExecutionStatus]:
        """A profile that is there and could not be enabled is a warning."""
        request = ProfileRequest(
            call=self._calls.head("enable"), eid=self._request.eid, iccid=self._profile.iccid
        )  # fmt: skip
        try:
            response = yield from self._calls.ask("EnableProfile", request, CardResponse)
            response.check("ES3.EnableProfile")
        except M2mError as error:
            return replace(status_of(error), status=Status.EXECUTED_WITHWARNING)
        return response.status

    def _given_up(self, error: M2mError) -> None:
        """The profile goes back into the stock; one that may be on the card stays reserved for that card."""
        if self._profile.state is not StockState.RESERVED:
            return
        cleaned = error.cleaned if isinstance(error, DownloadFailed) else _LEFT not in self._calls.facts
        self._move(self._profile.available() if cleaned else replace(self._profile, operation=""))

    def _move(self, after: StoredProfile) -> None:
        if not self._desk.profiles.swap(self._profile, after):
            raise LocalProtocolError(f"profile {self._profile.iccid} was taken away during its download")
        self._profile = after


def _nothing_created(error: M2mError) -> bool:
    """Whether it is certain that CreateISDP has left nothing behind."""
    return isinstance(error, FunctionFailed) and error.status.code != Code.NO_RESPONSE.pair


def _ended(note: Mapping[str, str]) -> FunctionFailed | None:
    """Why the ISD-P was being removed, as `InstallationProcedure.abandon` has noted it."""
    if "failed" not in note:
        return None
    subject, _, reason = note["failed"].partition("/")
    code = StatusCode(subject, reason) if subject else None
    return FunctionFailed(
        "ES2.DownloadProfile", ExecutionStatus(Status(note["status"]), code, note["subject"], note["message"])
    )
