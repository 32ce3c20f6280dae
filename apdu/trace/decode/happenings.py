# SPDX-License-Identifier: Apache-2.0
"""Entries of what is no command: resets, functions, messages of bearers, and what this version does not know.

`BEARERS` of the table says how the messages of a layer are taken apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from apdu.gp.sgp02 import Notification
from apdu.trace.decode.channel import verdict
from apdu.trace.decode.model import Finding, Happening, Link, Node, Severity, visible
from apdu.trace.decode.rows.scp03t import scp03t_channel, scp03t_title
from apdu.trace.decode.rows.sgp02 import notification_node
from apdu.trace.decode.table import BEARERS, children, plain_node
from apdu.trace.decode.text import digits
from apdu.trace.events import (
    AnyEvent,
    BearerEvent,
    ChannelEvent,
    ForeignEvent,
    FunctionEvent,
    HeaderEvent,
    Json,
    Layer,
    LinkEvent,
    LinkKind,
)
from apdu.trace.sources.source import Damage

__all__ = ["damaged", "happening", "json_nodes"]

_LINK_NAMES: Final[Mapping[str, str]] = {
    LinkKind.ATR: "reset",
    LinkKind.PPS: "PPS",
    LinkKind.POWER_OFF: "power off",
    LinkKind.RESPONSE: "response",
}


def happening(
    event: AnyEvent, number: int, link: Link | None, function: str, findings: tuple[Finding, ...] = ()
) -> Happening:
    """The entry of one event."""
    text, nodes = _content(event)
    side = getattr(event, "side", "")
    return Happening(
        number=number,
        time=event.time,
        link=Link(side) if link is None else link,
        layer=event.layer,
        function=function,
        findings=findings,
        events=(event,),
        text=text,
        nodes=nodes,
    )


def _content(event: AnyEvent) -> tuple[str, tuple[Node, ...]]:
    if isinstance(event, LinkEvent):
        name = _LINK_NAMES.get(event.kind, event.kind)
        return f"{name} {digits(event.data)}".rstrip(), (plain_node(name, event.data),)
    if isinstance(event, FunctionEvent):
        subject = "profile " if event.layer == Layer.PROFILE else ""
        return f"{subject}{event.name}: {event.outcome or 'begins'}", json_nodes(event.fields)
    if isinstance(event, BearerEvent):
        decode = BEARERS.get(event.layer)
        inside = decode(event) if decode is not None else (plain_node("data", event.data),)
        protection = (Node("protection", verdict(event)),) if "verified" in event.extra else ()
        return f"{event.name or event.layer} {event.direction}", (*protection, *json_nodes(event.fields), *inside)
    if isinstance(event, ChannelEvent):
        return _channel_title(event), tuple(_channel_nodes(event))
    if isinstance(event, HeaderEvent):
        return f"trace, format {event.format}{', with secrets' if event.unredacted else ''}", json_nodes(event.extra)
    assert isinstance(event, ForeignEvent)
    return event.event, json_nodes(event.extra)


def _channel_title(event: ChannelEvent) -> str:
    raw = visible(event.protected) or b""
    name = scp03t_title(raw) if event.layer == Layer.SCP03T else event.layer
    return f"{name} {event.target}".rstrip()


def _channel_nodes(event: ChannelEvent) -> Iterator[Node]:
    """An exchange that no APDU carried; what it protected may be a notification of the eUICC."""
    if event.layer == Layer.SCP03T:
        node = scp03t_channel(event)
        yield replace(node, value=verdict(event))
        return
    for name, octets in (("protected", event.protected), ("plain", event.plain), ("response", event.response_plain)):
        yield plain_node(name, octets)
    raw = visible(event.plain)
    if raw and raw[0] == Notification.TAG:
        yield from children(lambda: (notification_node(event.plain),), event.plain, Notification.CLAUSE)


def damaged(damage: Damage, number: int, time: float) -> Happening:
    """The entry of a piece that could not be read; its time is that of what came before."""
    finding = Finding(Severity.ERROR, str(replace(damage, clause="")), damage.clause)
    text = f"{damage.unit} {damage.number} cannot be read"
    return Happening(number=number, time=time, layer=Layer.TRACE, findings=(finding,), text=text)


def json_nodes(fields: Mapping[str, Json]) -> tuple[Node, ...]:
    """Fields of an event as nodes."""
    return tuple(_json_node(name, value) for name, value in fields.items())


def _json_node(name: str, value: Json) -> Node:
    if isinstance(value, Mapping):
        return Node(name, children=json_nodes(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Node(name, children=tuple(_json_node(str(at), each) for at, each in enumerate(value)))
    return Node(name, "" if value is None else str(value))
