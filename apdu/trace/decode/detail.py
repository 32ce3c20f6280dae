# SPDX-License-Identifier: Apache-2.0
"""The tree of an exchange: the APDU as it crossed the link, then each layer inside it."""

from __future__ import annotations

from apdu.command.apdu import CommandApdu
from apdu.command.status import StatusWord
from apdu.errors import DecodeError
from apdu.trace.decode.channel import verdict
from apdu.trace.decode.model import Exchange, Node, part, visible
from apdu.trace.decode.rows.scp03t import scp03t_channel
from apdu.trace.decode.table import find, malformed, nodes_of, plain_node, view
from apdu.trace.events import ChannelEvent, Octets

__all__ = ["detail"]


def detail(exchange: Exchange) -> Node:
    """Everything that is known about an exchange."""
    children = [_command("command", exchange.command), *_response(exchange.response)]
    content = nodes_of(exchange)
    if exchange.protected is not None:
        children.append(_protected(exchange.protected, content))
    else:
        children.extend(content)
    children.extend(_inner(event) for event in exchange.inner)
    if len(exchange.assembled):
        children.append(plain_node("chain", exchange.assembled))
    return Node(_name(exchange), children=tuple(children), layer=exchange.layer, raw=exchange.command)


def _name(exchange: Exchange) -> str:
    seen = view(exchange)
    row = None if seen is None else find(seen.command)
    return row.name if row is not None else "command"


def _command(name: str, octets: Octets) -> Node:
    """Header, lengths and data of a command."""
    raw = visible(octets)
    if raw is None:
        return plain_node(name, octets)
    try:
        command = CommandApdu.parse(raw)
    except DecodeError as error:
        return malformed(name, octets, error, "ISO/IEC 7816-3 12.1")
    parts = [
        Node("CLA", f"{command.cla:02X}", raw[0:1]),
        Node("INS", f"{command.ins:02X}", raw[1:2]),
        Node("P1 P2", f"{command.p1:02X} {command.p2:02X}", raw[2:4]),
    ]
    if command.data:
        parts.append(plain_node("data", part(octets, 7 if command.extended else 5, len(command.data))))
    if command.le is not None:
        parts.append(Node("Le", str(command.le)))
    return Node(name, "", octets, tuple(parts))


def _response(octets: Octets) -> list[Node]:
    raw = visible(octets)
    if raw is None:
        return [plain_node("response", octets)]
    if len(raw) < 2:
        return [Node("response", "none in the trace" if not raw else "malformed", octets)]
    nodes = [plain_node("data", part(octets, 0, len(raw) - 2))] if len(raw) > 2 else []
    status = StatusWord(raw[-2] << 8 | raw[-1])
    return [Node("response", "", octets, (*nodes, Node("status", str(status), raw[-2:])))]


def _protected(event: ChannelEvent, content: tuple[Node, ...]) -> Node:
    """The exchange of a secure channel with what it protected."""
    return Node(
        f"{event.layer.upper()} {event.target}".rstrip(),
        verdict(event),
        children=(_command("plain command", event.plain), *_response(event.response_plain), *content),
        layer=event.layer,
    )


def _inner(event: ChannelEvent) -> Node:
    node = scp03t_channel(event)
    return Node(node.name, verdict(event), node.raw, node.children, event.layer, node.clause, node.findings)
