# SPDX-License-Identifier: Apache-2.0
"""The rows of rows.toml, and the ids that the name of a test carries."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ID = r"(?:cc_[a-z0-9]{2}|atk)_\d\d"
_NAME = re.compile(rf"test((?:_{_ID})+)(?:_|$)")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its id, the document it comes from, and what is tested."""

    id: str
    source: str
    title: str


@dataclass(frozen=True, slots=True)
class Family:
    """The rows about one subject, in the order of their numbers."""

    name: str
    title: str
    whole: bool
    """Whether each of its rows must have a test."""
    rows: tuple[Row, ...]


@cache
def families() -> tuple[Family, ...]:
    """Everything in rows.toml."""
    table = tomllib.loads(Path(__file__).with_name("rows.toml").read_text("utf-8"))
    return tuple(
        Family(
            name,
            family.pop("title"),
            family.pop("whole", False),
            tuple(Row(f"{name}-{number}", source, title) for number, (source, title) in family.items()),
        )
        for name, family in table.items()
    )


@cache
def known_ids() -> frozenset[str]:
    """The id of every row."""
    return frozenset(row.id for family in families() for row in family.rows)


@cache
def needed_ids() -> frozenset[str]:
    """Those that must have a test."""
    return frozenset(row.id for family in families() if family.whole for row in family.rows)


def ids_in(name: str) -> tuple[str, ...]:
    """The ids at the beginning of a test's name: `test_cc_ui_02_cc_ui_19_reset` has two."""
    found = _NAME.match(name)
    return tuple(id_.upper().replace("_", "-") for id_ in re.findall(_ID, found[1])) if found else ()
