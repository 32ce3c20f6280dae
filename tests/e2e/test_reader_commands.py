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

from emulator.card import Card
from tests.e2e.runner import run as run_demo
from tests.support.profile import subscriber
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
    result = run_demo("--bearer", "reader", "--card", path)
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


def test_keys_of_the_environment_protect_no_plain_command(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EUICC_KEY", desk.keys)
    assert "< 9000" in desk.ok("apdu", "A4000C:3F00=")
    assert FIRST in desk.ok("profile", "list")


def test_a_trace_is_not_written_over_something_else(desk: Desk, tmp_path: Path) -> None:
    for path in (desk.path, Path(f"{desk.path}.pem")):
        before = path.read_bytes()
        assert "is no trace" in desk.fails("card", "info", "--trace-file", path)
        assert path.read_bytes() == before
    trace = tmp_path / "trace"
    for _ in range(2):
        desk.ok("card", "info", "--trace-file", trace)
    assert "cannot be written" in desk.fails("card", "info", "--trace-file", tmp_path / "none" / "trace")


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


# --- profiles


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    for number in (5, 6):
        (folder / f"{number}.der").write_bytes(subscriber(number).package)
    return folder


def states(desk: Desk) -> dict[str, str]:
    return {each["aid"][26:30]: each["state"] for each in desk.json("profile", "list", keys=True)}


def test_the_life_of_a_profile(desk: Desk, packages: Path) -> None:
    shown = desk.ok("profile", "install", packages / "5.der", keys=True)
    assert f"installed, ICCID {subscriber(5).iccid}" in shown
    assert states(desk) == {"0010": "ENABLED", "0011": "DISABLED"}
    assert f"the card shows ICCID {subscriber(5).iccid}" in desk.ok("profile", "enable", "0011", keys=True)
    assert states(desk) == {"0010": "DISABLED", "0011": "ENABLED"}
    assert desk.json("card", "info")["iccid"] == str(subscriber(5).iccid)
    assert desk.json("profile", "enable", FIRST, keys=True)["done"] == "enabled"
    assert "deleted" in desk.ok("profile", "delete", "0011", keys=True)
    assert states(desk) == {"0010": "ENABLED"}
    assert FIRST in desk.ok("profile", "list", keys=True)


def test_what_cannot_be_done_to_a_profile(desk: Desk, packages: Path) -> None:
    before = states(desk)
    assert "it is ENABLED, so enable another" in desk.fails("profile", "delete", "0010", keys=True)
    assert "it is ENABLED, not DISABLED" in desk.fails("profile", "enable", "0010", keys=True)
    assert "no profile has the Fall-Back Attribute" in desk.fails("profile", "disable", "0010", keys=True)
    assert "no ISD-P" in desk.fails("profile", "enable", "0099", keys=True)
    assert "no AID of an ISD-P" in desk.fails("profile", "enable", "xyz", keys=True)
    assert "not the AID of an ISD-P" in desk.fails("profile", "enable", ISD_R, keys=True)
    assert "-k ENC:MAC:DEK" in desk.fails("profile", "list")
    assert "are these the keys" in desk.fails("profile", "list", "-k", ":".join(["00" * 16] * 3))
    install = ["profile", "install", packages / "6.der"]
    assert "name another with --aid" in desk.fails(*install, "--aid", "0010", keys=True)
    assert "not-enough-memory" in desk.fails(*install, "--memory", 100, keys=True)
    assert states(desk) == before


@pytest.mark.parametrize("commands", [5, 12, 30])
def test_an_installation_that_is_interrupted(
    desk: Desk, packages: Path, monkeypatch: pytest.MonkeyPatch, commands: int
) -> None:
    before, transmit, sent = states(desk), Card.transmit, iter(range(1000))

    def interrupted(self: Card, command: bytes) -> bytes:
        if command[1] != 0xC0 and next(sent) == commands:
            raise KeyboardInterrupt
        return transmit(self, command)

    with monkeypatch.context() as patch:
        patch.setattr(Card, "transmit", interrupted)
        result = desk.run("profile", "install", packages / "6.der", keys=True)
    assert next(sent) > commands
    assert (result.exit_code, result.stderr.strip()) == (1, "Aborted!")
    assert states(desk) == before


def test_packages_and_trust_that_do_not_fit(desk: Desk, packages: Path, tmp_path: Path) -> None:
    before = states(desk)
    file = tmp_path / "file"
    file.write_bytes(subscriber(6).package[:-1])
    assert "element" in desk.fails("profile", "install", file, keys=True)
    file.write_bytes(b"no profile")
    assert str(file) in desk.fails("profile", "install", file, keys=True)
    install = ["profile", "install", packages / "6.der"]
    other = tmp_path / "other.card"
    assert CliRunner().invoke(main, ["card", "new", str(other)]).exit_code == 0
    assert "not one of this CI and EUM" in desk.fails(*install, "--trust", f"{other}.pem", keys=True)
    assert "no certificates" in desk.fails(*install, "--trust", packages / "6.der", keys=True)
    pem = Path(f"{desk.path}.pem").read_text()
    file.write_text("".join(re.findall(r"-----BEGIN CERT.*?-----END CERTIFICATE-----\n", pem, re.DOTALL)))
    assert "private key is missing" in desk.fails(*install, "--trust", file, keys=True)
    assert "cannot be read" in desk.fails(*install, "--trust", tmp_path / "none", keys=True)
    assert states(desk) == before


def test_a_trace_of_an_installation_holds_no_keys(desk: Desk, packages: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    result = desk.run("profile", "install", packages / "5.der", "--apdu-trace", "--trace-file", trace, keys=True)
    assert result.exit_code == 0, result.output
    written = (trace.read_text() + result.stderr).upper()
    secrets = [*desk.keys.split(":"), subscriber(5).k.hex(), subscriber(5).opc.hex()]
    assert not [secret for secret in secrets if secret.upper() in written]
    assert "ES8.ESTABLISHISDPKEYSET" in written


# --- scripts of SM-SR and SM-DP as text


def shown(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["script", "show", *map(str, arguments)], prog_name="euicc")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_printed_scripts_do_what_they_say(desk: Desk, packages: Path) -> None:
    desk.ok("profile", "install", packages / "5.der", keys=True)
    desk.ok("script", "run", "-", text=shown("create-isdp", "0100", "--memory", 4096), keys=True)
    assert states(desk) == {"0010": "ENABLED", "0011": "DISABLED", "0100": "SELECTABLE"}
    desk.ok("script", "run", "-", text=shown("enable-profile", "0011"), keys=True)
    assert states(desk) == {"0010": "DISABLED", "0011": "ENABLED", "0100": "SELECTABLE"}
    desk.ok("script", "run", "-", text=shown("delete-profile", "0100"), keys=True)
    assert states(desk) == {"0010": "DISABLED", "0011": "ENABLED"}
    audit = desk.ok("script", "run", "-", text=shown("audit"), keys=True)
    assert FIRST in audit


def test_printed_scripts_go_as_far_as_they_can_without_the_card(desk: Desk, packages: Path) -> None:
    desk.ok("script", "run", "-", text=shown("create-isdp", "0011"), keys=True)
    text = shown("establish-keyset", "0011", "--trust", f"{desk.path}.pem")
    assert text.endswith("# what follows depends on what the card answers\n")
    assert "< 8510" in desk.ok("script", "run", "-", text=text, keys=True)  # the challenge
    text = shown("download-profile", "0011", packages / "5.der")
    assert "80E29100:840A3000" in text  # SCP03t INITIALIZE UPDATE
    result = CliRunner().invoke(main, ["script", "show", "enable-profile", "zz"], prog_name="euicc")
    assert result.exit_code == 1
    assert "no AID of an ISD-P" in result.stderr
