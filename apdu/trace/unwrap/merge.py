# SPDX-License-Identifier: Apache-2.0
"""What was unwrapped, and what the ends recorded of the same exchanges: one event for each, with the best of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from apdu.channel.scp03 import protected_status
from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.trace.events import ChannelEvent, Event, Layer, Masked, Octets
from apdu.trace.rules.table import Rules
from apdu.trace.unwrap.outcome import Outcome

__all__ = ["merge"]


def merge(outcomes: Iterable[Outcome], recorded: Iterable[ChannelEvent], time: float, side: str) -> list[Event]:
    """The events of one exchange on a link, from the outer layer to the inner one."""
    left = list(recorded)
    events: list[Event] = []
    for outcome in outcomes:
        same = [each for each in left if each.layer == outcome.layer and each.protected == outcome.protected]
        left = [each for each in left if each not in same]
        if not same:
            events.append(outcome.event(time, side))
            continue
        best = max(same, key=_visible)
        events.append(_annotated(best, outcome))
    return events + list(left)


def _visible(event: ChannelEvent) -> int:
    return sum(isinstance(octets, bytes) for octets in (event.plain, event.response_plain))


def _annotated(event: ChannelEvent, outcome: Outcome) -> ChannelEvent:
    """The recorded event with what verifying it told."""
    if outcome.verified is None:
        told = {"findings": outcome.found.rows} if outcome.found else {}
        return replace(event, extra={**event.extra, **told})
    if outcome.verified and not _agree(event, outcome):
        outcome.found.add(Rules.RECORDED)
    plain, answer = event.plain, event.response_plain
    return replace(
        event,
        plain=outcome.plain if isinstance(outcome.plain, bytes) else plain,
        response_protected=event.response_protected or outcome.response_protected,
        response_plain=outcome.response_plain if isinstance(outcome.response_plain, bytes) else answer,
        extra={**event.extra, **outcome.extra()},
    )


def _agree(event: ChannelEvent, outcome: Outcome) -> bool:
    """Whether both say the same, as far as the recorded side shows it; Le belongs to the transport."""
    answer, unwrapped = event.response_plain, outcome.response_plain
    if event.layer != Layer.SCP03:
        return _same(event.plain, outcome.plain) and (not len(answer) or _same(answer, unwrapped))
    same = _same(_without_le(event.plain), _without_le(outcome.plain))
    return same and (not len(answer) or _same(_ended(answer), _ended(unwrapped)))


def _same(first: Octets, second: Octets) -> bool:
    if isinstance(first, Masked) and isinstance(second, bytes):
        return len(first) == len(second) and Masked(second, first.spans) == first
    return first == second if isinstance(first, bytes) and isinstance(second, bytes) else True


def _ended(octets: Octets) -> Octets:
    """A response with 9000 where its transport put 91xx or 61xx afterwards."""
    if not isinstance(octets, bytes) or len(octets) < 2:
        return octets
    status = protected_status(octets[-2] << 8 | octets[-1])
    return octets if status is None else octets[:-2] + status


def _without_le(octets: Octets) -> Octets:
    data = octets.data if isinstance(octets, Masked) else octets
    if not isinstance(data, bytes):
        return octets
    try:
        shown = CommandApdu.parse(data)._replace(le=None).encode()
    except DecodeError:
        return octets
    return Masked(shown, octets.spans) if isinstance(octets, Masked) else shown
