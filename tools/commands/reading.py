# SPDX-License-Identifier: Apache-2.0
"""`euicc readers`, `euicc apdu`, `euicc script`: readers, and commands as they are."""

from __future__ import annotations

from pathlib import Path

import click

from tools.reader.options import ReaderOptions, card_options, read_aid

__all__ = ["apdu", "readers", "script"]

_AID = click.option(
    "--aid", callback=read_aid, metavar="AID", help="Select this application first: an AID, isd-r, ecasd or mno-sd."
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
def readers(as_json: bool) -> None:
    """List the readers of PC/SC and what is in them."""
    from tools.reader.listing import list_readers

    list_readers(as_json=as_json)


@click.command()
@click.argument("commands", nargs=-1, required=True, metavar="HEX...")
@_AID
@card_options
def apdu(options: ReaderOptions, commands: tuple[str, ...], aid: bytes | None) -> None:
    """Send commands to the card and show its answers.

    Each is plain hexadecimal, or [CLA]INS[P1P2][:DATA][/LE][=SW]. With =SW the answer must be that (= alone: 9000), or
    the rest is not sent and the exit code is 1. With -k they go through an SCP03 session (--aid: with whom).

    \b
    euicc apdu 00A40004023F0000
    euicc apdu A40004:3F00= A4000C:2FE2= B00000/0A=
    euicc apdu -r virtual:my.card --aid ecasd 80CA005A/00=9000
    """
    from tools.reader.send import run_commands

    run_commands(options, commands, aid)


@click.group()
def script() -> None:
    """Scripts of commands: one per line, =SW, # comment."""


@script.command("run")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@_AID
@card_options
def script_run(options: ReaderOptions, file: Path, aid: bytes | None) -> None:
    """Send the commands of FILE (- is standard input) to the card.

    One command per line in the forms of `euicc apdu`; the first answer that is not the =SW of its line ends it with
    exit code 1. What stands behind # is a comment.

    \b
    00A40004:3F00/00=9000    # MF
    00A4000C:2FE2=9000       # EF.ICCID
    00B00000/0A=9000
    """
    from tools.reader.send import run_script

    run_script(options, file, aid)
