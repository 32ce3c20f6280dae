# SPDX-License-Identifier: Apache-2.0
"""Results of commands, shown the same way whoever asked: as lines, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import click

from apdu.trace.events import Json

__all__ = ["Done", "Result", "rendered", "show"]


class Result(Protocol):
    """What a command found out or did."""

    def lines(self) -> Iterable[str]:
        """It as people read it."""
        ...

    def json(self) -> Json:
        """It as programs read it."""
        ...


def rendered(result: Result, *, as_json: bool) -> Iterable[str]:
    """The lines to print."""
    return [json.dumps(result.json(), indent=2)] if as_json else result.lines()


def show(result: Result, *, as_json: bool) -> None:
    """Print it."""
    for line in rendered(result, as_json=as_json):
        click.echo(line)


@dataclass(frozen=True, slots=True)
class Done:
    """A result that is no more than some lines and the same as JSON."""

    text: tuple[str, ...]
    value: Json

    def lines(self) -> Iterable[str]:
        """The lines."""
        return self.text

    def json(self) -> Json:
        """The value."""
        return self.value
