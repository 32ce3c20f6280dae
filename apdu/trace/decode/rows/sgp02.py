# SPDX-License-Identifier: Apache-2.0
"""STORE DATA: what its blocks carry, and which function of SGP.02 that is (GPCS 11.11, SGP.02 v4.2 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from apdu.cat.bip import ACCESS_NAME
from apdu.cat.values import ADDRESS
from apdu.command.cla import PROPRIETARY
from apdu.errors import DecodeError
from apdu.gp.keys import KeyReference
from apdu.gp.sgp02 import (
    AddressingParameters,
    ConnectivityParameters,
    Dgi,
    DisableProfile,
    EnableProfile,
    Notification,
    NotificationConfirmation,
    NotificationType,
    SetFallBackAttribute,
    UpdatePol1,
)
from apdu.gp.store_data import Encryption, StoreDataMode, Structure
from apdu.ids import ISD_P_OWN
from apdu.keys.agreement import ControlReference
from apdu.keys.certificate import PublicKeyObject
from apdu.sms.address import Address
from apdu.tlv.declare import RAW, UINT, Template, tlv
from apdu.tlv.scan import read_header
from apdu.trace.decode.model import Node, part, visible
from apdu.trace.decode.objects import FORMATS, HIDDEN, NAMES, object_nodes, tree_nodes
from apdu.trace.decode.rows import gpdata, install  # noqa: F401  -- their rows are neighbours of these
from apdu.trace.decode.rows.es import application, is_isd_p, within
from apdu.trace.decode.rows.gpdata import certificate_node
from apdu.trace.decode.rows.scp03t import is_scp03t, scp03t_node, scp03t_title
from apdu.trace.decode.table import Command, View, plain_node, register
from apdu.trace.decode.words import aid_name, coded, name_of
from apdu.trace.events import Octets

__all__ = ["notification_node"]

_INS: Final = 0xE2
_SECRET: Final = 0x8
"""Data groupings 8000 to 8FFF hold secrets (GPCS 11.11)."""
_PROFILES: Final[dict[int, tuple[str, type[Template]]]] = {
    Dgi.ENABLE: ("ES5.EnableProfile", EnableProfile),
    Dgi.DISABLE: ("ES5.DisableProfile", DisableProfile),
    Dgi.SET_FALL_BACK: ("ES5.SetFallBackAttribute", SetFallBackAttribute),
    Dgi.POL1: ("ES6.UpdatePOL1byMNO", UpdatePol1),
    Dgi.CONFIRMATION: ("ES5.HandleNotificationConfirmation", NotificationConfirmation),
}
_AGREEMENT: Final = (Dgi.CERTIFICATE, Dgi.KEY_ESTABLISHMENT)
_BER_DGI, _KEY_REFERENCE = 0x0070, 0x00B9
_DGI_NAMES: Final = {
    0x0036: "public key",
    0x0070: "BER-TLV objects",
    0x00B9: "key reference",
    0x8113: "secret key",
    0x8137: "private key",
}

for _kind in (EnableProfile, DisableProfile, SetFallBackAttribute):
    NAMES[_kind, "aid"] = "ISD-P"
NAMES.update(
    {
        (UpdatePol1, "rules"): "POL1",
        (ConnectivityParameters, "sms"): "SMS parameters",
        (ConnectivityParameters, "cat_tp"): "CAT_TP parameters",
        (ConnectivityParameters, "https"): "HTTPS parameters",
        (AddressingParameters, "sms"): "SMS addressing parameters",
        (AddressingParameters, "cat_tp"): "CAT_TP addressing parameters",
        (AddressingParameters, "https"): "HTTPS addressing parameters",
        (NotificationConfirmation, "sequence"): "notification sequence number",
        (Notification, "eid"): "EID",
        (Notification, "type"): "notification type",
        (Notification, "sequence"): "notification sequence number",
        (Notification, "isd_p"): "ISD-P",
        (Notification, "isd_p_older"): "ISD-P",
        (Notification, "imei"): "IMEI",
        (Notification, "meid"): "MEID",
        (ControlReference, "options"): "scenario and parameters",
        (ControlReference, "usage"): "key usage",
        (ControlReference, "access"): "key access",
        (ControlReference, "key_identifier"): "key identifier",
        (ControlReference, "key_version"): "key version number",
        (ControlReference, "initial_counter"): "initial sequence counter",
        (ControlReference, "sdin"): "SDIN",
        (ControlReference, "host_id"): "host identifier",
        (KeyReference, "kid"): "key identifier",
        (KeyReference, "kvn"): "key version number",
        (KeyReference, "kcv"): "key check value",
    }
)


def _two_digits(value: object) -> str:
    return f"{value:02X}"


def _imei(value: object) -> str:
    """Mobile identity of TS 24.008 10.5.1.4: the first half byte is its type."""
    assert isinstance(value, bytes)
    half = "".join(f"{byte & 15:x}{byte >> 4:x}" for byte in value)
    return half[1:].rstrip("f")


FORMATS.update(
    {
        (Notification, "type"): lambda value: coded(NotificationType, value),
        (Notification, "imei"): _imei,
        (ControlReference, "key_identifier"): _two_digits,
        (ControlReference, "key_version"): _two_digits,
        (KeyReference, "kid"): _two_digits,
        (KeyReference, "kvn"): _two_digits,
        (KeyReference, "type"): _two_digits,
    }
)


def notification_node(octets: Octets) -> Node:
    """A notification of the eUICC; `octets` is the whole object E1."""
    raw = visible(octets) or b""
    tag, start, end = read_header(raw, 0, len(raw))
    if tag != Notification.TAG:
        raise DecodeError(f"object {tag:X} where a notification E1 stands")
    inside = object_nodes(Notification, part(octets, start, end - start))
    return Node("notification", "", octets, inside, layer="es5", clause=Notification.CLAUSE)


# --- data groupings

_Group = tuple[int, int, int, int]
"""Identifier, and where the grouping, its value and its end stand."""


def _groups(raw: bytes) -> Iterator[_Group]:
    at = 0
    while at < len(raw):
        if len(raw) - at < 3:
            raise DecodeError("the data end inside a data grouping's header", offset=at)
        length, start = raw[at + 2], at + 3
        if length == 0xFF:
            if len(raw) - at < 5:
                raise DecodeError("the data end inside a data grouping's length", offset=at)
            length, start = raw[at + 3] << 8 | raw[at + 4], at + 5
        if start + length > len(raw):
            raise DecodeError(f"data grouping of {length} bytes, {len(raw) - start} are left", offset=at)
        yield raw[at] << 8 | raw[at + 1], at, start, start + length
        at = start + length


def _function(view: View, tag: int, value: bytes) -> str:
    """The function that a data grouping is."""
    known = _PROFILES.get(tag)
    if known is not None:
        return known[0]
    whom = view.exchange.recipient or application(view)
    if tag in _AGREEMENT:
        return "ES8.EstablishISDPKeySet" if is_isd_p(whom) else "ES5.EstablishISDRKeySet"
    if tag != Dgi.PARAMETERS:
        return ""
    if value[:1] in (b"\xa3", b"\xa4", b"\xa5"):
        return "ES5.UpdateSMSRAddressingParameters"
    if view.exchange.recipient == ISD_P_OWN:
        return "ES6.UpdateConnectivityParametersByMNO"
    return "ES8.UpdateConnectivityParameters"


def _group_node(tag: int, octets: Octets, function: str) -> Node:
    raw = visible(octets) or b""
    if tag in _PROFILES:
        kind = _PROFILES[tag][1]
        return Node(f"DGI {tag:04X}", "", octets, object_nodes(kind, octets), clause=kind.CLAUSE)
    if tag == Dgi.PARAMETERS:
        parameters = AddressingParameters if "Addressing" in function else ConnectivityParameters
        inside = tuple(_opened(node) for node in object_nodes(parameters, octets))
        return Node(f"DGI {tag:04X}", "", octets, inside, clause=parameters.CLAUSE)
    if tag in _READERS:
        return Node(f"DGI {tag:04X}", "", octets, tuple(_READERS[tag](octets, raw)))
    name = _DGI_NAMES.get(tag)
    label = f"DGI {tag:04X}" + (f" {name}" if name else "")
    if tag >> 12 == _SECRET:
        return Node(label, f"{len(octets)} bytes, not shown")
    return plain_node(label, octets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sms(Template, tag=0xA0, clause="SGP.02 v4.2 4.1.3.4", open=True):
    """Connectivity parameters of SMS."""

    service_centre: Address | None = tlv(0x06, ADDRESS, optional=True)
    protocol_identifier: bytes | None = tlv(0x81, RAW, optional=True)
    data_coding_scheme: bytes | None = tlv(0x82, RAW, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Network(Template, tag=0xA1, clause="SGP.02 v4.2 4.1.3.4", open=True):
    """Connectivity parameters of CAT_TP and HTTPS."""

    bearer_description: bytes | None = tlv(0x35, RAW, optional=True)
    network_access_name: str | None = tlv(0x47, ACCESS_NAME, optional=True)
    login: tuple[bytes, ...] = tlv(0x0D, RAW, many=True)
    buffer_size: int | None = tlv(0x39, UINT, optional=True)


HIDDEN.add((_Network, "login"))
NAMES[_Network, "login"] = "login or password"
_PARAMETERS: Final[dict[str, type[Template]]] = {
    "SMS parameters": _Sms,
    "CAT_TP parameters": _Network,
    "HTTPS parameters": _Network,
}


def _opened(node: Node) -> Node:
    """The parameters of one bearer, object by object."""
    kind, raw = _PARAMETERS.get(node.name), node.raw
    if kind is None or not isinstance(raw, bytes) or node.findings:
        return node
    _, start, end = read_header(raw, 0, len(raw))
    inside = object_nodes(kind, raw[start:end])
    return Node(node.name, "" if inside else "empty", raw, inside, node.layer, node.clause)


def _object(octets: Octets, raw: bytes, tag: int, make: Callable[[Octets], Node]) -> Iterator[Node]:
    """The one object that a grouping holds."""
    found, start, end = read_header(raw, 0, len(raw))
    if found != tag:
        raise DecodeError(f"object {found:X} where {tag:X} stands")
    yield make(part(octets, start, end - start))


def _certificate(octets: Octets, raw: bytes) -> Iterator[Node]:
    return _object(octets, raw, 0x7F21, certificate_node)


def _control(octets: Octets) -> Node:
    inside = object_nodes(ControlReference, octets)
    return Node("control reference template", "", octets, inside, clause=ControlReference.CLAUSE)


def _control_reference(octets: Octets, raw: bytes) -> Iterator[Node]:
    return _object(octets, raw, ControlReference.TAG, _control)


def _key_reference(octets: Octets, raw: bytes) -> Iterator[Node]:
    def make(value: Octets) -> Node:
        return Node("key reference", "", value, object_nodes(KeyReference, value), clause=KeyReference.CLAUSE)

    return _object(octets, raw, KeyReference.TAG, make)


def _ephemeral(octets: Octets, raw: bytes) -> Iterator[Node]:
    if raw[:1] == b"\xb0":
        inside = object_nodes(PublicKeyObject, octets)
        yield Node("ephemeral public key", "", octets, inside, clause=PublicKeyObject.CLAUSE)
    else:
        yield plain_node("ephemeral public key", octets)


def _signature(octets: Octets, _: bytes) -> Iterator[Node]:
    yield plain_node("signature", octets)


def _ber(octets: Octets, _: bytes) -> Iterator[Node]:
    yield from tree_nodes(octets) or (plain_node("objects", octets),)


_READERS: Final[dict[int, Callable[[Octets, bytes], Iterator[Node]]]] = {
    Dgi.CERTIFICATE: _certificate,
    Dgi.KEY_ESTABLISHMENT: _control_reference,
    Dgi.EPHEMERAL_KEY: _ephemeral,
    Dgi.SIGNATURE: _signature,
    _BER_DGI: _ber,
    _KEY_REFERENCE: _key_reference,
}


# --- the command


def _carried(view: View) -> Octets:
    """What is complete with this block."""
    return view.exchange.assembled if len(view.exchange.assembled) else view.data


def _is_part(view: View, octets: Octets) -> bool:
    """Whether the block carries a part of something only."""
    return not view.command.p1 & 0x80 and octets is not view.exchange.assembled


def _title(view: View) -> str:
    command = view.command
    name = f"STORE DATA block {command.p2}"
    octets = _carried(view)
    raw = visible(octets) or b""
    if command.p1 & 0x80 and is_scp03t(raw, command.p1):
        return f"{name}, {scp03t_title(raw)}"
    if command.p1 & 0x18 != 0x08:
        return name
    try:
        found = [(tag, raw[start:end]) for tag, _, start, end in _groups(raw)]
    except DecodeError:
        return f"{name}, part of a chain" if _is_part(view, octets) else name
    for tag, value in found:
        function = _function(view, tag, value)
        if function:
            return f"{name}, {function}{_named(tag, value)}"
    return f"{name}, {', '.join(f'DGI {tag:04X}' for tag, _ in found)}" if found else name


def _named(tag: int, value: bytes) -> str:
    """The ISD-P that a function names."""
    return f" {aid_name(value[2:18])}" if tag in _PROFILES and value[:2] == b"\x4f\x10" else ""


_STRUCTURES: Final = {
    Structure.NONE: "no structure",
    Structure.DGI: "data groupings",
    Structure.BER_TLV: "BER-TLV",
}


def _mode(p1: int) -> Node:
    mode = StoreDataMode.decode(p1)
    if mode is None:
        return Node("mode", f"reserved {p1:02X}")
    parts = ["last block" if mode.last else "more blocks follow", _STRUCTURES[mode.structure]]
    if mode.encryption is not Encryption.NONE:
        parts.append(name_of(mode.encryption))
    if mode.response:
        parts.append("a response may come")
    return Node("mode", ", ".join(parts))


def _detail(view: View) -> Iterator[Node]:
    command, octets = view.command, _carried(view)
    yield _mode(command.p1)
    yield Node("block", str(command.p2))
    if view.exchange.recipient:
        yield Node("for", aid_name(view.exchange.recipient), view.exchange.recipient)
    raw = visible(octets)
    if raw is None:
        yield plain_node("data", octets)
    elif command.p1 & 0x80 and is_scp03t(raw, command.p1):
        if not view.exchange.inner:
            yield scp03t_node(octets, view.answer)
    elif command.p1 & 0x18 == 0x08:
        yield from _groups_detail(view, octets, raw)
    else:
        yield from tree_nodes(octets) or (plain_node("data", octets),)


def _groups_detail(view: View, octets: Octets, raw: bytes) -> Iterator[Node]:
    try:
        groups = list(_groups(raw))
    except DecodeError:
        if not _is_part(view, octets):
            raise
        yield Node("data", "part of a chain that goes on", octets)
        return
    function, nodes = "", []
    for tag, _, start, end in groups:
        function = function or _function(view, tag, raw[start:end])
        nodes.append(_group_node(tag, part(octets, start, end - start), function))
    yield from within(view, function, (*nodes, *_answer(view, function)))


# --- answers


def _answer(view: View, function: str) -> Iterator[Node]:
    raw = visible(view.answer)
    if not raw:
        return
    if function.endswith("KeySet"):
        names = _agreement_answer(view)
    elif function.endswith("Confirmation"):
        names = {0x80: "ISD-Ps deleted"}
    else:
        yield plain_node("answer", view.answer)
        return
    at = 0
    while at < len(raw):
        tag, start, end = read_header(raw, at, len(raw))
        value = part(view.answer, start, end - start)
        if tag == 0x80:
            yield Node("ISD-Ps deleted", _aids(raw[start:end]), value)
        else:
            yield plain_node(names.get(tag, f"object {tag:X}"), value)
        at = end


def _agreement_answer(view: View) -> dict[int, str]:
    challenge = (visible(_carried(view)) or b"")[:2] == Dgi.CERTIFICATE.to_bytes(2, "big")
    return {0x85: "random challenge RC" if challenge else "random value DR", 0x86: "receipt"}


def _aids(raw: bytes) -> str:
    names: list[str] = []
    at = 0
    while at < len(raw):
        _, start, at = read_header(raw, at, len(raw))
        names.append(aid_name(raw[start:at]))
    return ", ".join(names) or "none"


register(PROPRIETARY, _INS, Command("STORE DATA", _title, _detail, "GPCS 11.11"))
