# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc trace diagram`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from tools.trace.ladder import ladder
from tools.trace.ladder_svg import svg
from tools.trace.mermaid import mermaid
from tools.trace.pipeline import Origin, entries
from tools.trace.viewfile import write_view

__all__ = ["FORMATS", "draw"]

FORMATS: Final = {"mermaid": mermaid, "svg": svg}


def draw(origin: Origin, output: Path | None, form: str, limit: int) -> None:
    """Draw a trace, to standard output where no file is named."""
    drawn = FORMATS[form](ladder(entries(origin), limit))
    if output is None:
        click.echo(drawn, nl=False)
    else:
        write_view(output, drawn)
