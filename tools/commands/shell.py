# SPDX-License-Identifier: Apache-2.0
"""`euicc shell`: an interactive shell on a card."""

from __future__ import annotations

from pathlib import Path

import click

from tools.reader.options import ReaderOptions, card_options

__all__ = ["shell"]


@click.command()
@click.option(
    "--script",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Run the commands of FILE and end; the first error ends it with exit code 1.",
)
@card_options
def shell(options: ReaderOptions, script: Path | None) -> None:
    """Work with a card step by step, with the command names of pySim-shell.

    The card stays connected, and what is selected, verified and opened stays so. `help` lists the commands, `help
    COMMAND` explains one, Tab completes names. From a pipe, commands are run one per line; an error does not end the
    shell, but its exit code is 1 then.

    \b
    euicc shell -r virtual:my.card -k ENC:MAC:DEK
    euicc shell -r virtual:my.card --script commands.txt
    """
    from tools.shell.command import run

    raise SystemExit(run(options, script))
