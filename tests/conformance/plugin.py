# SPDX-License-Identifier: Apache-2.0
"""Holds docs/conformance.md against a whole run, and writes it with `--conformance`.

It is registered in the process that hears of every result: under xdist the controller.
"""

from __future__ import annotations

import pytest

from tests.conformance.table import KEPT, Outcome, Results, render
from tests.require import demanded

_PARTIAL = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")
"""Options after which a run is not the whole."""


def _outcome(report: pytest.TestReport) -> Outcome | None:
    """What a report says about its test; None for a phase that passed without being the test itself."""
    if report.failed:
        return Outcome.FAILED
    if report.skipped:
        return Outcome.SKIPPED
    return Outcome.PASSED if report.when == "call" else None


def verdict(results: Results, kept: str | None, *, strict: bool) -> str | None:
    """What is wrong after a run in which nothing failed: with the run, or with the kept page; None when all is well."""
    if strangers := results.strangers():
        return f"tests carry ids that tests/conformance/rows.toml does not know: {', '.join(strangers)}"
    if skipped := results.ended(Outcome.SKIPPED):
        return f"conformance tests must not be skipped here: {', '.join(skipped)}" if strict else None
    if missing := results.missing():
        return f"ids of tests/conformance/rows.toml without a test: {', '.join(missing)}"
    same = kept == render(results)
    return None if same else "docs/conformance.md does not say what this run did: run `make conformance`"


class Conformance:
    """The recorder of one run."""

    def __init__(self, config: pytest.Config) -> None:
        self._write: bool = config.getoption("conformance")
        self._whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not any(
            config.getoption(name, None) for name in _PARTIAL
        )
        self._results = Results()
        self._said: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended."""
        outcome = _outcome(report)
        if outcome is not None:
            self._results.add(report.nodeid, outcome)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the page, or compare it; a run in which tests failed says enough already."""
        if exitstatus != pytest.ExitCode.OK:
            return
        if self._write:
            self._said = verdict(self._results, render(self._results), strict=True)
        elif self._whole:
            kept = KEPT.read_text("utf-8") if KEPT.exists() else None
            self._said = verdict(self._results, kept, strict=bool(demanded()))
        if self._said is not None:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        elif self._write:
            KEPT.write_text(render(self._results), "utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line: what is wrong, or how much was covered."""
        ids, tests = len(self._results.by_id()), len(self._results.tests)
        if self._said is not None:
            terminalreporter.write_line(f"conformance: {self._said}", red=True)
        elif self._whole or self._write:
            terminalreporter.write_line(f"conformance: {ids} ids in {tests} tests, {self._results.cases} cases")
