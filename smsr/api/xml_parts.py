# SPDX-License-Identifier: Apache-2.0
"""How the parts of messages are XML: one declaration for each type (SGP.02 v4.2 annex A and B, schemas version 3)."""

from __future__ import annotations

from typing import Final

from apdu.errors import DecodeError
from apdu.ids import Aid, Eid, Iccid, Imsi, Tar
from smsr.api.eis_parts import (
    NO_SUBSCRIPTION,
    AuditRecord,
    EisCertificate,
    EisKey,
    EuiccCapabilities,
    EumSignedInfo,
    KeyComponent,
    Keyset,
    KeysetType,
    Pol2Action,
    Pol2Qualification,
    Pol2Rule,
    ProfileInfo,
    ProfileState,
    SdRole,
    SecurityDomain,
    SubscriptionAddress,
)
from smsr.api.limits import MAX_PROFILE_TYPE, check_iccid
from smsr.api.status import ExecutionStatus, Status, StatusCode
from smsr.kit.soap.declare import (
    ANY,
    OPTIONAL,
    Attribute,
    Choice,
    Field,
    Occurs,
    Record,
    Simple,
    listed,
    nested,
)
from smsr.kit.soap.simple import (
    BOOLEAN,
    DATE_TIME,
    NON_NEGATIVE,
    OID,
    STRING,
    VERSION,
    hex_binary,
    string,
    whole_number,
)
from smsr.kit.soap.writer import Namespace

__all__ = [
    "AID",
    "AUDIT_RECORD",
    "EID",
    "ICCID",
    "POL2",
    "PROFILE_INFO",
    "PROFILE_TYPE",
    "RPS",
    "SECURITY_DOMAIN",
    "SIGNED_INFO",
    "STATUS",
    "SUBSCRIPTION",
]

RPS: Final = Namespace("http://namespaces.gsma.org/esim-messaging/3", "rps")
"""Of every message and part of one."""


def _upper(value: bytes) -> str:
    return value.hex().upper()


def _iccid(text: str) -> Iccid:
    return check_iccid(Iccid.from_string(text.rstrip("fF")))


def _msisdn(text: str) -> str:
    if not text:
        raise DecodeError("an MSISDN without digits")
    return text


def _subject(text: str) -> str:
    if text != "PROFILE":
        raise DecodeError(f"rules are about PROFILE, not about {text[:20]!r}")
    return text


_RAW: Final = hex_binary()
EID: Final = Simple(Eid.from_string)
ICCID: Final = Simple(_iccid, collapse=False)
AID: Final = Simple(lambda text: Aid(_RAW.convert(text)), _upper)
PROFILE_TYPE: Final = string(MAX_PROFILE_TYPE)
_TAR: Final = Simple(lambda text: Tar(_RAW.convert(text)), _upper)
_SHORT: Final = hex_binary(most=16)
_INDEX: Final = whole_number(0, 127)
_BYTE: Final = Simple(lambda text: hex_binary(1, 1).convert(text)[0], lambda value: f"{value:02X}")
_OPERATION: Final = Simple(lambda text: int.from_bytes(hex_binary(2, 2).convert(text)), lambda value: f"{value:04X}")
_STATUS_NUMBER: Final = Simple(lambda text: _dotted(text), collapse=False)


def _dotted(text: str) -> str:
    """A number of a status code: shaped like an object identifier, but it may be one arc only."""
    if len(text) > 64 or not all(arc.isascii() and arc.isdigit() for arc in text.split(".")):
        raise DecodeError(f"{text[:20]!r} is no dotted number")
    return text


SUBSCRIPTION: Final = Record(
    nested(SubscriptionAddress),
    (
        Field("Imsi", "imsi", Simple(Imsi, collapse=False), OPTIONAL),
        Field("Msisdn", "msisdn", Simple(_msisdn, collapse=False), OPTIONAL, NO_SUBSCRIPTION.msisdn),
    ),
    RPS,
)
_RULE: Final = Record(
    lambda values: _rule(values),
    (
        Field("Subject", "subject", Simple(_subject, collapse=False)),
        Field("Action", "action", Simple(Pol2Action, collapse=False)),
        Field("Qualification", "qualification", Simple(Pol2Qualification, collapse=False)),
    ),
    RPS,
)
POL2: Final = listed("Rule", _RULE, RPS)
_STATUS_CODE: Final = Record(
    nested(dict[str, object], code=StatusCode),
    (
        Field("Subject", "code.subject", _STATUS_NUMBER),
        Field("Reason", "code.reason", _STATUS_NUMBER),
        Field("SubjectIdentifier", "subject_identifier", STRING, OPTIONAL, ""),
        Field("Message", "message", STRING, OPTIONAL, ""),
    ),
    RPS,
)


def _rule(values: dict[str, object]) -> Pol2Rule:
    del values["subject"]
    return nested(Pol2Rule)(values)


def _status(values: dict[str, object]) -> ExecutionStatus:
    data = values.pop("code_data")
    return nested(ExecutionStatus)({**values, **(data if isinstance(data, dict) else {})})


