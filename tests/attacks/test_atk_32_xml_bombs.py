# SPDX-License-Identifier: Apache-2.0
"""ATK-32: documents that are small, and not small any more once they are read."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import pytest

from smsr.kit.soap.document import LIMITS
from tests.support.xml import refused, register_text

MIB = 1024
SECONDS = 0.5
"""Processor time; 0.1 s is what is wanted, and machines differ."""


def _laughs(count: int, *, parameter: bool = False) -> str:
    kind, mark = ("% ", "%") if parameter else ("", "&")
    lines = [f'<!ENTITY {kind}l0 "ha">']
    lines += [f'<!ENTITY {kind}l{n} "{f"{mark}l{n - 1};" * 10}">' for n in range(1, count)]
    return f"<!DOCTYPE a [{''.join(lines)}]>"


def _with_head(head: str) -> str:
    declaration, _, rest = register_text().partition("\n")
    return declaration + head + rest.replace("<rps:FunctionCallIdentifier>", "<rps:FunctionCallIdentifier>&l9;", 1)


def _in_body(text: str) -> str:
    return register_text().replace("<rps:Eis>", f"{text}<rps:Eis>", 1)


def _at_eis(attributes: str) -> str:
    return register_text().replace("<rps:Eis>", f"<rps:Eis{attributes}>", 1)


def _numbered(pattern: str, count: int) -> str:
    return "".join(pattern.replace("#", f"{n:x}") for n in range(count))


BOMBS: dict[str, Callable[[], str]] = {
    "billion laughs": lambda: _with_head(_laughs(10)),
    "parameter laughs": lambda: _with_head(_laughs(10, parameter=True)),
    "quadratic": lambda: _with_head(f'<!DOCTYPE a [<!ENTITY l9 "{"x" * 100_000}">]>').replace("&l9;", "&l9;" * 10_000),
    "recursion": lambda: _with_head('<!DOCTYPE a [<!ENTITY l9 "&l8;"><!ENTITY l8 "&l9;">]>'),
    "a million attributes": lambda: _at_eis(_numbered(' a#=""', 1_000_000)),
    "attributes": lambda: _at_eis(_numbered(' a#=""', 150_000)),
    "a hundred attributes": lambda: _at_eis(_numbered(' a#=""', 100)),
    "the same attribute": lambda: _at_eis(' a="1"' * 10_000),
    "a million namespaces": lambda: _at_eis(_numbered(' xmlns:a#="u"', 1_000_000)),
    "namespaces": lambda: _at_eis(_numbered(' xmlns:a#="u"', 100_000)),
    "a thousand namespaces": lambda: _at_eis(_numbered(' xmlns:a#="u#"', 1000)),
    "a hundred thousand deep": lambda: _in_body("<a>" * 100_000 + "</a>" * 100_000),
    "two hundred deep": lambda: _in_body("<a>" * 200 + "</a>" * 200),
    "deeper than allowed": lambda: _in_body("<a>" * LIMITS.depth + "</a>" * LIMITS.depth),
    "elements": lambda: _in_body("<a/>" * 400_000),
    "too many elements": lambda: _in_body("<a/>" * 60_000),
    "a name without end": lambda: _in_body(f"<{'a' * 1_000_000}/>"),
    "text": lambda: _in_body("x" * 1_000_000),
    "references": lambda: _in_body("&#65;" * 300_000),
    "sections": lambda: _in_body("<![CDATA[x]]>" * 50_000),
    "brackets": lambda: "<" * 2_000_000,
    "a declaration without end": lambda: "<?xml" + " " * 2_000_000,
    "too large": lambda: register_text() + " " * LIMITS.size,
}


@pytest.mark.parametrize("name", BOMBS)
def test_atk_32_xml_bombs(name: str) -> None:
    bomb = BOMBS[name]().encode()
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    fault = refused(bomb)
    assert time.process_time() - started < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * MIB
    assert len(fault.reason) < 500
