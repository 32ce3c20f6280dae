# SPDX-License-Identifier: Apache-2.0
"""What `euicc demo` says when something is wrong: one line, and the exit code."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.runner import COMMAND, run
from tests.require import ROOT
from tools.entropy import Source
from tools.subscription import draw_profile


def package() -> bytes:
    return draw_profile(Source(1).entropy("subscription")).package


def broken(at: int, *, value: int) -> bytes:
    changed = bytearray(package())
    changed[at] = value
    return bytes(changed)


PLACE: Final = r"at offset \d+$"
FILES: Final[dict[str, tuple[bytes, str]]] = {
    "empty": (b"", "is empty"),
    "text": (b"this is no profile\n", "tag 74 is not that of a profile element " + PLACE),
    "one byte": (b"\xa0", "header: the package ends inside an element of 1 bytes so far at offset 0"),
    "cut in the header": (package()[:40], "header: the package ends inside an element of 40 bytes so far at offset 0"),
    "cut in the middle": (package()[:1000], "(telecom|usim): the package ends inside an element .*" + PLACE),
    "cut by one byte": (package()[:-1], "end: the package ends inside an element .*" + PLACE),
    "no end": (package()[:-9], "the card refused|the profile is not installed|ends inside an element"),
    "broken length": (broken(3, value=0x7F), "header.* " + PLACE),
    "broken inside": (broken(5, value=0x00), "header.* " + PLACE),
    "twice": (package() * 2, r"the card refused the profile: .*offset \d+"),
    "too large": (bytes(2 << 20), "more than 1048576 bytes"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_profile_file_that_is_none(tmp_path: Path, name: str) -> None:
    content, reason = FILES[name]
    path = tmp_path / "profile.der"
    path.write_bytes(content)
    result = run("--profile", path)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert re.search(reason, line), line
    answer = json.loads(run("--json", "--profile", path).stdout)
    assert answer["ok"] is False
    assert re.search(reason, answer["error"])
    assert "\n" not in answer["error"]
    assert answer["status"] is None


@pytest.mark.parametrize(
    "arguments, code, reason",
    [
        (["--profile", "missing.der"], 2, "does not exist"),
        (["--profile", "."], 2, "is a directory"),
        (["--trace", "missing/trace.jsonl"], 1, "the trace cannot be written to .*no such file or directory"),
        (["--trace", "."], 2, "is a directory"),
        (["--seed", "one"], 2, "not a valid integer"),
        (["--bearer", "pigeon"], 2, "is not one of 'reader', 'sms', 'https'"),
        (["--bearer", "reader", "--loss", "0.1"], 2, "--loss is about short messages"),
        (["--loss", "1"], 2, "is not in the range"),
        (["--unknown"], 2, "No such option"),
        (["argument"], 2, "unexpected extra argument"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == code
    assert re.search(reason, result.stderr.splitlines()[-1])
    assert "Traceback" not in result.output


def test_the_trace_does_not_overwrite_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "profile.der"
    path.write_bytes(package())
    result = run("--profile", path, "--trace", tmp_path / "." / "profile.der")
    assert result.exit_code == 1
    assert "is the profile" in result.stderr
    assert path.read_bytes() == package()


def test_standard_output_that_is_closed() -> None:
    child = subprocess.Popen(COMMAND, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    error = child.stderr.read()
    assert child.wait(30) == 1
    assert "Traceback" not in error
