# SPDX-License-Identifier: Apache-2.0
"""One profile on its way to one card (SGP.02 v4.2 3.1), as procedures that yield calls of ES3.

check ─► create ─► establish ─► download ─► complete, in this order; one of the last three that fails removes the ISD-P.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from apdu.channel.scp03t import MAX_CLEAR
from apdu.errors import DecodeError, LocalProtocolError, M2mError, SecurityError
from apdu.gp.codes import ISD_P_KVN
from apdu.ids import Aid, Eid, Iccid
from apdu.keys.ec import PublicKey
from smdp.errors import DownloadFailed, NotEligible, status_of
from smdp.es3 import Es3Calls, SendDataBearer
from smdp.installer import Installer
from smdp.scripts.download import FUNCTION as DOWNLOAD
from smdp.scripts.download import Download, Installed, Progress, download_profile, silent
from smdp.scripts.establish import FUNCTION as ESTABLISH
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.api.eis import Eis
from smsr.api.eis_parts import NO_SUBSCRIPTION, Pol2Rule, SubscriptionAddress
from smsr.api.messages import (
    CardResponse,
    CreateIsdpRequest,
    CreateIsdpResponse,
    EisResponse,
    GetEisRequest,
    ProfileDownloadCompletedRequest,
    ProfileRequest,
    Response,
)
from smsr.api.status import Code, FunctionFailed
from smsr.kit.oid import Oid
from smsr.kit.x509 import CertificateExpired
from smsr.serving.procedure import Procedure

__all__ = ["InstallationProcedure", "Order"]

T = TypeVar("T")

_BUSY_TRIES: Final = 10
_BUSY_PAUSE: Final = 0.5
"""Seconds between tries to declare a download complete while something else is done about the same card."""
_REMOTE_PROVISIONING: Final = 2
"""(U) The first major version of remote provisioning whose cards have key agreement scenario #3 and SCP03t."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which profile goes to which card, for whom."""

    eid: Eid
    iccid: Iccid
    mno_id: Oid
    package: bytes
    profile_type: str = ""
    subscription: SubscriptionAddress = NO_SUBSCRIPTION
    pol2: tuple[Pol2Rule, ...] = ()
    memory: int = 0
    """Bytes granted to the ISD-P, 0 for no quota."""
    segment: int = MAX_CLEAR
    """Clear bytes of one SCP03t TLV."""
    attempts: int = 1
    """How often key agreement and download are begun, each, when the SM-SR cannot say what the card answered."""
    validity_period: int | None = None
    """Seconds that CreateISDP may take to begin; what was begun is brought to an end."""


