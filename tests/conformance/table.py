# SPDX-License-Identifier: Apache-2.0
"""docs/conformance.md: what the tests of each row did. No times, no counts of cases, nothing of the machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from tests.conformance.rows import Family, Row, families, ids_in, known_ids, needed_ids

KEPT = Path(__file__).parents[2] / "docs" / "conformance.md"

_HEAD = """\
# Conformance

The tests that carry the id of a conformance row in their names, and how they ended. The ids are this project's own, the
rows are modelled on the families of SGP.11 and on the specifications named. It is a self-test: nothing is certified.

`make conformance` writes this page from a run of those tests; do not edit it. A whole test run fails when the page says
something else than the run.
"""


class Outcome(IntEnum):
    """How a test ended; of several cases the worst counts."""

    PASSED = 0
    SKIPPED = 1
    FAILED = 2


@dataclass(slots=True)
class Results:
    """The tests of a run that carry an id, and how they ended."""

    tests: dict[str, Outcome] = field(default_factory=dict)
    cases: int = 0

    def add(self, node: str, outcome: Outcome) -> None:
        """Note one case, by pytest's node id."""
        test = node.partition("[")[0]
        if not ids_in(_name(test)):
            return
        self.cases += 1
        self.tests[test] = max(outcome, self.tests.get(test, outcome))

    def by_id(self) -> Mapping[str, list[str]]:
        """The tests of each id, sorted."""
        found: dict[str, list[str]] = {}
        for test in sorted(self.tests):
            for id_ in ids_in(_name(test)):
                found.setdefault(id_, []).append(test)
        return found

    def ended(self, outcome: Outcome) -> list[str]:
        """The tests that ended so."""
        return sorted(test for test, ended in self.tests.items() if ended is outcome)

    def strangers(self) -> list[str]:
        """Ids in names that have no row."""
        return sorted(self.by_id().keys() - known_ids())

    def missing(self) -> list[str]:
        """Ids that must have a test and that no test of the run carries."""
        return sorted(needed_ids() - self.by_id().keys())


def _name(test: str) -> str:
    return test.rpartition("::")[2]


def render(results: Results) -> str:
    """The page for these results."""
    by_id = results.by_id()
    ids = len(by_id.keys() & known_ids())
    lines = [_HEAD, f"{ids} ids, {len(results.tests)} tests.", ""]
    for family in families():
        if any(row.id in by_id for row in family.rows):
            lines += _section(family, by_id, results.tests)
    return "\n".join(lines)


def _section(family: Family, by_id: Mapping[str, list[str]], tests: Mapping[str, Outcome]) -> Iterator[str]:
    yield f"## {family.name}: {family.title}\n"
    yield "| id | from | what is tested | tests | result |"
    yield "|---|---|---|---|---|"
    yield from (_line(row, by_id[row.id], tests) for row in family.rows if row.id in by_id)
    yield ""


def _line(row: Row, tests: list[str], outcomes: Mapping[str, Outcome]) -> str:
    shown = "<br>".join(f"`{test.removeprefix('tests/').replace('::', ' ')}`" for test in tests)
    worst = max(outcomes[test] for test in tests)
    return f"| {row.id} | {row.source} | {row.title} | {shown} | {worst.name.lower()} |"
