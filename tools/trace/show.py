# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc trace show`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from apdu.trace.decode import Entry
from tools.trace.filters import Conditions, wanted
from tools.trace.follow import follow
from tools.trace.line import Lines
from tools.trace.objects import entry_object
from tools.trace.open import read_trace
from tools.trace.pipeline import Origin, Pipeline, examined
from tools.trace.unfold import rows, text

__all__ = ["ShowOptions", "show"]

_Write = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions:
    """How a trace is shown."""

    layers: frozenset[str] = frozenset()
    follow: bool = False
    as_json: bool = False
    absolute: bool = False
    colour: bool = False


def show(origin: Origin, conditions: Conditions, options: ShowOptions) -> None:
    """Print a trace, entry by entry."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # click's runner has it as well
    write = sys.stdout.write
    take = _printer(conditions, options, write)
    pipeline = Pipeline(origin)
    if not options.follow:
        _each(pipeline.run(read_trace(origin.path)), take)
        return

    def idle() -> None:
        _each(pipeline.settle(), take)
        sys.stdout.flush()

    try:
        _each(pipeline.run(follow(origin.path, idle)), take)
    except KeyboardInterrupt:
        _each(pipeline.settle(), take)


def _each(entries: Iterable[Entry], take: Callable[[Entry], None]) -> None:
    for entry in entries:
        take(entry)


def _printer(conditions: Conditions, options: ShowOptions, write: _Write) -> Callable[[Entry], None]:
    """What prints one entry when it is wanted."""
    test = wanted(conditions)
    if options.as_json:
        return _json_printer(test, write)
    lines = Lines(absolute=options.absolute, colour=options.colour)
    layers, colour, inside = options.layers, options.colour, bool(options.layers) or conditions.findings

    def take(entry: Entry) -> None:
        tree = examined(entry) if inside else None  # a tree costs more than a line: findings inside only when asked for
        if not test(entry):
            lines.skip(entry)
            return
        write(lines.line(entry) + "\n")
        if layers and tree is not None:
            for row in rows(tree, layers):
                write(text(row, colour=colour) + "\n")

    return take


def _json_printer(test: Callable[[Entry], bool], write: _Write) -> Callable[[Entry], None]:
    encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

    def take(entry: Entry) -> None:
        tree = examined(entry)
        if test(entry):
            write(encode(entry_object(entry, tree)) + "\n")

    return take
