# SPDX-License-Identifier: Apache-2.0
"""ATK-46: nothing secret is compared byte by byte: MACs, cryptograms, receipts, tokens, PINs, keys, RES.

A walk over the source: `==`, `!=`, `in`, `startswith` on such a name is an error, and the places that compare call
`hmac.compare_digest` (or a primitive that does).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("apdu", "emulator", "smsr", "smdp")
SECRET = re.compile(
    r"(^|_)(mac|macs|cmac|xmac|cryptogram|receipt|token|signature|kcv|pin|puk|res|xres|secret|psk|autn|opc|finalize|reveal)$"
)
"""Names of values; constants (capital letters) are numbers and tags."""
ALLOWED = {
    ("smsr/registration.py", "kcv"),  # check values of an EIS, which is no secret
    ("smsr/serving/calls.py", "token"),  # a number that says whose the lock of a card is
    ("emulator/fs/pins.py", "puk"),  # a key reference
    ("emulator/profile/interpreter/codes.py", "puk"),  # a key reference
}


def _name(node: ast.expr) -> str:
    """The last identifier of an expression."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value) | ast.Starred(value=value):
            return _name(value)
        case ast.Call(func=function):
            return _name(function)
        case _:
            return ""


def comparisons(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything secret that is compared with an operator, a constant aside."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            operators = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
            if not any(isinstance(operator, operators) for operator in node.ops):
                continue
            if any(isinstance(side, ast.Constant) and not isinstance(side.value, bytes) for side in sides):
                continue  # with None, a number or text: no secret bytes
            for part in [part for side in sides for part in _parts(side)]:
                if SECRET.search(_name(part)):
                    yield node.lineno, _name(part)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            prefix = node.func.attr in ("startswith", "endswith")
            if prefix and SECRET.search(_name(node.func.value)):
                yield node.lineno, _name(node.func.value)


def _parts(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, (ast.Tuple, ast.List, ast.Set)) else [node]


FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_atk_46_no_operator_compares_a_secret(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    found = [(line, name) for line, name in comparisons(path.read_text("utf-8")) if (where, name) not in ALLOWED]
    assert not found, f"{where}: {found}"


@pytest.mark.parametrize(
    "source, found",
    [
        ("if mac == expected: pass", True),
        ("ok = session.command_mac(x)[:8] != data[8:]", True),
        ("ok = data in (receipt, other)", True),
        ("if self._receipt(key, a) == value: pass", True),
        ("if token.startswith(value): pass", True),
        ("if len(mac) == 8: pass", False),
        ("if mac is None: pass", False),
        ("ok = compare_digest(mac, other)", False),
        ("if tag == 0x9E: pass", False),
    ],
)
def test_the_walk_finds_what_it_should(source: str, found: bool) -> None:
    assert bool(list(comparisons(source))) == found


MUST_COMPARE = (
    "apdu/channel/scp03_card.py",
    "apdu/channel/scp03_host.py",
    "apdu/channel/scp03t_card.py",
    "apdu/channel/scp03t_host.py",
    "apdu/keys/agreement.py",
    "apdu/keys/secret.py",
    "apdu/aka/usim.py",
    "emulator/fs/pins.py",
    "emulator/network/auc.py",
)


@pytest.mark.parametrize("path", MUST_COMPARE)
def test_atk_46_what_compares_secrets_does_it_in_constant_time(path: str) -> None:
    assert "compare_digest(" in (ROOT / path).read_text("utf-8")
