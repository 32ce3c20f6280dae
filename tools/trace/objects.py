# SPDX-License-Identifier: Apache-2.0
"""Entries as objects of JSON."""

from __future__ import annotations

from apdu.trace.decode import Entry, Exchange, Finding, Node
from apdu.trace.decode.text import digits, printable

__all__ = ["entry_object", "finding_object", "node_object"]


def entry_object(entry: Entry, tree: Node) -> dict[str, object]:
    """Everything that is known about an entry."""
    shown: dict[str, object] = {
        "number": entry.number,
        "time": entry.time,
        "layer": entry.layer,
        "side": entry.link.side,
        "reader": entry.link.reader,
        "function": entry.function,
        "summary": entry.summary,
    }
    if isinstance(entry, Exchange):
        sw = entry.sw
        shown["channel"] = entry.channel
        shown["aid"] = entry.place.application.hex().upper()
        shown["sw"] = None if sw is None else f"{sw:04X}"
        shown["duration"] = entry.duration
    shown["findings"] = [finding_object(each) for each in entry.findings]
    shown["tree"] = node_object(tree)
    return shown


def finding_object(finding: Finding) -> dict[str, str]:
    """A finding with its clause."""
    return {"severity": finding.severity.value, "text": finding.text, "clause": printable(finding.clause)}


def node_object(node: Node) -> dict[str, object]:
    """A node and what is inside; what is empty is left out."""
    shown: dict[str, object] = {"name": node.name}
    if node.value:
        shown["value"] = node.value
    if len(node.raw):
        shown["raw"] = digits(node.raw)
    if node.layer:
        shown["layer"] = node.layer
    if node.clause:
        shown["clause"] = node.clause
    if node.children:
        shown["children"] = [node_object(child) for child in node.children]
    return shown
