# SPDX-License-Identifier: Apache-2.0
"""`euicc fs`: the files of a card."""

from __future__ import annotations

from typing import Any

import click

from tools.reader.options import ReaderOptions, card_options, read_hex

__all__ = ["fs"]


def _codes(command: Any) -> Any:
    pin = click.option(
        "--pin", metavar="CODE", envvar="EUICC_PIN", help="Verify PIN1 first (digits, or 16 hexadecimal digits)."
    )
    adm = click.option("--adm", metavar="CODE", envvar="EUICC_ADM", help="Verify the ADM code (0A) first.")
    return pin(adm(command))


@click.group()
def fs() -> None:
    """The file system: tree, read, update.

    A path is made of file identifiers or names, from the MF.

    \b
    euicc fs tree
    euicc fs read MF/EF.ICCID
    euicc fs read ADF.USIM/6F07 --pin 1234
    """


@fs.command("tree")
@click.argument("path", default="MF")
@card_options
def fs_tree(options: ReaderOptions, path: str) -> None:
    """Show the files below PATH.

    A card does not list its files: those are found that the specifications know.
    """
    from tools.reader.tree import show_tree

    show_tree(options, path)


@fs.command("read")
@click.argument("path")
@_codes
@card_options
def fs_read(options: ReaderOptions, path: str, pin: str | None, adm: str | None) -> None:
    """Show a file: its parameters, its contents, and what they mean where that is known."""
    from tools.reader.tree import Codes, read_file

    read_file(options, path, Codes(pin, adm))


@fs.command("update")
@click.argument("path")
@click.argument("data", callback=read_hex, metavar="HEX")
@click.option("--offset", type=click.IntRange(0), default=0, show_default=True, help="Where to begin.")
@click.option("--record", type=click.IntRange(1, 254), metavar="N", help="Which record; it is filled with FF.")
@_codes
@card_options
def fs_update(
    options: ReaderOptions, path: str, data: bytes, offset: int, record: int | None, pin: str | None, adm: str | None
) -> None:
    """Write to a file: bytes, a record, or an object of a BER-TLV file (its tag, length and value).

    \b
    euicc fs update ADF.USIM/EF.SPN 014D324D --adm 12345678
    """
    from tools.reader.tree import Codes, update_file

    update_file(options, path, data, (record, offset), Codes(pin, adm))
