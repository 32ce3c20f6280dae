# SPDX-License-Identifier: Apache-2.0
"""What holds for every test: the size of the run and what it demands."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from tests.conformance.plugin import Conformance
from tests.require import demanded
from tests.scale import count, scale
from tools.pcscd import SOCKET_VARIABLE


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make conformance` says to this run."""
    parser.addoption("--conformance", action="store_true", help="write docs/conformance.md from this run")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a misspelt environment at once, and give every property the run's number of examples."""
    try:
        column = scale()
        demanded()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    # No test reaches the machine's own readers: what there is of PC/SC is what tests/pcsc starts.
    private = Path(tempfile.gettempdir(), f"euicc-tests-{os.getpid()}")
    os.environ[SOCKET_VARIABLE] = str(private / "run" / "pcscd.comm")
    settings.register_profile(
        "euicc",
        max_examples=count("hypothesis_examples"),
        deadline=None,
        derandomize=column == "ci",  # the same examples in every run; a soak looks for new ones
        print_blob=True,
    )
    settings.load_profile("euicc")
    if not hasattr(config, "workerinput"):  # xdist: the workers' results come together in the controller
        config.pluginmanager.register(Conformance(config))


def pytest_report_header() -> str:
    """Say in the first lines what the run is."""
    wanted = os.environ.get("EUICC_REQUIRE") or "nothing"
    return f"euicc: scale {scale()}; must not be skipped: {wanted}"
