# SPDX-License-Identifier: Apache-2.0
"""`euicc trace show` and its siblings: traces looked at."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tools.jsonerror import json_option
from tools.reader.options import read_aid, read_byte

if TYPE_CHECKING:
    from tools.trace.filters import Moment, SwPattern
    from tools.trace.pipeline import Origin

__all__ = ["VIEWS"]

F = TypeVar("F", bound=Callable[..., Any])


def _read_bytes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(byte for value in values if (byte := read_byte(ctx, param, value)) is not None)


def _read_sw(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[SwPattern, ...]:
    from tools.trace.filters import SwPattern

    try:
        return tuple(map(SwPattern.parse, values))
    except ValueError as error:
        raise click.BadParameter(f"{error} is no status word: four digits, x for any", ctx, param) from None


def _read_moment(ctx: click.Context, param: click.Parameter, value: str | None) -> Moment | None:
    from tools.trace.filters import Moment

    if value is None:
        return None
    try:
        return Moment(float(value), relative=True)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        wrong = f"{value!r} is neither seconds from the start nor a time like 2026-01-31T12:00:00"
        raise click.BadParameter(wrong, ctx, param) from None
    return Moment((time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp(), relative=False)


_TRACE: Final = click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
_UNREDACTED: Final = click.option("--unredacted", is_flag=True, help="Show keys, PINs and other secrets too.")


_KEYS: Final = click.option(
    "--keys",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Keys of secure channels: TOML, or the image of the card (FILE.card).",
)


def _origin_options(command: F) -> F:
    """FILE, the keys for it, and how much of it may be seen."""
    decorated: F = _TRACE(_KEYS(_UNREDACTED(command)))
    return decorated


def _origin(path: Path, unredacted: bool, keys: Path | None) -> Origin:
    from tools.trace.pipeline import Origin

    return Origin(path, unredacted=unredacted, keys=keys)


_CONDITIONS: Final = (
    click.option(
        "--aid",
        callback=read_aid,
        metavar="AID",
        help="Only what this application got: an AID or its start, isd-r, ecasd or mno-sd.",
    ),
    click.option(
        "--ins", multiple=True, callback=_read_bytes, metavar="HEX", help="Only this instruction; repeatable."
    ),
    click.option(
        "--sw",
        multiple=True,
        callback=_read_sw,
        metavar="SW",
        help="Only this status word, x for any digit: 6xxx; repeatable.",
    ),
    click.option(
        "--channel",
        multiple=True,
        type=click.IntRange(0, 19),
        metavar="N",
        help="Only this logical channel; repeatable.",
    ),
    click.option("--function", default="", metavar="TEXT", help="Only within functions whose name holds this: ES8."),
    click.option(
        "--from",
        "start",
        callback=_read_moment,
        metavar="TIME",
        help="From here on: seconds from the start, or date and time (UTC).",
    ),
    click.option("--to", "end", callback=_read_moment, metavar="TIME", help="Up to here."),
    click.option("--findings", is_flag=True, help="Only where something is wrong."),
)


def _condition_options(command: F) -> F:
    """The filters, as `conditions` by their names."""
    decorated = command
    for option in reversed(_CONDITIONS):
        decorated = option(decorated)
    return decorated


@click.command()
@_origin_options
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="LAYER",
    help="Unfold this layer (apdu, scp03, scp03t, sms ...) or all; repeatable.",
)
@click.option("--follow", is_flag=True, help="Go on as FILE grows, until Ctrl-C.")
@click.option("--absolute", is_flag=True, help="Show date and time (UTC) instead of seconds from the start.")
@_condition_options
@click.option("--no-color", is_flag=True, help="No colours on a terminal either.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per entry instead, with all layers.")
def show(
    path: Path,
    keys: Path | None,
    unredacted: bool,
    layers: tuple[str, ...],
    follow: bool,
    absolute: bool,
    no_color: bool,
    as_json: bool,
    **conditions: Any,
) -> None:
    """Show a trace: a line per command, with what is inside it by --layer.

    Number, seconds from the start and from the entry before, logical channel, status word, what it is, the function of
    an ES interface that it belongs to, and findings: ! is wrong, ? is suspicious, i is worth knowing. FILE is a trace
    of any format; - is standard input.

    \b
    euicc trace show demo.jsonl --layer scp03 --function ES8
    euicc trace show demo.jsonl --sw 6xxx --sw 62xx
    euicc trace show live.jsonl --follow --findings
    """
    from tools.trace.filters import Conditions
    from tools.trace.show import ShowOptions
    from tools.trace.show import show as run

    options = ShowOptions(
        layers=frozenset(layer.lower() for layer in layers),
        follow=follow,
        as_json=as_json,
        absolute=absolute,
        colour=not no_color and not os.environ.get("NO_COLOR") and sys.stdout.isatty(),
    )
    run(_origin(path, unredacted, keys), Conditions(**conditions), options)


@click.command()
@_origin_options
@json_option
def stats(path: Path, keys: Path | None, unredacted: bool, as_json: bool) -> None:
    """Count what a trace holds.

    By command, status word, function, layer and reader; how long the card took (from a command to the last part of its
    response; median and 95th percentile within 1 %), bytes each way, findings.
    """
    from tools.trace.statview import show_statistics

    show_statistics(_origin(path, unredacted, keys), as_json=as_json)


_OUTPUT_TYPE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command()
@_origin_options
@click.option("-o", "--output", type=_OUTPUT_TYPE, metavar="FILE", help="Write there instead of standard output.")
@click.option("--format", "form", type=click.Choice(["mermaid", "svg"]), help="svg for FILE.svg, else mermaid.")
@click.option("--limit", type=click.IntRange(1), default=500, show_default=True, metavar="N", help="Steps at the most.")
def diagram(path: Path, keys: Path | None, unredacted: bool, output: Path | None, form: str | None, limit: int) -> None:
    """Draw a trace as a ladder of card, device, SM-SR and SM-DP.

    Commands that repeat one behind the other are one step. Mermaid is text that many programs draw, among them those
    that show Markdown; SVG is a picture.

    \b
    euicc trace diagram demo.jsonl -o demo.svg
    """
    from tools.trace.diagram import draw

    by_name = "svg" if output is not None and output.suffix.lower() == ".svg" else "mermaid"
    draw(_origin(path, unredacted, keys), output, form or by_name, limit)


@click.command()
@_origin_options
@click.option("-o", "--output", type=_OUTPUT_TYPE, required=True, metavar="FILE.html", help="Where to write it.")
@click.option(
    "--limit", type=click.IntRange(1), default=20_000, show_default=True, metavar="N", help="Entries at the most."
)
def report(path: Path, keys: Path | None, unredacted: bool, output: Path, limit: int) -> None:
    """Write a trace as one HTML file that needs nothing else.

    Findings, a ladder of who said what to whom, entries with all layers, search and filters, statistics with plots.
    It opens from disk and loads nothing; only its owner can read it. What goes beyond --limit is counted in the
    statistics.

    \b
    euicc trace report demo.jsonl -o demo.html
    """
    from tools.trace.report.command import write_report

    write_report(_origin(path, unredacted, keys), output, limit)


@click.command()
@_origin_options
def tui(path: Path, keys: Path | None, unredacted: bool) -> None:
    """Look at a trace in the terminal: entries, their layers, search, filter, findings.

    It opens at once, whatever its size, and is read on meanwhile. ? shows the keys, q ends it.
    """
    from tools.trace.tui.command import run

    run(_origin(path, unredacted, keys))


VIEWS: Final[tuple[click.Command, ...]] = (show, stats, diagram, report, tui)
