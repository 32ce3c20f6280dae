# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: the size of the run and what it demands."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.require import demanded
from tests.scale import count, scale


def pytest_configure() -> None:
    """Refuse a misspelt environment at once, and give every property the run's number of examples."""
    try:
        column = scale()
        demanded()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    settings.register_profile(
        "euicc",
        max_examples=count("hypothesis_examples"),
        deadline=None,
        derandomize=column == "ci",  # the same examples in every run; a soak looks for new ones
        print_blob=True,
    )
    settings.load_profile("euicc")


def pytest_report_header() -> str:
    """Say in the first lines what the run is."""
    wanted = os.environ.get("EUICC_REQUIRE") or "nothing"
    return f"euicc: scale {scale()}; must not be skipped: {wanted}"
