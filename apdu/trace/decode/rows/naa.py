# SPDX-License-Identifier: Apache-2.0
"""AUTHENTICATE in all its contexts and GET IDENTITY (TS 31.102 7.1 and 7.5, TS 31.103 7.1, TS 51.011 9.2.16)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.aka.authenticate import SecurityContext
from apdu.command.apdu import CommandApdu
from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.errors import DecodeError
from apdu.tlv.scan import read_header
from apdu.trace.decode.model import Node, hidden, part, visible
from apdu.trace.decode.table import GSM, Command, View, plain_node, register
from apdu.trace.events import Octets

__all__: list[str] = []

_CONTEXTS: Final = {
    SecurityContext.GSM: "GSM",
    SecurityContext.UMTS: "3G, EPS and 5G",
    SecurityContext.VGCS: "VGCS/VBS",
    SecurityContext.GBA: "GBA",
    SecurityContext.MBMS: "MBMS",
    SecurityContext.LOCAL_KEY: "local key establishment",
}
_GSM_CONTEXT: Final = 0x80
_BOOTSTRAPPING, _NAF = 0xDD, 0xDE
_SUCCESS, _FAILURE = 0xDB, 0xDC


def _context(command: CommandApdu) -> str:
    return _CONTEXTS.get(SecurityContext(command.p2), "") if command.p2 in _CONTEXTS else f"context {command.p2:02X}"


def _title(view: View) -> str:
    answer = visible(view.answer) or b""
    outcome = {_SUCCESS: ", success", _FAILURE: ", synchronisation failure"}.get(answer[0], "") if answer else ""
    return f"AUTHENTICATE {_context(view.command)}{outcome}"


def _fields(octets: Octets, at: int, names: tuple[str, ...]) -> Iterator[Node]:
    """Fields behind one byte of length each; what is a key is not shown."""
    raw = visible(octets)
    assert raw is not None
    for number, name in enumerate(names):
        if at >= len(raw):
            return
        if hidden(part(octets, at, 1)):  # the length too
            yield Node(", ".join(names[number:]), f"{len(raw) - at} bytes, not shown")
            return
        size = raw[at]
        if at + 1 + size > len(raw):
            raise DecodeError(f"{name} has {size} bytes, {len(raw) - at - 1} are left", offset=at)
        yield _field(name, part(octets, at + 1, size))
        at += 1 + size


_KEYS: Final = frozenset(("CK", "IK", "Kc", "Ks_ext_NAF"))


def _field(name: str, octets: Octets) -> Node:
    if name in _KEYS:
        return Node(name, f"{len(octets)} bytes, not shown")
    node = plain_node(name, octets)
    if name == "AUTN" and len(octets) == 16:
        return Node(name, node.value, octets, _split(octets, ("SQN xor AK", 6), ("AMF", 2), ("MAC", 8)))
    if name == "AUTS" and len(octets) == 14:
        return Node(name, node.value, octets, _split(octets, ("SQN_MS xor AK*", 6), ("MAC-S", 8)))
    return node


def _split(octets: Octets, *parts: tuple[str, int]) -> tuple[Node, ...]:
    nodes: list[Node] = []
    at = 0
    for name, size in parts:
        nodes.append(plain_node(name, part(octets, at, size)))
        at += size
    return tuple(nodes)


def _detail(view: View) -> Iterator[Node]:
    command = view.command
    yield Node("context", _context(command))
    data = command.data
    if command.p2 == SecurityContext.GBA and data[:1] == bytes((_NAF,)):
        yield Node("mode", "NAF derivation")
        yield from _fields(view.data, 1, ("NAF_ID", "IMPI"))
    elif command.p2 == SecurityContext.GBA and data[:1] == bytes((_BOOTSTRAPPING,)):
        yield Node("mode", "bootstrapping")
        yield from _fields(view.data, 1, ("RAND", "AUTN"))
    else:
        yield from _fields(view.data, 0, ("RAND", "AUTN"))
    yield from _answer(view)


def _answer(view: View) -> Iterator[Node]:
    answer = visible(view.answer)
    if not answer:
        return
    naf = view.command.p2 == SecurityContext.GBA and view.command.data[:1] == bytes((_NAF,))
    if answer[0] == _FAILURE:
        yield Node("outcome", "synchronisation failure", answer[:1])
        yield from _fields(view.answer, 1, ("AUTS",))
    elif answer[0] == _SUCCESS:
        yield Node("outcome", "success", answer[:1])
        yield from _fields(view.answer, 1, ("Ks_ext_NAF",) if naf else ("RES", "CK", "IK", "Kc"))
    elif view.command.p2 == _GSM_CONTEXT:
        yield from _fields(view.answer, 0, ("SRES", "Kc"))
    else:
        yield Node("answer", f"{len(answer)} bytes, not shown")


def _run_gsm(view: View) -> Iterator[Node]:
    yield plain_node("RAND", view.data)
    answer = view.answer
    if len(answer) >= 4:
        yield plain_node("SRES", part(answer, 0, 4))
        yield Node("Kc", f"{len(answer) - 4} bytes, not shown")


# --- GET IDENTITY

_SCHEMES: Final = {0: "null scheme", 1: "profile A", 2: "profile B"}
_IDENTITIES: Final = {0x01: "SUCI", 0x02: "SUCI for 5G NSWO"}
_KINDS: Final = {0x01: "IMSI", 0x11: "network specific identifier", 0x21: "GCI", 0x31: "GLI"}


def _is_identity(command: CommandApdu) -> bool:
    return command.p2 in _IDENTITIES


def _identity(view: View) -> str:
    return f"GET IDENTITY {_IDENTITIES[view.command.p2]}"


def _identity_detail(view: View) -> Iterator[Node]:
    answer = visible(view.answer)
    if not answer:
        return
    tag, start, end = read_header(answer, 0, len(answer))
    if tag != 0xA1:
        yield plain_node("answer", view.answer)
        return
    yield Node("SUCI", answer[start:end].hex().upper(), part(view.answer, start, end - start), _suci(answer[start:end]))


def _suci(raw: bytes) -> tuple[Node, ...]:
    """A 5GS mobile identity from its type on (TS 24.501 9.11.3.4)."""
    from apdu.files.item import digits, plmn

    if len(raw) < 8:
        raise DecodeError("a SUCI has at least 8 bytes", offset=len(raw))
    kind = Node("SUPI format", _KINDS.get(raw[0], f"{raw[0]:02X}"), raw[:1])
    if raw[0] != 0x01:
        return (kind, plain_node("identity", raw[1:]))
    output = raw[8:]
    nodes = [
        kind,
        Node("home network", plmn(raw[1:4]), raw[1:4]),
        Node("routing indicator", digits(raw[4:6]), raw[4:6]),
        Node("protection scheme", _SCHEMES.get(raw[6], f"{raw[6]:02X}"), raw[6:7]),
        Node("home network public key", str(raw[7]), raw[7:8]),
    ]
    if raw[6] == 0:
        nodes.append(Node("MSIN", digits(output), output))
    elif raw[6] in (1, 2):
        key = 32 if raw[6] == 1 else 33
        nodes += _split(output, ("ephemeral public key", key), ("ciphertext", len(output) - key - 8), ("MAC", 8))
    else:
        nodes.append(plain_node("scheme output", output))
    return tuple(nodes)


register(INTERINDUSTRY, 0x88, Command("AUTHENTICATE", _title, _detail, "TS 31.102 7.1.2"))
register(GSM, 0x88, Command("RUN GSM ALGORITHM", lambda _: "RUN GSM ALGORITHM", _run_gsm, "TS 51.011 9.2.16"))
register(PROPRIETARY, 0x78, Command("GET IDENTITY", _identity, _identity_detail, "TS 31.102 7.5", _is_identity))
