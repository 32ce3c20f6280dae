# SPDX-License-Identifier: Apache-2.0
"""`euicc gp`: GlobalPlatform commands for the security domains of a card."""

from __future__ import annotations

from typing import Any, Final

import click

from tools.reader.options import ReaderOptions, StaticKeys, card_options, read_aid, read_byte, read_hex, read_keys

__all__ = ["gp"]

_LEVELS: Final = ("01", "03", "11", "13", "33")
_ISD_R: Final = "isd-r"


def _aid(command: Any) -> Any:
    return click.option(
        "--aid",
        callback=read_aid,
        default=_ISD_R,
        show_default=True,
        metavar="AID",
        help="The security domain: an AID, isd-r, ecasd or mno-sd.",
    )(command)


def _level(command: Any) -> Any:
    return click.option(
        "--level", type=click.Choice(_LEVELS), default="33", show_default=True, help="Security level of the session."
    )(command)


@click.group()
def gp() -> None:
    """Security domains: registry, keys, data (GlobalPlatform).

    \b
    euicc gp list -k ENC:MAC:DEK
    euicc gp info --aid mno-sd
    """


@gp.command("list")
@_aid
@_level
@card_options
def gp_list(options: ReaderOptions, aid: bytes, level: str) -> None:
    """List what the security domain knows: AID, state, privileges."""
    from tools.reader.gp import DomainOptions, list_registry

    list_registry(DomainOptions(reader=options, aid=aid, level=int(level, 16)))


@gp.command("info")
@_aid
@card_options
def gp_info(options: ReaderOptions, aid: bytes) -> None:
    """Show protocols, keys and counter; this needs no keys."""
    from tools.reader.gp import DomainOptions, show_domain

    show_domain(DomainOptions(reader=options, aid=aid))


@gp.command("put-key")
@click.option(
    "--new-key", callback=read_keys, required=True, metavar="ENC:MAC:DEK", help="The new SCP03 keys, hexadecimal."
)
@click.option("--new-key-ver", callback=read_byte, required=True, metavar="HEX", help="Their version number.")
@click.option(
    "--replace", callback=read_byte, default="0", metavar="HEX", help="The version that they replace; none otherwise."
)
@_aid
@_level
@card_options
def gp_put_key(
    options: ReaderOptions, new_key: StaticKeys, new_key_ver: int, replace: int, aid: bytes, level: str
) -> None:
    """Write an SCP03 key set, identifiers 1 to 3.

    \b
    euicc gp put-key --aid mno-sd -k OLD --new-key NEW --new-key-ver 31
    """
    from tools.reader.gp import DomainOptions, put_key

    put_key(DomainOptions(reader=options, aid=aid, level=int(level, 16)), new_key, new_key_ver, replace)


@gp.command("store-data")
@click.argument("data", callback=read_hex, metavar="HEX")
@click.option(
    "--structure",
    type=click.Choice(["dgi", "ber-tlv", "none"]),
    default="dgi",
    show_default=True,
    help="How the data are built.",
)
@_aid
@_level
@card_options
def gp_store_data(options: ReaderOptions, data: bytes, structure: str, aid: bytes, level: str) -> None:
    """Send data to the security domain with STORE DATA, in as many blocks as it takes."""
    from tools.reader.gp import DomainOptions, send_data

    send_data(DomainOptions(reader=options, aid=aid, level=int(level, 16)), data, structure)


@gp.command("delete")
@click.argument("target", callback=read_aid, required=False, metavar="[AID]")
@click.option("--kvn", callback=read_byte, metavar="HEX", help="Delete keys of this version instead.")
@click.option("--kid", callback=read_byte, metavar="HEX", help="Delete keys of this identifier instead.")
@click.option("--related", is_flag=True, help="With all that belongs to it.")
@_aid
@_level
@card_options
def gp_delete(
    options: ReaderOptions,
    target: bytes | None,
    kvn: int | None,
    kid: int | None,
    related: bool,
    aid: bytes,
    level: str,
) -> None:
    """Delete an application, or keys."""
    if (target is None) == (kvn is None and kid is None):
        raise click.UsageError("name either the AID of what is deleted, or keys with --kvn and --kid")
    from tools.reader.gp import DomainOptions, delete

    delete(DomainOptions(reader=options, aid=aid, level=int(level, 16)), target, (kvn, kid), related=related)
