# SPDX-License-Identifier: Apache-2.0
"""Schedules: which of the things that can happen happens next. Drawn, enumerated, played again, made short.

A schedule is a list of choices by name. Played again, one that is not possible now is left out, and after the last one
the first possible thing happens, so that any part of a schedule is one, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Protocol, TypeVar

__all__ = ["Playable", "Schedule", "draw", "every", "play", "shrink"]

Schedule = list[str]
Choose = Callable[[Sequence[str]], str]


class Playable(Protocol):
    """A world in which one thing happens at a time."""

    def choices(self) -> Mapping[str, Callable[[], None]]:
        """What can happen now, in an order that is always the same; nothing: it is over."""
        ...

    def check(self) -> None:
        """Whether all is well, after each choice; AssertionError."""
        ...


W = TypeVar("W", bound=Playable)


def _run(world: Playable, choose: Choose, taken: Schedule) -> None:
    while choices := world.choices():
        name = choose(tuple(choices))
        taken.append(name)
        choices[name]()
        world.check()


def draw(world: Playable, source: Random, rare: Callable[[str], bool], taken: Schedule) -> None:
    """Any schedule; what is rare is chosen once in a while. `taken`: what has happened, also when it fails."""

    def choose(names: Sequence[str]) -> str:
        usual = [name for name in names if not rare(name)]
        return source.choice(usual if usual and source.random() < 0.85 else list(names))

    _run(world, choose, taken)


def play(world: Playable, schedule: Sequence[str], taken: Schedule) -> None:
    """A schedule once more."""
    left = iter(schedule)

    def choose(names: Sequence[str]) -> str:
        return next((name for name in left if name in names), names[0])

    _run(world, choose, taken)


def every(
    make: Callable[[], W],
    follow: Callable[[W], Callable[[str], bytes]],
    done: Callable[[W, Schedule], None],
    most: int,
) -> int:
    """All schedules, depth first, each in a world of its own; `done` judges it. How many there were.

    `follow` tells of a world in which state it is after each choice: one that comes to a known state is left there.
    """
    path: list[tuple[int, int]] = []
    """Which of how many, at each moment."""
    known: set[bytes] = set()
    for played in range(1, most + 1):
        taken: Schedule = []
        world = make()
        state = follow(world)
        while choices := world.choices():
            if len(taken) == len(path):
                path.append((0, len(choices)))
            name = tuple(choices)[path[len(taken)][0]]
            taken.append(name)
            choices[name]()
            found = state(name)
            if len(taken) < len(path):
                continue  # as before
            world.check()
            if found in known:
                break
            known.add(found)
        else:
            done(world, taken)
        while path and path[-1][0] + 1 == path[-1][1]:
            path.pop()
        if not path:
            return played
        path[-1] = path[-1][0] + 1, path[-1][1]
    return most


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """A part of a schedule that fails all the same, and of which no choice can be left out."""
    size = len(schedule)
    while size:
        for part in _parts(schedule, size):
            if fails(part):
                schedule, size = part, min(size, len(part))
                break
        else:
            size //= 2
    return schedule


def _parts(schedule: Schedule, size: int) -> Iterator[Schedule]:
    for at in range(0, len(schedule), size):
        yield schedule[:at] + schedule[at + size :]
