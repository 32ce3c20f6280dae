# SPDX-License-Identifier: Apache-2.0
"""What the header demands, and what the service tables may still announce (SAIP 8.2, 9.5, 9.9, 9.11)."""

from __future__ import annotations

from typing import Final

from apdu.errors import DecodeError
from apdu.ids import Iccid
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.response import Status
from apdu.profile.templates.registry import TEMPLATES
from emulator.profile.interpreter.outcome import Refused
from emulator.profile.policy import Policy

__all__ = ["MAJOR_VERSIONS", "SERVICE_TABLES", "check_header", "clear_services", "header_iccid"]

MAJOR_VERSIONS: Final = (2, 3)

SERVICE_TABLES: Final[dict[str, tuple[tuple[int, str], ...]]] = {
    # services of EF.UST (TS 31.102 4.2.8)
    "ef-ust": ((68, "gba-usim"), (69, "mbms"), (76, "gba-usim"), (125, "get-identity")),
    # services of EF.IST (TS 31.103 4.2.7)
    "ef-ist": ((2, "gba-isim"), (4, "gba-isim")),
    # (U) no service of EF.CSIM-ST is known to depend on the card
    "ef-csim-st": (),
}
"""Services of an application that need one of the card's (ServicesList)."""


def check_header(header: ProfileHeader, policy: Policy) -> None:
    """Refuse a package whose demands this card does not meet."""
    if header.extensions or (header.iot_options is not None and header.iot_options.extensions):
        raise Refused(Status.INVALID_PARAMETER, "an unknown component in the header")
    if header.major_version not in MAJOR_VERSIONS:
        version = f"{header.major_version}.{header.minor_version}"
        raise Refused(Status.UNSUPPORTED_PROFILE_VERSION, f"profile package of version {version}")
    for service in header.services:
        if service not in policy.services:
            raise Refused(Status.FEATURE_NOT_SUPPORTED, f"{service} is not supported")
    for oid in header.templates:
        if oid not in TEMPLATES:
            raise Refused(Status.TEMPLATE_NOT_SUPPORTED, f"template {oid} is not supported")
    if header.aids:
        raise Refused(Status.LIB_NOT_SUPPORTED, f"library {header.aids[0].aid} is not there")
    if header.pol is not None and len(header.pol) != 1:
        raise Refused(Status.BAD_VALUES, f"POL1 of {len(header.pol)} bytes")


def header_iccid(header: ProfileHeader) -> Iccid:
    """The ICCID as the header gives it, in reading order."""
    try:
        return Iccid(header.iccid)
    except DecodeError as error:
        raise Refused(Status.BAD_VALUES, error.message) from None


def clear_services(name: str, content: bytes, policy: Policy) -> bytes:
    """Clear the services of a table that this card does not support; those that the header demands it does support."""
    missing = [number for number, service in SERVICE_TABLES.get(name, ()) if service not in policy.services]
    table = bytearray(content)
    for number in missing:
        at, bit = divmod(number - 1, 8)
        if at < len(table):
            table[at] &= ~(1 << bit)
    return bytes(table)
