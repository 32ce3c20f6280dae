# SPDX-License-Identifier: Apache-2.0
"""`euicc trace diff`: where two sessions part, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

import click

from apdu.trace.decode import Entry, Exchange
from apdu.trace.decode.model import visible
from apdu.trace.decode.text import digits
from apdu.trace.diff import Difference, Kind, differences
from apdu.trace.events import Octets
from tools.trace.line import clock
from tools.trace.pipeline import Origin, entries

__all__ = ["difference_object", "explain", "show_differences"]

_SHOWN: Final = 24
"""Bytes that are shown from a little before the first one that differs."""
_BEFORE: Final = 4
_FIELDS: Final = 6
"""Decoded fields that are named at most."""
_WORDS: Final = {
    Kind.COMMAND: "the commands differ",
    Kind.RESPONSE: "the responses differ",
    Kind.STATUS: "the status words differ",
}


def show_differences(first: Origin, second: Origin, *, strict: bool, limit: int, as_json: bool) -> bool:
    """Print how the second trace differs from the first; whether it does."""
    found = differences(entries(first), entries(second), strict=strict)
    if as_json:
        objects = [difference_object(each) for each in found]
        click.echo(json.dumps(objects, indent=2))
        return bool(objects)
    count = 0
    for each in found:
        count += 1
        if count == 1:
            click.echo("the sessions part here:")
            for line in explain(each):
                click.echo(line)
        elif count <= limit:
            click.echo(_line(each))
    if not count:
        click.echo("no difference")
    elif count > limit:
        click.echo(f"{count - limit} more differences: --limit shows them")
    return bool(count)


def difference_object(difference: Difference) -> dict[str, object]:
    """A difference as JSON has it."""
    return {
        "kind": difference.kind.value,
        "first": _object(difference.first),
        "second": _object(difference.second),
    }


def _object(entry: Exchange | None) -> dict[str, object] | None:
    if entry is None:
        return None
    return {
        "number": entry.number,
        "time": entry.time,
        "summary": entry.summary,
        "command": digits(entry.plain),
        "response": digits(entry.answer),
    }


def _line(difference: Difference) -> str:
    first, second = difference.first, difference.second
    if first is None or second is None:
        entry = first or second
        assert entry is not None
        return f"{_numbers(first, second)}  {entry.summary}: {difference.kind}"
    return f"{_numbers(first, second)}  {first.summary}: {_WORDS[difference.kind]}"


def _numbers(first: Entry | None, second: Entry | None) -> str:
    return " ".join(f"{each.number if each is not None else '-':>6}" for each in (first, second))


def explain(difference: Difference) -> Iterator[str]:
    """One difference with what both sides say."""
    first, second = difference.first, difference.second
    yield _line(difference)
    if first is None or second is None:
        return
    for name, entry in (("first", first), ("second", second)):
        yield f"  {name:<6}  {entry.number:>6}  {clock(entry.time)}  {entry.summary}"
    if difference.kind is Kind.STATUS:
        return
    sides = (first.plain, second.plain) if difference.kind is Kind.COMMAND else (first.answer, second.answer)
    if difference.kind is Kind.COMMAND and len(first.assembled) and len(second.assembled):
        sides = (first.assembled, second.assembled)
    yield from _bytes(*sides)
    yield from _decoded(first, second)


def _bytes(one: Octets, other: Octets) -> Iterator[str]:
    """The bytes around the first that differs."""
    left, right = visible(one), visible(other)
    if left is None or right is None:
        yield f"  lengths: {len(one)} and {len(other)} bytes, which the trace does not hold"
        return
    at = next((at for at, pair in enumerate(zip_longest(left, right)) if pair[0] != pair[1]), len(left))
    start = max(at - _BEFORE, 0)
    yield f"  from byte {at} of {len(left)} and {len(right)}:"
    for octets in (one, other):
        text = digits(octets)[2 * start : 2 * (start + _SHOWN)]
        yield f"    {'..' if start else ''}{text}{'..' if len(octets) > start + _SHOWN else ''}"


def _decoded(first: Exchange, second: Exchange) -> Iterator[str]:
    """Decoded fields that have other values."""
    left, right = ([(node.name, node.value) for node in entry.tree().walk() if node.value] for entry in (first, second))
    shown = 0
    for (name, value), (other_name, other) in zip(left, right, strict=False):
        if name != other_name:
            return
        if value != other and not (_is_hex(value) and _is_hex(other)):
            shown += 1
            if shown > _FIELDS:
                return
            yield f"  {name}: {value} | {other}"


def _is_hex(text: str) -> bool:
    return all(character in "0123456789ABCDEF." for character in text)
