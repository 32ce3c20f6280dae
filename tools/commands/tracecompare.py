# SPDX-License-Identifier: Apache-2.0
"""`euicc trace diff` and `euicc trace replay`: one session against another, or against another card."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from tools.jsonerror import json_option
from tools.reader.options import ReaderOptions, card_options

__all__ = ["COMPARISONS"]

_FILE: Final = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
_KEY_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("first", metavar="A", type=_FILE)
@click.argument("second", metavar="B", type=_FILE)
@click.option("--keys", type=_KEY_FILE, metavar="FILE", help="Keys of secure channels in A: TOML, or a card image.")
@click.option("--other-keys", type=_KEY_FILE, metavar="FILE", help="Those in B, where they are others.")
@click.option("--strict", is_flag=True, help="Compare challenges, MACs, counters and ephemeral keys too.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Differences shown at most."
)
@json_option
def diff(
    first: Path,
    second: Path,
    keys: Path | None,
    other_keys: Path | None,
    strict: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Compare two traces and show where they part.

    Commands are paired with each other; what has to differ from session to session is passed over, and inside secure
    channels what they protected is compared where it is known. The exit code is 1 when there is a difference.

    \b
    euicc trace diff yesterday.jsonl today.pcapng
    """
    from tools.trace.diffview import show_differences
    from tools.trace.pipeline import Origin

    one, other = Origin(first, keys=keys), Origin(second, keys=other_keys or keys)
    if show_differences(one, other, strict=strict, limit=limit, as_json=as_json):
        raise SystemExit(1)


@click.command()
@click.argument("path", metavar="FILE", type=_FILE)
@click.option("--keys", type=_KEY_FILE, metavar="KEYS", help="Keys with which FILE was recorded: TOML or a card image.")
@click.option("--card-keys", type=_KEY_FILE, metavar="KEYS", help="Keys of the card in the reader, instead of -k.")
@card_options
def replay(options: ReaderOptions, path: Path, keys: Path | None, card_keys: Path | None) -> None:
    """Send a recorded session to the card in a reader and show where its answers differ.

    Secure channels are opened anew with the keys of this card (-k or --card-keys). What holds hidden bytes is not sent.
    This writes to the card whatever the session wrote. The exit code is 1 when an answer differs.

    \b
    euicc trace replay session.jsonl -r virtual:other.card
    """
    from tools.trace.pipeline import Origin
    from tools.trace.replayview import replay as run

    if run(Origin(path, unredacted=True, keys=keys), options, card_keys):
        raise SystemExit(1)


COMPARISONS: Final[tuple[click.Command, ...]] = (diff, replay)
