# SPDX-License-Identifier: Apache-2.0
"""`euicc smsr serve` and `euicc smdp serve`: until Ctrl-C or SIGTERM."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from smsr.serving.config import load_config
from smsr.serving.logs import log_to
from tools.ending import Ending
from tools.entropy import SystemEntropy
from tools.errors import ToolError, reason

if TYPE_CHECKING:
    from smsr.serving.host import Host

__all__ = ["serve_smdp", "serve_smsr", "settle"]


class _Server(Protocol):
    @property
    def host(self) -> Host: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


def serve_smsr(path: Path, level: str) -> None:
    """An SM-SR, until a signal ends it."""
    from smsr.config import SmSrConfig
    from smsr.service import SmSrService

    config = load_config(path, SmSrConfig)
    _serve("SM-SR", lambda: SmSrService(config, path.absolute().parent, SystemEntropy()), level)


def serve_smdp(path: Path, level: str) -> None:
    """An SM-DP, until a signal ends it."""
    from smdp.config import SmDpConfig
    from smdp.service import SmDpService

    config = load_config(path, SmDpConfig)
    _serve("SM-DP", lambda: SmDpService(config, path.absolute().parent, SystemEntropy()), level)


def settle() -> None:
    """Of a server that has started: what is there stays, so collections, which stop everything, need not look at it."""
    gc.collect()
    gc.freeze()


def _serve(title: str, make: Callable[[], _Server], level: str) -> None:
    log_to(sys.stderr, logging.getLevelNamesMapping()[level.upper()])
    with Ending() as ending:
        server = make()
        try:
            server.start()
        except OSError as error:
            server.stop()
            raise ToolError(f"{title} cannot listen at {server.host.config.listen}: {reason(error)}") from None
        settle()
        click.echo(f"{title} {server.host.oid} at {server.host.url}; Ctrl-C ends it")
        ending.wait()
        server.stop()
