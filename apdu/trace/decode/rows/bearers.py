# SPDX-License-Identifier: Apache-2.0
"""Messages of bearers, field by field: BIP data, TLS records, HTTP bodies, secured packets (`BEARERS`, `PACKETS`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from apdu.command.status import StatusWord
from apdu.errors import DecodeError
from apdu.ota.admin import PskIdentity
from apdu.ota.packet import Header, parse_command, parse_response
from apdu.ota.remote import BadFormat, Chaining, ResponseTag, Tag
from apdu.ota.security import Algorithm
from apdu.sms.userdata import ElementId, UserData
from apdu.trace.decode.model import Exchange, Node, part, visible
from apdu.trace.decode.rows.messages import PACKETS
from apdu.trace.decode.rows.scp03t import scp03t_title
from apdu.trace.decode.table import BEARERS, children, nodes_of, plain_node, title
from apdu.trace.decode.words import aid_name, coded
from apdu.trace.events import BearerEvent, Layer, Octets
from apdu.trace.scripts import PROOF_OF_RECEIPT, Part, is_command_script, parts_of

__all__ = ["packet_nodes", "script_nodes"]

_TLS: Final = "RFC 5246 6.2.1"
_SCRIPT: Final = "TS 102 226 5.2"
_PACKET: Final = "TS 102 225 5.1"
_CONTENT: Final = {20: "change cipher spec", 21: "alert", 22: "handshake", 23: "application data"}
_MESSAGES: Final = {
    0: "hello request", 1: "client hello", 2: "server hello", 11: "certificate", 12: "server key exchange",
    14: "server hello done", 16: "client key exchange", 20: "finished",
}  # fmt: skip
_SUITES: Final = {
    0x00A8: "TLS_PSK_WITH_AES_128_GCM_SHA256",
    0x00AE: "TLS_PSK_WITH_AES_128_CBC_SHA256",
    0x00FF: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
}
_EXTENSIONS: Final = {
    0x0000: "server name", 0x0001: "max fragment length", 0x000A: "supported groups", 0x000D: "signature algorithms",
    0x0016: "encrypt then MAC", 0x0017: "extended master secret", 0x0023: "session ticket",
    0x002B: "supported versions", 0xFF01: "renegotiation info",
}  # fmt: skip
_HEADER: Final = 5
_HELLO: Final = 34
_DONE: Final = b"\x90\x00"
"""What a command is shown with whose response is in another message."""


# --- TLS


def _record(event: BearerEvent) -> tuple[Node, ...]:
    raw = event.data
    if not isinstance(raw, bytes) or len(raw) < _HEADER:
        return (plain_node("data", raw),)
    body = raw[_HEADER:]
    inside = [
        Node("content", _CONTENT.get(raw[0], f"type {raw[0]}"), raw[:1]),
        Node("version", f"{raw[1]}.{raw[2]}", raw[1:3]),
        Node("length", str(int.from_bytes(raw[3:5], "big")), raw[3:5]),
    ]
    if raw[0] == 22 and "verified" not in event.extra:
        inside.extend(children(lambda: _handshake(body), body, _TLS))
    elif body:
        inside.append(plain_node("fragment", body))
    return (Node("record", "", raw, tuple(inside), layer=Layer.TLS, clause=_TLS),)


def _handshake(body: bytes) -> Iterator[Node]:
    at = 0
    while at < len(body):
        end = at + 4 + int.from_bytes(body[at + 1 : at + 4], "big")
        if len(body) < at + 4 or end > len(body):
            raise DecodeError("the handshake message goes on in another record", offset=at)
        kind, content = body[at], body[at + 4 : end]
        inside = children(lambda kind=kind, content=content: _fields(kind, content), content, _TLS)  # type: ignore[misc]
        yield Node(_MESSAGES.get(kind, f"handshake message {kind}"), "", body[at:end], inside)
        at = end


def _fields(kind: int, content: bytes) -> Iterable[Node]:
    if kind in (1, 2):
        return _hello(content, many=kind == 1)
    if kind == 16 and len(content) >= 2:
        return _identity(content[2:])
    return (plain_node("contents", content),) if content else ()


def _hello(content: bytes, *, many: bool) -> Iterator[Node]:
    if len(content) <= _HELLO:
        raise DecodeError("a hello that ends too early", offset=len(content))
    yield Node("random", content[2:_HELLO].hex().upper(), content[2:_HELLO])
    at = _HELLO + 1 + content[_HELLO]
    if many:
        size = int.from_bytes(content[at : at + 2], "big")
        suites = content[at + 2 : at + 2 + size]
        at += 2 + size
        at += 1 + (content[at] if at < len(content) else 0)
    else:
        suites = content[at : at + 2]
        at += 3
    for place in range(0, len(suites) - 1, 2):
        number = int.from_bytes(suites[place : place + 2], "big")
        yield Node("cipher suite", _SUITES.get(number, f"{number:04X}"), suites[place : place + 2])
    at += 2
    while at + 4 <= len(content):
        number = int.from_bytes(content[at : at + 2], "big")
        end = at + 4 + int.from_bytes(content[at + 2 : at + 4], "big")
        value = content[at + 4 : end]
        name = _EXTENSIONS.get(number, f"{number:04X}")
        yield Node("extension", f"{name} {value.hex().upper()}".rstrip(), content[at:end])
        at = end


def _identity(raw: bytes) -> Iterator[Node]:
    text = raw.decode("utf-8", "replace")
    yield Node("PSK identity", text, raw)
    with suppress(DecodeError):
        identity = PskIdentity.parse(text)
        yield Node("EID", str(identity.eid))
        yield Node("application", aid_name(identity.aid), identity.aid)
        yield Node("key", f"KVN {identity.kvn:02X}, KID {identity.kid:02X}")


# --- HTTP and its scripts


def _message(event: BearerEvent) -> tuple[Node, ...]:
    if not len(event.data):
        return ()
    raw = visible(event.data)
    if raw is None or event.extra.get("findings"):
        return (plain_node("body", event.data),)
    return script_nodes(event.data)


def script_nodes(octets: Octets) -> tuple[Node, ...]:
    """A remote script with its commands, or with the responses to them."""
    raw = visible(octets)
    if not raw:
        return (plain_node("script", octets),)
    commands = is_command_script(raw)
    name = "command script" if commands else "response script"
    read = _command if commands else _response

    def inside() -> Iterator[Node]:
        for each in parts_of(raw):
            yield read(each, part(octets, each.start, each.end - each.start), raw)

    return (Node(name, "", octets, children(inside, octets, _SCRIPT), layer="script", clause=_SCRIPT),)


def _command(place: Part, value: Octets, script: bytes) -> Node:
    raw = visible(value) or b""
    if place.tag == Tag.C_APDU:
        exchange = Exchange(
            number=0, time=0, layer=Layer.APDU, command=value, response=_DONE, _summarise=title, _detail=_nothing
        )
        return Node("command", title(exchange), value, nodes_of(exchange))
    if place.tag == Tag.CHAINING:
        return Node("script chaining", coded(Chaining, raw[0]) if raw else "", value)
    if place.tag in (Tag.IMMEDIATE_ACTION, Tag.ERROR_ACTION):
        return plain_node(coded(Tag, place.tag), value)
    return plain_node(scp03t_title(bytes((place.tag & 0xFF,))), value)


def _response(place: Part, value: Octets, script: bytes) -> Node:
    raw = visible(value) or b""
    if place.tag == ResponseTag.R_APDU and len(raw) >= 2:
        status = str(StatusWord(raw[-2] << 8 | raw[-1]))
        data = (plain_node("data", part(value, 0, len(raw) - 2)),) if len(raw) > 2 else ()
        return Node("response", status, value, data)
    if place.tag == ResponseTag.EXECUTED:
        return Node("executed commands", str(int.from_bytes(raw, "big")), value)
    if place.tag == ResponseTag.BAD_FORMAT:
        return Node("bad format", coded(BadFormat, raw[0]) if raw else "", value)
    if place.tag == ResponseTag.CHAINING:
        return plain_node("script chaining", value)
    return plain_node(f"SCP03t answer {place.tag:X}", value)


def _nothing(exchange: Exchange) -> Node:
    return Node("command")


# --- secured packets


def packet_nodes(raw: bytes, proof: bool) -> tuple[Node, ...]:
    """A secured packet as far as it is in clear; cards send command packets too, with their notifications."""
    inside = children(lambda: _proof(raw) if proof else _command_packet(raw), raw, _PACKET)
    name = "proof of receipt" if proof else "command packet"
    return (Node(name, "", raw, inside, layer=Layer.SCP80, clause=_PACKET),)


def _command_packet(raw: bytes) -> Iterator[Node]:
    secured = parse_command(raw)
    yield Node("CPL", str(int.from_bytes(raw[:2], "big")), raw[:2])
    yield Node("CHL", str(raw[2]), raw[2:3])
    yield from _header(secured.header)
    name = "ciphered" if secured.header.spi.ciphered else "counter, padding, check, data"
    yield plain_node(name, secured.body)


def _header(header: Header) -> Iterator[Node]:
    spi = header.spi
    command = f"{spi.check.name}, {'ciphered' if spi.ciphered else 'not ciphered'}, counter {spi.counter.name.lower()}"
    proof = f"{spi.por.name.lower().replace('_', ' ')}, {spi.por_check.name}"
    proof += f", {'ciphered' if spi.por_ciphered else 'not ciphered'}"
    proof += f", by {'SMS-SUBMIT' if spi.por_by_submit else 'delivery report'}"
    yield Node("SPI", f"{command}; proof of receipt {proof}", spi.to_bytes())
    for name, value in (("KIc", header.kic), ("KID", header.kid)):
        algorithm = coded(Algorithm, value & 0x0F)
        yield Node(name, f"key set {value >> 4}, {algorithm}", bytes((value,)))
    yield Node("TAR", str(header.tar), header.tar)


def _proof(raw: bytes) -> Iterator[Node]:
    secured = parse_response(raw)
    yield Node("RPL", str(int.from_bytes(raw[:2], "big")), raw[:2])
    yield Node("RHL", str(raw[2]), raw[2:3])
    yield Node("TAR", str(secured.tar), secured.tar)
    yield plain_node("counter, padding, status, check, data", secured.body)


def _packet(event: BearerEvent) -> tuple[Node, ...]:
    raw = event.data
    if not isinstance(raw, bytes):
        return (plain_node("packet", raw),)
    return packet_nodes(raw, event.name == PROOF_OF_RECEIPT)


def _command_of(data: UserData, to_card: bool) -> Iterable[Node]:
    """The packet of a message that is not one of several parts."""
    return () if data.concatenation is not None else packet_nodes(data.payload, proof=False)


def _proof_of(data: UserData, to_card: bool) -> Iterable[Node]:
    return () if data.concatenation is not None else packet_nodes(data.payload, proof=True)


def _data(event: BearerEvent) -> tuple[Node, ...]:
    return (plain_node("data", event.data),) if len(event.data) else ()


BEARERS[Layer.BIP] = _data
BEARERS[Layer.TLS] = _record
BEARERS[Layer.HTTP] = _message
BEARERS[Layer.SCP80] = _packet
PACKETS[ElementId.COMMAND_PACKET] = _command_of
PACKETS[ElementId.RESPONSE_PACKET] = _proof_of
