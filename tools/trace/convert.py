# SPDX-License-Identifier: Apache-2.0
"""`euicc trace convert`: a trace of any format in another one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from tools.trace.open import Damage, read_trace
from tools.trace.output import Output, Writer

__all__ = ["Losses", "convert_trace"]

_TOLD: Final = 5


class Losses:
    """Counts what could not be read, and tells of the first ones."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, damage: Damage) -> None:
        """One more."""
        self._count += 1
        if self._count <= _TOLD:
            click.echo(str(damage), err=True)

    def sum(self) -> None:
        """Say how many there were, when not all were told."""
        if self._count > _TOLD:
            click.echo(f"{self._count} pieces of the trace could not be read", err=True)


def convert_trace(path: Path, output: Output) -> None:
    """Write what can be read of a trace."""
    losses = Losses()
    with output.whole() as writer:
        _copy(path, writer, losses)
    losses.sum()


def _copy(path: Path, writer: Writer, losses: Losses) -> None:
    for item in read_trace(path):
        if isinstance(item, Damage):
            losses.add(item)
        else:
            writer(item)
