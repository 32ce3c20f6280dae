# SPDX-License-Identifier: Apache-2.0
"""What is typed to filter and to search, as tests of entries.

sw:6xxx ins:A4 ch:1 aid:isd-r fn:ES8 layer:scp03 findings    any of them, all must hold
anything else                                                 text in the line, case aside
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from apdu.ids import ECASD, ISD_R, MNO_SD
from apdu.trace.decode import Entry
from tools.trace.filters import Conditions, SwPattern, wanted
from tools.trace.line import findings_text

__all__ = ["SYNTAX", "BadQuery", "filter_test", "in_line", "in_tree"]

Test = Callable[[Entry], bool]
SYNTAX: Final = "sw:6xxx ins:A4 ch:1 aid:isd-r fn:ES8 layer:scp03 findings, or text"
_NAMED: Final = {"isd-r": ISD_R, "ecasd": ECASD, "mno-sd": MNO_SD}


class BadQuery(ValueError):
    """What was typed means nothing; the text says which word."""


def _sw(value: str) -> Conditions:
    return Conditions(sw=(SwPattern.parse(value),))


def _aid(value: str) -> Conditions:
    return Conditions(aid=bytes(_NAMED[value.lower()]) if value.lower() in _NAMED else bytes.fromhex(value))


_TERMS: Final[Mapping[str, Callable[[str], Conditions]]] = {
    "sw": _sw,
    "ins": lambda value: Conditions(ins=(int(value, 16),)),
    "ch": lambda value: Conditions(channel=(int(value),)),
    "aid": _aid,
    "fn": lambda value: Conditions(function=value),
}


def filter_test(text: str) -> Test | None:
    """The test of a filter; None when nothing was typed. BadQuery."""
    tests: list[Test] = []
    for word in text.split():
        name, colon, value = word.partition(":")
        if word.lower() == "findings":
            tests.append(wanted(Conditions(findings=True)))
        elif colon and value and name.lower() == "layer":
            tests.append(_layer(value.lower()))
        elif colon and value and name.lower() in _TERMS:
            try:
                tests.append(wanted(_TERMS[name.lower()](value)))
            except ValueError:
                raise BadQuery(f"{word}: try {SYNTAX}") from None
        else:
            tests.append(in_line(word))
    return (lambda entry: all(test(entry) for test in tests)) if tests else None


def _layer(name: str) -> Test:
    return lambda entry: entry.layer == name or any(node.layer == name for node in entry.tree().walk())


def in_line(text: str) -> Test:
    """Text in the line of an entry, in its function, in its findings."""
    low = text.lower()
    return lambda entry: (
        low in entry.summary.lower() or low in entry.function.lower() or low in findings_text(entry.findings).lower()
    )


def in_tree(text: str) -> Test:
    """Text in the line or in any layer of an entry."""
    low, line = text.lower(), in_line(text)
    return lambda entry: (
        line(entry) or any(low in node.value.lower() or low in node.name.lower() for node in entry.tree().walk())
    )
