# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc trace tui`."""

from __future__ import annotations

import sys
from itertools import chain, islice
from pathlib import Path

from apdu.trace.decode.text import printable
from tools.errors import ToolError
from tools.trace.pipeline import Origin, entries

__all__ = ["run"]


def run(origin: Origin) -> None:
    """Look at a trace until the user has seen enough."""
    if origin.path == Path("-"):
        raise ToolError("the keys come from standard input: name a file")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ToolError("this needs a terminal; euicc trace show prints a trace")
    found = entries(origin)
    first = list(islice(found, 1))  # what cannot be opened is said before the screen is taken
    from tools.trace.tui.app import TraceApp

    TraceApp(printable(origin.path.name), chain(first, found)).run()
