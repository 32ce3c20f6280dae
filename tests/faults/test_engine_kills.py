# SPDX-License-Identifier: Apache-2.0
"""Processes that run calls end by SIGKILL, at every moment: each call has one effect and one answer all the same."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from smsr.serving.database import Database
from smsr.serving.service import Operation, OperationState
from tests.require import ROOT
from tests.scale import count
from tests.support.databases import cluster, database_url
from tests.support.toyserver import ENABLE, PEER, REPLY, STEPS, AtOnce, CardFile, Time, Toy, prepare, request

__all__ = ["cluster", "database_url"]

CALLS = 2
MOMENTS = CALLS * (1 + STEPS + 2 * STEPS)
"""Claim, end of each step; before and after each step on the card."""


Start = Callable[[str], str]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts processes: what is said of each when it is over."""
    command = [sys.executable, "-m", "tests.support.toyserver"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        into, out = program.stdin, program.stdout

        def start(line: str) -> str:
            print(line, file=into, flush=True)
            return out.readline().strip()

        yield start
        into.close()


class Bench:
    """Two calls for one card, accepted by a process that then does nothing."""

    def __init__(self, start: Start, url: str, folder: Path) -> None:
        self._start = start
        self.url = url
        self.card = folder / "card"
        self._database: Database = prepare(url)
        self.clock = Time()
        self._toy = Toy(self._database, AtOnce(CardFile(self.card)), self.clock)
        self.operations = [self._toy.engine.call(ENABLE, request(f"c{each}"), REPLY) for each in range(CALLS)]

    def run(self, moment: int) -> str:
        """Another process, after the lease of the one before is over."""
        self.clock.now += 31
        return self._start(f"{self.url} {self.card} {moment} {self.clock.now}")

    def check(self) -> None:
        """Everything happened once."""
        wanted = [f"c{call}-{step}" for call in range(CALLS) for step in range(STEPS)]
        assert CardFile(self.card).lines() == wanted
        assert self._toy.effects() == wanted
        for operation in self.operations:
            assert isinstance(operation, Operation)
            found = self._toy.engine.operation(PEER, operation.id)
            assert found is not None
            assert found.state is OperationState.DONE
            assert found.response is not None
            assert found.response.status.is_success
        with self._database.reading() as connection:
            told = connection.execute(text("SELECT operation FROM outbox")).scalars().all()
            held = connection.execute(text("SELECT count(*) FROM card_lock WHERE call IS NOT NULL")).scalar()
        assert sorted(told) == sorted(each.id for each in self.operations if isinstance(each, Operation))
        assert held == 0
        self._database.close()


def test_a_process_that_lives_passes_all_moments(start: Start, database_url: str, tmp_path: Path) -> None:
    bench = Bench(start, database_url, tmp_path)
    assert bench.run(10**6) == str(MOMENTS)
    bench.check()


@pytest.mark.parametrize("moment", range(0, MOMENTS, count("engine_kill_stride")))
def test_a_process_killed_at_any_moment(moment: int, start: Start, database_url: str, tmp_path: Path) -> None:
    bench = Bench(start, database_url, tmp_path)
    assert bench.run(moment) == "killed"
    assert bench.run(10**6).isdecimal()
    bench.check()


@pytest.mark.parametrize("number", range(count("engine_kill_runs")))
def test_one_process_after_the_other_is_killed(number: int, start: Start, database_url: str, tmp_path: Path) -> None:
    bench, drawn = Bench(start, database_url, tmp_path), random.Random(number)
    while bench.run(drawn.randrange(1, 9)) == "killed":
        pass
    bench.check()
