# SPDX-License-Identifier: Apache-2.0
"""`euicc trace convert` and `record`: traces as files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

__all__ = ["FILES"]

_FORMATS: Final = ("jsonl", "pcapng", "script")
_OUTPUT: Final = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to: .jsonl, .pcapng or .txt (a script); - is standard output.",
)
_TO: Final = click.option("--to", type=click.Choice(_FORMATS), help="Format, whatever the name of the file.")
_UNREDACTED: Final = click.option(
    "--unredacted", is_flag=True, help="Leave keys and PINs in it; the file says so of itself."
)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@_OUTPUT
@_TO
@_UNREDACTED
def convert(file: Path, output: Path, to: str | None, unredacted: bool) -> None:
    """Write the trace FILE in another format.

    Read are traces of this project, pcap and pcapng with GSMTAP, the log of pcscd --apdu, logs of SIMtrace, and lines
    of hexadecimal digits; which it is tells the content. Keys and PINs are hidden.

    \b
    euicc trace convert pcscd.log -o trace.jsonl
    euicc trace convert trace.jsonl -o trace.pcapng     Wireshark opens it
    euicc trace convert trace.jsonl -o trace.txt        for euicc script run
    """
    from tools.trace.convert import convert_trace
    from tools.trace.output import Output

    convert_trace(file, Output(output, to, unredacted=unredacted))


@click.command()
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option(
    "-r", "--reader", metavar="TEXT", help="Show it only readers whose name contains TEXT, or virtual:FILE.card."
)
@click.option(
    "--gsmtap", is_flag=False, flag_value="", metavar="[HOST:PORT]", help="Listen for GSMTAP over UDP instead."
)
@_OUTPUT
@_TO
@_UNREDACTED
def record(
    command: tuple[str, ...], reader: str | None, gsmtap: str | None, output: Path, to: str | None, unredacted: bool
) -> None:
    """Write what a program says to cards, or what comes by GSMTAP.

    COMMAND is any program in Python that uses pyscard; it runs unchanged, and its exit code is that of this command.
    --gsmtap listens on 127.0.0.1:4729, where simtrace2-sniff and others send to; Ctrl-C ends it.

    \b
    euicc trace record -o trace.jsonl -- ykman info
    euicc trace record -o trace.jsonl -r virtual:my.card -- python3 script.py
    euicc trace record -o trace.pcapng --gsmtap
    """
    from tools.trace.output import Output

    written = Output(output, to, unredacted=unredacted)
    if (gsmtap is None) == (not command):
        raise click.UsageError("give either -- COMMAND or --gsmtap")
    if gsmtap is not None:
        from tools.trace.listen import record_gsmtap

        record_gsmtap(gsmtap, written)
        return
    from tools.trace.record import record_command

    raise SystemExit(record_command(command, reader, written))


FILES: Final[tuple[click.Command, ...]] = (convert, record)
