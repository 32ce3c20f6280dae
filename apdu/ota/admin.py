# SPDX-License-Identifier: Apache-2.0
"""Names and values of the administration protocol of SCP81, for both ends (GP Amendment B 4, SGP.02 v4.2 2.4.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Self

from apdu.errors import DecodeError
from apdu.ids import ISD_R, Aid, Eid
from apdu.tlv.scan import ber, split

__all__ = [
    "COMMAND_TYPES",
    "FROM",
    "MAX_BODY",
    "MAX_HEADERS",
    "NEXT_URI",
    "PROTOCOL",
    "PROTOCOL_VALUE",
    "RESPONSE_TYPE",
    "RESUME",
    "SCRIPT_STATUS",
    "TARGETED",
    "PskIdentity",
    "ScriptStatus",
    "admin_from",
    "parse_admin_from",
    "parse_targeted",
    "targeted",
]

PROTOCOL: Final = "X-Admin-Protocol"
PROTOCOL_VALUE: Final = "globalplatform-remote-admin/1.0"
FROM: Final = "X-Admin-From"
NEXT_URI: Final = "X-Admin-Next-URI"
TARGETED: Final = "X-Admin-Targeted-Application"
RESUME: Final = "X-Admin-Resume"
SCRIPT_STATUS: Final = "X-Admin-Script-Status"
_COMMAND_TYPE: Final = "application/vnd.globalplatform.card-content-mgt;version=1.0"
RESPONSE_TYPE: Final = "application/vnd.globalplatform.card-content-mgt-response;version=1.0"
COMMAND_TYPES: Final = {
    _COMMAND_TYPE: RESPONSE_TYPE,
    "application/vnd.etsi.scp.command-data;version=1.0": "application/vnd.etsi.scp.response-data;version=1.0",
}
"""Content type of a script, and of its answer; the first is the one to send (TS 102 226 has the second)."""
MAX_HEADERS: Final = 4096
"""Bytes of a header block that either end reads (D)."""
MAX_BODY: Final = 65536
"""Bytes of a body that either end reads (D)."""


@unique
class ScriptStatus(StrEnum):
    """How the card got on with the script that it was sent."""

    OK = "ok"
    UNKNOWN_APPLICATION = "unknown-application"
    NOT_A_SECURITY_DOMAIN = "not-a-security-domain"
    SECURITY_ERROR = "security-error"
    UNAVAILABLE = "temporarily-unavailable-application"


_AID: Final = re.compile(r"//aid/([0-9A-Fa-f]{10})/([0-9A-Fa-f]{0,22})")
_FROM: Final = re.compile(r"//se-id/eid/([0-9]{32});//aa-id/aid/([0-9A-Fa-f]{10})/([0-9A-Fa-f]{0,22})")


def targeted(aid: Aid) -> str:
    """An application as X-Admin-Targeted-Application names it: RID and PIX apart."""
    text = aid.hex().upper()
    return f"//aid/{text[:10]}/{text[10:]}"


def parse_targeted(text: str) -> Aid:
    """Read the name of an application; DecodeError for anything else."""
    match = _AID.fullmatch(text.strip())
    if match is None:
        raise DecodeError("is not the name of an application, //aid/RID/PIX")
    return Aid.from_string(match[1] + match[2])


def admin_from(eid: Eid, aid: Aid = ISD_R) -> str:
    """Who posts: the card and its agent."""
    return f"//se-id/eid/{eid};//aa-id{targeted(aid).removeprefix('/')}"


def parse_admin_from(text: str) -> Eid:
    """The card that posts; DecodeError for anything else."""
    match = _FROM.fullmatch(text.strip())
    if match is None:
        raise DecodeError("does not name a card, //se-id/eid/EID;//aa-id/aid/RID/PIX")
    return Eid.from_string(match[1])


_FORMAT: Final = b"\x02"
_MAX_IDENTITY: Final = 128


@dataclass(frozen=True, slots=True)
class PskIdentity:
    """Whose key a card uses: format 02, as upper-case hexadecimal text (SGP.02 v4.2 annex T.4)."""

    eid: Eid
    aid: Aid
    kid: int
    kvn: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read either case; DecodeError for other formats, which older cards have."""
        try:
            raw = bytes.fromhex(text) if len(text) <= _MAX_IDENTITY and text.isalnum() else b""
        except ValueError:
            raw = b""
        values = dict(split(raw))
        if values.get(0x80) != _FORMAT or set(values) != {0x80, 0x81, 0x4F, 0x82, 0x83}:
            raise DecodeError("is no PSK identity of format 02")
        if len(values[0x82]) != 1 or len(values[0x83]) != 1:
            raise DecodeError("KID and KVN of a PSK identity have one byte each")
        return cls(Eid(values[0x81]), Aid(values[0x4F]), values[0x82][0], values[0x83][0])

    def __str__(self) -> str:
        head = ber(0x80, _FORMAT) + ber(0x81, self.eid) + ber(0x4F, self.aid)
        return (head + ber(0x82, bytes((self.kid,))) + ber(0x83, bytes((self.kvn,)))).hex().upper()
