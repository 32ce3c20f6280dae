# SPDX-License-Identifier: Apache-2.0
"""Files that views of traces are written to: readable by their owner only, and never in the place of something else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools.errors import ToolError
from tools.trace.files import replace

__all__ = ["HTML", "MERMAID", "SVG", "write_view"]

HTML: Final = "<!doctype html>"
SVG: Final = "<svg "
MERMAID: Final = "sequenceDiagram\n"
"""How the files of the views begin."""


def write_view(path: Path, text: str) -> None:
    """Write a view, over an earlier one but over nothing else."""
    known = tuple(each.encode() for each in (HTML, SVG, MERMAID))
    try:
        with path.open("rb") as file:
            first = file.read(max(map(len, known))) if path.is_file() else b""
    except OSError:  # it is not there, or writing says what is wrong
        first = b""
    if first and not first.startswith(known):
        raise ToolError(f"{path} is there and is no view of a trace: name another file")
    with replace(path) as out:
        out.write(text.encode())
