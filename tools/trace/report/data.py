# SPDX-License-Identifier: Apache-2.0
"""What a report carries for its script: a list of entries, read at once, and trees, read when they are opened.

    index   one JSON object: entries as arrays (see `_row`), and the texts that they refer to by number
    trees   blocks of lines; line n of the whole is the tree of entry n, an array
            [name, value, layer, clause, raw, children], of which empty values at its end are left out

JSON inside HTML: what could end a script element is written as an escape of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from apdu.trace.decode import Entry, Exchange, Finding, Node
from apdu.trace.decode.text import digits, printable
from tools.trace.objects import finding_object

__all__ = ["BLOCK", "ReportData", "embedded"]

BLOCK: Final = 200
"""Trees in a block."""
_ESCAPES: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=True).encode


def embedded(value: object) -> str:
    """JSON that can stand in a script element."""
    return _encode(value).translate(_ESCAPES)


class _Texts:
    """Texts by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def list(self) -> list[str]:
        return list(self._numbers)


class ReportData:
    """Takes the entries of a trace, as many as a report may have."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._start = 0.0
        self._before = 0.0
        self._rows: list[list[object]] = []
        self._trees: list[str] = []
        self._functions = _Texts()
        self._layers = _Texts()
        self._links = _Texts()
        self._findings: dict[Finding, int] = {}
        self.omitted = 0
        self.found: dict[Finding, list[int]] = {}
        """The numbers of the entries that have a finding."""

    def add(self, entry: Entry, tree: Node) -> None:
        """Take one entry and its tree."""
        if len(self._rows) >= self._limit:
            self.omitted += 1
            return
        if not self._rows:
            self._start = self._before = entry.time
        layers: dict[str, None] = {entry.layer: None}
        self._trees.append(embedded(_packed(tree, layers)))
        self._rows.append(self._row(entry, layers))
        self._before = entry.time
        for finding in entry.findings:
            self.found.setdefault(finding, []).append(entry.number)

    def _row(self, entry: Entry, layers: dict[str, None]) -> list[object]:
        """Number, µs from start and entry before, channel, status word, text, function, layers, findings, link."""
        link = entry.link.reader or entry.link.side
        channel, sw = (entry.channel, entry.sw) if isinstance(entry, Exchange) else (None, None)
        return [
            entry.number,
            _micro(entry.time - self._start),
            _micro(entry.time - self._before),
            channel,
            None if sw is None else f"{sw:04X}",
            entry.summary,
            self._functions.number(printable(entry.function)),
            [self._layers.number(printable(layer)) for layer in layers],
            [self._findings.setdefault(finding, len(self._findings)) for finding in entry.findings],
            self._links.number(printable(link)),
        ]

    @property
    def count(self) -> int:
        """Entries in the report."""
        return len(self._rows)

    @property
    def layers(self) -> list[str]:
        """Every layer that occurs."""
        return sorted(self._layers.list())

    def index(self) -> str:
        """The list of entries."""
        return embedded(
            {
                "start": self._start,
                "block": BLOCK,
                "entries": self._rows,
                "functions": self._functions.list(),
                "layers": self._layers.list(),
                "findings": [finding_object(each) for each in self._findings],
                "links": self._links.list(),
            }
        )

    def blocks(self) -> Iterator[str]:
        """The trees."""
        for at in range(0, len(self._trees), BLOCK):
            yield "\n".join(self._trees[at : at + BLOCK])


def _micro(seconds: float) -> int | None:
    """Whole microseconds; None beyond what a script counts exactly."""
    return round(seconds * 1e6) if abs(seconds) < 1e9 else None


def _packed(node: Node, layers: dict[str, None], above: str = "") -> list[object]:
    """A node and what is below; its bytes are left out where its value or the node above has them already."""
    value, layer, clause, octets = node.value, node.layer, node.clause, node.raw
    if layer:
        layers.setdefault(layer)
        layer = printable(layer)
    raw = octets.hex().upper() if type(octets) is bytes else digits(octets)
    shown = "" if raw in (value, above) or raw in value.replace(" ", "") else raw
    if node.children:
        inside = [_packed(child, layers, raw) for child in node.children]
        return [node.name, value, layer, printable(clause), shown, inside]
    if shown:
        return [node.name, value, layer, printable(clause), shown]
    if clause:
        return [node.name, value, layer, printable(clause)]
    if layer:
        return [node.name, value, layer]
    return [node.name, value] if value else [node.name]
