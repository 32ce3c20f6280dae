# SPDX-License-Identifier: Apache-2.0
"""The eUICC Information Set as XML (SGP.02 v4.2 annex E). What the EUM signed goes in and out as octets."""

from __future__ import annotations

from typing import Final

from smsr.api.eis import Eis
from smsr.api.eis_parts import Property, SignedInfo
from smsr.api.xml_parts import AUDIT_RECORD, PROFILE_INFO, RPS, SECURITY_DOMAIN
from smsr.kit.soap.declare import ANY, OPTIONAL, Attribute, Field, Occurs, Record, Verbatim, listed, nested
from smsr.kit.soap.signature import SIGNATURE
from smsr.kit.soap.simple import DATE_TIME, NON_NEGATIVE, OID, string

__all__ = ["EIS", "PROPERTIES"]

_PROPERTY: Final = Record(
    nested(Property), (), RPS, (Attribute("key", "key", string(256, 1)), Attribute("value", "value", string()))
)
PROPERTIES: Final = listed("Property", _PROPERTY, RPS, Occurs(1, 1000))
EIS: Final = Record(
    nested(Eis.received, signed=SignedInfo),
    (
        Field("EumSignedInfo", "signed.octets", Verbatim()),
        Field("EumSignature", "signed.signature", SIGNATURE),
        Field("RemainingMemory", "remaining_memory", NON_NEGATIVE),
        Field("AvailableMemoryForProfiles", "available_memory", NON_NEGATIVE),
        Field("LastAuditDate", "last_audit", DATE_TIME, OPTIONAL),
        Field("Smsr-id", "smsr_id", OID),
        Field("ProfileInfo", "profiles", PROFILE_INFO, ANY),
        Field("Isd-r", "isd_r", SECURITY_DOMAIN),
        Field("AuditTrail", "audit_trail", listed("Record", AUDIT_RECORD, RPS), OPTIONAL, ()),
        Field("AdditionalProperties", "additional_properties", PROPERTIES, OPTIONAL, ()),
    ),
    RPS,
)
"""EISType."""
