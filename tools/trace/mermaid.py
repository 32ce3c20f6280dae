# SPDX-License-Identifier: Apache-2.0
"""A ladder as a sequence diagram of Mermaid, which many programs draw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tools.trace.ladder import Actor, Ladder, Step, StepKind

__all__ = ["mermaid"]

_SPECIAL: Final = re.compile(r"[^A-Za-z0-9 .,()/_=×+-]|\b[eE](?=[nN][dD]\b)")
"""What might be read as syntax, among it the word `end`."""
_LONGEST: Final = 100
_NAMES: Final = {actor: actor.name.replace("_", "").lower() for actor in Actor}


def mermaid(ladder: Ladder) -> str:
    """The diagram as text."""
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in _lines(ladder))]) + "\n"


def _lines(ladder: Ladder) -> Iterator[str]:
    for actor in ladder.actors:
        yield f"participant {_NAMES[actor]} as {actor}"
    for step in ladder.steps:
        yield from _step(step)
    if ladder.omitted:
        yield f"Note over {_span(ladder.actors[0], ladder.actors[-1])}: {_text(f'{ladder.omitted} more are not drawn')}"


def _step(step: Step) -> Iterator[str]:
    source, target = _NAMES[step.source], _NAMES[step.target]
    label = _text(step.label + (f" ×{step.count}" if step.count > 1 else ""))
    if step.kind is StepKind.NOTE:
        yield f"Note over {_span(step.source, step.target)}: {label}"
        return
    arrow = "-->>" if step.kind is StepKind.END else "->>"
    yield f"{source}{arrow if step.ok else '--x' if step.kind is StepKind.END else arrow}{target}: {label}"
    if step.kind is StepKind.EXCHANGE:
        yield f"{target}{'-->>' if step.ok else '--x'}{source}: {_text(step.answer)}"


def _span(first: Actor, last: Actor) -> str:
    return _NAMES[first] if first is last else f"{_NAMES[first]},{_NAMES[last]}"


def _text(text: str) -> str:
    """Text of which Mermaid obeys nothing: everything but letters, digits and a few signs is a numbered entity."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", cut) or " "
