# SPDX-License-Identifier: Apache-2.0
"""`euicc readers`, `euicc apdu`, `euicc script`: readers, and commands as they are."""

from __future__ import annotations

from pathlib import Path

import click

from tools.jsonerror import json_option
from tools.reader.options import ReaderOptions, card_options, read_aid

__all__ = ["apdu", "readers", "script"]

_AID = click.option(
    "--aid", callback=read_aid, metavar="AID", help="Select this application first: an AID, isd-r, ecasd or mno-sd."
)


@click.command()
@json_option
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
    the rest is not sent and the exit code is 1. With -k, typed here, they go through an SCP03 session (--aid: with
    whom, the ISD-R otherwise); EUICC_KEY alone opens none.

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


@script.group("show")
def script_show() -> None:
    """Print what SM-SR and SM-DP send, as a script.

    Where it depends on the card's answers it ends with a comment.

    \b
    euicc script show create-isdp 0011 | euicc script run - -k ENC:MAC:DEK
    """


@script_show.command("create-isdp")
@click.argument("aid")
@click.option("--memory", type=click.IntRange(0), default=0, metavar="BYTES", help="Quota; none otherwise.")
def printed_create(aid: str, memory: int) -> None:
    """ES5.CreateISDP: a new ISD-P, by AID or number."""
    from tools.reader.printed import show_create

    show_create(aid, memory)


@script_show.command("enable-profile")
@click.argument("aid")
def printed_enable(aid: str) -> None:
    """ES5.EnableProfile."""
    from tools.reader.printed import show_isd_p

    show_isd_p("enable-profile", aid)


@script_show.command("disable-profile")
@click.argument("aid")
def printed_disable(aid: str) -> None:
    """ES5.DisableProfile."""
    from tools.reader.printed import show_isd_p

    show_isd_p("disable-profile", aid)


@script_show.command("delete-profile")
@click.argument("aid")
def printed_delete(aid: str) -> None:
    """ES5.DeleteProfile."""
    from tools.reader.printed import show_isd_p

    show_isd_p("delete-profile", aid)


@script_show.command("audit")
@click.argument("aid", required=False)
def printed_audit(aid: str | None) -> None:
    """ES5.eUICCCapabilityAudit; with AID the state of that ISD-P."""
    from tools.reader.printed import show_audit

    show_audit(aid)


@script_show.command("establish-keyset")
@click.argument("aid")
@click.option(
    "--trust",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE.pem",
    help="CI certificate and key, EUM certificate: FILE.card.pem.",
)
def printed_establish(aid: str, trust: Path) -> None:
    """ES8.EstablishISDPKeySet, to the card's challenge."""
    from tools.reader.printed import show_establish

    show_establish(aid, trust)


@script_show.command("download-profile")
@click.argument("aid")
@click.argument("package", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.der")
def printed_download(aid: str, package: Path) -> None:
    """ES8.DownloadAndInstallation, to the card's first answer."""
    from tools.reader.printed import show_download

    show_download(aid, package)
