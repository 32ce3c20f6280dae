# SPDX-License-Identifier: Apache-2.0
"""Which applications there are to select, in the order in which a partial AID finds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from apdu.ids import Aid
from emulator.channels import Application
from emulator.profile.base import Directory
from emulator.sd.ecasd import Ecasd
from emulator.sd.isdp import IsdP
from emulator.sd.isdr import IsdR

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["selectable"]


def selectable(card: Card) -> Sequence[tuple[Aid, Directory | Application]]:
    """The visible profile's NAAs and security domains, then ISD-R and ECASD, and on a lab card the ISD-Ps.

    A production card has no terminal-side door to an ISD-P: 6A82 (no procedure of SGP.02 needs one).
    """
    found: list[tuple[Aid, Directory | Application]] = []
    if card.profile is not None:
        found += [(adf.aid, adf) for adf in card.profile.files.base.adfs if adf.aid is not None]
        found += [(domain.aid, domain) for domain in card.profile.selectable_domains(card)]
    for domain in (IsdR(card), Ecasd(card)):
        found.append((domain.aid, domain))
    if card.registry.card.lab:
        found += [(record.aid, IsdP(card, record.aid)) for record in card.registry.isd_ps()]
    return found
