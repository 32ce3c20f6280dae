# SPDX-License-Identifier: Apache-2.0
"""Toolkit: proactive commands, terminal responses, envelopes, terminal profile (TS 102 223, TS 31.111)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from apdu.cat.bip import OpenChannel
from apdu.cat.catalogue import COMMANDS, ENVELOPES, command_name
from apdu.cat.codes import (
    AccessTechnology,
    CommandType,
    EnvelopeTag,
    Event,
    LocalInformation,
    LocationStatus,
    RefreshMode,
    TimerAction,
)
from apdu.cat.comprehension import RESULT, Comprehension
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand, Refresh, TerminalResponse
from apdu.cat.response import TerminalAnswer
from apdu.cat.tags import CatTag
from apdu.cat.terminal import COMMAND_FACILITIES, Facility, TerminalProfile
from apdu.command.cla import PROPRIETARY
from apdu.errors import DecodeError
from apdu.files.catalogue import by_identifier, label
from apdu.tlv.declare import Template
from apdu.tlv.scan import read_comprehension_header, read_header
from apdu.trace.decode.model import Node, part, visible
from apdu.trace.decode.objects import FORMATS, NAMES, object_nodes
from apdu.trace.decode.table import GSM, Command, View, plain_node, register
from apdu.trace.decode.words import coded, words
from apdu.trace.events import Octets

__all__ = ["CARRIED"]

CARRIED: Final[dict[int, Callable[[Octets, bool], Iterable[Node]]]] = {}
"""By tag of a toolkit object (`CatTag.SMS_TPDU`, `CatTag.CHANNEL_DATA`): who decodes what it carries. The function gets
the value and whether it goes to the card."""
_PROACTIVE: Final = 0xD0

_QUALIFIERS: Final = {
    CommandType.REFRESH: RefreshMode,
    CommandType.PROVIDE_LOCAL_INFORMATION: LocalInformation,
    CommandType.TIMER_MANAGEMENT: TimerAction,
}
"""Types of commands whose qualifier is one of several codes."""


def _events(value: object) -> str:
    assert isinstance(value, bytes)
    return ", ".join(coded(Event, event) for event in value) or "none"


def _files(value: object) -> str:
    assert isinstance(value, tuple)
    return ", ".join(_path(path) for path in value)


def _path(path: bytes) -> str:
    place, names = "mf", ["MF"]
    for at in range(2, len(path), 2):
        fid = path[at] << 8 | path[at + 1]
        place = "adf-usim" if fid == 0x7FFF else place
        entry = by_identifier(place, fid)
        names.append("ADF" if fid == 0x7FFF else f"{fid:04X}" if entry is None else label(entry.name))
        place = place if entry is None or not entry.is_directory else entry.name
    return "/".join(names)


_BEARERS: Final = {0x01: "CSD", 0x02: "packet service", 0x03: "default bearer", 0x0B: "E-UTRAN"}


def _bearer(value: object) -> str:
    assert isinstance(value, bytes)
    if not value:
        return "none"
    more = f", {value[1:].hex().upper()}" if value[1:] else ""
    return _BEARERS.get(value[0], f"bearer {value[0]:02X}") + more


def _addresses(value: object) -> str:
    return "dynamic" if value is None else words(value)


def _technology(value: object) -> str:
    assert isinstance(value, bytes)
    return ", ".join(coded(AccessTechnology, each) for each in value)


FORMATS.update(
    {
        (Refresh, "files"): _files,
        (OpenChannel, "bearer"): _bearer,
        (OpenChannel, "addresses"): _addresses,
        (EventDownload, "events"): _events,
        (EventDownload, "location_status"): lambda value: coded(LocationStatus, value),
        (EventDownload, "access_technology"): _technology,
        (TerminalAnswer, "access_technology"): _technology,
        (TerminalAnswer, "bearer"): _bearer,
        (COMMANDS[CommandType.SET_UP_EVENT_LIST], "events"): _events,
    }
)
NAMES.update(
    {(Comprehension, "devices"): "device identities", (ProactiveCommand, "details"): "command details",
     (TerminalResponse, "details"): "command details"}
)  # fmt: skip


def _tag_name(tag: int) -> str:
    try:
        return CatTag(tag).name.replace("_", " ").lower()
    except ValueError:
        return f"object {tag:02X}"


def _objects(kind: type[Template], octets: Octets, *, to_card: bool) -> tuple[Node, ...]:
    """The objects of a command or envelope; those that no declaration knows by the name of their tag."""
    named: list[Node] = []
    for node in object_nodes(kind, octets):
        raw = visible(node.raw)
        tag = raw[0] & 0x7F if raw else 0
        name = _tag_name(tag) if node.name == f"object {tag:02X}" else node.name
        inside = _carried(tag, node.raw, to_card) if tag in CARRIED else node.children
        named.append(Node(name, node.value, node.raw, inside, node.layer, node.clause, node.findings))
    return tuple(named)


def _carried(tag: int, octets: Octets, to_card: bool) -> tuple[Node, ...]:
    raw = visible(octets)
    assert raw is not None
    _, start, end = read_comprehension_header(raw, 0, len(raw))
    return tuple(CARRIED[tag](part(octets, start, end - start), to_card))


# --- FETCH

_Header = tuple[int, int, int]
"""Number, type, qualifier."""


def _details(raw: bytes, start: int) -> _Header | None:
    """The command details, which stand first (TS 102 223 6.6); None where they do not."""
    if len(raw) >= start + 5 and raw[start] & 0x7F == CatTag.COMMAND_DETAILS and raw[start + 1] == 3:
        return raw[start + 2], raw[start + 3], raw[start + 4]
    return None


def _proactive(octets: Octets) -> tuple[_Header | None, Octets]:
    """The details of a proactive command, and the objects in it."""
    raw = visible(octets) or b""
    if not raw:
        return None, b""
    tag, start, end = read_header(raw, 0, len(raw))
    if tag != _PROACTIVE:
        raise DecodeError(f"object {tag:X} where a proactive command D0 stands")
    return _details(raw, start), part(octets, start, end - start)


def _qualifier(details: _Header) -> str:
    codes = _QUALIFIERS.get(CommandType(details[1])) if details[1] in _COMMAND_TYPES else None
    return f"{details[2]:02X}" if codes is None else coded(codes, details[2])


_COMMAND_TYPES: Final = frozenset(CommandType)


def _named(details: _Header) -> str:
    qualified = details[1] in _QUALIFIERS
    return command_name(details[1]) + (f", {_qualifier(details)}" if qualified else "")


def _fetch(view: View) -> str:
    details, _ = _proactive(view.answer)
    return "FETCH" if details is None else f"FETCH {_named(details)}"


def _fetch_detail(view: View) -> Iterator[Node]:
    if not len(view.answer):
        return
    details, objects = _proactive(view.answer)
    kind = COMMANDS.get(CommandType(details[1]), ProactiveCommand) if details and details[1] in _COMMAND_TYPES else None
    name = command_name(details[1]) if details is not None else "proactive command"
    kind = kind or ProactiveCommand
    inside = _objects(kind, objects, to_card=False)
    if details is not None:
        inside = (Node("qualifier", _qualifier(details)), *inside)
    yield Node(name, "", view.answer, inside, layer="cat", clause=kind.CLAUSE)


def _terminal_response(view: View) -> str:
    data = view.command.data
    details = _details(data, 0)
    if details is None:
        return "TERMINAL RESPONSE"
    return f"TERMINAL RESPONSE {command_name(details[1])}{_outcome(data)}"


def _outcome(data: bytes) -> str:
    """The general result, found object by object."""
    at = 0
    while at < len(data):
        tag, start, end = read_comprehension_header(data, at, len(data))
        if tag == CatTag.RESULT and end > start:
            return f", {words(RESULT.decode(data[start:end]))}"
        at = end
    return ""


def _response_detail(view: View) -> Iterator[Node]:
    details = _details(view.command.data, 0)
    name = "terminal response" if details is None else f"terminal response to {command_name(details[1])}"
    inside = _objects(TerminalAnswer, view.data, to_card=True)
    yield Node(name, "", view.data, inside, layer="cat", clause=TerminalAnswer.CLAUSE)


# --- ENVELOPE


@dataclass(frozen=True, kw_only=True)
class _UnknownEnvelope(Comprehension, tag=0x00, clause="TS 102 223 7", open=True):
    """An envelope of a kind that nothing here declares."""


def _envelope_name(tag: int) -> str:
    try:
        return EnvelopeTag(tag).name.replace("_", " ")
    except ValueError:
        return f"{tag:02X}"


def _envelope(view: View) -> str:
    data = view.command.data
    if not data:
        return "ENVELOPE"
    text = f"ENVELOPE {_envelope_name(data[0])}"
    if data[0] != EnvelopeTag.EVENT_DOWNLOAD:
        return text
    _, at, end = read_header(data, 0, len(data))
    tag, start, stop = read_comprehension_header(data, at, end)
    return f"{text}, {_events(data[start:stop])}" if tag == CatTag.EVENT_LIST else text


def _envelope_detail(view: View) -> Iterator[Node]:
    raw = visible(view.data)
    if not raw:
        return
    tag, start, end = read_header(raw, 0, len(raw))
    kind = ENVELOPES.get(EnvelopeTag(tag)) if tag in _ENVELOPE_TAGS else None
    kind = kind or _UnknownEnvelope
    inside = _objects(kind, part(view.data, start, end - start), to_card=True)
    yield Node(_envelope_name(tag), "", view.data, inside, layer="cat", clause=kind.CLAUSE)
    if len(view.answer):
        yield plain_node("answer", view.answer)


_ENVELOPE_TAGS: Final = frozenset(EnvelopeTag)


# --- TERMINAL PROFILE


def _profile_detail(view: View) -> Iterator[Node]:
    if not view.command.data:
        return
    profile = TerminalProfile(view.command.data)
    for type, (byte, bit) in COMMAND_FACILITIES.items():
        if profile.supports(type):
            yield Node(command_name(type), f"byte {byte} bit {bit}", profile[byte - 1 : byte])
    for facility in Facility:
        if profile.has(facility):
            byte, bit = facility.value
            yield Node(facility.name.replace("_", " ").lower(), f"byte {byte} bit {bit}", profile[byte - 1 : byte])
    if profile.channels:
        yield Node("BIP channels", str(profile.channels))


def _profile(view: View) -> str:
    return f"TERMINAL PROFILE, {len(view.command.data)} bytes"


for _kind in (PROPRIETARY, GSM):
    register(_kind, 0x10, Command("TERMINAL PROFILE", _profile, _profile_detail, "TS 102 223 5.2"))
    register(_kind, 0x12, Command("FETCH", _fetch, _fetch_detail, "TS 102 223 6.6"))
    register(_kind, 0x14, Command("TERMINAL RESPONSE", _terminal_response, _response_detail, "TS 102 223 6.8"))
    register(_kind, 0xC2, Command("ENVELOPE", _envelope, _envelope_detail, "TS 102 223 7"))
