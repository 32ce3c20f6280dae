# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc card new`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from apdu.ids import Eid
from emulator.factory.eum import ManufacturedCard
from tools.cards.make import key_text, new_card

__all__ = ["describe", "make"]


def make(path: Path, *, eid: str | None, lab: bool, seed: int | None) -> None:
    """Make a card and say what there is to know of it."""
    wanted = None if eid is None else Eid.from_string(eid)
    describe(new_card(path, eid=wanted, lab=lab, seed=seed), path)


def describe(card: ManufacturedCard, path: Path, codes: Mapping[str, str] | None = None, *, err: bool = False) -> None:
    """What the files are, and keys and codes, which nobody shows again; on standard error where JSON has the other."""
    lines = [
        f"card      {path}",
        f"trust     {path}.pem (CI and EUM, certificates and private keys)",
        f"EID       {card.eid}",
    ]
    if card.lab is not None:
        lines.append(f"lab keys  {key_text(card.lab)}")
        lines.append(f"          SCP03 of the ISD-R, KVN {card.lab.kvn:02X}, ENC:MAC:DEK; shown only now")
    if codes:
        lines.append("codes     " + ", ".join(f"{name} {code}" for name, code in codes.items()))
    click.echo("\n".join(lines), err=err)
