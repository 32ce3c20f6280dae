# SPDX-License-Identifier: Apache-2.0
"""tests/scale.py: the environment chooses the column of tests/scale.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests import scale

ROWS = tomllib.loads(Path(scale.__file__).with_name("scale.toml").read_text("utf-8"))


@pytest.mark.parametrize("value, column", [("", "ci"), ("ci", "ci"), ("soak", "soak")])
@pytest.mark.parametrize("name", ROWS)
def test_column(monkeypatch: pytest.MonkeyPatch, name: str, value: str, column: str) -> None:
    monkeypatch.setenv("EUICC_SCALE", value)
    assert scale.count(name) == ROWS[name][column]


def test_every_row_has_both_columns() -> None:
    assert all(row.keys() == set(scale.COLUMNS) for row in ROWS.values())


def test_unknown_column_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EUICC_SCALE", "huge")
    with pytest.raises(ValueError, match="EUICC_SCALE=huge: use one of ci, soak"):
        scale.count("fuzz_apdus")
