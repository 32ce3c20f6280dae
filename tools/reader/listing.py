# SPDX-License-Identifier: Apache-2.0
"""`euicc readers`: what PC/SC has, and whether a card is in it."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

import click

from tools.reader.sources import PyscardReader, pcsc_readers

__all__ = ["list_readers"]

_STATES: Final = {
    0x8010000B: "in use by another program",
    0x80100066: "mute card",
    0x8010000C: "empty",
    0x80100069: "empty",
}


class _Found(NamedTuple):
    number: int
    name: str
    state: str
    atr: str


def list_readers(*, as_json: bool) -> None:
    """Print number, name and state of every reader."""
    found = [_Found(number, str(reader.name), *_state(reader)) for number, reader in enumerate(pcsc_readers())]
    if as_json:
        click.echo(json.dumps([each._asdict() for each in found], indent=2))
        return
    if not found:
        click.echo("PC/SC has no reader. A card image needs none: -r virtual:FILE.card")
    for each in found:
        click.echo(f"{each.number}  {each.name}")
        click.echo(f"   {each.state}{', ATR ' + each.atr if each.atr else ''}")


def _state(reader: PyscardReader) -> tuple[str, str]:
    """Connect for a moment and leave the card as it is."""
    from smartcard.Exceptions import NoCardException, SmartcardException
    from smartcard.scard import SCARD_LEAVE_CARD

    connection = reader.createConnection()
    try:
        connection.connect(disposition=SCARD_LEAVE_CARD)
        atr = bytes(connection.getATR()).hex().upper()
        connection.disconnect()
    except SmartcardException as error:
        known = _STATES.get(error.hresult & 0xFFFFFFFF)
        if known is None:
            known = "empty" if isinstance(error, NoCardException) else " ".join(str(error).split())
        return known, ""
    return "card", atr
