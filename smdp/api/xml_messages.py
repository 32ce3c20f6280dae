# SPDX-License-Identifier: Apache-2.0
"""Which elements the messages of ES2 have, in the order of the schemas, which is not the same everywhere.

With those of an SM-SR, since an SM-DP talks to both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from smdp.api import messages as m
from smsr.api import messages as es3
from smsr.api.functions import Message
from smsr.api.xml_messages import BY_ELEMENT as SM_SR_BY_ELEMENT
from smsr.api.xml_messages import BY_TYPE as SM_SR_BY_TYPE
from smsr.api.xml_messages import ROW_EID, ROW_ICCID, Rows
from smsr.api.xml_parts import ICCID, PROFILE_TYPE
from smsr.kit.soap.declare import OPTIONAL, Field
from smsr.kit.soap.simple import BOOLEAN, OID

__all__ = ["BY_ELEMENT", "BY_TYPE"]

_SM_SR: Final = Field("Smsr-id", "smsr_id", OID)
_SM_SR_OTHER_CASE: Final = Field("SmSr-id", "smsr_id", OID)
"""So spelt in two elements of the schema."""


def _after_eid(request: type[Message]) -> Rows:
    """The elements of an ES3 request, the SM-SR behind the EID."""
    eid, *others = SM_SR_BY_TYPE[request]
    return (eid, _SM_SR, *others)


def _at_end(request: type[Message]) -> Rows:
    return (*SM_SR_BY_TYPE[request], _SM_SR)


BY_TYPE: Final[Mapping[type[Message], Rows]] = {
    **SM_SR_BY_TYPE,
    m.GetEisRequest: _after_eid(es3.GetEisRequest),
    m.AuditEisRequest: _after_eid(es3.AuditEisRequest),
    m.DownloadProfileRequest: (
        ROW_EID,
        _SM_SR_OTHER_CASE,
        Field("ProfileType", "profile_type", PROFILE_TYPE, OPTIONAL, ""),
        Field("Iccid", "iccid", ICCID, OPTIONAL),
        Field("EnableProfile", "enable_profile", BOOLEAN),
    ),
    m.DownloadProfileResponse: (Field("Iccid", "iccid", ICCID, OPTIONAL),),
    m.ProfileRequest: _after_eid(es3.ProfileRequest),
    m.UpdatePolicyRulesRequest: (
        ROW_EID,
        ROW_ICCID,
        _SM_SR,
        *SM_SR_BY_TYPE[es3.UpdatePolicyRulesRequest][2:],
    ),
    m.UpdateSubscriptionAddressRequest: _after_eid(es3.UpdateSubscriptionAddressRequest),
    m.SetPlmaRequest: _at_end(es3.SetPlmaRequest),
    m.GetPlmaRequest: _at_end(es3.GetPlmaRequest),
    m.SetOncRequest: _at_end(es3.SetOncRequest),
    m.GetOncRequest: _at_end(es3.GetOncRequest),
}

BY_ELEMENT: Final[Mapping[str, Rows]] = {
    **SM_SR_BY_ELEMENT,
    "ES2-EnableProfileRequest": (ROW_EID, _SM_SR_OTHER_CASE, ROW_ICCID),
    "ES2-DeleteProfileRequest": (ROW_EID, ROW_ICCID, _SM_SR),
}
