# SPDX-License-Identifier: Apache-2.0
"""Sizes of the long tests: one column of scale.toml, named by the environment variable EUICC_SCALE."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

COLUMNS = ("ci", "soak")
_TABLE = Path(__file__).with_name("scale.toml")


def scale() -> str:
    """The column in force: `ci` unless EUICC_SCALE says otherwise."""
    column = os.environ.get("EUICC_SCALE") or "ci"
    if column not in COLUMNS:
        raise ValueError(f"EUICC_SCALE={column}: use one of {', '.join(COLUMNS)}")
    return column


@cache
def _table() -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = tomllib.loads(_TABLE.read_text("utf-8"))
    return table


def count(name: str) -> int:
    """How many of `name` this run makes; KeyError when scale.toml has no such row."""
    return _table()[name][scale()]
