# SPDX-License-Identifier: Apache-2.0
"""`euicc pki`: certificates of a CI, EUMs, SM-DPs, SM-SRs and operators in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tools.jsonerror import json_option

__all__ = ["pki"]

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")

_ROLES: Final = ("eum", "sm-dp", "sm-sr", "operator")
_REASONS: Final = (
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
)
_DIR: Final = click.argument("path", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
_PASSPHRASE_ENV: Final = click.option(
    "--passphrase-env", metavar="NAME", help="The environment variable that holds the passphrase of the keys."
)
_DAYS: Final = click.IntRange(1, 36500)
_TOKEN_OPTIONS: Final = (
    click.option(
        "--token",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="MODULE",
        help="A PKCS#11 module: keys that sign are made and used in its token.",
    ),
    click.option("--token-label", default="euicc", show_default=True, metavar="LABEL", help="Which token."),
    click.option(
        "--token-pin-env", metavar="NAME", help="The environment variable that holds the PIN; asked for otherwise."
    ),
)


def _key_options(command: F) -> F:
    """Where the keys are, and what opens them."""
    for option in (*reversed(_TOKEN_OPTIONS), _PASSPHRASE_ENV):
        command = option(command)
    return command


@click.group()
def pki() -> None:
    """Certificates for servers, cards and their makers, in a folder.

    \b
    euicc pki init lab.pki                                    a CI, an EUM, an SM-DP, an SM-SR, an operator
    euicc pki show lab.pki sm-sr                              what their certificates say
    euicc pki issue lab.pki sm-sr                             further ones with new keys, beside the old
    euicc pki revoke lab.pki sm-sr --generation 1 --reason superseded
    euicc pki issue lab.pki mno-2 --role operator --oid 2.999.10.20
    euicc pki crl lab.pki                                     lists for another year
    euicc pki init hsm.pki --token /usr/lib/softhsm/libsofthsm2.so --token-label lab
    """


@pki.command()
@_DIR
@click.option("--passphrase", "ask", is_flag=True, help="Ask for a passphrase and put all keys under it.")
@_key_options
def init(path: Path, ask: bool, **where: Any) -> None:
    """Make a test CI, and under it one party of each role.

    DIR appears when everything in it is written. Keys are readable by their owner only.
    """
    from tools.pkidir.opening import opened
    from tools.pkidir.operations import initialise

    if ask and where["passphrase_env"]:
        raise click.UsageError("give either --passphrase or --passphrase-env")
    passphrase = None
    if ask:
        passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True).encode()
    with opened(**where, passphrase=passphrase) as vault:
        initialise(path, vault)
    click.echo(f"{path}: CI, EUM, SM-DP, SM-SR, operator")


@pki.command()
@_DIR
@click.argument("name", metavar="NAME")
@click.option("--role", type=click.Choice(_ROLES), help="What a new party is.")
@click.option("--oid", metavar="OID", help="The object identifier by which a new party is known.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Name or address that it serves on; repeatable.")
@click.option("--eid-prefix", metavar="DIGITS", help="What the EIDs of a new EUM begin with.")
@click.option("--days", type=_DAYS, metavar="N", help="For how long; 1825 otherwise, 7300 for the CI.")
@_key_options
def issue(
    path: Path,
    name: str,
    role: str | None,
    oid: str | None,
    hosts: tuple[str, ...],
    eid_prefix: str | None,
    days: int | None,
    **where: Any,
) -> None:
    """Issue certificates with new keys.

    A NAME that is there gets a further generation, with role and object identifier as before: both are valid until the
    older one ends or is revoked. A new NAME needs --role and --oid. The NAME ci is a new root beside the old one.
    """
    from tools.pkidir.opening import with_keys
    from tools.pkidir.operations import issue
    from tools.pkidir.options import Wanted

    wanted = Wanted(name, role, oid, hosts, eid_prefix)
    made = with_keys(where, lambda vault: issue(path, name, wanted.change, days, vault))
    click.echo(f"{made}")


@pki.command()
@_DIR
@click.argument("name", metavar="[NAME]", required=False)
@json_option
def show(path: Path, name: str | None, as_json: bool) -> None:
    """Show certificates and lists: whose, for how long, revoked or not."""
    from tools.pkidir.show import lines, rows

    found = rows(path, name)
    if as_json:
        import json

        click.echo(json.dumps(found, indent=2))
    else:
        click.echo("\n".join(lines(found)))


@pki.command()
@_DIR
@click.argument("name", metavar="NAME")
@click.option("--generation", type=click.IntRange(1), metavar="N", help="Which, when the party has several.")
@click.option("--reason", type=click.Choice(_REASONS), default="unspecified", show_default=True)
@_key_options
def revoke(path: Path, name: str, generation: int | None, reason: str, **where: Any) -> None:
    """Revoke the certificates of one generation of a party, all of them."""
    from tools.pkidir.opening import with_keys
    from tools.pkidir.operations import revoke

    found = with_keys(where, lambda vault: revoke(path, name, generation, reason, vault))
    click.echo(f"{found} is revoked")


@pki.command()
@_DIR
@click.option("--days", type=_DAYS, default=365, show_default=True, metavar="N", help="For how long.")
@_key_options
def crl(path: Path, days: int, **where: Any) -> None:
    """Write the revocation lists anew, with the same entries: servers refuse lists whose time is over."""
    from tools.pkidir.opening import with_keys
    from tools.pkidir.operations import write_list

    for written in with_keys(where, lambda vault: write_list(path, days, vault)):
        click.echo(f"{written}")
