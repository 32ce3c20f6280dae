# SPDX-License-Identifier: Apache-2.0
"""Every conformance row has a test, no id in a name lacks its row, and a run that differs from the kept page fails."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.plugin import verdict
from tests.conformance.rows import families, ids_in, known_ids, needed_ids
from tests.conformance.table import KEPT, Outcome, Results, render
from tests.require import ROOT, checklists_path


@pytest.mark.parametrize(
    "name, ids",
    [
        ("test_cc_ui_19_pin", ("CC-UI-19",)),
        ("test_cc_cv_02_cc_ui_27_the_same_aids", ("CC-CV-02", "CC-UI-27")),
        ("test_cc_e8_11_atk_08_a_wrong_command", ("CC-E8-11", "ATK-08")),
        ("test_cc_ui_30", ("CC-UI-30",)),
        ("test_cc_ui_301", ()),
        ("test_the_row_cc_ui_19", ()),
        ("test_cc_ui_x", ()),
    ],
)
def test_ids_in_a_name(name: str, ids: tuple[str, ...]) -> None:
    assert ids_in(name) == ids


def test_every_row_has_a_test_and_every_id_a_row() -> None:
    names = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert needed_ids() <= {id_ for name in names for id_ in ids_in(name)} <= known_ids()


def test_rows_are_those_of_the_checklists() -> None:
    listed = set(re.findall(r"^\| ((?:CC-\w\w|ATK)-\d\d) \|", checklists_path().read_text("utf-8"), re.MULTILINE))
    assert known_ids() <= listed
    whole = tuple(family.name for family in families() if family.whole)
    assert whole == (
        *("CC-UI", "CC-EC", "CC-CV", "CC-E1", "CC-E2", "CC-E3", "CC-OC"),
        *("CC-80", "CC-81", "CC-DN"),
    )
    assert {id_ for id_ in listed if id_.startswith(whole)} <= needed_ids()


def passed() -> Results:
    """A run in which each row had one test."""
    results = Results()
    for id_ in known_ids():
        results.add(node(id_), Outcome.PASSED)
    return results


def node(id_: str) -> str:
    return f"tests/test_it.py::test_{id_.lower().replace('-', '_')}_works[case]"


def test_a_good_run() -> None:
    assert verdict(passed(), render(passed()), strict=True) is None


def test_the_kept_page_is_old_or_not_there() -> None:
    results = passed()
    results.add("tests/test_it.py::test_cc_ui_01_another", Outcome.PASSED)
    for kept in (None, "", render(passed())):
        assert "run `make conformance`" in (verdict(results, kept, strict=False) or "")


def test_a_row_without_a_test() -> None:
    results = passed()
    del results.tests[node("CC-EC-03").partition("[")[0]]
    assert "without a test: CC-EC-03" in (verdict(results, render(results), strict=False) or "")


def test_an_id_without_a_row() -> None:
    results = passed()
    results.add(node("CC-UI-99"), Outcome.PASSED)
    assert "does not know: CC-UI-99" in (verdict(results, render(results), strict=False) or "")


def test_a_skip_counts_where_something_is_demanded() -> None:
    results = passed()
    results.add(node("CC-UI-01"), Outcome.SKIPPED)
    assert "must not be skipped" in (verdict(results, render(results), strict=True) or "")
    assert verdict(results, render(passed()), strict=False) is None


def test_rows_of_other_families_are_shown_once_they_have_a_test() -> None:
    results = passed()
    test = node("ATK-06").partition("[")[0]
    del results.tests[test]
    assert verdict(results, render(results), strict=True) is None
    assert "| ATK-06 |" in render(passed())
    assert "| ATK-06 |" not in render(results)


def test_the_kept_page_has_the_rows_that_are_needed() -> None:
    shown = re.findall(r"^\| ([A-Z][\w-]+-\d\d) \|.*\| passed \|$", KEPT.read_text("utf-8"), re.MULTILINE)
    assert needed_ids() <= set(shown) <= known_ids()
    assert shown == [row.id for family in families() for row in family.rows if row.id in shown]


# --- the plugin in a pytest of its own

CONFTEST = """
from pathlib import Path
import tests.conformance.plugin as plugin
plugin.KEPT = Path(__file__).parent.parent / "page.md"
def pytest_addoption(parser):
    parser.addoption("--conformance", action="store_true")
def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(plugin.Conformance(config))
"""
SKIPPED = "import pytest\n@pytest.mark.skip\n"


def run(folder: Path, *options: str, demand: str = "") -> subprocess.CompletedProcess[str]:
    """Run what lies in `folder` with the plugin, and with a page of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("EUICC_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT), "EUICC_REQUIRE": demand},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_run_writes_the_page_and_the_next_one_compares(tmp_path: Path) -> None:
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = cases\n")
    source = "".join(f"def test_{id_.lower().replace('-', '_')}(): pass\n" for id_ in sorted(known_ids()))
    (cases / "test_it.py").write_text(source)

    page, first = tmp_path / "page.md", run(tmp_path)
    assert "run `make conformance`" in first.stdout
    assert first.returncode == pytest.ExitCode.TESTS_FAILED
    assert run(tmp_path, "cases").returncode == pytest.ExitCode.OK  # not the whole run
    assert not page.exists()

    assert run(tmp_path, "--conformance", "-n", "2").returncode == pytest.ExitCode.OK
    same = run(tmp_path, "-n", "2")
    assert f"conformance: {len(known_ids())} ids in {len(known_ids())} tests" in same.stdout
    assert same.returncode == pytest.ExitCode.OK

    (cases / "test_it.py").write_text(source.replace("def test_cc_ui_01()", f"{SKIPPED}def test_cc_ui_01()"))
    assert run(tmp_path).returncode == pytest.ExitCode.OK
    demanded = run(tmp_path, demand="pyscard")
    assert "must not be skipped here: cases/test_it.py::test_cc_ui_01" in demanded.stdout
    assert demanded.returncode == pytest.ExitCode.TESTS_FAILED
    before = page.read_text()
    assert run(tmp_path, "--conformance").returncode == pytest.ExitCode.TESTS_FAILED
    assert page.read_text() == before
