# SPDX-License-Identifier: Apache-2.0
"""Commands at a reader, as people type them, on a card that `euicc demo --card` left."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.e2e.runner import run as run_demo
from tools.cli import main

ISD_R = "A0000005591010FFFFFFFF8900000100"
FIRST = "A0000005591010FFFFFFFF8900001000"


class Desk:
    """A card image and its keys, and commands on it."""

    def __init__(self, path: Path, keys: str) -> None:
        self.path = path
        self.keys = keys

    def run(self, *arguments: object, keys: bool = False, text: str | None = None) -> Result:
        reader = ["-r", f"virtual:{self.path}", *(["-k", self.keys] if keys else [])]
        return CliRunner().invoke(main, [*map(str, arguments), *reader], prog_name="euicc", input=text)

    def ok(self, *arguments: object, keys: bool = False, text: str | None = None) -> str:
        result = self.run(*arguments, keys=keys, text=text)
        assert result.exit_code == 0, result.output
        if "--json" not in arguments and arguments[0] not in ("apdu", "script"):
            assert max(map(len, result.stdout.splitlines()), default=0) <= 80
        return result.stdout

    def json(self, *arguments: object, keys: bool = False) -> Any:
        return json.loads(self.ok(*arguments, "--json", keys=keys))

    def fails(self, *arguments: object, keys: bool = False) -> str:
        result = self.run(*arguments, keys=keys)
        assert result.exit_code == 1, result.output
        (line,) = result.stderr.splitlines()
        assert line.startswith("Error: ")
        return line


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    path = tmp_path_factory.mktemp("cards") / "demo.card"
    result = run_demo("--card", path)
    assert result.exit_code == 0, result.output
    found = re.search(r"(?:[0-9A-F]{32}:){2}[0-9A-F]{32}", result.output)
    assert found is not None
    return Desk(path, found[0])


@pytest.fixture
def desk(original: Desk, tmp_path: Path) -> Desk:
    for suffix in ("", ".pem"):
        shutil.copy(f"{original.path}{suffix}", tmp_path / f"my.card{suffix}")
    return Desk(tmp_path / "my.card", original.keys)


# --- readers, apdu, script run


def test_apdu_in_both_forms(desk: Desk) -> None:
    plain = desk.ok("apdu", "00A40004023F0000", "00A40004022FE200", "00B000000A")
    assert plain == desk.ok("apdu", "A40004:3F00/00=9000", "A40004:2FE2/00=", "B00000/0A=")
    assert plain.splitlines()[-1] == "< 9000 (done)"


def test_an_unexpected_status_ends_the_rest(desk: Desk) -> None:
    result = desk.run("apdu", "A4000C:3F00=", "A4000C:2FFF=9000", "A4000C:2FE2=")
    assert result.exit_code == 1
    assert "command 2: 6A82" in result.stderr
    assert result.stdout.count("> ") == 2
    sent = json.loads(desk.run("apdu", "--json", "A4000C:2FFF=9000").stdout)
    assert [each["ok"] for each in sent] == [False]


def test_apdu_through_a_session(desk: Desk) -> None:
    assert "< 6982" in desk.ok("apdu", "--aid", ISD_R, "80F28002024F00")
    assert "< 9000" in desk.ok("apdu", "80F28002024F00=9000", keys=True)
    wrong = "00" * 16
    line = desk.fails("apdu", "80F28002024F00", "-k", f"{wrong}:{wrong}:{wrong}")
    assert "-k" in line
    assert "has no SCP03 keys of version 31" in desk.fails("apdu", "80F28002024F00", "--key-ver", "31", keys=True)


def test_a_script(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "script.txt"
    file.write_text("# ICCID\n00A4000C:3F00=9000\n00A4000C:2FE2=9000 # EF.ICCID\n00B00000/0A=9000\n")
    assert desk.ok("script", "run", file) == desk.ok("script", "run", "-", text=file.read_text())
    file.write_text("00A4000C:3F00=9000\n\n00A4000C:2FE2=6A82\n")
    assert "line 3: 9000 (done) instead of 6A82" in desk.fails("script", "run", file)
    file.write_text("00A4000C:3F00=9000\nnot this\n")
    assert "line 2" in desk.fails("script", "run", file)
    file.write_text("# nothing\n")
    assert "no command" in desk.fails("script", "run", file)
    file.write_bytes(b"\xff\xfe\x00")
    assert "no text" in desk.fails("script", "run", file)
    assert "no such file" in desk.fails("script", "run", tmp_path / "none")


# --- bad images


def test_images_that_cannot_be_used(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert "does not exist" in Desk(other, "").fails("card", "info")
    other.write_bytes(b"no card at all" * 20)
    assert "not a card image" in Desk(other, "").fails("card", "info")
    assert other.read_bytes() == b"no card at all" * 20


# --- card info


def test_card_info(desk: Desk) -> None:
    shown = desk.ok("card", "info")
    assert re.search(r"^EID +\d{32}$", shown, re.MULTILINE)
    assert re.search(r"^ICCID +\d{19,20}$", shown, re.MULTILINE)
    assert FIRST not in shown
    assert f"{FIRST} ENABLED" in desk.ok("card", "info", keys=True)


def test_card_info_as_json(desk: Desk) -> None:
    info = desk.json("card", "info", keys=True)
    assert info["atr"]["tck"] is True
    assert info["certificate"]["subject"] == info["eid"]
    assert info["profiles"] == [{"aid": FIRST, "state": "ENABLED", "fall_back": False, "emergency": False}]
    assert info["isd_r"]["protocols"][0] == "SCP03 i=70"
    assert 0 < info["memory"]["free"] < 512 * 1024
    assert [each["label"] for each in info["applications"]] == ["USIM"]
    assert desk.json("card", "info")["profiles"] is None


def test_info_of_a_card_without_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "new.card"
    assert CliRunner().invoke(main, ["card", "new", str(path), "--production"]).exit_code == 0
    info = Desk(path, "").json("card", "info")
    assert (info["iccid"], info["name"], info["applications"]) == (None, None, [])
    assert info["isd_r"]["protocols"] == ["SCP80 i=00", "SCP81 i=00"]
    assert "no SCP03 keys" in Desk(path, ":".join(["00" * 16] * 3)).fails("card", "info", keys=True)
