# SPDX-License-Identifier: Apache-2.0
"""The service centre as a program: until Ctrl-C."""

from __future__ import annotations

import asyncio
import random
import signal
from contextlib import ExitStack
from pathlib import Path

import click
import smpp34

from tools.errors import ToolError
from tools.lab.state import StateFile
from tools.smsc.centre import Centre
from tools.smsc.mailboxes import trouble_of

__all__ = ["serve"]


def serve(host: str, port: int, share: float, state: Path | None = None) -> None:
    """Serve SMPP there; a share of messages gets lost, doubled or out of order. `state`: where it says how it is."""
    centre = Centre(trouble_of(share), random.random, click.echo)
    try:
        asyncio.run(_serve(centre, host, port, state))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return
    except (smpp34.SmppError, ValueError) as error:
        raise ToolError(f"no service centre can listen at {host}:{port}: {error}") from None


async def _serve(centre: Centre, host: str, port: int, state: Path | None) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with ExitStack() as stack:

        def listening() -> None:
            click.echo(f"listening   {host}:{port}")
            if state is not None:
                stack.enter_context(StateFile(state, centre.figures))

        await centre.serve(host, port, ready=listening)
