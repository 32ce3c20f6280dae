# SPDX-License-Identifier: Apache-2.0
"""tests/require.py: a missing thing skips with its reason, and fails when the environment demands it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.require import PROBES, ROOT, demanded, profile_paths, require

MODULES = {
    "test_in_a_test.py": """
from tests.require import require
def test_it():
    require("profiles")
""",
    "test_at_the_top.py": """
from tests.require import require
require("profiles")
def test_it():
    pass
""",
    "test_in_a_parametrisation.py": """
import pytest
from tests.require import profile_paths
@pytest.mark.parametrize("path", profile_paths())
def test_it(path):
    assert path.suffix == ".der"
""",
}
OPTIONS = ("-ra", "--continue-on-collection-errors", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the modules in a process of its own; `folder` is also where they look for profiles."""
    for name, source in MODULES.items():
        (folder / name).write_text(source)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("EUICC_", "PYTEST_"))}
    clean |= {"PYTHONPATH": str(ROOT), "EUICC_PROFILES": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, f"--rootdir={folder}"],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_missing_skips_with_its_reason(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert "3 skipped in" in done.stdout
    assert "profiles: no profile packages (*.der) in" in done.stdout
    assert done.returncode == pytest.ExitCode.OK


def test_missing_fails_when_demanded(tmp_path: Path) -> None:
    done = run(tmp_path, EUICC_REQUIRE="pyscard, profiles")
    assert "1 failed, 2 errors in" in done.stdout
    assert done.stdout.count("\nEUICC_REQUIRE demands profiles: no profile packages (*.der) in") == 3
    assert done.returncode == pytest.ExitCode.TESTS_FAILED


def test_present_runs(tmp_path: Path) -> None:
    (tmp_path / "a.der").touch()
    done = run(tmp_path, EUICC_REQUIRE="profiles")
    assert "3 passed in" in done.stdout
    assert done.returncode == pytest.ExitCode.OK


def test_profile_paths_are_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EUICC_PROFILES", str(tmp_path))
    for name in ("b.der", "a.der", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in profile_paths()] == ["a.der", "b.der"]


def test_demanding_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EUICC_REQUIRE", "pycrate,pycrat")
    with pytest.raises(ValueError, match="EUICC_REQUIRE names pycrat: known are"):
        demanded()


def test_requiring_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        require("pycrat")


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_answers(name: str) -> None:
    reason = PROBES[name]()
    assert reason is None or reason
