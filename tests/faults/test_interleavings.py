# SPDX-License-Identifier: Apache-2.0
"""Any two functions on one card, in any order of their units of work, on two processes that may end at any moment.

Whatever the order: never two profiles enabled, none lost, one answer to each call, the EIS and its memory as on the
card, an audit trail that tells of what was done and no more; and what is left is what one of the calls after the other
leaves, when nothing else happens.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement, permutations
from pathlib import Path
from random import Random
from typing import Final

import pytest

from apdu.ids import Aid
from smsr.api.eis_parts import Pol2Action, Pol2Qualification
from smsr.api.functions import Interface
from smsr.api.status import Code
from tests.faults.paperprocess import FALL_BACK, MADE, NEW, OFF, ON, Place
from tests.faults.paperstate import States
from tests.faults.paperworld import Ask, Faults, Result, World
from tests.faults.schedules import Schedule, draw, every, play, shrink
from tests.scale import count, scale
from tests.unit.smsr.scene import TYPE, rule

ES3, ES4 = Interface.ES3, Interface.ES4
ASKS: Final = {
    "create": Ask(ES3, "CreateISDP", {"iccid": NEW, "required_memory": 0x80}),
    "create, and more to do": Ask(ES3, "CreateISDP", {"iccid": NEW, "required_memory": 0x80, "more_to_do": True}),
    "send": Ask(ES3, "SendData", {"sd_aid": Aid.isd_p(0x13)}),
    "complete": Ask(ES3, "ProfileDownloadCompleted", {"iccid": MADE, "profile_type": TYPE}),
    "enable": Ask(ES3, "EnableProfile", {"iccid": OFF}),
    "enable another": Ask(ES4, "EnableProfile", {"iccid": FALL_BACK}),
    "disable": Ask(ES4, "DisableProfile", {"iccid": ON}),
    "delete": Ask(ES3, "DeleteISDP", {"iccid": OFF}),
    "delete what is enabled": Ask(ES4, "DeleteProfile", {"iccid": ON}),
    "audit": Ask(ES3, "AuditEIS", {}),
    "audit by the operator": Ask(ES4, "AuditEIS", {}),
    "rules": Ask(
        ES4, "UpdatePolicyRules", {"iccid": ON, "pol2": rule(Pol2Action.DISABLE, Pol2Qualification.AUTO_DELETE)}
    ),
    "address": Ask(ES4, "UpdateSubscriptionAddress", {"iccid": OFF}),
    "fall-back": Ask(),
}
PAIRS: Final = list(combinations_with_replacement(ASKS, 2))[:-1]
SAMPLES: Final = -(-count("interleavings") // len(PAIRS))
_SHORT: Final = 20
"""Seconds: a validity period that is over when a lease is."""
_RARE: Final = (" dies", " is lost", "comes again", "nobody shows")


class Bench:
    """Makes worlds of one pair, and knows what its calls leave one after the other."""

    def __init__(self, places: tuple[Place, Place], pair: tuple[str, str]) -> None:
        self._places = places
        self.pair = pair
        self.asks = {number: ASKS[name] for number, name in enumerate(pair)}
        self._serial = cache(self._one_by_one)

    def world(self, faults: Faults, period: int | None = None) -> World:
        """A new one."""
        faults.notifications |= "fall-back" in self.pair
        return World(self._places[0], self.asks, faults, period)

    def _one_by_one(self, order: tuple[int, ...], notifications: bool) -> Result:
        asks = {number: self.asks[number] for number in order}
        world = World(self._places[1], asks, Faults(notifications=notifications))
        world.one_by_one(order)
        return world.check_end()

    def judge(self, world: World) -> None:
        """AssertionError unless all is well in the end."""
        notifications = world.faults.notifications
        result = world.check_end()
        if "fall-back" in self.pair or world.lost:
            return
        begun = world.begun()
        orders = {*permutations(self.asks), *permutations(begun)}
        serial = [self._serial(order, notifications) for order in sorted(orders)]
        assert any(_same(result, each, begun, world.faulty) for each in serial), (
            f"not what the calls leave one by one: {result.answers}, {result.card}, {result.notices}, {result.trail}"
        )


def _same(found: Result, wanted: Result, begun: list[int], faulty: bool) -> bool:
    for number, answer in found.answers.items():
        unknown = faulty and Code.NO_RESPONSE.pair in answer
        if number in begun and not unknown and wanted.answers.get(number) != answer:
            return False
        if number not in begun and wanted.answers.get(number, answer)[1] not in (Code.BUSY.pair, Code.EXPIRED.pair):
            return False
    return (found.card, found.profiles, found.memory, found.notices, found.trail) == (
        wanted.card, wanted.profiles, wanted.memory, wanted.notices, wanted.trail
    )  # fmt: skip


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[Place, Place]]:
    """In memory, where that can be: what a disk does is proved elsewhere."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as name:
        folders = Path(name, "1"), Path(name, "2")
        for folder in folders:
            folder.mkdir()
        yield Place(folders[0]), Place(folders[1])


