# SPDX-License-Identifier: Apache-2.0
"""`euicc readers`: what PC/SC has, and whether a card is in it."""

from __future__ import annotations

import json
from typing import NamedTuple

import click

from tools.reader.sources import pcsc_readers, reader_state

__all__ = ["list_readers"]


class _Found(NamedTuple):
    number: int
    name: str
    state: str
    atr: str


def list_readers(*, as_json: bool) -> None:
    """Print number, name and state of every reader."""
    found = [_Found(number, str(reader.name), *reader_state(reader)) for number, reader in enumerate(pcsc_readers())]
    if as_json:
        click.echo(json.dumps([each._asdict() for each in found], indent=2))
        return
    if not found:
        click.echo("PC/SC has no reader. A card image needs none: -r virtual:FILE.card")
    for each in found:
        click.echo(f"{each.number}  {each.name}")
        click.echo(f"   {each.state}{', ATR ' + each.atr if each.atr else ''}")
