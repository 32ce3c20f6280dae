# SPDX-License-Identifier: Apache-2.0
"""`euicc smsc`: a service centre for the lab."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["smsc"]


@click.group()
def smsc() -> None:
    """A service centre for the lab: short messages between SM-SRs and devices."""


@smsc.command("serve")
@click.option("--bind", default="127.0.0.1:2775", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option(
    "--loss",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="P",
    help="Share of messages, 0 to 1, that get lost, arrive twice or arrive late, each as often.",
)
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), hidden=True)
def smsc_serve(bind: str, loss: float, state: Path | None) -> None:
    """Serve SMPP 3.4 to any number of ESMEs and devices, until Ctrl-C.

    Who binds with a number as system_id gets the messages for it; who binds with a name gets those for the numbers that
    it sent from. Messages wait for a receiver that is not bound. Any password is right, so this listens on this
    computer only unless --bind says otherwise.

    \b
    euicc smsc serve
    euicc device run -r virtual:my.card --smpp 127.0.0.1:2775
    euicc smsc serve --loss 0.2
    """
    from tools.cards.serve import parse_address
    from tools.smsc.run import serve

    host, port = parse_address(bind, 2775)
    serve(host, port, loss, state)
