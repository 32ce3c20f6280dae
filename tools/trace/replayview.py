# SPDX-License-Identifier: Apache-2.0
"""What the command line does with `euicc trace replay`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import click

from apdu.trace.decode.text import digits
from apdu.trace.unwrap import DomainKeys, KeyRing
from tools.errors import ToolError
from tools.reader.connection import OpenCard, open_card
from tools.reader.options import ReaderOptions
from tools.trace.diffview import difference_object, explain
from tools.trace.keys import load_keys
from tools.trace.pipeline import Origin, entries
from tools.trace.replay import Outcome, Replayed, Replayer

__all__ = ["replay"]


def replay(origin: Origin, options: ReaderOptions, card_keys: Path | None) -> bool:
    """Send a trace to the card in a reader and print where it answers differently; whether it does."""
    recorded = entries(origin)
    with open_card(options) as card:
        replayer = Replayer(card, _keys(card, card_keys), card.source.entropy("challenge"))
        counts: Counter[Outcome] = Counter()
        objects: list[dict[str, object]] = []
        for each in replayer.run(recorded):
            counts[each.outcome] += 1
            if options.as_json:
                objects.append(_object(each))
            elif each.outcome is not Outcome.SAME:
                _show(each)
    if not counts:
        raise ToolError(f"{origin.path} holds no command")
    if options.as_json:
        click.echo(json.dumps(objects, indent=2))
    else:
        click.echo(", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome))
    return bool(counts[Outcome.DIFFERENT])


def _keys(card: OpenCard, path: Path | None) -> KeyRing:
    """The keys of the card in the reader: those of a file, or the one set that was given, for whatever domain."""
    if path is not None:
        return load_keys(path)
    given = card.key_set
    return KeyRing() if given is None else KeyRing([DomainKeys(b"", given)])


def _show(each: Replayed) -> None:
    if each.outcome is Outcome.NOT_SENT:
        click.echo(f"{each.recorded.number:>6}  {each.recorded.summary}: not sent, {each.reason}")
    elif each.reason:
        click.echo(f"{each.recorded.number:>6}  {each.recorded.summary}: {each.reason}")
    else:
        for line in explain(each.difference()):
            click.echo(line)


def _object(each: Replayed) -> dict[str, object]:
    shown: dict[str, object] = {
        "number": each.recorded.number,
        "summary": each.recorded.summary,
        "outcome": each.outcome.value,
    }
    if each.reason:
        shown["reason"] = each.reason
    if each.answer:
        shown["answer"] = digits(each.answer)
    if each.outcome is Outcome.DIFFERENT and not each.reason:
        shown["kind"] = difference_object(each.difference())["kind"]
    return shown
