# SPDX-License-Identifier: Apache-2.0
"""Trees as text: layers that were asked for are unfolded, other layers inside them stand as one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from apdu.trace.decode import Node
from apdu.trace.decode.text import printable
from tools.trace.line import MARKS

__all__ = ["ALL", "Row", "rows", "text"]

ALL: Final = "all"
_MARGIN: Final = 10


class Row(NamedTuple):
    """A node at its depth; `folded` when what is inside is left out."""

    depth: int
    node: Node
    folded: bool


def rows(root: Node, layers: frozenset[str]) -> Iterator[Row]:
    """The nodes of the wanted layers, and what opens another layer inside them, folded."""
    waiting = [(0, False, root)]
    while waiting:
        depth, shown, node = waiting.pop()
        wanted = ALL in layers or node.layer in layers
        if shown or wanted:
            unfolded = wanted or not node.layer
            yield Row(depth, node, not unfolded and bool(node.children))
            shown = unfolded
            depth += 1
        waiting.extend((depth, shown, child) for child in reversed(node.children))


def text(row: Row, *, colour: bool) -> str:
    """A row as one line."""
    node = row.node
    name = f"\x1b[36m{node.name}\x1b[0m" if colour else node.name
    value = f": {node.value}" if node.value else ""
    found = "".join(f"  {MARKS[each.severity]} {each.text}" for each in node.findings)
    clause = f"  ({printable(node.clause)})" if node.clause else ""
    return f"{' ' * (_MARGIN + 2 * row.depth)}{name}{value}{clause}{found}{' ...' if row.folded else ''}"
