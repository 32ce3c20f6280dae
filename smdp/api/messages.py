# SPDX-License-Identifier: Apache-2.0
"""Requests and responses of ES2 (SGP.02 v4.2 5.3): those of ES3, and the SM-SR that they are for."""

from __future__ import annotations

from dataclasses import dataclass

from apdu.ids import Eid, Iccid
from smsr.api import messages as es3
from smsr.api.limits import ProfileType
from smsr.api.messages import Request, Response
from smsr.kit.oid import Oid

__all__ = [
    "AuditEisRequest",
    "DownloadProfileRequest",
    "DownloadProfileResponse",
    "GetEisRequest",
    "GetOncRequest",
    "GetPlmaRequest",
    "ProfileRequest",
    "SetOncRequest",
    "SetPlmaRequest",
    "UpdatePolicyRulesRequest",
    "UpdateSubscriptionAddressRequest",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEisRequest(es3.GetEisRequest):
    """ES2.GetEIS."""

    smsr_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEisRequest(es3.AuditEisRequest):
    """ES2.AuditEIS."""

    smsr_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadProfileRequest(Request):
    """ES2.DownloadProfile: one certain profile by its ICCID, or any of a type."""

    eid: Eid
    smsr_id: Oid
    profile_type: ProfileType = ""
    iccid: Iccid | None = None
    enable_profile: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadProfileResponse(Response):
    """Which profile it became."""

    iccid: Iccid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRequest(es3.ProfileRequest):
    """One profile on one card: to be enabled, disabled, deleted, or given the fall-back or emergency attribute."""

    smsr_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePolicyRulesRequest(es3.UpdatePolicyRulesRequest):
    """ES2.UpdatePolicyRules."""

    smsr_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSubscriptionAddressRequest(es3.UpdateSubscriptionAddressRequest):
    """ES2.UpdateSubscriptionAddress."""

    smsr_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlmaRequest(es3.SetPlmaRequest):
    """ES2.SetPLMA."""

    smsr_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPlmaRequest(es3.GetPlmaRequest):
    """ES2.GetPLMA."""

    smsr_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOncRequest(es3.SetOncRequest):
    """ES2.SetONC."""

    smsr_id: Oid


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOncRequest(es3.GetOncRequest):
    """ES2.GetONC."""

    smsr_id: Oid
