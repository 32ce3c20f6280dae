# SPDX-License-Identifier: Apache-2.0
"""`euicc shell`: opens the card and runs the shell on it."""

from __future__ import annotations

from io import TextIOWrapper
from pathlib import Path
from typing import Final

from tools.entropy import Source
from tools.reader.connection import open_card
from tools.reader.options import ReaderOptions
from tools.reader.show import ApduLines
from tools.shell.app import Shell
from tools.shell.session import Session

__all__ = ["run"]

_SALT: Final = 16


def run(options: ReaderOptions, script: Path | None) -> int:
    """Run the script, or what is typed or piped; the exit code."""
    trace = ApduLines(Source().entropy("lines").draw(_SALT), shown=options.apdu_trace)
    with open_card(options, trace) as card:
        session = Session(card, options)
        session.start()
        shell = Shell(session, options, trace)
        if script is not None:
            shell.run_file(script)
            return shell.exit_code or int(bool(shell.failures))
        interactive = shell.stdin.isatty()
        if isinstance(shell.stdin, TextIOWrapper):
            shell.stdin.reconfigure(errors="replace")  # what is no text is no command: that is said, and no more
        code = shell.cmdloop(f"{card.reader_name}, help lists the commands" if interactive else "")
        return code or int(bool(shell.failures) and not interactive)
