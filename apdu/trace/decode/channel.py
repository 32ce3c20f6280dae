# SPDX-License-Identifier: Apache-2.0
"""What the events of a secure channel say to the decoder: what verifying them told, and which command carried them.

`apdu.trace.unwrap` writes it into `extra`; it may also come from a file, so nothing in it is taken for granted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from apdu.trace.decode.model import Exchange, Finding, Severity, visible
from apdu.trace.events import BearerEvent, ChannelEvent, FunctionEvent, Json

__all__ = ["carries", "channel_findings", "recorded_findings", "verdict"]

_FOUND: Final = "the trace holds what was inside"
_VERIFIED: Final = "verified with the keys"
_WRONG: Final = "does not verify"
_UNVERIFIED: Final = "not verified"
_SEVERITIES: Final[Mapping[str, Severity]] = {str(each): each for each in Severity}


def carries(entry: Exchange, event: ChannelEvent) -> bool:
    """Whether this command carried the exchange, alone or as the last one of an ISO chain."""
    if event.protected == entry.command:
        return True
    if not event.extra.get("chained"):
        return False
    whole, last = visible(event.protected), visible(entry.command)
    if whole is None or last is None or len(last) < 6 or whole[1:4] != last[1:4]:
        return False
    data = last[7 : 7 + (last[5] << 8 | last[6])] if last[4] == 0 else last[5 : 5 + last[4]]
    return len(whole) > len(last) and whole.rstrip(b"\x00").endswith(data.rstrip(b"\x00"))


def verdict(event: BearerEvent | ChannelEvent) -> str:
    """What is known about the protection of an exchange, in words."""
    extra = event.extra
    if "verified" not in extra:
        return _FOUND
    verified = extra["verified"]
    words = _UNVERIFIED if verified is None else _VERIFIED if verified is True else _WRONG
    why, kvn, level = (extra.get(name) for name in ("why", "kvn", "level"))
    text = f"{words}: {why}" if why else words
    where = ", ".join(f"{name} {value}" for name, value in (("key set", kvn), ("level", level)) if value)
    return f"{text} ({where})" if where else text


def channel_findings(entry: Exchange) -> tuple[Finding, ...]:
    """The findings of the secure channels that an exchange carried."""
    if entry.protected is None and not entry.inner:
        return ()
    outer = () if entry.protected is None else recorded_findings(entry.protected)
    return outer + tuple(found for event in entry.inner for found in recorded_findings(event))


def recorded_findings(event: BearerEvent | ChannelEvent | FunctionEvent) -> tuple[Finding, ...]:
    """The findings that an event carries."""
    rows = event.extra.get("findings")
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return ()
    return tuple(_finding(row) for row in rows if isinstance(row, Mapping))


def _finding(row: Mapping[str, Json]) -> Finding:
    severity = _SEVERITIES.get(str(row.get("severity")), Severity.WARNING)
    return Finding(severity, str(row.get("text", "")), str(row.get("clause", "")), str(row.get("rule", "")))
