# SPDX-License-Identifier: Apache-2.0
"""`euicc device`: a phone around the card in a reader."""

from __future__ import annotations

from pathlib import Path

import click

from tools.reader.options import ReaderOptions, card_options

__all__ = ["device"]


@click.group()
def device() -> None:
    """A phone around the card in a reader."""


@device.command("run")
@click.option("--once", is_flag=True, help="Stop when the card wants nothing more, instead of polling on.")
@click.option("--pin", metavar="CODE", envvar="EUICC_PIN", help="PIN1 of the USIM, for where it is asked for.")
@click.option(
    "--subscriber",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.der",
    help="Attach to a network that knows the subscription in this profile package.",
)
@click.option("--allow", multiple=True, metavar="ADDRESS", help="Let channels lead to this address or network, too.")
@click.option("--smpp", metavar="HOST:PORT", help="Bind to this SMSC; messages come from there and go there.")
@click.option("--number", metavar="NUMBER", help="The number to bind with, instead of the card's MSISDN or IMSI.")
@click.option("--refuse", multiple=True, metavar="TYPE", help="Answer that the user declines.")
@click.option(
    "--fail",
    multiple=True,
    metavar="TYPE[=HEX]",
    help="Answer with this result (general result, additional bytes); 2000 otherwise: unable to do it now.",
)
@click.option("--delay", multiple=True, metavar="TYPE=SECONDS", help="Do it, and answer, so much later.")
@card_options
def device_run(
    options: ReaderOptions,
    once: bool,
    pin: str | None,
    subscriber: Path | None,
    allow: tuple[str, ...],
    smpp: str | None,
    number: str | None,
    refuse: tuple[str, ...],
    fail: tuple[str, ...],
    delay: tuple[str, ...],
) -> None:
    """Play a phone: power-up, polling, and whatever the card asks for.

    What the card asks, and what it was answered, is shown; with --json one object a line. A network is always there:
    messages that the card sends are shown, calls are taken. It authenticates with --subscriber only. Channels lead to
    this computer (127.0.0.0/8, ::1), and to what --allow names. TYPE is a proactive command by its name (display-text)
    or code (21). Ctrl-C ends it.

    \b
    euicc device run -r virtual:my.card --once
    euicc device run --refuse open-channel --delay refresh=5
    euicc device run --fail send-short-message=352A
    euicc device run --smpp 127.0.0.1:2775 --number +491720000001
    """
    from tools.device.outside import read_allowed, read_number, read_smpp
    from tools.device.policy import read_policy
    from tools.device.run import RunOptions, run

    wanted = RunOptions(
        once=once,
        pin=pin,
        subscriber=subscriber,
        policy=read_policy(refuse, fail, delay),
        allowed=read_allowed(allow),
        smpp=read_smpp(smpp),
        number=read_number(number, smpp),
    )
    run(options, wanted)
