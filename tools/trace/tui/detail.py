# SPDX-License-Identifier: Apache-2.0
"""The layers of the chosen entry, as a tree that folds."""

from __future__ import annotations

from typing import Final

from rich.text import Text
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from apdu.trace.decode import Entry, Node, Severity
from apdu.trace.decode.text import digits, printable
from tools.trace.line import MARKS

__all__ = ["Detail"]

_MOST: Final = 2000
"""Nodes that are shown of one entry."""
_OPEN: Final = 2
"""Depth down to which nodes are unfolded; those that open a layer always are."""
_STYLES: Final = {Severity.NOTE: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "bold red"}


class Detail(Tree[None]):
    """What is known about one entry."""

    def __init__(self) -> None:
        super().__init__("", id="detail")
        self.guide_depth = 2
        self._left = 0

    def show(self, entry: Entry) -> None:
        """Show an entry."""
        root = entry.tree()
        self.reset(_label(root))
        for finding in entry.findings:
            clause = f" ({printable(finding.clause)})" if finding.clause else ""
            text = f"{MARKS[finding.severity]} {finding.text}{clause}"
            self.root.add_leaf(Text(text, _STYLES[finding.severity]))
        self._left = _MOST
        self._add(self.root, root, 1)
        self.root.expand()
        self.scroll_home(animate=False)

    def _add(self, above: TreeNode[None], node: Node, depth: int) -> None:
        raw = digits(node.raw)
        if raw and raw not in node.value.replace(" ", ""):
            above.add_leaf(Text(raw, "dim"))
        for child in node.children:
            self._left -= 1
            if self._left < 0:
                above.add_leaf(Text("more is not shown here", "italic"))
                return
            inside = bool(child.children) or (
                bool(len(child.raw)) and digits(child.raw) not in child.value.replace(" ", "")
            )
            if not inside:
                above.add_leaf(_label(child))
                continue
            branch = above.add(_label(child), expand=bool(child.layer) or depth < _OPEN)
            self._add(branch, child, depth + 1)


def _label(node: Node) -> Text:
    """A node on one line; text of a trace is never markup here."""
    label = Text(node.name, "bold" if node.layer else "")
    if node.value:
        label.append(f"  {node.value}", "cyan" if not node.children else "")
    if node.clause:
        label.append(f"  {printable(node.clause)}", "dim")
    return label
