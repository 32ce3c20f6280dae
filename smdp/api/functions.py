# SPDX-License-Identifier: Apache-2.0
"""Every function of an SM-DP, a row each, as smsr.api.functions has those of an SM-SR."""

from __future__ import annotations

from typing import Final

from smdp.api import messages as m
from smsr.api.functions import LATER, Category, Exchange, Function, Interface, Port, notifications
from smsr.api.messages import EisResponse, GetOncResponse, GetPlmaResponse, Request, Response
from smsr.api.notifications import Pol2Notification, ProfileNotification

__all__ = ["FUNCTIONS"]

_S, _A = Exchange.SYNCHRONOUS, Exchange.ASYNCHRONOUS
_PLATFORM, _PROFILE = Category.PLATFORM, Category.PROFILE


def _row(
    name: str,
    exchange: Exchange,
    category: Category,
    request: type[Request],
    response: type[Response],
    in_schema: bool = True,
) -> Function:
    return Function(Interface.ES2, name, exchange, category, Port.SM_DP_ES2, request, response, in_schema)


FUNCTIONS: Final = (
    _row("GetEIS", _S, Category.DATA, m.GetEisRequest, EisResponse),
    _row("DownloadProfile", _A, _PROFILE, m.DownloadProfileRequest, m.DownloadProfileResponse),
    _row("UpdatePolicyRules", _S, _PROFILE, m.UpdatePolicyRulesRequest, Response),
    _row("UpdateSubscriptionAddress", _S, _PROFILE, m.UpdateSubscriptionAddressRequest, Response),
    _row("EnableProfile", _A, _PLATFORM, m.ProfileRequest, Response),
    _row("DisableProfile", _A, _PLATFORM, m.ProfileRequest, Response),
    _row("DeleteProfile", _A, _PLATFORM, m.ProfileRequest, Response),
    _row("AuditEIS", _A, _PROFILE, m.AuditEisRequest, EisResponse, LATER),
    _row("SetFallBackAttribute", _A, _PLATFORM, m.ProfileRequest, Response, LATER),
    _row("SetEmergencyProfileAttribute", _A, _PLATFORM, m.ProfileRequest, Response, LATER),
    _row("SetPLMA", _S, _PROFILE, m.SetPlmaRequest, Response, LATER),
    _row("GetPLMA", _S, _PROFILE, m.GetPlmaRequest, GetPlmaResponse, LATER),
    _row("SetONC", _S, _PROFILE, m.SetOncRequest, Response, LATER),
    _row("GetONC", _S, _PROFILE, m.GetOncRequest, GetOncResponse, LATER),
    *notifications(Interface.ES2, Port.MNO_ES2, ProfileNotification, Pol2Notification),
)
"""What an SM-DP does for operators and tells them."""
