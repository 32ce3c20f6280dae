# SPDX-License-Identifier: Apache-2.0
"""Any bytes at all become an entry with a line and a tree; nothing is raised and nothing unprintable comes out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from apdu.trace.decode import Entry, decode
from apdu.trace.decode.model import Node
from apdu.trace.decode.text import digits, printable
from apdu.trace.events import AnyEvent, ChannelEvent, FunctionEvent, LinkEvent, Masked, Octets, Withheld
from tests.scale import count
from tests.unit.trace.decode.samples import SAMPLES

_CORPUS: Final = tuple((bytes.fromhex(command), bytes.fromhex(response)) for command, response in SAMPLES)
_EDGES: Final = (0x00, 0x01, 0x1F, 0x3F, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x85, 0xFE, 0xFF)
_SEED: Final = 20_000
_MAX_NODES: Final = 60_000


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A few changes: bytes, pieces cut, doubled, put in."""
    body = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        at = rng.randrange(len(body) + 1)
        match rng.randrange(5):
            case 0 if body:
                body[at % len(body)] = rng.choice(_EDGES) if rng.random() < 0.7 else rng.randrange(256)
            case 1:
                del body[at : at + rng.randrange(1, 9)]
            case 2:
                body[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 3:
                body[at:at] = body[max(0, at - 12) : at]
            case _:
                del body[at:]
    return bytes(body[:2000])


def framed(data: bytes, rng: random.Random) -> bytes:
    """Often the length field says what is there, so that what it carries is looked at."""
    if len(data) > 6 and rng.random() < 0.6:
        return data[:4] + bytes((len(data) - 5 & 0xFF,)) + data[5:]
    return data


def octets(data: bytes, rng: random.Random) -> Octets:
    kind = rng.random()
    if kind < 0.9 or not data:
        return data
    if kind < 0.97:
        at = rng.randrange(len(data))
        return Masked(data, ((at, rng.randrange(len(data) - at + 1)),))
    return Withheld(len(data))


def stream(number: int, rng: random.Random) -> Iterator[AnyEvent]:
    """Exchanges in any order, some inside secure channels, some without their other half."""
    for at in range(number):
        command, response = rng.choice(_CORPUS)
        if rng.random() < 0.03:
            command, response = rng.randbytes(rng.randrange(40)), rng.randbytes(rng.randrange(40))
        sent = octets(framed(mutated(command, rng), rng), rng)
        came = octets(mutated(response, rng), rng)
        if rng.random() < 0.98:
            yield LinkEvent(time=at, side="reader", kind="command", data=sent)
        if rng.random() < 0.1:
            layer = rng.choice(("scp03", "scp03t", "scp80"))
            inside = octets(framed(mutated(rng.choice(_CORPUS)[0], rng), rng), rng)
            target = rng.choice(("A0000005591010FFFFFFFF8900000100", "", "zz"))
            yield ChannelEvent(
                time=at, layer=layer, side="card", protected=sent, plain=inside, response_plain=came, target=target
            )
        if rng.random() < 0.98:
            yield LinkEvent(time=at, side="reader", kind=rng.choice(("response",) * 40 + ("atr", "pps")), data=came)
        if rng.random() < 0.01:
            yield FunctionEvent(time=at, layer="es5", name="ES5.\x1b[1m", fields={"a": ["\x07", {"b": 1}]})


def check(entry: Entry) -> int:
    texts = [entry.summary]
    nodes = 0
    for node in entry.tree().walk():
        nodes += 1
        texts += [node.name, node.value]
    texts += [finding.text for finding in entry.examine()]
    assert all(printable(text) == text for text in texts), texts
    assert nodes < _MAX_NODES
    return nodes


def test_any_exchange_has_a_line_and_a_tree() -> None:
    rng = random.Random(_SEED)
    total = count("decoded_exchanges")
    entries = sum(check(entry) > 0 for entry in decode(stream(total, rng)))
    assert entries > total * 0.9


def test_long_hostile_objects_stay_small() -> None:
    """Nested and many objects: time and nodes are bounded."""
    nested = b""
    for _ in range(5000):
        nested = b"\x62\x84" + len(nested).to_bytes(4, "big") + nested if len(nested) < 60_000 else nested
    many = b"\x62\x82" + (60_000).to_bytes(2, "big") + b"\x80\x00" * 30_000
    for body in (nested, many, b"\xe3\x00" * 30_000, b"\x3a\x03\x00" * 20_000):
        for command in ("00A40004023F0000", "80F2400200", "80CA006600", "8012000000"):
            link = [
                LinkEvent(time=0, side="reader", kind="command", data=bytes.fromhex(command)),
                LinkEvent(time=0, side="reader", kind="response", data=body + b"\x90\x00"),
            ]
            (entry,) = decode(link)
            check(entry)


SECRET: Final = bytes.fromhex("5EC2E7A15EC2E7A25EC2E7A35EC2E7A4")
_LAYERS: Final = ("command", "response", "plain command", "chain")
"""Nodes that show the bytes of a trace as they are: redaction hides in them what is to be hidden."""


def decoded(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        if child.name not in _LAYERS:
            yield from decoded(child)


def test_secrets_are_in_no_decoded_field_even_where_a_trace_holds_them() -> None:
    key = SECRET.hex()
    pairs = [
        ("0020000108" + key[:16], "9000"),
        ("002C000110" + key, "63C9"),
        ("0088008122" + "10" + "11" * 16 + "10" + "22" * 16 + "00", "DB0400000000" + f"10{key}10{key}08{key[:16]}9000"),
        ("0088008011" + "10" + "11" * 16 + "00", "0400000000" + f"08{key[:16]}9000"),
        ("A088000010" + "11" * 16, f"00000000{key[:16]}9000"),
        ("80D8008117308810" + key + "03AABBCC", "30AABBCC9000"),
        ("80E2880013" + "811310" + key, "9000"),
        ("00A404040CA0000000871002FF49FF0589", "9000"),
        ("00B0880000", f"07{key}{key}9000"),
        ("00D6890021" + f"07{key}{key}", "9000"),
    ]
    events = [
        LinkEvent(time=0, side="reader", kind=kind, data=bytes.fromhex(text))
        for pair in pairs
        for kind, text in zip(("command", "response"), pair, strict=True)
    ]
    for entry in decode(events):
        tree = entry.tree()
        shown = "".join(each.name + each.value + digits(each.raw) for each in decoded(tree) if each is not tree)
        assert key[:16].upper() not in (shown + entry.summary).upper(), entry.summary
