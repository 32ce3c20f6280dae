# SPDX-License-Identifier: Apache-2.0
"""`euicc profile`: profiles of a card, managed at a reader."""

from __future__ import annotations

from pathlib import Path

import click

from tools.reader.options import ReaderOptions, card_options

__all__ = ["profile"]


@click.group()
def profile() -> None:
    """Profiles of a lab card, with the keys of its ISD-R (-k).

    \b
    euicc profile list -r virtual:my.card -k ENC:MAC:DEK
    euicc profile install profile.der -r virtual:my.card -k ENC:MAC:DEK
    euicc profile enable 0010 -r virtual:my.card -k ENC:MAC:DEK
    """


@profile.command("list")
@card_options
def profile_list(options: ReaderOptions) -> None:
    """List the ISD-Ps: AID, state, ICCID of the enabled one."""
    from tools.reader.profiles import list_profiles

    list_profiles(options)


@profile.command("install")
@click.argument("package", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.der")
@click.option(
    "--trust",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.pem",
    help="CI certificate and key, EUM certificate; virtual:FILE.card has FILE.card.pem.",
)
@click.option("--aid", metavar="AID", help="Where to: an AID or the number of an ISD-P; the first free one otherwise.")
@click.option("--memory", type=click.IntRange(0), default=0, metavar="BYTES", help="Quota; none otherwise.")
@card_options
def profile_install(options: ReaderOptions, package: Path, trust: Path | None, aid: str | None, memory: int) -> None:
    """Install a profile package: ISD-P, key set, download.

    An SM-DP is made for it, with a certificate of the CI. What fails leaves no ISD-P behind.
    """
    from tools.reader.desk import InstallOptions
    from tools.reader.profiles import install_profile, trust_file

    chosen = trust_file(options, trust)
    install_profile(options, InstallOptions(package=package, trust=chosen, aid=aid, memory=memory))


@profile.command("enable")
@click.argument("aid")
@card_options
def profile_enable(options: ReaderOptions, aid: str) -> None:
    """Enable a profile, by AID or number of its ISD-P, and reset the card."""
    from tools.reader.profiles import change_profile

    change_profile(options, aid, "enable")


@profile.command("disable")
@click.argument("aid")
@card_options
def profile_disable(options: ReaderOptions, aid: str) -> None:
    """Disable a profile: the one with the Fall-Back Attribute takes over."""
    from tools.reader.profiles import change_profile

    change_profile(options, aid, "disable")


@profile.command("delete")
@click.argument("aid")
@card_options
def profile_delete(options: ReaderOptions, aid: str) -> None:
    """Delete a profile that is not enabled, with its ISD-P."""
    from tools.reader.profiles import change_profile

    change_profile(options, aid, "delete")
