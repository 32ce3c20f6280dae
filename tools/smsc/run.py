# SPDX-License-Identifier: Apache-2.0
"""The service centre as a program: until Ctrl-C."""

from __future__ import annotations

import asyncio
import random

import click
import smpp34

from tools.errors import ToolError
from tools.smsc.centre import Centre
from tools.smsc.mailboxes import trouble_of

__all__ = ["serve"]


def serve(host: str, port: int, share: float) -> None:
    """Serve SMPP there; a share of messages gets lost, doubled or out of order."""
    centre = Centre(trouble_of(share), random.random, click.echo)
    try:
        asyncio.run(centre.serve(host, port, ready=lambda: click.echo(f"listening   {host}:{port}")))
    except KeyboardInterrupt:
        return
    except (smpp34.SmppError, ValueError) as error:
        raise ToolError(f"no service centre can listen at {host}:{port}: {error}") from None
