# SPDX-License-Identifier: Apache-2.0
"""What must differ between two sessions that are the same: challenges, cryptograms, MACs, ephemeral keys, counters.

A row of the table says which bytes of a command and of its response are drawn anew in every session. Two exchanges are
the same when all other bytes are. What is hidden in one of them cannot be compared and is passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from apdu.command.cla import CLASSES, INTERINDUSTRY, PROPRIETARY, key
from apdu.errors import DecodeError
from apdu.gp.sgp02 import Dgi
from apdu.tlv.scan import read_header, split_dgi
from apdu.trace.decode.model import Exchange, part, visible
from apdu.trace.events import ChannelEvent, Masked, Octets

__all__ = ["Compared", "Span", "command_parts", "response_parts", "same"]

Span = tuple[int, int]
"""Offset and length."""
Rule = Callable[[bytes], list[Span]]

_RECEIPT: Final = 0x86
_RANDOM: Final = 0x85
_DR: Final = 0x87
_COUNTER: Final = 0x4E
_CHANGING_TAGS: Final = frozenset((Dgi.EPHEMERAL_KEY, Dgi.SIGNATURE, _RECEIPT, _RANDOM, _DR, _COUNTER))
"""Objects of key establishment that are made for one session, and the sequence number of a notification."""
_HEADER: Final = 5
_LAST_BLOCK: Final = 0x80
_PROTECTED: Final = b"\x86"
_SCP03T_TAGS: Final = (b"\x84", b"\x85", b"\x86", b"\x87")
_LONG_LENGTH: Final = 0xFF


def _body(raw: bytes) -> list[Span]:
    """All of a command's data field, or all of a response."""
    return [(0, len(raw))]


def _initialize_update_answer(data: bytes) -> list[Span]:
    """Behind diversification data, key version, SCP and i: challenge, cryptogram, counter (Amendment D 7.1.1.6)."""
    return [(13, len(data) - 13)] if len(data) > 13 else []


def _authenticate_answer(data: bytes) -> list[Span]:
    """The tag says how it ended, lengths which algorithm; the values are of one challenge (TS 31.102 7.1.2.1)."""
    return [(1, len(data) - 1)] if len(data) > 1 else []


def _command_number(data: bytes) -> list[Span]:
    """The number of a proactive command, in it and in its terminal response (TS 102 223 8.6)."""
    at = data.find(b"\x81\x03") if b"\x81\x03" in data else data.find(b"\x01\x03")
    return [(at + 2, 1)] if 0 <= at < len(data) - 2 else []


def _groupings(data: bytes) -> list[Span]:
    """Ephemeral key and signature of key establishment; the counter of a confirmation (SGP.02 v4.2 4.1)."""
    try:
        groups = split_dgi(data)
    except DecodeError:  # a part of a longer chain
        return []
    spans: list[Span] = []
    at = 0
    for tag, value in groups:
        start = at + (5 if data[at + 2] == _LONG_LENGTH else 3)
        if tag in _CHANGING_TAGS:
            spans.append((start, len(value)))
        elif tag == Dgi.CONFIRMATION:
            spans += [(start + offset, size) for offset, size in _objects(value)]
        at = start + len(value)
    return spans


def _objects(data: bytes) -> list[Span]:
    """Random challenge, receipt and DR in an answer."""
    spans: list[Span] = []
    at = 0
    while at < len(data):
        try:
            tag, start, end = read_header(data, at, len(data))
        except DecodeError:
            break
        if tag in _CHANGING_TAGS:
            spans.append((start, end - start))
        at = end
    return spans


_COMMANDS: Final[dict[int, Rule]] = {
    key(PROPRIETARY, 0x50): _body,  # INITIALIZE UPDATE: host challenge
    key(PROPRIETARY, 0x82): _body,  # EXTERNAL AUTHENTICATE: cryptogram and MAC
    key(INTERINDUSTRY, 0x88): _body,  # AUTHENTICATE: RAND, AUTN
    key(PROPRIETARY, 0x14): _command_number,
}
_RESPONSES: Final[dict[int, Rule]] = {
    key(PROPRIETARY, 0x50): _initialize_update_answer,
    key(INTERINDUSTRY, 0x84): _body,  # GET CHALLENGE
    key(INTERINDUSTRY, 0x88): _authenticate_answer,
    key(PROPRIETARY, 0x12): _command_number,
    key(PROPRIETARY, 0xE2): _objects,
}


