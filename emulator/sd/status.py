# SPDX-License-Identifier: Apache-2.0
"""GET STATUS and SET STATUS (GPCS 11.4 and 11.10, SGP.02 v4.1 table 28)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.gp.status import RegistryEntry, StatusQuery, StatusScope, Tag
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.sd.domain import SecurityDomain, authorised, domain_of

__all__ = ["get_status", "set_status_refused"]

_DEFAULT_TAGS: Final = (Tag.AID, Tag.STATE, Tag.PRIVILEGES, Tag.LOAD_FILE, Tag.SECURITY_DOMAIN, Tag.MODULE)
_ANSWER: Final = 239
"""Bytes of entries in one answer: what still fits a short response once it is padded and has its R-MAC."""
_CURSOR: Final = "get status"


def get_status(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """List what the security domain is responsible for, as many entries as fit; 6310 says that there are more."""
    authorised(channel)
    domain = domain_of(channel)
    try:
        query = StatusQuery.decode(command.p1, command.p2, command.data)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if query is None:
        raise CardError(SW.WRONG_P1P2)
    first = _continue(channel, query) if query.following else 0
    entries = [item.only(query.tags or _DEFAULT_TAGS).encode() for item in _matching(domain, query)]
    if first >= len(entries):
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    answer, last = b"", first
    while last < len(entries) and (not answer or len(answer) + len(entries[last]) <= _ANSWER):
        answer += entries[last]
        last += 1
    if last < len(entries):
        channel.transient[_CURSOR] = (query.scope, query.aid, query.tags, last)
        return ResponseApdu(answer, SW.MORE_DATA)
    channel.transient.pop(_CURSOR, None)
    return answer


def _continue(channel: Channel, query: StatusQuery) -> int:
    """Where the last answer to the same question stopped."""
    cursor = channel.transient.get(_CURSOR)
    if not isinstance(cursor, tuple) or cursor[:3] != (query.scope, query.aid, query.tags):
        raise CardError(SW.CONDITIONS_OF_USE)
    return int(cursor[3])


def _matching(domain: SecurityDomain, query: StatusQuery) -> Iterable[RegistryEntry]:
    for entry in domain.entries(StatusScope(query.scope)):
        if entry.aid is not None and entry.aid.startswith(query.aid):
            yield entry


def set_status_refused(channel: Channel, command: CommandApdu) -> bytes:
    """SET STATUS where no life cycle can be set: ISD-R, ECASD and ISD-P know no LOCKED state (SGP.02 2.2.1)."""
    raise CardError(SW.CONDITIONS_OF_USE)
