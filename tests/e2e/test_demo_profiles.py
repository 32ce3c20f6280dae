# SPDX-License-Identifier: Apache-2.0
"""`euicc demo` with the profile packages that operators and test houses use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.runner import check_report, run_json
from tests.require import profile_paths


@pytest.mark.parametrize("path", profile_paths(), ids=lambda path: path.stem)
def test_profile_packages(path: Path) -> None:
    report = run_json("--profile", path)
    check_report(report)
    assert report["status"]["network"]["algorithm"] == "XOR test algorithm"
    assert report["status"]["sm_dp"]["size"] == path.stat().st_size
