# SPDX-License-Identifier: Apache-2.0
"""`euicc shell` at a terminal, from pipes and files: completion, Ctrl-C, exit codes, secrets, a card pulled out."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulator.card import Card
from emulator.readers.inprocess import VirtualReader
from tests.require import ROOT
from tests.support.flow import flow_lab
from tests.support.profile import ADM1, USIM, subscriber
from tests.support.shell import Bench, flow_bench
from tools.reader.connection import open_card
from tools.reader.options import ReaderOptions
from tools.reader.show import ApduLines
from tools.shell.app import Shell
from tools.shell.session import Session

COMMAND = [sys.executable, "-c", "from tools.cli import main; main(prog_name='euicc')", "shell"]
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08")
_CURSOR_ASKED, _CURSOR = b"\x1b[6n", b"\x1b[1;1R"
_PATIENCE = 30


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return flow_bench(tmp_path / "my.card")


def _plain(raw: bytes) -> str:
    """What a terminal shows, without colours, and without blanks, which a cursor that moves on may stand for."""
    return "".join(_ESCAPE.sub("", raw.decode("utf-8", "replace")).split())


class Terminal:
    """The shell in a process of its own, at a terminal that does no more than tell where its cursor is."""

    def __init__(self, arguments: list[str], home: Path) -> None:
        self.process, self.end = pty.fork()
        if not self.process:
            os.chdir(ROOT)
            os.execve(COMMAND[0], [*COMMAND, *arguments], {**os.environ, "HOME": str(home), "TERM": "xterm"})
        self.seen = b""

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self.end, text.encode())

    def wait(self, words: str) -> str:
        """What has come since the last time, as soon as the words are in it; blanks do not count."""
        start, late = len(self.seen), time.monotonic() + _PATIENCE
        while words.replace(" ", "") not in (found := _plain(self.seen[start:])):
            assert time.monotonic() < late, (words, found)
            if select.select([self.end], [], [], 0.1)[0]:
                got = os.read(self.end, 1 << 16)
                self.seen += got
                if _CURSOR_ASKED in got:
                    os.write(self.end, _CURSOR)
        return found

    def exit_code(self) -> int:
        """How it ended."""
        late = time.monotonic() + _PATIENCE
        while time.monotonic() < late:
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.end, 1 << 16)
                except OSError:  # the other end is closed
                    break
        os.close(self.end)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def test_at_a_terminal(bench: Bench, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    terminal = Terminal(["-r", f"virtual:{bench.path}", "-k", bench.keys], home)
    terminal.wait("euicc (00:MF)>")
    for keys, words in (
        ("sel\t", "select"),  # a command
        ("EF.IC\t", "EF.ICCID"),  # a file
        ("\r", "euicc (00:MF/EF.ICCID)>"),
        ("select ADF.USIM/EF.THR\t", "ADF.USIM/EF.THRESHOLD"),  # one that could be there
        ("\x03", "^C euicc (00:MF/EF.ICCID)>"),  # Ctrl-C drops the line
        ("select ADF.U\t", "ADF.USIM"),
        ("\r", "7FD0 euicc (00:MF/ADF.USIM)>"),
        ("dir\r", "SFI 18 euicc (00:MF/ADF.USIM)>"),
        ("select EF.SP\t", "EF.SPN"),
        ("\r", "euicc (00:MF/ADF.USIM/EF.SPN)>"),
        ("select isd\t", "isd-r"),
        ("\r", "euicc (00:ISD-R)>"),
        ("list_profiles\r", "fall-back euicc (00:ISD-R)>"),
        ("enable_profile A\t", "A0000005591010FFFFFFFF8900001000"),  # an ISD-P
        ("\x03", "^C euicc (00:ISD-R)>"),
        ("delete_card_content mno\t", "mno-sd"),  # a security domain
        ("\x03", "^C euicc (00:ISD-R)>"),
        ("select A0000000871\t", USIM),  # an AID
        ("\r", "euicc (00:MF/ADF.USIM)>"),
        ("verify_adm\r", "ADM1:"),
        (f"{ADM1}\r", "verified euicc (00:MF/ADF.USIM)>"),
        ("pwd\r", "MF/ADF.USIM euicc (00:MF/ADF.USIM)>"),
    ):
        terminal.type(keys)
        terminal.wait(words)
    terminal.type("\x04")  # Ctrl-D
    assert terminal.exit_code() == 0
    assert ADM1.encode() not in terminal.seen  # neither echoed nor shown
    assert b"Traceback" not in terminal.seen
    assert [*home.iterdir()] == []  # no history


def test_ctrl_c_ends_what_nobody_types(bench: Bench) -> None:
    process = subprocess.Popen(
        [*COMMAND, "-r", f"virtual:{bench.path}"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("pwd\n")
    process.stdin.flush()
    assert process.stdout.readline() == "MF\n"
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    assert process.wait(_PATIENCE) == 130
    assert process.stdout.read() == ""
    process.stdout.close()


# --- pipes and scripts


def test_from_a_pipe_an_error_ends_nothing_but_shows_in_the_exit_code(bench: Bench) -> None:
    result = bench.run("shell", text="# a comment\n\npwd # and another\nselect nothing\nselect EF.ICCID\n")
    assert (result.exit_code, result.stdout) == (1, "MF\nMF/EF.ICCID  2FE2  transparent 10 SFI 02\n")
    assert result.stderr.count("\n") == 1
    assert bench.run("shell", text="pwd\n").exit_code == 0
    assert bench.run("shell", text="").exit_code == 0


def test_the_first_error_of_a_script_ends_it(bench: Bench, tmp_path: Path) -> None:
    script, inner = tmp_path / "outer", tmp_path / "inner"
    script.write_text("pwd\n\n# next is wrong\nselect EF.NOPE\npwd\n")
    result = bench.run("shell", "--script", script)
    assert (result.exit_code, result.stdout) == (1, "MF\n")
    assert result.stderr.startswith(f"Error: {script} line 4: 'EF.NOPE' is neither")
    inner.write_text("pwd\nread_binary\npwd\n")
    script.write_text(f"select ADF.USIM\nrun_script {inner}\npwd\n")
    result = bench.run("shell", "--script", script)
    assert (result.exit_code, result.stdout) == (1, "MF/ADF.USIM  7FD0\nMF/ADF.USIM\n")
    assert result.stderr.startswith(f"Error: {script} line 2: {inner} line 2: MF/ADF.USIM is a directory")
    script.write_text("pwd\nexit\npwd\n")
    assert bench.run("shell", "--script", script).output == "MF\n"
    script.write_text(f"run_script {script}\n")
    assert "scripts call each other without end" in bench.run("shell", "--script", script).stderr


@pytest.mark.parametrize("content, words", [(None, "no such file"), (b"\xff\xfe", "is no text")])
def test_files_that_are_no_scripts(bench: Bench, tmp_path: Path, content: bytes | None, words: str) -> None:
    script = tmp_path / "script"
    if content is not None:
        script.write_bytes(content)
    result = bench.run("shell", "--script", script)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_json_and_redirection(bench: Bench, tmp_path: Path) -> None:
    text = "select EF.ICCID\nread_binary\nselect isd-r\nget_data E0\ninfo\nset json false\npwd\n"
    decoder, values, rest = json.JSONDecoder(), [], bench.run("shell", "--json", text=text).stdout
    while rest.startswith("{"):
        value, at = decoder.raw_decode(rest)
        values.append(value)
        rest = rest[at:].lstrip()
    assert [value.get("type") for value in values] == ["transparent", None, None, None, None]
    assert values[1] == {"data": subscriber(1).iccid.swapped.hex().upper()}
    assert values[4]["iccid"] == str(subscriber(1).iccid)
    assert rest.endswith("ISD-R\n")
    target = tmp_path / "target"
    assert bench.run("shell", text=f"tree > {target}\n").output == ""
    assert target.read_text() == bench.run("fs", "tree").output


def test_errors_in_json_and_input_that_is_no_text(bench: Bench) -> None:
    result = bench.run("shell", "--json", text="select nothing\n")
    assert result.exit_code == 1
    assert "neither a file identifier" in json.loads(result.stdout)["error"]
    process = subprocess.run(
        [*COMMAND, "-r", f"virtual:{bench.path}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        input=b"\xff\xfe\npwd\n",
        capture_output=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert (process.returncode, process.stdout) == (1, b"MF\n")
    assert process.stderr.count(b"\n") == 1


# --- secrets


def test_keys_and_codes_are_in_no_trace_and_no_history(bench: Bench, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    mno = [subscriber(1).domain_keys[0x30, kid].hex() for kid in (1, 2, 3)]
    new = [f"{number:02x}2233445566778899aabbccddeeff00" for number in (1, 2, 3)]
    keys = " ".join(f"{name} {key}" for name, key in zip(("--key-enc", "--key-mac", "--key-dek"), mno, strict=True))
    text = (
        f"verify_adm {ADM1}\nenable_chv 1234\nverify_chv 1234\n"
        f"select mno-sd\nestablish_scp03 --security-level 01 {keys}\n"
        f"put_key --key-version-nr 31 {' '.join(f'--key-data {key}' for key in new)}\nlist_profiles\nhistory\n"
    )
    result = bench.run("shell", "--apdu-trace", "--trace-file", trace, keys=True, text=text)
    assert result.exit_code == 0, result.output
    written = (result.output + trace.read_text()).lower()
    secrets = [*mno, *new, *bench.keys.lower().split(":"), ADM1, ADM1.encode().hex(), b"1234".hex() + "ff"]
    assert [secret for secret in secrets if secret in written] == []
    assert "> 0020000A08" + ".." * 8 in result.stderr
    assert re.findall(r"^ +\d+ +(.*)$", result.stdout, re.MULTILINE) == ["select mno-sd", "list_profiles"]


def test_the_trace_is_switched_inside(bench: Bench) -> None:
    text = "select EF.ICCID\nset apdu_trace true\nread_binary\nset apdu_trace false\nread_binary\n"
    command, answer = bench.run("shell", text=text).stderr.splitlines()
    assert command.startswith("> 00B000000A ")
    assert answer.startswith(f"< {subscriber(1).iccid.swapped.hex().upper()}9000")


# --- the card goes and comes


def test_an_interrupted_command_leaves_a_card_that_was_reset(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options, trace = ReaderOptions(name=f"virtual:{bench.path}"), ApduLines(bytes(16), shown=False)
    transmit, commands = Card.transmit, 0

    def interrupted(self: Card, command: bytes) -> bytes:
        nonlocal commands
        commands += 1
        if commands == 2:
            raise KeyboardInterrupt
        return transmit(self, command)

    with open_card(options, trace) as card:
        session = Session(card, options)
        shell = Shell(session, options, trace)
        shell.onecmd_plus_hooks("select ADF.USIM")
        monkeypatch.setattr(Card, "transmit", interrupted)
        assert not shell.onecmd_plus_hooks("tree")
        assert capsys.readouterr().err == "Error: interrupted; the card was reset\n"
        assert shell.prompt == "euicc (00:MF)> "
        shell.onecmd_plus_hooks("select EF.ICCID")
        assert capsys.readouterr().out.startswith("MF/EF.ICCID")


def test_a_card_that_is_pulled_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = flow_lab(1).card, flow_lab(2).card
    reader = VirtualReader("Red", one)
    monkeypatch.setattr("smartcard.System.readers", lambda: [reader])
    options, trace = ReaderOptions(name="Red"), ApduLines(bytes(16), shown=False)
    with open_card(options, trace) as card:
        session = Session(card, options)
        session.start()
        shell = Shell(session, options, trace)

        def says(line: str) -> str:
            shell.onecmd_plus_hooks(line)
            out, err = capsys.readouterr()
            return out + err

        assert says("get_eid") == "89001012012341234012345678901224\n"
        reader.card = None
        for line in ("select EF.ICCID", "tree", "get_eid", "info", "status"):
            assert says(line) == "Error: the card was pulled out of Red: put it in again and repeat the command\n"
        assert says("reset") == "Error: there is no card in Red: put one in\n"
        reader.card = two
        assert "pulled out" in says("select EF.ICCID")
        assert says("reset").startswith("ATR 3B")
        assert "transparent" in says("select EF.ICCID")
        reader.card = one
        assert says("reconnect").startswith("ATR 3B")
        assert shell.prompt == "euicc (00:MF)> "
