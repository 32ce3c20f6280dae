# SPDX-License-Identifier: Apache-2.0
"""`euicc trace`: what a card and its servers said."""

from __future__ import annotations

import click

from tools.commands.tracecompare import COMPARISONS
from tools.commands.tracefiles import FILES
from tools.commands.traceviews import VIEWS

__all__ = ["trace"]


@click.group()
def trace() -> None:
    """What a card and its servers said: traces of any source, decoded."""


for _command in (*FILES, *VIEWS, *COMPARISONS):
    trace.add_command(_command)
