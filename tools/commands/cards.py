# SPDX-License-Identifier: Apache-2.0
"""`euicc card info`: the card in a reader, whatever it is."""

from __future__ import annotations

import click

from tools.reader.options import ReaderOptions, card_options

__all__ = ["card_info"]


@click.command("info")
@card_options
def card_info(options: ReaderOptions) -> None:
    """Show what the card in a reader tells about itself.

    ATR, EID, ICCID, ISD-R and ECASD with the certificate, free memory, applications; with the keys of the ISD-R (-k)
    the profiles, their states and which has the Fall-Back Attribute.
    """
    from tools.reader.infoview import show_card

    show_card(options)
