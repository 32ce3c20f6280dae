# SPDX-License-Identifier: Apache-2.0
"""Requests and responses of ES1, ES3, ES4 and ES4A (SGP.02 v4.2 5.2-5.5), one class for each message.

No message of the SM-SR change is among them. What interfaces have in common has one class: ES3 and ES4 differ in who
may call, not in what is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from apdu.ids import Aid, Eid, Iccid
from smsr.api.eis import Eis
from smsr.api.eis_parts import NO_SUBSCRIPTION, Pol2Rule, Property, SubscriptionAddress
from smsr.api.grants import Onc, Plma
from smsr.api.limits import Period, ProfileType
from smsr.api.status import ExecutionStatus, FunctionFailed
from smsr.kit.oid import Oid

__all__ = [
    "AuditEisRequest",
    "Call",
    "CardResponse",
    "CreateIsdpRequest",
    "CreateIsdpResponse",
    "EisResponse",
    "Es3",
    "GetEisRequest",
    "GetOncRequest",
    "GetOncResponse",
    "GetPlmaRequest",
    "GetPlmaResponse",
    "ProfileDownloadCompletedRequest",
    "ProfileRequest",
    "RegisterEisRequest",
    "RelayedGetOncRequest",
    "RelayedGetPlmaRequest",
    "Request",
    "Response",
    "SendDataRequest",
    "SetOncRequest",
    "SetPlmaRequest",
    "UpdateConnectivityParametersRequest",
    "UpdateEisAdditionalPropertiesRequest",
    "UpdatePolicyRulesRequest",
    "UpdateSubscriptionAddressRequest",
]


@dataclass(frozen=True, slots=True)
class Call:
    """FunctionRequester, FunctionCallIdentifier (a retry has the same) and ValidityPeriod (seconds from reception)."""

    requester: Oid
    identifier: str = ""
    validity_period: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What every request has."""

    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What every response has."""

    status: ExecutionStatus
    processing_start: datetime | None = None
    processing_end: datetime | None = None
    acceptable_validity_period: Period | None = None

    def check(self, function: str) -> None:
        """FunctionFailed unless the function succeeded."""
        if not self.status.is_success:
            raise FunctionFailed(function, self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardResponse(Response):
    """With what the card answered, where it did."""

    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterEisRequest(Request):
    """ES1.RegisterEIS."""

    eis: Eis


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateEisAdditionalPropertiesRequest(Request):
    """ES1.UpdateEISAdditionalProperties."""

    eid: Eid
    additional_properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEisRequest(Request):
    """ES3.GetEIS, ES4.GetEIS."""

    eid: Eid


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEisRequest(Request):
    """ES3.AuditEIS, ES4.AuditEIS; no ICCIDs: all profiles of the requester."""

    eid: Eid
    iccids: tuple[Iccid, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EisResponse(Response):
    """The EIS as the requester may see it."""

    eis: Eis | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIsdpRequest(Request):
    """ES3.CreateISDP; 0 bytes required: no quota."""

    eid: Eid
    iccid: Iccid
    mno_id: Oid
    required_memory: int = 0
    more_to_do: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIsdpResponse(CardResponse):
    """Which ISD-P it became."""

    isd_p_aid: Aid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDataRequest(Request):
    """ES3.SendData: commands (22) or SCP03t TLVs for an ISD-P, as one byte string; see smsr.api.send_data."""

    eid: Eid
    sd_aid: Aid
    data: bytes
    more_to_do: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDownloadCompletedRequest(Request):
    """ES3.ProfileDownloadCompleted."""

    eid: Eid
    iccid: Iccid
    profile_type: ProfileType = ""
    subscription: SubscriptionAddress = NO_SUBSCRIPTION
    pol2: tuple[Pol2Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRequest(Request):
    """One profile on one card: to be enabled, disabled, deleted, or given the fall-back or emergency attribute."""

    eid: Eid
    iccid: Iccid


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePolicyRulesRequest(ProfileRequest):
    """ES3 and ES4.UpdatePolicyRules: the rules that hold from now on, none included."""

    pol2: tuple[Pol2Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSubscriptionAddressRequest(ProfileRequest):
    """ES3 and ES4.UpdateSubscriptionAddress."""

    new_subscription_address: SubscriptionAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateConnectivityParametersRequest(ProfileRequest):
    """ES3.UpdateConnectivityParameters: a script for the ISD-P, which only the ISD-P can read."""

    connectivity_parameters: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlmaRequest(Request):
    """ES3 and ES4A.SetPLMA."""

    plma: Plma


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPlmaRequest(Request):
    """ES3, ES4 and ES4A.GetPLMA; what is not named is any."""

    m2m_sp_id: Oid | None = None
    profile_type: ProfileType = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedGetPlmaRequest(GetPlmaRequest):
    """ES3.GetPLMA: for which operator the SM-DP asks (U)."""

    mno_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPlmaResponse(Response):
    """The grants that fit."""

    plma: tuple[Plma, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOncRequest(Request):
    """ES3 and ES4A.SetONC."""

    onc: Onc


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOncRequest(Request):
    """ES4A.GetONC; no profile type: any."""

    profile_type: ProfileType = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedGetOncRequest(GetOncRequest):
    """ES3.GetONC: for which operator the SM-DP asks."""

    mno_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOncResponse(Response):
    """The configurations that fit."""

    onc: tuple[Onc, ...] = ()


class Es3(Protocol):
    """What an SM-DP expects of an SM-SR."""

    def get_eis(self, request: GetEisRequest) -> EisResponse:
        """ES3.GetEIS."""
        ...

    def audit_eis(self, request: AuditEisRequest) -> EisResponse:
        """ES3.AuditEIS."""
        ...

    def create_isdp(self, request: CreateIsdpRequest) -> CreateIsdpResponse:
        """ES3.CreateISDP."""
        ...

    def send_data(self, request: SendDataRequest) -> CardResponse:
        """ES3.SendData."""
        ...

    def profile_download_completed(self, request: ProfileDownloadCompletedRequest) -> Response:
        """ES3.ProfileDownloadCompleted."""
        ...

    def enable_profile(self, request: ProfileRequest) -> CardResponse:
        """ES3.EnableProfile."""
        ...

    def disable_profile(self, request: ProfileRequest) -> CardResponse:
        """ES3.DisableProfile."""
        ...

    def delete_isdp(self, request: ProfileRequest) -> CardResponse:
        """ES3.DeleteISDP."""
        ...
