# SPDX-License-Identifier: Apache-2.0
"""`--json`: what a command prints is one JSON value, also when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tools.cli import main

VALUES = {"file": "-", "key": ":".join(3 * ["00" * 16])}
MORE: dict[tuple[str, ...], tuple[str, ...]] = {("gp", "delete"): ("A000000151000000",)}
"""What a command asks for in one of two ways."""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that works on a card."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif {"reader", "as_json"} <= {each.name for each in command.params}:
            yield (*path, name)


def needed(path: tuple[str, ...]) -> list[str]:
    """Something for each argument and option that it cannot do without."""
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    words = []
    for each in command.params:
        if each.required:
            words += [each.opts[0]] if isinstance(each, click.Option) else []
            words.append(VALUES["key"] if each.name == "new_key" else VALUES.get(str(each.name), "31"))
    return [*words, *MORE.get(path, ())]


COMMANDS = list(commands(main))


def test_the_walk_finds_them() -> None:
    assert {("card", "info"), ("apdu",), ("script", "run"), ("gp", "put-key"), ("profile", "install")} <= {*COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_card_that_is_not_there(tmp_path: Path, path: tuple[str, ...]) -> None:
    missing = f"virtual:{tmp_path}/missing.card"
    words = [*path, *needed(path), "-r", missing, "--json"]
    result = CliRunner().invoke(main, words, input="00A40004023F00\n")
    assert result.exit_code == 1, result.output
    assert list(json.loads(result.stdout)) == ["error"]
    assert result.stderr == f"Error: {json.loads(result.stdout)['error']}\n"


@pytest.mark.parametrize(
    "words, value",
    [
        (["apdu", "0070000001=9000", "00A40004026FFF=9000", "0070000001"], [True, False]),
        (["apdu", "0070000001=6A82", "0070000001"], [False]),
        (["apdu", "no command"], None),
        (["apdu", "-k", VALUES["key"], "80CA00E000"], None),
    ],
)
def test_what_the_card_did_is_one_value(tmp_path: Path, words: list[str], value: list[bool] | None) -> None:
    card = tmp_path / "one.card"
    assert CliRunner().invoke(main, ["card", "new", str(card)]).exit_code == 0
    result = CliRunner().invoke(main, [*words, "-r", f"virtual:{card}", "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert "error" in found if value is None else [each["ok"] for each in found] == value


def test_without_it_errors_are_on_standard_error_only(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["card", "info", "-r", f"virtual:{tmp_path}/missing.card"])
    assert (result.exit_code, result.stdout) == (1, "")