def _rule(table: dict[int, Rule], command: bytes) -> Rule | None:
    known = CLASSES[command[0]]
    return None if known is None else table.get(key(known.kind, command[1]))


def _opaque(exchange: Exchange, command: bytes) -> bool:
    """Whether data are under a secure channel into which the trace does not see."""
    known = CLASSES[command[0]]
    return known is not None and known.secure and exchange.protected is None


class Compared(NamedTuple):
    """Bytes of one exchange that take part in a comparison, and which of them do not count."""

    octets: Octets
    spans: list[Span]


def command_parts(exchange: Exchange) -> list[Compared]:
    """What of the plain command counts: of a chain its whole, at its last block; of SCP03t what was inside."""
    plain = exchange.plain
    command = visible(plain)
    if command is None or len(command) <= _HEADER:
        return [Compared(plain, [])]
    head, everything = part(plain, 0, _HEADER), [(_HEADER, len(command) - _HEADER)]
    if _opaque(exchange, command):
        return [Compared(plain, everything)]
    if exchange.inner:
        return [Compared(head, []), *(_inside(event, event.plain) for event in exchange.inner)]
    if _store_data(command):
        content = exchange.assembled or part(plain, _HEADER, command[4])
        if not (command[2] & _LAST_BLOCK or _is_whole(visible(content) or b"")):
            return [Compared(plain, everything)]  # a part: it counts where the whole is complete
        return [Compared(head, []), Compared(content, _stored_spans(visible(content) or b""))]
    rule = _rule(_COMMANDS, command)
    return [Compared(plain, [] if rule is None else [(at + _HEADER, size) for at, size in rule(command[_HEADER:])])]


def response_parts(exchange: Exchange) -> list[Compared]:
    """What of the plain response counts, without its status word."""
    command, answer = visible(exchange.plain), exchange.answer
    data = part(answer, 0, max(len(answer) - 2, 0))
    raw = visible(data)
    if command is None or raw is None or len(command) < 4:
        return [Compared(data, [])]
    if _opaque(exchange, command):
        return [Compared(data, _body(raw))]
    if exchange.inner:
        return [_inside(event, event.response_plain) for event in exchange.inner]
    if _store_data(command) and raw[:1] in _SCP03T_TAGS:
        return [Compared(data, [(1, len(raw) - 1)])]
    rule = _rule(_RESPONSES, command)
    return [Compared(data, [] if rule is None else rule(raw))]


def _inside(event: ChannelEvent, octets: Octets) -> Compared:
    """What SCP03t carried; what opens a session, or replaces its keys, is made anew."""
    raw, tag = visible(octets), visible(event.protected)
    opens = raw is not None and tag is not None and tag[:1] != _PROTECTED
    return Compared(octets, _body(raw) if opens and raw is not None else [])


def _store_data(command: bytes) -> bool:
    known = CLASSES[command[0]]
    return command[1] == 0xE2 and known is not None and known.kind == PROPRIETARY


def _is_whole(content: bytes) -> bool:
    """Whether these are whole data groupings."""
    try:
        return bool(split_dgi(content))
    except DecodeError:
        return False


def _stored_spans(content: bytes) -> list[Span]:
    """Of an SCP03t TLV that nobody looked into only the tag counts; of data groupings what is not made anew."""
    return [(1, len(content) - 1)] if content[:1] in _SCP03T_TAGS else _groupings(content)


def same(one: list[Compared], other: list[Compared], *, strict: bool = False) -> bool:
    """Whether all parts are the same where both are shown and nothing is made anew; `strict` compares that as well."""
    if len(one) != len(other):
        return False
    return all(_equal(left, right, strict=strict) for left, right in zip(one, other, strict=True))


def _equal(one: Compared, other: Compared, *, strict: bool) -> bool:
    first, second = visible(one.octets), visible(other.octets)
    if len(one.octets) != len(other.octets):
        return False
    if first is None or second is None or first == second:
        return True
    passed = [*_hidden(one.octets), *_hidden(other.octets)]
    if not strict:
        passed += [*one.spans, *other.spans]
    covered = bytearray(len(first))
    for at, size in passed:
        covered[at : at + size] = b"\x01" * len(covered[at : at + size])
    return all(a == b or gone for a, b, gone in zip(first, second, covered, strict=True))


def _hidden(octets: Octets) -> tuple[Span, ...]:
    return octets.spans if isinstance(octets, Masked) else ()
