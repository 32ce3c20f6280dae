# SPDX-License-Identifier: Apache-2.0
"""Fixtures of tests that talk to a whole card: an internal error of the card fails every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.lab import Lab

MakeLab = Callable[..., Lab]


@pytest.fixture
def make_lab() -> Iterator[MakeLab]:
    """Makes benches; at the end none of their cards may have had an internal error."""
    made: list[Lab] = []

    def make(**changes: object) -> Lab:
        made.append(Lab(**changes))  # type: ignore[arg-type]
        return made[-1]

    yield make
    errors = [error for lab in made for error in lab.recorder.errors]
    assert not errors, f"internal errors of the card: {errors!r}"


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    """A bench with an empty lab card."""
    return make_lab()
