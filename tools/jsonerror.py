# SPDX-License-Identifier: Apache-2.0
"""`--json`: a command that fails prints an object with `error` as well, so that what a program reads is always JSON.

Nothing is imported here but click, as in every option.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

__all__ = ["answered", "json_option", "print_error"]

F = TypeVar("F", bound=Callable[..., Any])

_ASKED: Final = f"{__name__}.asked"


def _ask(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.meta[_ASKED] = value
    return value


def answered() -> None:
    """Standard output has its JSON already: an error adds nothing to it."""
    click.get_current_context().meta[_ASKED] = False


def print_error(ctx: click.Context, message: str) -> None:
    """Print why a command failed, if it was to print JSON and has not."""
    if ctx.meta.get(_ASKED):
        import json

        click.echo(json.dumps({"error": message}, indent=2))


def json_option(command: F) -> F:
    """The option, for commands that print their JSON when everything is done."""
    told = "Print JSON instead; an error is an object with `error`."
    return click.option("--json", "as_json", is_flag=True, callback=_ask, help=told)(command)
