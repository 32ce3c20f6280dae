# SPDX-License-Identifier: Apache-2.0
"""SOAP 1.2 envelopes: headers and one body element, and faults (W3C soap12-part1).

Header and body are children of the envelope and the message is the one child of the body: elements anywhere else are
errors, so what is read is always what stands where a message stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from lxml import etree

from apdu.errors import DecodeError, M2mError
from smsr.kit.soap.addressing import ADDRESSING, HEADERS, WSA, Addressing
from smsr.kit.soap.declare import OPTIONAL
from smsr.kit.soap.document import LIMITS, Limits, children, parse_document, split_name, text_of
from smsr.kit.soap.writer import Namespace, attribute, element, escape, with_namespaces

__all__ = ["ENV", "Fault", "FaultCode", "FaultSubcode", "SoapError", "build_envelope", "build_fault", "read_envelope"]

ENV: Final = Namespace("http://www.w3.org/2003/05/soap-envelope", "env")
FAULT_ACTION: Final = "http://www.w3.org/2005/08/addressing/fault"
_HERE: Final = (
    "http://www.w3.org/2003/05/soap-envelope/role/next",
    "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
)


@unique
class FaultCode(StrEnum):
    """Whose fault it is (soap12-part1 5.4.6)."""

    VERSION_MISMATCH = "VersionMismatch"
    MUST_UNDERSTAND = "MustUnderstand"
    DATA_ENCODING_UNKNOWN = "DataEncodingUnknown"
    SENDER = "Sender"
    RECEIVER = "Receiver"


@unique
class FaultSubcode(StrEnum):
    """What WS-Addressing says besides (ws-addr-soap 6.4)."""

    INVALID_HEADER = "InvalidAddressingHeader"
    HEADER_REQUIRED = "MessageAddressingHeaderRequired"
    ACTION_NOT_SUPPORTED = "ActionNotSupported"


@dataclass(frozen=True, slots=True)
class Fault:
    """A message that says why there is no other one."""

    code: FaultCode
    reason: str
    subcode: FaultSubcode | None = None


class SoapError(M2mError):
    """A message that is refused, with the fault that its sender gets for it."""

    def __init__(self, reason: str, code: FaultCode = FaultCode.SENDER, subcode: FaultSubcode | None = None) -> None:
        self.fault = Fault(code, reason, subcode)
        super().__init__(reason)


# --- writing


def build_envelope(header: Addressing, body: str, namespaces: tuple[Namespace, ...]) -> bytes:
    """A whole message around the element of its body."""
    parts = element("env:Header", ADDRESSING.content(header)), element("env:Body", body)
    text = with_namespaces(element("env:Envelope", parts), ENV, WSA, *namespaces)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{text}".encode()


def build_fault(header: Addressing, fault: Fault) -> bytes:
    """A whole message that carries a fault."""
    code = element("env:Value", f"env:{fault.code}")
    if fault.subcode is not None:
        code += element("env:Subcode", element("env:Value", f"wsa:{fault.subcode}"))
    reason = element("env:Text", escape(fault.reason), (attribute("xml:lang", "en"),))
    body = element("env:Fault", (element("env:Code", code), element("env:Reason", reason)))
    return build_envelope(header, body, ())


# --- reading


def read_envelope(data: bytes, limits: Limits = LIMITS) -> tuple[Addressing, etree._Element | Fault]:
    """The headers, and the element of the body or the fault in it; SoapError for what is no such message."""
    try:
        root = parse_document(data, limits)
    except DecodeError as error:
        raise SoapError(_words(error)) from None
    namespace, name = split_name(root)
    if name == "Envelope" and namespace != ENV.uri:
        raise SoapError("an envelope of another version of SOAP", FaultCode.VERSION_MISMATCH)
    header, body = _parts(root)
    try:
        found = children(body)
        if len(found) != 1 or body.attrib:
            raise DecodeError(f"{len(found)} elements in the body instead of one, or attributes")
        fault = _read_fault(found[0]) if split_name(found[0]) == (ENV.uri, "Fault") else None
    except DecodeError as error:
        raise SoapError(_words(error)) from None
    return _read_header(header), fault or found[0]


def _parts(root: etree._Element) -> tuple[etree._Element, etree._Element]:
    try:
        found = children(root)
    except DecodeError as error:
        raise SoapError(_words(error)) from None
    names = [split_name(each) for each in (root, *found)]
    if names != [(ENV.uri, "Envelope"), (ENV.uri, "Header"), (ENV.uri, "Body")] or root.attrib:
        raise SoapError("not an envelope with one header and one body")
    return found[0], found[1]


def _read_header(header: etree._Element) -> Addressing:
    values: dict[str, list[etree._Element]] = {name: [] for name in HEADERS}
    for block in _blocks(header):
        namespace, name = split_name(block)
        if namespace == WSA.uri and name in values:
            values[name].append(block)
        elif namespace == WSA.uri or _demanded(block):
            raise SoapError(f"header {name[:40]} is not understood", FaultCode.MUST_UNDERSTAND)
    read: dict[str, object] = {}
    for name, blocks in values.items():
        if not blocks and HEADERS[name].occurs is not OPTIONAL:
            raise SoapError(f"header {name} is missing", subcode=FaultSubcode.HEADER_REQUIRED)
        if len(blocks) > 1:
            raise SoapError(f"header {name} stands twice", subcode=FaultSubcode.INVALID_HEADER)
        for block in blocks:
            _drop_soap_attributes(block)
        try:
            read[HEADERS[name].attribute] = HEADERS[name].values(blocks)
        except DecodeError as error:
            raise SoapError(_words(error), subcode=FaultSubcode.INVALID_HEADER) from None
    return Addressing(**read)  # type: ignore[arg-type]


def _blocks(header: etree._Element) -> list[etree._Element]:
    try:
        return children(header)
    except DecodeError as error:
        raise SoapError(_words(error)) from None


def _demanded(block: etree._Element) -> bool:
    """Whether whoever gets this must understand a header (soap12-part1 5.2)."""
    wanted = str(block.get(f"{{{ENV.uri}}}mustUnderstand", "false")).strip() not in ("false", "0")
    role = block.get(f"{{{ENV.uri}}}role")
    return wanted and (role is None or str(role) in _HERE)


def _drop_soap_attributes(block: etree._Element) -> None:
    for name in ("mustUnderstand", "role", "relay"):
        block.attrib.pop(f"{{{ENV.uri}}}{name}", "")


def _read_fault(node: etree._Element) -> Fault:
    parts = {split_name(each): each for each in children(node)}
    code, reason = parts.get((ENV.uri, "Code")), parts.get((ENV.uri, "Reason"))
    if code is None or reason is None:
        raise DecodeError("a fault without code or reason")
    values, texts = children(code), children(reason)
    if not values or not texts:
        raise DecodeError("a fault whose code or reason is empty")
    value, *deeper = values
    subcode = _local(children(deeper[0])[0]) if deeper and len(deeper[0]) else ""
    if _local(value) not in set(FaultCode):
        raise DecodeError(f"a fault with the code {_local(value)[:40]}")
    return Fault(
        FaultCode(_local(value)), text_of(texts[0]), FaultSubcode(subcode) if subcode in set(FaultSubcode) else None
    )


def _local(node: etree._Element) -> str:
    """The local part of a qualified name; each that is known is known in one namespace only."""
    return text_of(node).strip().rpartition(":")[2]


def _words(error: DecodeError) -> str:
    where = "/".join(error.path)
    return f"{where + ': ' if where else ''}{error.message}"