STATUS: Final = Record(
    _status,
    (
        Field("Status", "status", Simple(Status, collapse=False)),
        Field("StatusCodeData", "code_data", _STATUS_CODE, OPTIONAL),
    ),
    RPS,
)

_KEY_COMPONENT: Final = Record(
    nested(KeyComponent), (), RPS, (Attribute("type", "type", _BYTE), Attribute("value", "value", hex_binary(most=512)))
)
_KEY: Final = Record(
    nested(EisKey),
    (Field("Index", "index", _INDEX), Field("KeyComponents", "components", _KEY_COMPONENT, Occurs(1, 16))),
    RPS,
    (Attribute("kcv", "kcv", _SHORT),),
)
_CERTIFICATE: Final = Record(
    nested(EisCertificate),
    (Field("Index", "index", _INDEX), Field("CaId", "ca_id", OID), Field("Value", "value", hex_binary(most=4096))),
    RPS,
)
_KEYSET: Final = Record(
    nested(Keyset),
    (
        Field("Version", "version", whole_number(1, 127)),
        Field("Type", "type", Simple(KeysetType, collapse=False), OPTIONAL),
        Field("Cntr", "counter", NON_NEGATIVE, OPTIONAL, 0),
        Choice(
            (
                Field("Key", "keys", _KEY, Occurs(0, 128)),
                Field("Certificate", "certificates", _CERTIFICATE, Occurs(0, 128)),
            )
        ),
    ),
    RPS,
)
SECURITY_DOMAIN: Final = Record(
    nested(SecurityDomain),
    (
        Field("Aid", "aid", AID),
        Field("Tar", "tars", _TAR, ANY),
        Field("Sin", "sin", _SHORT),
        Field("Sdin", "sdin", _SHORT),
        Field("Role", "role", Simple(SdRole, collapse=False)),
        Field("Keyset", "keysets", _KEYSET, Occurs(1, 127)),
    ),
    RPS,
)
_CAPABILITIES: Final = Record(
    nested(EuiccCapabilities),
    (
        Field("CattpSupport", "cattp_support", BOOLEAN),
        Field("CattpVersion", "cattp_version", VERSION, OPTIONAL),
        Field("HttpSupport", "http_support", BOOLEAN),
        Field("HttpVersion", "http_version", VERSION, OPTIONAL),
        Field("SecurePacketVersion", "secure_packet_version", VERSION),
        Field("RemoteProvisioningVersion", "remote_provisioning_version", VERSION),
    ),
    RPS,
)
SIGNED_INFO: Final = Record(
    nested(EumSignedInfo),
    (
        Field("Eid", "eid", EID),
        Field("Eum-id", "eum_id", OID),
        Field("ProductionDate", "production_date", DATE_TIME),
        Field("PlatformType", "platform_type", string(100)),
        Field("PlatformVersion", "platform_version", VERSION),
        Field("Isd-p-loadfile-aid", "isd_p_load_file", AID),
        Field("Isd-p-module-aid", "isd_p_module", AID),
        Field("Ecasd", "ecasd", SECURITY_DOMAIN),
        Field("EuiccCapabilities", "capabilities", _CAPABILITIES),
    ),
    RPS,
)
PROFILE_INFO: Final = Record(
    nested(ProfileInfo),
    (
        Field("Iccid", "iccid", ICCID),
        Field("Isd-p-aid", "isd_p_aid", AID),
        Field("Mno-id", "mno_id", OID),
        Field("FallbackAttribute", "fall_back", BOOLEAN),
        Field("SubscriptionAddress", "subscription", SUBSCRIPTION),
        Field("State", "state", Simple(lambda text: _exported(text), collapse=False)),
        Field("Smdp-id", "smdp_id", OID, OPTIONAL),
        Field("ProfileType", "profile_type", PROFILE_TYPE, OPTIONAL, ""),
        Field("AllocatedMemory", "allocated_memory", NON_NEGATIVE),
        Field("FreeMemory", "free_memory", NON_NEGATIVE, OPTIONAL),
        Field("pol2", "pol2", POL2),
    ),
    RPS,
)
AUDIT_RECORD: Final = Record(
    nested(AuditRecord),
    (
        Field("Eid", "eid", EID),
        Field("Smsr-id", "smsr_id", OID),
        Field("OperationDate", "date", DATE_TIME),
        Field("OperationType", "operation", _OPERATION),
        Field("RequesterId", "requester", OID, OPTIONAL),
        Field("OperationExecutionStatus", "status", STATUS, OPTIONAL),
        Field("Isd-p-aid", "isd_p_aid", AID, OPTIONAL),
        Field("Iccid", "iccid", ICCID, OPTIONAL),
        Field("Imei", "imei", _SHORT, OPTIONAL, b""),
        Field("Meid", "meid", _SHORT, OPTIONAL, b""),
    ),
    RPS,
)


def _exported(text: str) -> ProfileState:
    """In-Creation is the SM-SR's own state and no value of the schema."""
    state = ProfileState(text)
    if state is ProfileState.IN_CREATION:
        raise DecodeError("the state In-Creation is told to nobody")
    return state