class InstallationProcedure:
    """The steps, each a procedure of its own."""

    def __init__(self, installer: Installer, order: Order, calls: Es3Calls, isd_p: Aid | None = None) -> None:
        self._installer = installer
        self._order = order
        self._calls = calls
        self._card_key: PublicKey | None = None
        self._isd_p: Aid | None = None
        self._bearer: SendDataBearer | None = None
        self._lost = False
        """An answer was lost in the step that is under way."""
        if isd_p is not None:
            self._found(isd_p)

    @property
    def isd_p(self) -> Aid:
        """The ISD-P that the profile goes into."""
        if self._isd_p is None:
            raise LocalProtocolError("there is no ISD-P yet")
        return self._isd_p

    def check(self) -> Procedure[Eis]:
        """ES3.GetEIS: whose card it is, and that its certificate verifies; NotEligible."""
        eid = self._order.eid
        request = GetEisRequest(call=self._calls.head("eis"), eid=eid)
        response = yield from self._calls.ask("GetEIS", request, EisResponse)
        response.check("ES3.GetEIS")
        eis = response.eis
        if eis is None or eis.eid != eid:
            raise NotEligible(Code.SM_SR_FAILED, f"the SM-SR answered with another EIS than that of {eid}", eid)
        try:
            self._card_key = self._installer.card_key(eis)
        except CertificateExpired as error:
            raise NotEligible(Code.ECASD_CERTIFICATE_EXPIRED, str(error), eid) from error
        except (SecurityError, DecodeError) as error:
            raise NotEligible(Code.ECASD_CERTIFICATE, str(error), eid) from error
        return eis

    def demand_room(self, eis: Eis) -> None:
        """NotEligible when the card cannot take the profile."""
        version = eis.info.capabilities.remote_provisioning_version
        if int(version.partition(".")[0]) < _REMOTE_PROVISIONING:
            raise NotEligible(Code.EUICC_UNSUITABLE, f"its remote provisioning is version {version}", eis.eid)
        needed = max(self._order.memory, len(self._order.package))
        if needed > eis.remaining_memory:
            raise NotEligible(
                Code.MEMORY, f"{needed} bytes are needed, the card has {eis.remaining_memory} left", eis.eid
            )

    def create_isdp(self) -> Procedure[Aid]:
        """ES3.CreateISDP."""
        order = self._order
        request = CreateIsdpRequest(
            call=self._calls.head("create", order.validity_period),
            eid=order.eid,
            iccid=order.iccid,
            mno_id=order.mno_id,
            required_memory=order.memory,
            more_to_do=True,
        )
        response = yield from self._calls.ask("CreateISDP", request, CreateIsdpResponse)
        response.check("ES3.CreateISDP")
        if response.isd_p_aid is None:
            raise NotEligible(Code.SM_SR_FAILED, "the SM-SR did not say which ISD-P it created", order.eid)
        self._found(response.isd_p_aid)
        return response.isd_p_aid

    def establish_keyset(self) -> Procedure[None]:
        """ES8.EstablishISDPKeySet, over ES3.SendData."""
        installer = self._installer
        isd_p, bearer = self._ready()
        if self._card_key is None:
            raise LocalProtocolError("the card's certificate was not checked yet")
        request = KeyEstablishment(
            isd_p=isd_p,
            certificate=installer.server.certificate,
            signer=installer.server.key,
            card_key=self._card_key,
        )

        def agree() -> Procedure[None]:
            with installer.traced(ESTABLISH):
                keys = yield from self._begun(
                    lambda: bearer.run(establish_isdp_keyset(request, entropy=installer.entropy))
                )
                installer.keys.put(self._order.eid, isd_p, keys)

        yield from self._step("establish-keyset", agree())

    def download(self, progress: Progress = silent) -> Procedure[Installed]:
        """ES8.DownloadAndInstallation, over ES3.SendData."""
        installer, order = self._installer, self._order
        isd_p, bearer = self._ready()
        keys = installer.keys.get(order.eid, isd_p, ISD_P_KVN)
        if keys is None:
            raise LocalProtocolError("there is no key set yet")
        download = Download(isd_p=isd_p, keys=keys, package=order.package, segment=order.segment)
        watch = partial(installer.watched, isd_p)

        def fill() -> Procedure[Installed]:
            with installer.traced(DOWNLOAD):
                return (
                    yield from self._begun(
                        lambda: bearer.run_profile(
                            download_profile(download, entropy=installer.entropy, progress=progress, watch=watch)
                        )
                    )
                )

        return (yield from self._step("download", fill()))

    def complete(self, tried: int = 0) -> Procedure[Response]:
        """ES3.ProfileDownloadCompleted, again where the SM-SR was busy; `tried`: how often it was busy already."""
        return (yield from self._step("complete", self._declared(tried)))

    def abandon(self, error: M2mError | None = None, what: str = "delete") -> Procedure[bool]:
        """Remove the ISD-P and its keys; False when the SM-SR or the card does not. `error` is why, for the note."""
        order, calls = self._order, self._calls
        calls.facts["removal"] = what
        if error is not None:
            calls.facts.update(_noted(error))
        request = ProfileRequest(call=calls.head(what), eid=order.eid, iccid=order.iccid)
        try:
            response = yield from calls.ask("DeleteISDP", request, CardResponse)
        except M2mError:
            return False
        gone = response.status.is_success or response.status.code == Code.ICCID_UNKNOWN.pair
        if gone and self._isd_p is not None:
            self._installer.keys.forget(order.eid, self._isd_p)
        return gone

    # --- inside

    def _declared(self, tried: int) -> Procedure[Response]:
        order, calls = self._order, self._calls
        while True:
            calls.facts["tried"] = str(tried)
            request = ProfileDownloadCompletedRequest(
                call=calls.head(f"complete.{tried}"),
                eid=order.eid,
                iccid=order.iccid,
                profile_type=order.profile_type,
                subscription=order.subscription,
                pol2=order.pol2,
            )
            response = yield from calls.ask("ProfileDownloadCompleted", request, Response)
            if response.status.code != Code.BUSY.pair or tried + 1 >= _BUSY_TRIES:
                response.check("ES3.ProfileDownloadCompleted")
                return response
            tried += 1
            calls.facts["tried"] = str(tried)
            yield from calls.pause(_BUSY_PAUSE)

    def _found(self, isd_p: Aid) -> None:
        self._isd_p = isd_p
        self._bearer = SendDataBearer(self._calls, self._order.eid, isd_p)
        self._calls.facts["isd_p"] = isd_p.hex()

    def _ready(self) -> tuple[Aid, SendDataBearer]:
        if self._isd_p is None or self._bearer is None:
            raise LocalProtocolError("there is no ISD-P yet")
        return self._isd_p, self._bearer

    def _begun(self, work: Callable[[], Procedure[T]]) -> Procedure[T]:
        """Do a step; begin it anew, with new keys, when an answer was lost. What the card refuses stays refused."""
        for _ in range(self._order.attempts - 1):
            try:
                found = yield from work()
                break
            except FunctionFailed:
                self._lost = True
        else:
            found = yield from work()
        self._lost = False
        return found

    def _step(self, name: str, work: Procedure[T]) -> Procedure[T]:
        try:
            return (yield from work)
        except M2mError as error:
            cleaned = yield from self.abandon(None if self._lost else error)
            raise DownloadFailed(name, error, cleaned=cleaned, lost=self._lost) from error


def _noted(error: M2mError) -> dict[str, str]:
    """What the operator is to be told, for an SM-DP that was interrupted before it could."""
    status = status_of(error)
    return {
        "failed": str(status.code or ""),
        "status": status.status.value,
        "subject": status.subject_identifier,
        "message": status.message,
    }
