# SPDX-License-Identifier: Apache-2.0
"""Pytest plugin: virtual eUICCs in the tests of any project. Installing this package is enough, pytest finds it.

    euicc_card      a new lab card (VirtualEuicc): the test's own, the same bytes in every run
    euicc_reader    a pyscard reader with that card inside
    euicc_trace     what is said to the card, decoded (apdu.trace.query.TraceLog)

`@pytest.mark.euicc(profile=..., production=..., seed=...)` says what the card is to be: a profile package that it has
from the factory, enabled (a path, or bytes); a production card; another seed than the test's name. `euicc_profile` in
the configuration file is the package of all tests that name none. A failed test shows the trace, without secrets; a
card that fails in itself fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from apdu.trace.query import TraceLog
    from emulator.pytest_plugin.euicc import VirtualEuicc
    from emulator.readers.inprocess import VirtualReader

__all__ = ["euicc_card", "euicc_reader", "euicc_trace"]

_CARD: Final = pytest.StashKey["VirtualEuicc"]()
_INI: Final = "euicc_profile"
_ARGUMENTS: Final = frozenset(("profile", "production", "seed"))
_SHOWN: Final = 200
"""Lines of the trace that a failed test shows at most, the last ones."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The entry of the configuration file."""
    parser.addini(_INI, "profile package that virtual eUICCs have from the factory", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "euicc(profile=None, production=False, seed=None): what the virtual eUICC of a test is to be"
    )


@pytest.fixture
def euicc_card(request: pytest.FixtureRequest) -> Iterator[VirtualEuicc]:
    """A new virtual eUICC, powered when it is first used."""
    from emulator.pytest_plugin.euicc import VirtualEuicc

    wanted = _wanted(request)
    card = VirtualEuicc(
        str(wanted.get("seed", request.node.nodeid)),
        profile=_package(request, wanted.get("profile")),
        production=bool(wanted.get("production", False)),
    )
    request.node.stash[_CARD] = card
    yield card
    if card.errors:
        pytest.fail(f"the virtual eUICC failed in itself: {card.errors!r}", pytrace=False)


@pytest.fixture
def euicc_reader(euicc_card: VirtualEuicc) -> VirtualReader:
    """A reader for pyscard with the card of the test inside."""
    from emulator.readers.inprocess import VirtualReader

    return VirtualReader("Virtual eUICC", euicc_card)


@pytest.fixture
def euicc_trace(euicc_card: VirtualEuicc) -> TraceLog:
    """What was said to the card so far; it may be asked again later."""
    from apdu.trace.query import TraceLog

    return TraceLog(euicc_card.events)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show the trace beside what a failed test has to say."""
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    card = item.stash.get(_CARD, None)
    if card is not None and report.when == "call" and report.failed and card.events:
        report.sections.append(("euicc trace", _shown(card)))


def _shown(card: VirtualEuicc) -> str:
    from apdu.trace.query import TraceLog
    from apdu.trace.redact import Redactor

    redactor = Redactor()
    lines = str(TraceLog([redactor.redact(event) for event in card.events])).splitlines()
    cut = len(lines) - _SHOWN
    return "\n".join([f"({cut} lines before)", *lines[-_SHOWN:]] if cut > 0 else lines)


def _wanted(request: pytest.FixtureRequest) -> dict[str, Any]:
    marker = request.node.get_closest_marker("euicc")
    if marker is None:
        return {}
    unknown = sorted(marker.kwargs.keys() - _ARGUMENTS)
    if unknown or marker.args:
        named = ", ".join(unknown) or "arguments without a name"
        raise pytest.UsageError(f"@pytest.mark.euicc takes {', '.join(sorted(_ARGUMENTS))}, not {named}")
    return {name: value for name, value in marker.kwargs.items() if value is not None}


def _package(request: pytest.FixtureRequest, profile: Any) -> bytes | None:
    """The package that the marker names, or the configuration file; paths count from the folder of that file."""
    if profile is None:
        profile = request.config.getini(_INI) or None
    if profile is None or isinstance(profile, bytes):
        return profile
    path = request.config.rootpath / Path(profile)
    try:
        return path.read_bytes()
    except OSError as error:
        raise pytest.UsageError(f"the profile package {path} cannot be read: {error.strerror}") from None
