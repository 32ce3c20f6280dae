# SPDX-License-Identifier: Apache-2.0
"""The command line itself: what it answers at once, and how errors end."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner

from apdu.errors import DecodeError, M2mError
from tests.require import ROOT
from tools.cli import main


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["demo", "--help"], ["bench", "-h"]])
def test_help(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments, prog_name="euicc")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: euicc ")
    assert max(map(len, result.output.splitlines())) <= 80


def test_the_bare_command_shows_its_commands() -> None:
    result = CliRunner().invoke(main, [], prog_name="euicc")
    assert result.exit_code == 2
    assert re.search(r"^  demo +Bring a profile", result.output, re.MULTILINE)
    assert re.search(r"^  bench +Measure speed", result.output, re.MULTILINE)


def test_version() -> None:
    result = CliRunner().invoke(main, ["--version"], prog_name="euicc")
    assert result.exit_code == 0
    assert re.fullmatch(r"euicc (\d+\.\d+\.\d+|\(not installed\))\n", result.output)


def test_help_loads_nothing_heavy() -> None:
    """This is why it answers at once; how fast that is, the benchmark tells."""
    code = "import sys; from tools.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "click" in loaded
    heavy = {"cmd2", "cryptography", "Cryptodome", "construct", "rich", "smartcard", "emulator", "smsr", "smdp", "json"}
    assert not loaded & heavy


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def command() -> NoReturn:
        raise error

    return command


@pytest.mark.parametrize(
    "error, code, line",
    [
        (M2mError("do this instead"), 1, "Error: do this instead"),
        (DecodeError("too short", offset=7, path=("usim", "ef-imsi")), 1, "Error: usim/ef-imsi: too short at offset 7"),
        (PermissionError(13, "Permission denied", "/file"), 1, "Error: /file: permission denied"),
        (OSError(28, "No space left on device"), 1, "Error: no space left on device"),
        (KeyboardInterrupt(), 1, "Aborted!"),
    ],
)
def test_errors_are_one_line(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str) -> None:
    monkeypatch.setitem(main.commands, "fail", click.Command("fail", callback=raising(error)))
    result = CliRunner().invoke(main, ["fail"], prog_name="euicc")
    assert result.exit_code == code
    assert result.stderr.strip() == line
    assert result.stdout == ""


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(main.commands, "fail", click.Command("fail", callback=raising(ZeroDivisionError())))
    assert isinstance(CliRunner().invoke(main, ["fail"]).exception, ZeroDivisionError)
