# SPDX-License-Identifier: Apache-2.0
"""SCP03t: the TLVs of a profile download by name, their answers, and the result of the installation.

SGP.02 v4.2 4.1.3.3, SAIP 8.11.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.channel.scp03t import MAC_LENGTH, ErrorCode, Tag
from apdu.profile.response import EuiccResponse, PeStatus
from apdu.tlv.scan import read_header
from apdu.trace.decode.model import Node, part, visible
from apdu.trace.decode.rows.gp import initialize_answer
from apdu.trace.decode.table import children, plain_node
from apdu.trace.decode.words import coded
from apdu.trace.events import ChannelEvent, Layer, Octets

__all__ = ["is_scp03t", "result_nodes", "scp03t_channel", "scp03t_node", "scp03t_title"]

_CLAUSE: Final = "SGP.02 v4.2 4.1.3.3"
_TAGS: Final = {
    Tag.INITIALIZE_UPDATE: "INITIALIZE UPDATE",
    Tag.EXTERNAL_AUTHENTICATE: "EXTERNAL AUTHENTICATE",
    Tag.PROTECTED: "profile data",
    Tag.REPLACE_KEYS: "replace session keys",
}
_ERRORS: Final = {0x9F44, 0x9F45, 0x9F46, 0x9F47}
_BER: Final = 0x10
_SEQUENCE: Final = 0x30


def is_scp03t(raw: bytes, p1: int) -> bool:
    """Whether a STORE DATA chain carries a TLV of SCP03t: BER-TLV structure, and one of its four tags."""
    return p1 & 0x18 == _BER and raw[:1] != b"" and raw[0] in _TAGS


def scp03t_title(raw: bytes) -> str:
    """A TLV by name."""
    return f"SCP03t {_TAGS[Tag(raw[0])]}" if raw[:1] and raw[0] in _TAGS else "SCP03t"


def scp03t_node(octets: Octets, answer: Octets, event: ChannelEvent | None = None) -> Node:
    """A TLV with its answer, and what was inside them where the trace knows it."""
    inside = children(lambda: _fields(octets), octets, _CLAUSE)
    inside += children(lambda: _answer_fields(answer), answer, _CLAUSE)
    if event is not None:
        inside += children(lambda: _plain(event), event.response_plain, _CLAUSE)
    raw = visible(octets) or b""
    return Node(scp03t_title(raw), "", octets, inside, layer=Layer.SCP03T, clause=_CLAUSE)


def scp03t_channel(event: ChannelEvent) -> Node:
    """The node of a reported exchange."""
    return scp03t_node(event.protected, event.response_protected, event)


def _fields(octets: Octets) -> Iterator[Node]:
    raw = visible(octets)
    if not raw:
        yield plain_node("command", octets)
        return
    tag, start, end = read_header(raw, 0, len(raw))
    value = part(octets, start, end - start)
    yield Node("tag", f"{tag:02X}" + (f" ({_TAGS[Tag(tag)]})" if tag in _TAGS else ""), raw[:1])
    if tag == Tag.INITIALIZE_UPDATE:
        yield Node("key version number", f"{raw[start]:02X}" if end > start else "missing", part(value, 0, 1))
        yield plain_node("key identifier", part(value, 1, 1))
        yield plain_node("host challenge", part(value, 2, len(value) - 2))
    elif tag == Tag.EXTERNAL_AUTHENTICATE:
        yield plain_node("security level", part(value, 0, 1))
        yield plain_node("host cryptogram", part(value, 1, 8))
        yield plain_node("C-MAC", part(value, 9, max(0, len(value) - 9)))
    else:
        size = max(0, len(value) - MAC_LENGTH)
        yield Node("encrypted data", f"{size} bytes", part(value, 0, size))
        yield plain_node("C-MAC", part(value, size, len(value) - size))


def _answer_fields(octets: Octets) -> Iterator[Node]:
    raw = visible(octets)
    if not raw:
        return
    tag, start, end = read_header(raw, 0, len(raw))
    value = part(octets, start, end - start)
    if tag in _ERRORS:
        code = raw[start] if end > start else 0
        yield Node("error", f"{tag:04X}: {coded(ErrorCode, code)}", octets)
    elif tag == Tag.INITIALIZE_UPDATE:
        yield Node("answer", "", octets, tuple(initialize_answer(value)))
    elif end == start:
        yield Node("answer", "accepted", octets)
    else:
        size = max(0, len(value) - MAC_LENGTH)
        yield Node("answer", f"{size} bytes encrypted", octets, (plain_node("R-MAC", part(value, size, MAC_LENGTH)),))


def _plain(event: ChannelEvent) -> Iterator[Node]:
    if len(event.plain):
        yield plain_node("data inside", event.plain)
    raw = visible(event.response_plain)
    if raw and raw[0] == _SEQUENCE:
        yield from result_nodes(raw)
    elif raw and event.response_plain != event.response_protected:
        yield plain_node("answer inside", event.response_plain)


def result_nodes(raw: bytes) -> Iterator[Node]:
    """The card's answer about an installation."""
    response = EuiccResponse.from_tlv(raw)
    inside = [Node("status", str(status), children=tuple(_status(status))) for status in response.statuses]
    if response.message is not None:
        inside.append(Node("message", response.message))
    outcome = "aborted" if response.aborted else "installed" if response.installed else "not complete"
    yield Node("profile installation result", outcome, raw, tuple(inside), clause="SAIP 8.11")


def _status(status: PeStatus) -> Iterator[Node]:
    for name in ("identification", "additional", "offset"):
        value = getattr(status, name)
        if value is not None:
            yield Node(name, str(value))
