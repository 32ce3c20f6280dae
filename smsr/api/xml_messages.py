# SPDX-License-Identifier: Apache-2.0
"""Which elements each message of an SM-SR has, in the order of the schemas (version 3).

A row for each type of message; where the element of one interface differs from the others of its type, a row for that
element. What every request and every response begins with is not repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apdu.ids import Aid
from smsr.api import messages as m
from smsr.api import notifications as n
from smsr.api.eis_parts import NO_SUBSCRIPTION
from smsr.api.functions import Message
from smsr.api.grants import NotificationType, Onc, Plma, PlmaOperation
from smsr.api.xml_eis import EIS, PROPERTIES
from smsr.api.xml_parts import AID, EID, ICCID, POL2, PROFILE_TYPE, RPS, STATUS, SUBSCRIPTION
from smsr.kit.soap.declare import ANY, OPTIONAL, Field, Record, Simple, listed, nested
from smsr.kit.soap.simple import BOOLEAN, DATE_TIME, NON_NEGATIVE, OID, POSITIVE, hex_binary, string

__all__ = ["BY_ELEMENT", "BY_TYPE", "REQUEST_HEAD", "RESPONSE_HEAD", "ROW_EID", "ROW_ICCID", "Rows"]

Rows = tuple[Field, ...]

REQUEST_HEAD: Final[Rows] = (
    Field("FunctionCallIdentifier", "call.identifier", string(256)),
    Field("ValidityPeriod", "call.validity_period", POSITIVE, OPTIONAL),
)
RESPONSE_HEAD: Final[Rows] = (
    Field("ProcessingStart", "processing_start", DATE_TIME, OPTIONAL),
    Field("ProcessingEnd", "processing_end", DATE_TIME, OPTIONAL),
    Field("AcceptableValidityPeriod", "acceptable_validity_period", POSITIVE, OPTIONAL),
    Field("FunctionExecutionStatus", "status", STATUS),
)

NO_ISD_P: Final = Aid(bytes(16))
"""(U) the schema wants an Isd-p-aid in a CreateISDPResponse that failed, too."""


ROW_EID: Final = Field("Eid", "eid", EID)
ROW_ICCID: Final = Field("Iccid", "iccid", ICCID)
_MNO: Final = Field("Mno-id", "mno_id", OID)
_COMPLETION: Final = Field("CompletionTimestamp", "completion_timestamp", DATE_TIME)
_EIS_THERE: Final = Field("Eis", "eis", EIS, OPTIONAL)
_MORE: Final = Field("MoreToDo", "more_to_do", BOOLEAN, OPTIONAL, False)
_CARD: Final = Field("EuiccResponseData", "data", hex_binary(), OPTIONAL, b"")
_RULES: Final = Field("pol2", "pol2", POL2, OPTIONAL, ())
_TYPE: Final = Field("ProfileType", "profile_type", PROFILE_TYPE, OPTIONAL, "")
_NOTIFICATION: Final = Simple(NotificationType, collapse=False)

# (U) how PLMA and ONC are spelt
_PLMA: Final = Record(
    nested(Plma),
    (
        Field("Mno-id", "mno_id", OID),
        Field("M2m-sp-id", "m2m_sp_id", OID),
        Field("ProfileType", "profile_type", PROFILE_TYPE),
        Field("AuthorisedOperations", "operations", listed("Operation", Simple(PlmaOperation, collapse=False), RPS)),
        Field("AuthorisedNotifications", "notifications", listed("Notification", _NOTIFICATION, RPS)),
    ),
    RPS,
)
_ONC: Final = Record(
    nested(Onc),
    (
        Field("Mno-id", "mno_id", OID),
        Field("ProfileType", "profile_type", PROFILE_TYPE),
        Field("DiscardedNotifications", "discarded", listed("Notification", _NOTIFICATION, RPS)),
    ),
    RPS,
)

BY_TYPE: Final[Mapping[type[Message], Rows]] = {
    m.Response: (),
    m.CardResponse: (_CARD,),
    m.EisResponse: (_EIS_THERE,),
    m.CreateIsdpResponse: (Field("Isd-p-aid", "isd_p_aid", AID, OPTIONAL, blank=NO_ISD_P), _CARD),
    m.GetPlmaResponse: (Field("Plmas", "plma", listed("Plma", _PLMA, RPS)),),
    m.GetOncResponse: (Field("Oncs", "onc", listed("Onc", _ONC, RPS)),),
    m.RegisterEisRequest: (Field("Eis", "eis", EIS),),
    m.UpdateEisAdditionalPropertiesRequest: (
        ROW_EID,
        Field("AdditionalProperties", "additional_properties", PROPERTIES),
    ),
    m.GetEisRequest: (ROW_EID,),
    m.AuditEisRequest: (ROW_EID, Field("Iccid", "iccids", ICCID, ANY)),
    m.CreateIsdpRequest: (ROW_EID, ROW_ICCID, _MNO, Field("RequiredMemory", "required_memory", NON_NEGATIVE), _MORE),
    m.SendDataRequest: (ROW_EID, Field("Sd-aid", "sd_aid", AID), Field("Data", "data", hex_binary()), _MORE),
    m.ProfileDownloadCompletedRequest: (
        ROW_EID,
        ROW_ICCID,
        _TYPE,
        Field("SubscriptionAddress", "subscription", SUBSCRIPTION, OPTIONAL, NO_SUBSCRIPTION),
        _RULES,
    ),
    m.ProfileRequest: (ROW_EID, ROW_ICCID),
    m.UpdatePolicyRulesRequest: (ROW_EID, ROW_ICCID, _RULES),
    m.UpdateSubscriptionAddressRequest: (
        ROW_EID,
        ROW_ICCID,
        Field("newSubscriptionAddress", "new_subscription_address", SUBSCRIPTION),
    ),
    m.UpdateConnectivityParametersRequest: (
        ROW_EID,
        ROW_ICCID,
        Field("ConnectivityParameters", "connectivity_parameters", hex_binary()),
    ),
    m.SetPlmaRequest: (Field("Plma", "plma", _PLMA),),
    m.GetPlmaRequest: (Field("M2m-sp-id", "m2m_sp_id", OID, OPTIONAL), _TYPE),
    m.RelayedGetPlmaRequest: (_MNO, Field("M2m-sp-id", "m2m_sp_id", OID, OPTIONAL), _TYPE),
    m.SetOncRequest: (Field("Onc", "onc", _ONC),),
    m.GetOncRequest: (_TYPE,),
    m.RelayedGetOncRequest: (_MNO, _TYPE),
    n.ProfileNotification: (ROW_EID, ROW_ICCID, _COMPLETION),
    n.RelayedProfileNotification: (ROW_EID, ROW_ICCID, _MNO, _COMPLETION),
    n.Pol2Notification: (ROW_EID, ROW_ICCID, Field("pol2", "pol2", POL2), _COMPLETION),
    n.RelayedPol2Notification: (ROW_EID, ROW_ICCID, _MNO, Field("pol2", "pol2", POL2), _COMPLETION),
    n.PlmaNotification: (Field("Plma", "plma", _PLMA), _COMPLETION),
}

BY_ELEMENT: Final[Mapping[str, Rows]] = {
    "ES4-UpdatePolicyRulesRequest": (ROW_EID, ROW_ICCID, Field("pol2", "pol2", POL2)),
}
