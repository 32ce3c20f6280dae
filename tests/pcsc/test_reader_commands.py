# SPDX-License-Identifier: Apache-2.0
"""The same commands on the same card, as an image in this process and through pcscd: the same output."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emulator.memory.image import ImageBackend
from tests.pcsc.service import Server
from tests.support.flow import flow_lab
from tests.support.profile import ADM1, PIN1, subscriber
from tools.cards.make import key_text
from tools.cli import main

SCRIPT = "00A40004:3F00/00=9000  # MF\n00A40004:2FE2/00=9000\n00B00000/0A=9000\n00B00000/FF=6C0A\n00A40004:1234=6A82\n"
COMMANDS = [
    ["card", "info"],
    ["gp", "list", "-k"],
    ["gp", "info", "--aid", "mno-sd"],
    ["fs", "tree"],
    ["fs", "update", "ADF.USIM/EF.SPN", "0158", "--adm", ADM1],
    ["fs", "read", "ADF.USIM/EF.SPN"],
    ["script", "run", "-"],
    ["device", "run", "--once", "--subscriber", "FIRST", "--pin", PIN1],
    ["profile", "install", "SECOND", "--trust", "TRUST", "-k"],
    ["profile", "list", "-k"],
    ["card", "info", "-k"],
]


def run(command: list[str], reader: str) -> Result:
    arguments = [*command, key_text(flow_lab().keys)] if command[-1] == "-k" else command
    return CliRunner().invoke(main, [*arguments, "-r", reader], prog_name="euicc", input=SCRIPT)


@pytest.fixture
def twin(tmp_path: Path) -> Path:
    """The same card in another image."""
    path = tmp_path / "twin.card"
    with ImageBackend.create(path) as backend:
        backend.commit(flow_lab().snapshot())
    return path


def test_the_same_through_pcscd_and_in_process(server: Server, twin: Path, tmp_path: Path) -> None:
    package, trust = tmp_path / "second.der", tmp_path / "made.card.pem"
    package.write_bytes(subscriber(2).package)
    assert CliRunner().invoke(main, ["card", "new", str(tmp_path / "made.card")]).exit_code == 0
    first = tmp_path / "first.der"
    first.write_bytes(subscriber(1).package)
    places = {"FIRST": str(first), "SECOND": str(package), "TRUST": str(trust)}
    wait_for_card()
    for command in COMMANDS:
        filled = [places.get(word, word) for word in command]
        inside, outside = run(filled, f"virtual:{twin}"), run(filled, "00 00")
        assert outside.exit_code == inside.exit_code, (command, outside.output, inside.output)
        assert without_reader(outside.output) == without_reader(inside.output), command


def without_reader(text: str) -> str:
    """What was printed, but for the reader's name, which may take more than a line."""
    return re.sub(r"^Reader .*?^ATR", "ATR", text, flags=re.DOTALL | re.MULTILINE)


def wait_for_card() -> None:
    """pcscd looks for cards every 0.4 seconds."""
    for _ in range(100):
        if "card, ATR 3B" in CliRunner().invoke(main, ["readers"], prog_name="euicc").stdout:
            return
        time.sleep(0.05)
    raise AssertionError("no card was seen")


def test_an_empty_slot_beside_a_card(server: Server) -> None:
    wait_for_card()
    present = run(["card", "info"], "00 00")
    assert present.exit_code == 0, present.output
    empty = run(["card", "info"], "00 01")
    assert empty.exit_code == 1
    assert "no card in" in empty.stderr


SHELL = f"""\
select ADF.USIM/EF.SPN
verify_adm {ADM1}
update_binary --offset 1 58
read_binary
open_channel
switch_channel 1
select isd-r
establish_scp03
get_status
close_channel 1
pwd
list_profiles
select EF.NOPE
apdu A40004:3F00/00=9000
reset
reconnect
dir
"""


def test_a_shell_is_the_same_through_pcscd(server: Server, twin: Path) -> None:
    wait_for_card()
    keys = key_text(flow_lab().keys)
    inside, outside = (
        CliRunner().invoke(main, ["shell", "-r", reader, "-k", keys], prog_name="euicc", input=SHELL)
        for reader in (f"virtual:{twin}", "00 00")
    )
    assert inside.exit_code == outside.exit_code == 1  # one line is wrong
    assert outside.output == inside.output
    assert outside.stderr.count("\n") == 1
