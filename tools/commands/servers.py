# SPDX-License-Identifier: Apache-2.0
"""`euicc smsr` and `euicc smdp`: the servers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

__all__ = ["smdp", "smsr"]

_CONFIG: Final = click.option(
    "--config",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What it is and whom it knows: see docs/running.md.",
)
_LEVEL: Final = click.option(
    "--log-level",
    type=click.Choice(("debug", "info", "warning", "error")),
    default="info",
    show_default=True,
    help="How much goes to standard error, a JSON object a line.",
)


@click.group()
def smsr() -> None:
    """The SM-SR: it keeps the EIS of cards and reaches them (ES1, ES3, ES4, ES4A)."""


@smsr.command("serve")
@_CONFIG
@_LEVEL
def smsr_serve(path: Path, log_level: str) -> None:
    """Serve until Ctrl-C or SIGTERM; then what runs has ten seconds to end.

    \b
    euicc smsr serve --config smsr.toml
    """
    from tools.servers.run import serve_smsr

    serve_smsr(path, log_level)


@click.group()
def smdp() -> None:
    """The SM-DP: it has a stock of profiles and installs them on cards (ES2)."""


@smdp.command("serve")
@_CONFIG
@_LEVEL
def smdp_serve(path: Path, log_level: str) -> None:
    """Serve until Ctrl-C or SIGTERM; then what runs has ten seconds to end.

    \b
    euicc smdp serve --config smdp.toml
    """
    from tools.servers.run import serve_smdp

    serve_smdp(path, log_level)


@smdp.group("stock")
def stock() -> None:
    """The profiles that an SM-DP can install."""


@stock.command("add")
@_CONFIG
@click.argument("packages", nargs=-1, required=True, metavar="FILE...", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--owner", required=True, metavar="OID", help="The operator whose profiles they are.")
@click.option("--type", "profile_type", default="", metavar="NAME", help="The profile type that they are ordered by.")
@click.option("--memory", type=click.IntRange(0), default=0, metavar="BYTES", help="Quota of the ISD-P; 0 for none.")
def stock_add(path: Path, packages: tuple[Path, ...], owner: str, profile_type: str, memory: int) -> None:
    """Take profile packages into the stock, all or none of them; the server may run meanwhile.

    A profile that is there already is an error, and so is a package that cannot be installed.

    \b
    euicc smdp stock add --config smdp.toml *.der --owner 2.999.10.5 --type "lab profile"
    """
    from tools.servers.stock import add

    for line in add(path, packages, owner=owner, profile_type=profile_type, memory=memory):
        click.echo(line)


@stock.command("list")
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="An object a profile.")
def stock_list(path: Path, as_json: bool) -> None:
    """Show the stock: which profile, whose, where."""
    from tools.servers.stock import show

    for line in show(path, as_json=as_json):
        click.echo(line)
