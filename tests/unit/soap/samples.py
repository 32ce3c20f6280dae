# SPDX-License-Identifier: Apache-2.0
"""Messages of every function, with everything in them that can be, and with as little as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from apdu.ids import ECASD, Aid, Imsi
from smdp.api import messages as es2
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.xml_messages import BY_ELEMENT, BY_TYPE
from smsr.api import messages as m
from smsr.api import notifications as n
from smsr.api.eis import Eis
from smsr.api.eis_parts import (
    AuditRecord,
    EisCertificate,
    Keyset,
    KeysetType,
    Operation,
    Pol2Action,
    Pol2Qualification,
    Pol2Rule,
    ProfileInfo,
    ProfileState,
    Property,
    SubscriptionAddress,
)
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Function, Message
from smsr.api.grants import NotificationType, Onc, Plma, PlmaOperation
from smsr.api.soap import SoapBinding
from smsr.api.status import SUCCESS, Code, ExecutionStatus, Status, failed
from smsr.api.transport_keys import wrap_keys
from smsr.kit.soap.addressing import Addressing, Endpoint, MessageId
from tests.unit.kit.world import EID, MNO_OID, SM_DP_OID, SM_SR_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, TRANSPORT, make_eis

FUNCTIONS: Final = (*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS)
BINDING: Final = SoapBinding(FUNCTIONS, BY_TYPE, BY_ELEMENT)
MOMENT: Final = datetime(2026, 11, 23, 8, 0, 9, tzinfo=UTC)
ADDRESSING: Final = Addressing(
    sender=Endpoint("https://dp.example/es3", SM_DP_OID, "SM-DP & <sons>"),
    receiver=Endpoint("https://sr.example/es3", SM_SR_OID),
    message_id=MessageId.create(SM_DP_OID, "urn:uuid:1", MOMENT, transaction_id="tx 1&2", context_id="c"),
    reply_to="https://dp.example/es3/callback",
)
RULES: Final = (
    Pol2Rule(Pol2Action.DISABLE, Pol2Qualification.AUTO_DELETE),
    Pol2Rule(Pol2Action.DELETE, Pol2Qualification.NOT_ALLOWED),
)
SUBSCRIPTION: Final = SubscriptionAddress(Imsi("001010000000001"), "882360000000001")
_CALL: Final = m.Call(SM_DP_OID, "dp <7> \"&'", 3600)
_BARE: Final = m.Call(SM_DP_OID, "1")
_TIMES: Final = {"processing_start": MOMENT, "processing_end": MOMENT.replace(microsecond=120_000)}
_PLMA: Final = Plma(
    mno_id=MNO_OID,
    m2m_sp_id=SM_DP_OID,
    profile_type="LTE",
    operations=tuple(PlmaOperation),
    notifications=tuple(NotificationType),
)
_ONC: Final = Onc(mno_id=MNO_OID, profile_type="LTE", discarded=(NotificationType.PROFILE_ENABLED,))


def full_eis() -> Eis:
    """An EIS with each of its elements; its keys are encrypted."""
    profile = ProfileInfo(
        iccid=ICCID,
        isd_p_aid=Aid.isd_p(0x10),
        mno_id=MNO_OID,
        state=ProfileState.ENABLED,
        smdp_id=SM_DP_OID,
        fall_back=True,
        profile_type="LTE é",
        subscription=SUBSCRIPTION,
        allocated_memory=5,
        free_memory=0,
        pol2=RULES,
    )
    record = AuditRecord(eid=EID, smsr_id=SM_SR_OID, date=MOMENT, operation=Operation.FIRST_ATTACH)
    enabled = replace(
        record,
        operation=Operation.ENABLE,
        requester=SM_DP_OID,
        status=failed(Code.POL1, "no", ICCID),
        isd_p_aid=Aid.isd_p(0x10),
        iccid=ICCID,
        imei=bytes(8),
        meid=bytes(7),
    )
    eis = make_eis(
        smsr_id=SM_SR_OID,
        last_audit=MOMENT,
        profiles=(
            profile,
            ProfileInfo(iccid=ICCID_2, isd_p_aid=Aid.isd_p(0x11), mno_id=MNO_OID, state=ProfileState.CREATED),
        ),
        audit_trail=(record, enabled),
        additional_properties=(Property("a", 'tab\t, line\n and "quotes" <&>'), Property("b")),
    )
    certificate = EisCertificate(1, MNO_OID, bytes.fromhex("7F2100"))
    more = Keyset(version=0x40, type=KeysetType.SCP81, counter=7, certificates=(certificate,))
    domain = replace(eis.isd_r, tars=(ECASD.tar,), sin=b"\x42\x01", sdin=bytes(8), keysets=(*eis.isd_r.keysets, more))
    return wrap_keys(replace(eis, isd_r=domain), TRANSPORT)


def small_eis() -> Eis:
    """An EIS with what must be there."""
    eis = make_eis(smsr_id=SM_SR_OID)
    return wrap_keys(replace(eis, isd_r=replace(eis.isd_r, sin=b"\x42", sdin=b"\x01")), TRANSPORT)


Values = list[dict[str, Any]]
_BAD: Final = ExecutionStatus(Status.FAILED, Code.EID_UNKNOWN.pair)
_AT: Final[dict[str, Any]] = {"eid": EID, "iccid": ICCID}
_DONE: Final[dict[str, Any]] = {**_AT, "completion_timestamp": MOMENT}
_SR: Final[dict[str, Any]] = {"smsr_id": SM_SR_OID}


def samples(kind: type[Message]) -> Sequence[Message]:
    """Examples of one type of message."""
    if issubclass(kind, m.Request):
        return [kind(call=call, **values) for call in (_CALL, _BARE) for values in _REQUESTS[kind]]
    if issubclass(kind, m.Response):
        heads: Sequence[dict[str, Any]] = (
            {"status": SUCCESS},
            {"status": _BAD, **_TIMES},
            {"status": failed(Code.POL2, "a\r\nb", ICCID)},
        )
        more = {"acceptable_validity_period": 5, "status": SUCCESS}
        return [kind(**head, **values) for head in (*heads, more) for values in _RESPONSES[kind]]
    return [kind(**values) for values in _NOTIFICATIONS[kind]]


_RESPONSES: Final[dict[type[Message], Values]] = {
    m.Response: [{}],
    m.CardResponse: [{}, {"data": b"\x23\x02\x90\x00"}],
    m.EisResponse: [{}, {"eis": full_eis()}, {"eis": small_eis()}],
    m.CreateIsdpResponse: [{}, {"isd_p_aid": Aid.isd_p(0x10), "data": b"\x90\x00"}],
    m.GetPlmaResponse: [{}, {"plma": (_PLMA, replace(_PLMA, operations=()))}],
    m.GetOncResponse: [{}, {"onc": (_ONC,)}],
    es2.DownloadProfileResponse: [{}, {"iccid": ICCID}],
}
_RULE_SETS: Final[Values] = [{**_AT}, {**_AT, "pol2": RULES}]
_ADDRESSES: Final[Values] = [
    {**_AT, "new_subscription_address": each}
    for each in (SUBSCRIPTION, SubscriptionAddress(), SubscriptionAddress(msisdn="123"))
]
_PLMA_QUERIES: Final[Values] = [{}, {"m2m_sp_id": SM_DP_OID, "profile_type": "LTE"}]
_ONC_QUERIES: Final[Values] = [{}, {"profile_type": "LTE"}]
_REQUESTS: Final[dict[type[Message], Values]] = {
    m.RegisterEisRequest: [{"eis": full_eis()}, {"eis": small_eis()}],
    m.UpdateEisAdditionalPropertiesRequest: [{"eid": EID, "additional_properties": (Property("a", "b"),)}],
    m.GetEisRequest: [{"eid": EID}],
    m.AuditEisRequest: [{"eid": EID}],
    m.CreateIsdpRequest: [
        {**_AT, "mno_id": MNO_OID},
        {**_AT, "mno_id": MNO_OID, "required_memory": 9, "more_to_do": True},
    ],
    m.SendDataRequest: [
        {"eid": EID, "sd_aid": Aid.isd_p(0x10), "data": bytes(range(256)) * 64, "more_to_do": True},
        {"eid": EID, "sd_aid": Aid.isd_p(0x10), "data": b"\x84\x00"},
    ],
    m.ProfileDownloadCompletedRequest: [
        {**_AT},
        {**_AT, "profile_type": "LTE", "subscription": SUBSCRIPTION, "pol2": RULES},
    ],
    m.ProfileRequest: [_AT],
    m.UpdatePolicyRulesRequest: _RULE_SETS,
    m.UpdateSubscriptionAddressRequest: _ADDRESSES,
    m.UpdateConnectivityParametersRequest: [{**_AT, "connectivity_parameters": b"\x84\x01\x00"}],
    m.SetPlmaRequest: [{"plma": _PLMA}],
    m.GetPlmaRequest: _PLMA_QUERIES,
    m.RelayedGetPlmaRequest: [{**each, "mno_id": MNO_OID} for each in _PLMA_QUERIES],
    m.SetOncRequest: [{"onc": _ONC}],
    m.GetOncRequest: _ONC_QUERIES,
    m.RelayedGetOncRequest: [{**each, "mno_id": MNO_OID} for each in _ONC_QUERIES],
    es2.GetEisRequest: [{"eid": EID, **_SR}],
    es2.AuditEisRequest: [{"eid": EID, **_SR}, {"eid": EID, "iccids": (ICCID, ICCID_2), **_SR}],
    es2.DownloadProfileRequest: [
        {"eid": EID, "iccid": ICCID, "enable_profile": True, "profile_type": "LTE", **_SR},
        {"eid": EID, **_SR},
    ],
    es2.ProfileRequest: [{**_AT, **_SR}],
    es2.UpdatePolicyRulesRequest: [{**each, **_SR} for each in _RULE_SETS],
    es2.UpdateSubscriptionAddressRequest: [{**each, **_SR} for each in _ADDRESSES],
    es2.SetPlmaRequest: [{"plma": _PLMA, **_SR}],
    es2.GetPlmaRequest: [{**each, **_SR} for each in _PLMA_QUERIES],
    es2.SetOncRequest: [{"onc": _ONC, **_SR}],
    es2.GetOncRequest: [{**each, **_SR} for each in _ONC_QUERIES],
}
_NOTIFICATIONS: Final[dict[type[Message], Values]] = {
    n.ProfileNotification: [_DONE],
    n.RelayedProfileNotification: [{**_DONE, "mno_id": MNO_OID}],
    n.Pol2Notification: [{**_DONE, "pol2": RULES}, _DONE],
    n.RelayedPol2Notification: [{**_DONE, "pol2": RULES, "mno_id": MNO_OID}],
    n.PlmaNotification: [{"plma": _PLMA, "completion_timestamp": MOMENT}],
}


def every_message() -> list[tuple[Function, str, Message]]:
    """Function, element, message: all there are."""
    found: list[tuple[Function, str, Message]] = []
    for function in FUNCTIONS:
        found += [(function, function.request_element, each) for each in samples(function.request)]
        if function.response is not None:
            found += [(function, function.response_element, each) for each in samples(function.response)]
    return found
