# SPDX-License-Identifier: Apache-2.0
"""Short messages inside toolkit commands, envelopes and EF.SMS: TPDUs field by field (TS 23.040 9.2).

`PACKETS` says who takes apart what an information element announces in the user data; whoever brings secured packets
adds `ElementId.COMMAND_PACKET` and `ElementId.RESPONSE_PACKET`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from apdu.cat.tags import CatTag
from apdu.errors import DecodeError
from apdu.sms.address import Address
from apdu.sms.alphabet import packed_size
from apdu.sms.coding import Alphabet, alphabet_of, class_of
from apdu.sms.tpdu import Deliver, Submit
from apdu.sms.userdata import ElementId, UserData
from apdu.trace.decode.model import Node, visible
from apdu.trace.decode.rows import files, toolkit
from apdu.trace.decode.table import BEARERS, children, plain_node
from apdu.trace.decode.words import coded
from apdu.trace.events import BearerEvent, Octets

__all__ = ["PACKETS", "tpdu_nodes"]

PACKETS: Final[dict[int, Callable[[UserData, bool], Iterable[Node]]]] = {}
"""By information element: what the user data hold; the flag says whether they go to the card."""

_CLAUSE: Final = "TS 23.040 9.2"
_DELIVER, _SUBMIT = 0, 1
_TYPES: Final = {_DELIVER: "SMS-DELIVER", _SUBMIT: "SMS-SUBMIT", 2: "SMS-STATUS-REPORT or SMS-COMMAND"}
_VALIDITY_SIZES: Final = {0x00: 0, 0x10: 1, 0x08: 7, 0x18: 7}
_ALPHABETS: Final = {
    Alphabet.GSM: "GSM default alphabet",
    Alphabet.DATA: "8-bit data",
    Alphabet.UCS2: "UCS2",
}


def tpdu_nodes(octets: Octets, to_card: bool) -> tuple[Node, ...]:
    """A TPDU as a node of its layer; padding behind it is passed over."""
    if not isinstance(octets, bytes):
        return (plain_node("TPDU", octets),)
    name = _TYPES.get(octets[0] & 3, "TPDU") if octets else "TPDU"
    inside = children(lambda: _fields(octets, to_card), octets, _CLAUSE)
    return (Node(name, "", octets, inside, layer="sms", clause=_CLAUSE),)


def _fields(raw: bytes, to_card: bool) -> Iterator[Node]:
    kind = raw[0] & 3 if raw else _DELIVER
    if kind == _DELIVER:
        message = Deliver.decode(_trimmed(raw, *_place_of_length(raw, kind)))
        yield Node("originating address", str(message.originator))
        yield from _scheme(message.pid, message.dcs)
        yield Node("service centre time stamp", message.time.isoformat())
        yield Node("more messages", "yes" if message.more else "no")
        yield from _user_data(message.data, message.dcs, to_card)
    elif kind == _SUBMIT:
        submitted = Submit.decode(_trimmed(raw, *_place_of_length(raw, kind)))
        yield Node("message reference", str(submitted.reference))
        yield Node("destination address", str(submitted.destination))
        yield from _scheme(submitted.pid, submitted.dcs)
        if submitted.validity:
            yield plain_node("validity period", submitted.validity)
        yield from _user_data(submitted.data, submitted.dcs, to_card)
    else:
        yield plain_node("contents", raw)


def _place_of_length(raw: bytes, kind: int) -> tuple[int, int]:
    """Where TP-UDL stands, and the data coding scheme."""
    _, at = Address.from_tpdu(raw, 1 if kind == _DELIVER else 2)
    more = 7 if kind == _DELIVER else _VALIDITY_SIZES[raw[0] & 0x18]
    if at + 2 + more >= len(raw):
        raise DecodeError("a TPDU that ends before its user data", offset=at)
    return at + 2 + more, raw[at + 1]


def _trimmed(raw: bytes, at: int, dcs: int) -> bytes:
    size = packed_size(raw[at]) if alphabet_of(dcs) is Alphabet.GSM else raw[at]
    rest = raw[at + 1 + size :]
    return raw[: at + 1 + size] if not rest.strip(b"\xff") else raw


def _scheme(pid: int, dcs: int) -> Iterator[Node]:
    known = {0x00: " (default)", 0x7F: " ((U)SIM data download)"}
    yield Node("protocol identifier", f"{pid:02X}{known.get(pid, '')}")
    kind = class_of(dcs)
    yield Node("data coding scheme", f"{dcs:02X} ({_ALPHABETS[alphabet_of(dcs)]}"
               f"{'' if kind is None else f', class {kind}'})")  # fmt: skip


def _user_data(data: UserData, dcs: int, to_card: bool) -> Iterator[Node]:
    for identifier, value in data.elements:
        yield Node(f"information element {identifier:02X}", _element(identifier, value), value)
    parts = data.concatenation
    if parts is not None:
        yield Node("concatenation", f"part {parts.number} of {parts.total}, reference {parts.reference}")
    found = [PACKETS[identifier] for identifier, _ in data.elements if identifier in PACKETS]
    if alphabet_of(dcs) is Alphabet.DATA:
        yield Node("user data", data.payload.hex().upper(), data.payload)
    else:
        yield Node("text", data.text(dcs), data.payload)
    for decode in found:
        yield from decode(data, to_card)


def _element(identifier: int, value: bytes) -> str:
    name = coded(ElementId, identifier)
    return name if not value else f"{name}, {value.hex().upper()}"


def _of_file(raw: bytes) -> tuple[Node, ...]:
    return tpdu_nodes(raw, False)


def _of_bearer(event: BearerEvent) -> tuple[Node, ...]:
    if not visible(event.data):
        return (plain_node("data", event.data),)
    return tpdu_nodes(event.data, event.direction == "to-card")


toolkit.CARRIED[CatTag.SMS_TPDU] = tpdu_nodes
files.CARRIED["TPDU"] = _of_file
BEARERS["sms"] = _of_bearer