Make = Callable[[], World]


def _fails(bench: Bench, make: Make, go: Callable[[World, Schedule], None]) -> tuple[Schedule, str]:
    """Run a world to its end: what has happened, and what is wrong, if anything."""
    taken: Schedule = []
    world = make()
    try:
        go(world, taken)
        bench.judge(world)
    except Exception as error:  # noqa: BLE001 - whatever a schedule brings to light
        return taken, f"{type(error).__name__}: {error}"
    return taken, ""


def _report(bench: Bench, make: Make, schedule: Schedule) -> str:
    """The shortest schedule that fails, to be read."""

    def fails(part: Schedule) -> bool:
        return bool(_fails(bench, make, lambda world, taken: play(world, part, taken))[1])

    short = shrink(schedule, fails)
    taken, wrong = _fails(bench, make, lambda world, taken: play(world, short, taken))
    return "\n".join(("", " and ".join(bench.pair), *taken, wrong))


def _is_rare(name: str) -> bool:
    return any(word in name for word in _RARE)


def _sample(bench: Bench, source: Random) -> None:
    faults = Faults(
        deaths=source.choice((0, 1, 2)),
        stalls=source.choice((0, 0, 1)),
        lost=source.choice((0, 0, 0, 1)),
        repeats=source.choice((0, 1)),
        notifications=source.choice((False, True)),
    )
    period = source.choice((None, None, _SHORT))

    def make() -> World:
        return bench.world(replace(faults), period)

    taken, wrong = _fails(bench, make, lambda world, taken: draw(world, source, _is_rare, taken))
    assert not wrong, _report(bench, make, taken)


@pytest.mark.parametrize("pair", PAIRS, ids=", ".join)
def test_any_order_of_two_functions(pair: tuple[str, str], places: tuple[Place, Place]) -> None:
    bench = Bench(places, pair)
    for number in range(SAMPLES):
        _sample(bench, Random(f"{pair} {number}"))


@pytest.mark.parametrize("deaths", [0, 1])
@pytest.mark.parametrize("pair", PAIRS, ids=", ".join)
def test_every_order_of_two_functions(pair: tuple[str, str], deaths: int, places: tuple[Place, Place]) -> None:
    """All there are, also those in which one process ends, at any moment; in CI only the first few."""
    bench, most = Bench(places, pair), count("interleavings_of_a_pair")

    def done(world: World, taken: Schedule) -> None:
        try:
            bench.judge(world)
        except AssertionError as error:
            raise AssertionError("\n".join(("", *taken, str(error)))) from None

    played = every(lambda: bench.world(Faults(deaths=deaths)), States().follow_what_happens, done, most)
    assert played < most or scale() == "ci", "there are more"
    print(f"{' and '.join(pair)}, {deaths} deaths: {played} ways to another state or to the end")


def test_whatever_is_drawn_comes_to_an_end_that_every_order_knows(places: tuple[Place, Place]) -> None:
    """And worlds that are said to be in one state go on alike."""
    bench, states = Bench(places, ("audit", "audit")), States()
    known: set[bytes] = set()
    found: set[bytes] = set()
    menus: dict[bytes, tuple[str, ...]] = {}
    ways: dict[tuple[bytes, str], bytes] = {}

    def follow(world: World) -> Callable[[str], bytes]:
        state = states.follow_what_happens(world)

        def after(choice: str) -> bytes:
            reached = state(choice)
            if not world.choices():
                known.add(reached)
            return reached

        return after

    assert every(lambda: bench.world(Faults()), follow, lambda world, taken: None, 10_000) < 10_000
    for number in range(100):
        source, world, at = Random(number), bench.world(Faults()), b""
        state = states.follow(world)
        while names := tuple(world.choices()):
            assert menus.setdefault(at, names) == names
            name = source.choice(names)
            world.choices()[name]()
            before, at = at, state(name)
            assert ways.setdefault((before, name), at) == at
        found.add(at)
    assert found == known
