# SPDX-License-Identifier: Apache-2.0
"""`euicc lab`: everything on this computer."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from tools.jsonerror import json_option

__all__ = ["lab", "status"]

_DIR: Final = click.argument("path", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))


@click.group()
def lab() -> None:
    """Everything on this computer: servers, a service centre, an operator, devices with cards."""


@lab.command("up")
@_DIR
@click.option("--cards", type=click.IntRange(1, 10_000), metavar="N", help="Cards of a new lab; 3 otherwise.")
@click.option("--profiles", type=click.IntRange(0, 100_000), metavar="M", help="Profiles in its stock; 2 a card.")
def lab_up(path: Path, cards: int | None, profiles: int | None) -> None:
    """Make a lab in DIR, or take the one that is there, and run all of it until Ctrl-C.

    A service centre, an operator that takes callbacks, an SM-SR, an SM-DP and a device for each card, all on this
    computer (127.0.0.1) and with certificates of a CI of their own. What each says is in DIR/log. A part that dies is
    started again, at most five times in a row. Ctrl-C or SIGTERM ends everything, and nothing outlives this command.
    """
    from tools.lab.up import up

    up(path, cards, profiles)


@lab.command("operator")
@_DIR
def lab_operator(path: Path) -> None:
    """Take the callbacks and notifications for the lab's operator, until Ctrl-C.

    Each is shown in a line and kept in DIR/operator.jsonl.
    """
    from tools.lab.layout import open_lab
    from tools.lab.operator import run

    run(open_lab(path))


@lab.command("devices")
@_DIR
@json_option
def lab_devices(path: Path, as_json: bool) -> None:
    """Play the lab's devices: a phone around each card, attached to one network, until Ctrl-C.

    What happens is a line each, with the card's EID; with --json an object a line. Devices bind to the lab's SMSC with
    the numbers of their cards. They outlast a restart of the SMSC and the SM-SR.
    """
    from tools.lab.fleet import run
    from tools.lab.layout import open_lab

    run(open_lab(path), as_json=as_json)


@click.command()
@click.argument("path", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@json_option
def status(path: Path, as_json: bool) -> None:
    """Show how the parts of a lab are: health and figures of each, and every device.

    DIR is this folder where none is given. The exit code is 1 when something does not work.
    """
    from tools.lab.status import show

    if not show(path, as_json=as_json):
        raise SystemExit(1)
