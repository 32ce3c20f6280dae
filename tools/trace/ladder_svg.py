# SPDX-License-Identifier: Apache-2.0
"""A ladder as SVG, made here: colours are variables, so that a page around it can set them."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from tools.trace.ladder import Actor, Ladder, Step, StepKind
from tools.trace.line import MARKS, seconds

__all__ = ["STYLE", "svg"]

_GUTTER: Final = 150
"""Left of the first actor: number and time."""
_RIGHT: Final = 100
_CARD_TO_DEVICE: Final = 330
_LANE: Final = 170
_HEAD: Final = 48
_ROW: Final = 34
_LETTER: Final = 6.3
"""Width of a letter, about."""

STYLE: Final = """
.ladder { background: var(--l-paper); font: 11px/1.2 ui-sans-serif, system-ui, "Segoe UI", Roboto, sans-serif; }
.ladder text { fill: var(--l-ink); }
.ladder .dim { fill: var(--l-dim); font-variant-numeric: tabular-nums; }
.ladder .life { stroke: var(--l-line); stroke-dasharray: 3 4; }
.ladder .actor rect { fill: var(--l-box); stroke: var(--l-line); }
.ladder .actor text { font-weight: 600; font-size: 12px; }
.ladder .arrow { stroke: var(--l-ink); fill: none; stroke-width: 1.2; }
.ladder .head { fill: var(--l-ink); }
.ladder .back { stroke: var(--l-good); stroke-dasharray: 4 3; fill: none; }
.ladder .back-head, .ladder text.back { fill: var(--l-good); stroke: none; }
.ladder .bad .back { stroke: var(--l-bad); }
.ladder .bad .back-head, .ladder .bad text.back { fill: var(--l-bad); stroke: none; }
.ladder .begin .arrow, .ladder .end .arrow { stroke: var(--l-accent); stroke-width: 1.6; }
.ladder .end .arrow { stroke-dasharray: 4 3; }
.ladder .begin .head, .ladder .end .head { fill: var(--l-accent); }
.ladder .begin text.label { fill: var(--l-accent); font-weight: 600; }
.ladder .end.bad .arrow { stroke: var(--l-bad); }
.ladder .end.bad .head, .ladder .end.bad text.label { fill: var(--l-bad); }
.ladder .note rect { fill: var(--l-note); stroke: var(--l-line); }
.ladder .rung, .ladder .note .rung { fill: transparent; stroke: none; }
.ladder a:hover .rung, .ladder a:hover .note .rung { fill: var(--l-box); }
.ladder .mark { fill: var(--l-bad); font-weight: 700; }
.ladder .mark.warning { fill: var(--l-warn); }
.ladder .mark.note { fill: var(--l-accent); }
"""
_LIGHT: Final = (
    "--l-paper:#fff;--l-ink:#1d2433;--l-dim:#667085;--l-line:#cbd2dc;--l-box:#f3f5f9;--l-note:#fff7e0;"
    "--l-good:#177245;--l-bad:#b42318;--l-warn:#8a5a00;--l-accent:#2457c5"
)
_DARK: Final = (
    "--l-paper:#12161f;--l-ink:#e4e8f0;--l-dim:#8b95a7;--l-line:#3a4353;--l-box:#1c2330;--l-note:#2d2816;"
    "--l-good:#5bc490;--l-bad:#ff8a7a;--l-warn:#e6b455;--l-accent:#82aaff"
)
_ALONE: Final = f".ladder{{{_LIGHT}}}@media (prefers-color-scheme:dark){{.ladder{{{_DARK}}}}}"


def svg(ladder: Ladder, *, alone: bool = True) -> str:
    """The drawing; `alone` brings its colours with it, in a report its steps are links to entries."""
    places = _places(ladder)
    width = max(places.values()) + _RIGHT
    height = _HEAD + _ROW * (len(ladder.steps) + bool(ladder.omitted)) + 20
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ladder" role="img" aria-label="Ladder diagram" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    )
    style = f"<style>{_ALONE}{STYLE}</style>" if alone else ""
    return "".join([head, style, *_frame(places, height), *_rungs(ladder, places, links=not alone), "</svg>"]) + (
        "\n" if alone else ""
    )


def _places(ladder: Ladder) -> dict[Actor, int]:
    """Where each actor stands."""
    at = _GUTTER + 40
    places = {}
    for number, actor in enumerate(ladder.actors):
        places[actor] = at
        at += _CARD_TO_DEVICE if number == 0 else _LANE
    return places


def _frame(places: dict[Actor, int], height: int) -> Iterator[str]:
    for actor, at in places.items():
        yield f'<line class="life" x1="{at}" y1="34" x2="{at}" y2="{height - 8}"/>'
        yield f'<g class="actor"><rect x="{at - 42}" y="8" width="84" height="26" rx="6"/>'
        yield f'<text x="{at}" y="25" text-anchor="middle">{actor}</text></g>'


def _rungs(ladder: Ladder, places: dict[Actor, int], *, links: bool) -> Iterator[str]:
    y = _HEAD + 20
    for step in ladder.steps:
        classes = f"step {step.kind}{'' if step.ok else ' bad'}"
        yield f'<a href="#e{step.first}">' if links else ""
        yield f'<g class="{classes}" data-entry="{step.first}"><title>{escape(_title(step))}</title>'
        if links:  # the whole rung can be clicked, not only what is drawn of it
            yield f'<rect class="rung" x="0" y="{y - 18}" width="{max(places.values()) + _RIGHT}" height="{_ROW}"/>'
        yield f'<text class="dim" x="12" y="{y + 4}">{_numbers(step)}</text>'
        yield f'<text class="dim" x="{_GUTTER - 16}" y="{y + 4}" text-anchor="end">'
        yield f"{escape(seconds(step.time - ladder.start)[:-3])}</text>"
        yield from _note(step, places, y) if step.kind is StepKind.NOTE else _arrow(step, places, y)
        if step.severity is not None:
            right = max(places.values()) + 60
            yield f'<text class="mark {step.severity}" x="{right}" y="{y + 4}">{MARKS[step.severity]}</text>'
        yield "</g></a>" if links else "</g>"
        y += _ROW
    if ladder.omitted:
        yield f'<text class="dim" x="{min(places.values()) + 12}" y="{y + 4}">'
        yield f"{ladder.omitted} more are not drawn</text>"


def _title(step: Step) -> str:
    return f"{step.label}{f' ×{step.count}' if step.count > 1 else ''}{f' → {step.answer}' if step.answer else ''}"


def _numbers(step: Step) -> str:
    return str(step.first) if step.first == step.last else f"{step.first}–{step.last}"


def _note(step: Step, places: dict[Actor, int], y: int) -> Iterator[str]:
    left, right = sorted((places[step.source], places[step.target]))
    yield f'<rect x="{left - 8}" y="{y - 10}" width="{right - left + 16}" height="20" rx="4"/>'
    yield f'<text class="label" x="{(left + right) // 2}" y="{y + 4}" text-anchor="middle">'
    yield f"{_fitted(step.label, right - left)}</text>"


def _arrow(step: Step, places: dict[Actor, int], y: int) -> Iterator[str]:
    start, end = places[step.source], places[step.target]
    if start == end:
        end = start + 60
    way = 1 if end > start else -1
    yield f'<line class="arrow" x1="{start}" y1="{y}" x2="{end - 6 * way}" y2="{y}"/>'
    yield f'<path class="head" d="M{end} {y}l{-8 * way}-4v8z"/>'
    room = abs(end - start) - (30 if step.count > 1 else 0)
    times = f" ×{step.count}" if step.count > 1 else ""
    middle = (start + end) // 2
    yield f'<text class="label" x="{middle}" y="{y - 5}" text-anchor="middle">{_fitted(step.label, room)}{times}</text>'
    if step.kind is StepKind.EXCHANGE:
        below = y + 5
        yield f'<line class="back" x1="{end}" y1="{below}" x2="{start + 6 * way}" y2="{below}"/>'
        yield f'<path class="back-head" d="M{start} {below}l{8 * way}-4v8z"/>'
        yield f'<text class="back" x="{start + 34}" y="{y + 6}" text-anchor="middle">{escape(step.answer[:11])}</text>'


def _fitted(text: str, room: float) -> str:
    most = max(4, int(room / _LETTER))
    return escape(text if len(text) <= most else text[: most - 1] + "…")
