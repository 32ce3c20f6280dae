# SPDX-License-Identifier: Apache-2.0
"""Every command at a reader in every bad situation: one line that says what to do, exit code 1, the image untouched."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from smartcard.pcsc.PCSCExceptions import EstablishContextException

from emulator.card import Card
from emulator.memory.image import ImageBackend
from emulator.readers.inprocess import VirtualReader
from tests.require import ROOT
from tests.support.flow import flow_lab
from tests.support.profile import subscriber
from tools.cli import main

AID = "A0000005591010FFFFFFFF8900001000"
KEYS = ["-k", ":".join(["00112233445566778899AABBCCDDEEFF"] * 3)]
ARGUMENTS: dict[str, list[str]] = {
    "apdu": ["00A4000C023F00", "00A4000C023F00"],
    "card info": [],
    "device run": ["--once"],
    "fs read": ["EF.ICCID"],
    "fs tree": [],
    "fs update": ["EF.ICCID", "00"],
    "gp delete": ["--aid", "A000000151000000", *KEYS, "A0000001510001"],
    "gp info": [],
    "gp list": KEYS,
    "gp put-key": ["--new-key", KEYS[1], "--new-key-ver", "31", "--aid", "mno-sd", *KEYS],
    "gp store-data": ["00700000", *KEYS],
    "profile delete": [AID, *KEYS],
    "profile disable": [AID, *KEYS],
    "profile enable": [AID, *KEYS],
    "profile install": ["package.der", "--trust", "good.card.pem", *KEYS],
    "profile list": KEYS,
    "script run": ["script.txt"],
    "shell": ["--script", "shell.txt"],
    "trace record": ["-o", "new.jsonl", "--", sys.executable, "-c", "pass"],
    "trace replay": ["trace.jsonl"],
}
"""What each command needs besides the reader: a new command has to come in here."""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command that has the option --reader."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif any("--reader" in parameter.opts for parameter in command.params):
            yield " ".join((*path, name))


COMMANDS = sorted(commands(main))
AT_READER = [command for command in COMMANDS if command != "trace record"]
"""Those that connect to the card themselves; `trace record` leaves PC/SC to the program that it watches."""


def test_every_command_at_a_reader_is_here() -> None:
    assert sorted(ARGUMENTS) == COMMANDS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card image with its trust file, a package and a script."""
    folder = tmp_path_factory.mktemp("good")
    result = CliRunner().invoke(main, ["card", "new", str(folder / "good.card")])
    assert result.exit_code == 0, result.output
    (folder / "package.der").write_bytes(subscriber(2).package)
    (folder / "script.txt").write_text("00A4000C023F00\n00A4000C023F00\n")
    (folder / "shell.txt").write_text("select MF\nselect MF\n")
    (folder / "trace.jsonl").write_text(
        '{"event":"link","time":1.0,"layer":"apdu","side":"reader","kind":"command","data":"00A4000C023F00"}\n' * 2
    )
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fails(command: str, *reader: str) -> str:
    """Run it; the one line of what is wrong."""
    result = CliRunner().invoke(main, [*command.split(), *reader, *ARGUMENTS.get(command, [])], prog_name="euicc")
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


# --- images


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process has the image."""
    hold = "import sys; from pathlib import Path; from emulator.memory.image import ImageBackend\n"
    hold += "with ImageBackend(Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        yield
        assert other.stdin is not None
        other.stdin.close()


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)


def foreign(path: Path) -> None:
    path.write_bytes(b"no image\n" * 100)


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "newer": (newer, "update it (pip install -U"),
    "damaged": (damaged, "restore a copy, or make another card"),
    "foreign": (foreign, "name a file made by `euicc card new`"),
    "not there": (Path.unlink, "make it with `euicc card new"),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("command", [*COMMANDS, "card serve"])
def test_image_that_cannot_be_used(folder: Path, command: str, harm: str) -> None:
    path = folder / "good.card"
    change, words = HARMS[harm]
    change(path)
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    assert words in fails(command, *where(command, path))
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def where(command: str, path: Path) -> list[str]:
    return [str(path)] if command == "card serve" else ["-r", f"virtual:{path}"]


def test_two_processes_on_one_image(folder: Path) -> None:
    path = folder / "good.card"
    before = path.read_bytes()
    with locked(path):
        for command in [*COMMANDS, "card serve"]:
            assert "in use by another process: stop that one" in fails(command, *where(command, path))
    assert path.read_bytes() == before
    with ImageBackend(path) as backend:
        assert backend.get("card") is not None


# --- readers


@pytest.mark.parametrize("command", AT_READER)
def test_reader_that_does_not_exist(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr("smartcard.System.readers", lambda: [VirtualReader("Red", flow_lab().card)])
    assert "no reader's name contains 'green': 0 Red" in fails(command, "-r", "green")
    monkeypatch.setattr("smartcard.System.readers", list)
    assert "plug one in, or name a card image" in fails(command)


@pytest.mark.parametrize("command", AT_READER)
def test_pcscd_that_does_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def no_service() -> list[VirtualReader]:
        raise EstablishContextException(0x8010001D - (1 << 32))

    monkeypatch.setattr("smartcard.System.readers", no_service)
    assert "the PC/SC service (pcscd) does not run: start it" in fails(command)


@pytest.mark.parametrize("command", AT_READER)
def test_card_that_is_mute_pulled_out_or_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    card = flow_lab().card
    reader = VirtualReader("Red", card)
    monkeypatch.setattr("smartcard.System.readers", lambda: [reader])
    answer = Card.transmit

    def last(self: Card, command: bytes) -> bytes:
        reader.card = None
        return answer(self, command)

    with monkeypatch.context() as pulled:
        pulled.setattr(Card, "transmit", last)
        assert "pulled out of Red: put it in again and repeat" in fails(command)
    assert "there is no card in Red: put one in" in fails(command)
    reader.card = card
    card.power_off()
    monkeypatch.setattr(Card, "power_on", lambda self: b"")
    assert "the card in Red is mute: put it in again" in fails(command)
