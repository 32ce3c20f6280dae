# SPDX-License-Identifier: Apache-2.0
"""Each limit of a document, at it and one beyond it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apdu.errors import DecodeError
from smsr.kit.soap.document import Limits, parse_document

LIMITS = Limits(size=4000, depth=5, elements=20, attributes=3, namespaces=4)


def _attributes(count: int) -> str:
    return "<a" + "".join(f' a{n}="1"' for n in range(count)) + "/>"


def _namespaces(count: int) -> str:
    """Half of them outside, half inside."""
    names = [f' xmlns:a{n}="u{n}"' for n in range(count)]
    return f"<a{''.join(names[: count // 2])}><b{''.join(names[count // 2 :])}/></a>"


EACH: dict[str, tuple[int, Callable[[int], str]]] = {
    "size": (LIMITS.size, lambda count: f"<a>{'x' * (count - 7)}</a>"),
    "depth": (LIMITS.depth, lambda count: "<a>" * count + "</a>" * count),
    "elements": (LIMITS.elements, lambda count: f"<a>{'<b/>' * (count - 1)}</a>"),
    "attributes": (LIMITS.attributes, _attributes),
    "namespaces": (LIMITS.namespaces, _namespaces),
}


@pytest.mark.parametrize("name", EACH)
def test_limits(name: str) -> None:
    most, make = EACH[name]
    parse_document(make(most).encode(), LIMITS)
    with pytest.raises(DecodeError):
        parse_document(make(most + 1).encode(), LIMITS)
