# SPDX-License-Identifier: Apache-2.0
"""GET DATA: the objects that security domains give, and what is in them (GPCS 11.3, H; TS 102 226 8.2.1.7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.command.cla import INTERINDUSTRY, PROPRIETARY
from apdu.gp.recognition import (
    CardData,
    CardRecognition,
    EcasdData,
    ExtendedCardResources,
    KeyInformationTemplate,
    Oid,
)
from apdu.gp.status import decode_tag_list
from apdu.ids import Eid
from apdu.keys.certificate import CertificateContent, DiscretionaryData, Role
from apdu.tlv.declare import Template
from apdu.tlv.scan import read_header, split
from apdu.trace.decode.model import Node, part, visible
from apdu.trace.decode.objects import FORMATS, NAMES, object_nodes, tree_nodes
from apdu.trace.decode.rows.es import within
from apdu.trace.decode.table import Command, View, plain_node, register
from apdu.trace.decode.words import coded
from apdu.trace.events import Octets

__all__ = ["certificate_node", "oid_text"]

_NAMES: Final = {
    0x42: "issuer identification number",
    0x45: "card image number",
    0x5A: "EID",
    0x66: "card recognition data",
    0x67: "card capability information",
    0xC1: "sequence counter",
    0xC2: "confirmation counter",
    0xD3: "security level",
    0xE0: "key information",
    0x2F00: "applications",
    0x5F50: "security domain manager URL",
    0x7F21: "certificate",
    0x9F7F: "CPLC",
    0xBF30: "ECASD data",
    0xFF21: "extended card resources",
}
_KINDS: Final[dict[int, type[Template]]] = {
    0x66: CardData,
    0xE0: KeyInformationTemplate,
    0x7F21: CertificateContent,
    0xBF30: EcasdData,
    0xFF21: ExtendedCardResources,
}
_AUDITED: Final = (0xBF30, 0xFF21)


def oid_text(value: object) -> str:
    """An object identifier with dots; what GlobalPlatform says with it."""
    assert isinstance(value, bytes)
    arcs: list[int] = []
    number = 0
    for byte in value:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(number)
            number = 0
    if not arcs:
        return ""
    first = min(arcs[0] // 40, 2)
    text = ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))
    return f"{text} ({_meaning(arcs)})" if _meaning(arcs) else text


_GLOBALPLATFORM: Final = [42, 840, 114283]


def _meaning(arcs: list[int]) -> str:
    if arcs[:3] != _GLOBALPLATFORM or len(arcs) < 4:
        return ""
    rest = arcs[4:]
    if arcs[3] == 4 and len(rest) == 2:
        return f"SCP{rest[0]:02X} i={rest[1]:02X}"
    if arcs[3] == 2 and rest:
        return f"GlobalPlatform {'.'.join(map(str, rest))}"
    return {1: "card recognition data", 3: "card identification scheme"}.get(arcs[3], "")


NAMES.update(
    {
        (CardData, "recognition"): "recognition data",
        (CardRecognition, "oid"): "object identifier",
        (CardRecognition, "version"): "card management type and version",
        (CardRecognition, "identification"): "card identification scheme",
        (CardRecognition, "protocols"): "secure channel protocol",
        (CardRecognition, "configuration"): "card configuration details",
        (CardRecognition, "chip"): "card and chip details",
        (CardRecognition, "trust_point"): "issuer's trust point certificate information",
        (Oid, "oid"): "object identifier",
        (ExtendedCardResources, "applications"): "installed applications",
        (ExtendedCardResources, "free_nonvolatile"): "free non-volatile memory",
        (ExtendedCardResources, "free_volatile"): "free volatile memory",
        (KeyInformationTemplate, "keys"): "key",
        (EcasdData, "certificate_value"): "certificate",
        (CertificateContent, "serial"): "serial number",
        (CertificateContent, "ca_identifier"): "CA identifier",
        (CertificateContent, "subject"): "subject identifier",
        (CertificateContent, "usage"): "key usage",
        (CertificateContent, "effective"): "effective date",
        (CertificateContent, "expiration"): "expiration date",
        (CertificateContent, "ca_image_number"): "CA security domain image number",
        (CertificateContent, "discretionary"): "discretionary data",
    }
)
FORMATS.update(
    {
        (Oid, "oid"): oid_text,
        (CardRecognition, "oid"): oid_text,
        (DiscretionaryData, "role"): lambda value: coded(Role, value).upper().replace(" ", "-"),
    }
)


def certificate_node(octets: Octets, name: str = "certificate") -> Node:
    """A card format certificate; `octets` is the value of its object 7F21."""
    return Node(name, "", octets, object_nodes(CertificateContent, octets), clause=CertificateContent.CLAUSE)


def _title(view: View) -> str:
    tag = view.command.p1 << 8 | view.command.p2
    return f"GET DATA {_NAMES.get(tag, f'{tag:04X}')}"


def _detail(view: View) -> Iterator[Node]:
    tag = view.command.p1 << 8 | view.command.p2
    function = "ES5.eUICCCapabilityAudit" if tag in _AUDITED else ""
    yield from within(view, function, tuple(_content(view, tag)))


def _content(view: View, tag: int) -> Iterator[Node]:
    yield Node("object", f"{tag:04X}" + (f" ({_NAMES[tag]})" if tag in _NAMES else ""))
    for inner, value in split(view.command.data):
        if inner == 0x5C:
            yield Node("objects asked for", " ".join(f"{each:X}" for each in decode_tag_list(value)), value)
    raw = visible(view.answer)
    if not raw:
        return
    if view.command.cla & 0x80 == 0 or tag == 0x2F00:
        yield _value(tag, view.answer, view.answer)
        return
    at = 0
    while at < len(raw):
        found, start, end = read_header(raw, at, len(raw))
        yield _value(found, part(view.answer, start, end - start), part(view.answer, at, end - at))
        at = end


def _value(tag: int, value: Octets, whole: Octets) -> Node:
    name = _NAMES.get(tag, f"object {tag:X}")
    kind = _KINDS.get(tag)
    raw = visible(value) or b""
    if kind is not None:
        return _with_certificate(Node(name, "", whole, object_nodes(kind, value), clause=kind.CLAUSE))
    if tag == 0x5A:
        return Node(name, str(Eid(raw)), whole)
    if tag == 0xC1:
        return Node(name, str(int.from_bytes(raw, "big")), whole)
    if tag == 0x5F50:
        return Node(name, raw.decode("ascii", "replace"), whole)
    inside = tree_nodes(value) if tag in (0x2F00, 0x67) else ()
    return Node(name, "" if inside else plain_node(name, value).value, whole, inside)


def _with_certificate(node: Node) -> Node:
    """The certificate inside ECASD data with its objects."""
    found = node.find("certificate")
    raw = b"" if found is None else visible(found.raw) or b""
    if found is None or found is node or not raw:
        return node
    _, start, end = read_header(raw, 0, len(raw))
    opened = certificate_node(part(found.raw, start, end - start))
    children = tuple(opened if child is found else child for child in node.children)
    return Node(node.name, node.value, node.raw, children, node.layer, node.clause, node.findings)


_ROW: Final = Command("GET DATA", _title, _detail, "GPCS 11.3")
register(PROPRIETARY, 0xCA, _ROW)
register(INTERINDUSTRY, 0xCA, _ROW)
register(INTERINDUSTRY, 0xCB, _ROW)
