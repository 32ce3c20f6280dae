# SPDX-License-Identifier: Apache-2.0
"""Types of members that both bindings limit alike (SGP.02 v4.2 annex A, schemas version 3): JSON reads them by these.

The lengths of `Identifier`, `PropertyKey`, `KeyValue` and `CertificateValue` are this project's: the schemas have none.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from apdu.errors import DecodeError
from apdu.ids import Iccid

__all__ = [
    "MAX_PROFILE_TYPE",
    "Byte",
    "CertificateValue",
    "Dotted",
    "Identifier",
    "KeyIndex",
    "KeyValue",
    "Period",
    "ProfileType",
    "PropertyKey",
    "ShortBytes",
    "TwoBytes",
    "check_iccid",
]

MAX_PROFILE_TYPE: Final = 100
"""Characters."""
_TELECOM: Final = "89"
"""What the ICCIDs of the schemas begin with (ITU-T E.118: telecommunication purposes)."""

ProfileType = Annotated[str, Meta(max_length=MAX_PROFILE_TYPE)]
Identifier = Annotated[str, Meta(max_length=256)]
PropertyKey = Annotated[str, Meta(min_length=1, max_length=256)]
Dotted = Annotated[str, Meta(max_length=64, pattern=r"^([0-9]+\.)*[0-9]+(?!\n)$")]
"""A number of a status code."""
Byte = Annotated[int, Meta(ge=0, le=0xFF)]
TwoBytes = Annotated[int, Meta(ge=0, le=0xFFFF)]
KeyIndex = Annotated[int, Meta(ge=0, le=127)]
Period = Annotated[int, Meta(ge=1)]
"""Seconds."""
ShortBytes = Annotated[bytes, Meta(max_length=16)]
KeyValue = Annotated[bytes, Meta(max_length=512)]
CertificateValue = Annotated[bytes, Meta(max_length=4096)]


def check_iccid(iccid: Iccid) -> Iccid:
    """DecodeError for an ICCID that messages cannot name."""
    if not str(iccid).startswith(_TELECOM):
        raise DecodeError(f"ICCID {iccid} does not begin with {_TELECOM}")
    return iccid
