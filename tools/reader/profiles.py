# SPDX-License-Identifier: Apache-2.0
"""`euicc profile`: what SM-SR and SM-DP do from afar, done at a reader with the keys of a lab card's ISD-R."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tools.errors import ToolError
from tools.reader.connection import open_card
from tools.reader.desk import Desk, InstallOptions, open_desk
from tools.reader.options import ReaderOptions
from tools.reader.output import show
from tools.reader.sources import VIRTUAL

__all__ = ["change_profile", "install_profile", "list_profiles", "trust_file"]


@contextmanager
def _desk(options: ReaderOptions) -> Iterator[Desk]:
    with open_card(options) as card, open_desk(card, card.require_keys()) as desk:
        yield desk


def list_profiles(options: ReaderOptions) -> None:
    """The ISD-Ps and their states."""
    with _desk(options) as desk:
        profiles = desk.profiles()
    show(profiles, as_json=options.as_json)


def change_profile(options: ReaderOptions, text: str, function: str) -> None:
    """Enable, disable or delete."""
    with _desk(options) as desk:
        changed = desk.change(text, function)
    show(changed, as_json=options.as_json)


def install_profile(options: ReaderOptions, install: InstallOptions) -> None:
    """ISD-P, key set, download."""
    with _desk(options) as desk:
        installed = desk.install(install)
    show(installed, as_json=options.as_json)
    if not options.as_json:
        click.echo(f"euicc profile enable {installed.aid} makes it the active one")


def trust_file(options: ReaderOptions, given: Path | None) -> Path:
    """What is named, or what lies beside a card image."""
    if given is not None:
        return given
    if options.name is not None and options.name.startswith(VIRTUAL):
        return Path(f"{options.name.removeprefix(VIRTUAL)}.pem")
    raise ToolError(
        "--trust names the file with the certificates of CI and EUM and the CI's key, which this card needs"
    )
