# SPDX-License-Identifier: Apache-2.0
"""XML documents from outside, read without giving them anything to play with.

Before a parser sees a document, everything is refused that a message has no use for: document types (and with them
entities and external subsets), processing instructions, encodings other than UTF-8, more bytes than a message has.
The parser itself resolves nothing, loads nothing and keeps libxml2's own limits. What it built is then counted: depth,
elements, attributes, names. Comments are dropped while parsing, so that text is never cut in two by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from apdu.errors import DecodeError

__all__ = ["LIMITS", "Limits", "canonical", "children", "parse_document", "split_name", "text_of"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may hold at most."""

    size: int = 2 * 1024 * 1024
    depth: int = 32
    elements: int = 50_000
    attributes: int = 16
    """Of one element, namespace declarations not counted."""
    namespaces: int = 32
    """In scope at one element."""


LIMITS: Final = Limits()

_DECLARATION: Final = re.compile(
    rb"\A(?:\xef\xbb\xbf)?<\?xml\s+version\s*=\s*(?:\"1\.0\"|'1\.0')"
    rb"(?:\s+encoding\s*=\s*(?:\"[Uu][Tt][Ff]-8\"|'[Uu][Tt][Ff]-8'))?"
    rb"(?:\s+standalone\s*=\s*(?:\"(?:yes|no)\"|'(?:yes|no)'))?\s*\?>"
)
_FORBIDDEN: Final = re.compile(rb"<!(?!--|\[CDATA\[)|<\?")
_MAX_QUOTES: Final = 40_000
_MAX_DECLARED: Final = 1024
"""Of a whole document, whether in text or not: quotes, of which each attribute takes two, and the word `xmlns`."""


def parse_document(data: bytes, limits: Limits = LIMITS) -> etree._Element:
    """The root element; DecodeError for what is no XML, too large, or holds anything that messages do not need."""
    if len(data) > limits.size:
        raise DecodeError(f"a document of {len(data)} bytes, at most {limits.size} are taken")
    _check_bytes(data, limits)
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DecodeError(f"not well-formed XML ({_first_line(error)})") from None
    _check_tree(root, limits)
    return root


def _check_bytes(data: bytes, limits: Limits) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError("not UTF-8", offset=error.start) from None
    declaration = _DECLARATION.match(data)
    start = declaration.end() if declaration else 0
    if found := _FORBIDDEN.search(data, start):
        what = "a document type or entity" if data[found.start() + 1] == 0x21 else "a processing instruction"
        raise DecodeError(f"{what} is not taken", offset=found.start())
    counts = (
        (data.count(b"<"), 2 * limits.elements, "tags"),
        (data.count(b'"') + data.count(b"'"), _MAX_QUOTES, "quotes"),
        (data.count(b"xmlns"), _MAX_DECLARED, "namespace declarations"),
    )
    for count, most, what in counts:
        if count > most:
            raise DecodeError(f"{count} {what}, at most {most} are taken")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:120]


def _check_tree(root: etree._Element, limits: Limits) -> None:
    depth = elements = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if event == "end":
            continue
        if (elements := elements + 1) > limits.elements:
            raise DecodeError(f"more than {limits.elements} elements")
        if depth > limits.depth:
            raise DecodeError(f"more than {limits.depth} elements inside each other")
        if len(element.attrib) > limits.attributes:
            raise DecodeError(f"an element with {len(element.attrib)} attributes")
    if any(len(each.nsmap) > limits.namespaces for each in root.iter()):
        raise DecodeError(f"more than {limits.namespaces} namespaces in one place")


def split_name(element: etree._Element) -> tuple[str, str]:
    """Namespace and local name of an element; no namespace is an empty one."""
    name = etree.QName(element)
    return name.namespace or "", name.localname


def children(element: etree._Element) -> list[etree._Element]:
    """The elements inside an element, between which only white space may stand."""
    found = list(element)
    for text in (element.text, *(each.tail for each in found)):
        if text is not None and text.strip(" \t\r\n"):
            raise DecodeError(f"text between the elements of {split_name(element)[1]}")
    return found


def text_of(element: etree._Element) -> str:
    """The text of an element that holds nothing else."""
    if len(element):
        raise DecodeError(f"elements inside {split_name(element)[1]}")
    return element.text or ""


def canonical(element: etree._Element) -> bytes:
    """Exclusive canonical XML without comments, the element as apex (W3C xml-exc-c14n)."""
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
