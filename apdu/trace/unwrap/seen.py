# SPDX-License-Identifier: Apache-2.0
"""Where something was seen that bearers carried, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from apdu.trace.events import BearerEvent, ChannelEvent, Direction, Event, FunctionEvent, Json, Octets
from apdu.trace.unwrap.outcome import Found

__all__ = ["FOLLOWED", "Protection", "Seen", "followed"]

FOLLOWED: Final = "followed"
"""In the `extra` of an event: it was found in the events of a link."""
_NONE: Final[Mapping[str, Json]] = {}


class Protection(NamedTuple):
    """What is known about the protection of a message."""

    verified: bool | None = None
    why: str = ""


class Seen(NamedTuple):
    """When, and at which end of the link."""

    time: float
    side: str

    def message(
        self,
        layer: str,
        direction: Direction,
        name: str,
        data: Octets = b"",
        *,
        fields: Mapping[str, Json] = _NONE,
        protection: Protection | None = None,
        found: Found | None = None,
    ) -> BearerEvent:
        """A message of a bearer; `protection` where it had one."""
        extra: dict[str, Json] = {FOLLOWED: True}
        if protection is not None:
            extra["verified"] = protection.verified
            if protection.why:
                extra["why"] = protection.why
        if found:
            extra["findings"] = found.rows
        return BearerEvent(
            time=self.time,
            layer=layer,
            side=self.side,
            direction=direction,
            name=name,
            data=data,
            fields=fields,
            extra=extra,
        )


def followed(event: Event) -> Event:
    """An event with the mark."""
    extra = {**event.extra, FOLLOWED: True}
    if isinstance(event, ChannelEvent):
        return replace(event, extra=extra)
    assert isinstance(event, FunctionEvent)
    return replace(event, extra=extra)
