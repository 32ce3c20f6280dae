# SPDX-License-Identifier: Apache-2.0
"""`euicc trace convert` and `record`: formats, secrets, files that are spared, and what goes wrong in one line."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emulator.memory.image import ImageBackend
from tests.require import ROOT, require
from tests.support.capture import gsmtap
from tests.support.flow import flow_lab
from tests.unit.trace.test_sources import PCSCD
from tools.cli import main
from tools.trace.open import read_trace

PIN = "31323334FFFFFFFF"
SESSION = f"> 00A40004023F00\n< 9000\n> 00A40004022FE2\n< 9000\n> 00B000000A\n< 6982\n> 0020000108{PIN}\n< 63C2\n"
_EUICC = (sys.executable, "-c", "from tools.cli import main; main(prog_name='euicc')")


def euicc(*arguments: object, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["trace", *map(str, arguments)], prog_name="euicc", input=given)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "session.hex"
    path.write_text(SESSION)
    return path


@pytest.mark.parametrize("name", ["out.jsonl", "out.pcapng", "out.txt"])
def test_secrets_go_only_where_they_are_asked_for(session: Path, name: str) -> None:
    output = session.with_name(name)
    assert euicc("convert", session, "-o", output).exit_code == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    hidden = output.read_bytes()
    assert PIN.encode() not in hidden
    assert bytes.fromhex(PIN) not in hidden
    assert b"nredacted" not in hidden
    assert euicc("convert", session, "-o", output, "--unredacted").exit_code == 0
    shown = output.read_bytes()
    assert PIN.encode() in shown or bytes.fromhex(PIN) in shown
    assert b"nredacted" in shown.lower()


def test_there_and_back(session: Path) -> None:
    paths = [session.with_name(name) for name in ("a.jsonl", "b.pcapng", "c.jsonl")]
    for source, output in zip([session, *paths], paths, strict=False):
        assert euicc("convert", source, "-o", output).exit_code == 0
    assert paths[0].read_bytes() == paths[2].read_bytes()
    assert json.loads(paths[0].read_text().splitlines()[0])["event"] == "header"


def test_a_trace_may_take_its_own_place(session: Path) -> None:
    path = session.with_name("a.jsonl")
    assert euicc("convert", session, "-o", path, "--unredacted").exit_code == 0
    before = path.read_text()
    assert euicc("convert", path, "-o", path).exit_code == 0
    assert path.read_text() == before.replace(PIN, "xx" * 8).replace(',"unredacted":true', "")
    assert sorted(each.name for each in path.parent.iterdir()) == ["a.jsonl", "session.hex"]


def test_a_script_runs_on_a_card(session: Path) -> None:
    """The recorded status words are what must come; hidden commands are comments."""
    script, image = session.with_name("script.txt"), session.with_name("one.card")
    with ImageBackend.create(image) as backend:
        backend.commit(flow_lab().snapshot())
    log = session.with_name("log.jsonl")
    sent = "A40004:3F00/00\nA40004:2FE2/00\nB00000/0A\n00200001\n"
    run = ["script", "run", "-", "-r", f"virtual:{image}", "--trace-file", str(log)]
    assert CliRunner().invoke(main, run, input=sent).exit_code == 0
    assert euicc("convert", log, "-o", script).exit_code == 0
    lines = [line for line in script.read_text().splitlines() if not line.startswith("#")]
    assert [line.partition("  #")[0][-5:] for line in lines] == ["=9000", "=9000", "=9000", "=63C3"]
    again = CliRunner().invoke(main, ["script", "run", str(script), "-r", f"virtual:{image}"])
    assert again.exit_code == 0, again.output
    script.write_text(script.read_text().replace("=63C3", "=9000"))
    assert CliRunner().invoke(main, ["script", "run", str(script), "-r", f"virtual:{image}"]).exit_code == 1
    assert euicc("convert", session, "-o", script).exit_code == 0
    assert "# hidden: > " in script.read_text()


def test_standard_input_and_output() -> None:
    done = subprocess.run(
        [*_EUICC, "trace", "convert", "-", "-o", "-"], cwd=ROOT, input=PCSCD, capture_output=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["header"] + ["link"] * 4
    assert b"313233" not in done.stdout


def test_what_is_damaged_is_told_and_the_rest_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "broken.hex"
    path.write_text(SESSION + "> 00\n" * 7 + "< 9000\n")
    result = euicc("convert", path, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    first = f"line 9 at byte {len(SESSION)}: is no command: shorter than its header (ISO 7816-4 5.1)"
    assert result.stderr.splitlines()[0] == first
    assert result.stderr.splitlines()[5:] == ["7 pieces of the trace could not be read"]
    assert len(list(read_trace(tmp_path / "out.jsonl"))) == 10


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["convert", "SESSION", "-o", "FOLDER/out.xml"], "does not say its format: name it .jsonl, .pcapng, .txt"),
        (["convert", "NONE", "-o", "FOLDER/out.jsonl"], "cannot be read: no such file or directory"),
        (["convert", "TEXT", "-o", "FOLDER/out.jsonl"], "is no trace: known are pcapng, pcap, jsonl"),
        (["convert", "SESSION", "-o", "FOLDER/no/out.jsonl"], "cannot be written to"),
        (["convert", "SESSION", "-o", "TEXT", "--to", "jsonl"], "is there and is no trace"),
        (["convert", "SESSION", "-o", "SESSION", "--to", "script"], "is there and is no trace"),
        (["record", "-o", "TEXT", "--to", "jsonl", "--", sys.executable], "is there and is no trace"),
        (["record", "-o", "FOLDER/out.jsonl", "--", "no-such-program"], "there is no such program"),
        (["record", "-o", "FOLDER/out.jsonl", "-r", "virtual:", "--", "true"], "names no card image"),
        (["record", "-o", "FOLDER/out.jsonl", "-r", "virtual:NONE", "--", "true"], "does not exist"),
        (["record", "-o", "FOLDER/out.jsonl", "--", "true"], "used no pyscard in Python: nothing was recorded"),
        (["record", "-o", "FOLDER/out.jsonl", "--gsmtap", "nowhere:port"], "is no address"),
        (["record", "-o", "FOLDER/out.jsonl", "--gsmtap", "198.51.100.1:4729"], "cannot be listened on"),
    ],
)
def test_what_goes_wrong_is_one_line(session: Path, arguments: list[str], said: str) -> None:
    text, folder = session.with_name("letter.txt"), session.parent
    text.write_text("Dear all,\n")
    places = {"SESSION": str(session), "FOLDER": str(folder), "TEXT": str(text), "NONE": str(folder / "none")}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    result = euicc(*arguments)
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert said in line
    assert text.read_text() == "Dear all,\n"
    assert session.read_text() == SESSION
    assert not [each for each in folder.iterdir() if each.name.endswith(".part")]


@pytest.mark.parametrize("arguments", [[], ["--gsmtap", "--", "true"], ["--unknown", "--", "true"]])
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    assert euicc("record", "-o", tmp_path / "out.jsonl", *arguments).exit_code == 2


PROGRAM = """
import sys
from smartcard.System import readers
import smartcard
(reader,) = readers()
assert smartcard.System.listReaders() == [str(reader)]
connection = reader.createConnection()
connection.connect()
assert bytes(connection.getATR())[0] == 0x3B
assert connection.transmit([0, 0x20, 0, 1, 8, *b"1234\\xff\\xff\\xff\\xff"])[1] in (0x63, 0x69, 0x90)
connection.reconnect()
data, sw1, sw2 = connection.transmit(list(bytes.fromhex("00A40004022FE200")))
assert (sw1, sw2) == (0x90, 0)
connection.disconnect()
import site_marker
sys.exit(7)
"""


def test_a_program_with_a_virtual_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs as it is, its own `sitecustomize` too, and its exit code is the command's."""
    require("pyscard")
    image, output, home = tmp_path / "one.card", tmp_path / "out.jsonl", tmp_path / "home"
    with ImageBackend.create(image) as backend:
        backend.commit(flow_lab().snapshot())
    home.mkdir()
    (home / "sitecustomize.py").write_text("import sys, types\nsys.modules['site_marker'] = types.ModuleType('x')\n")
    monkeypatch.setenv("PYTHONPATH", str(home))
    record = ["trace", "record", "-o", output, "-r", f"virtual:{image}", "--", sys.executable, "-c", PROGRAM]
    done = subprocess.run([*_EUICC, *map(str, record)], cwd=ROOT, capture_output=True, text=True, check=False, env={
        **os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{home}"
    })  # fmt: skip
    assert (done.returncode, done.stderr) == (7, f"7 events in {output}\n")
    lines = [json.loads(line) for line in output.read_text().splitlines()[1:]]
    assert [line["kind"] for line in lines] == [
        "atr", "command", "response", "atr", "command", "response", "power-off"
    ]  # fmt: skip
    assert lines[1]["data"] == "0020000108" + "xx" * 8
    assert {line["reader"] for line in lines} == {f"virtual:{image}"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_gsmtap_over_udp(tmp_path: Path, number: signal.Signals) -> None:
    output = tmp_path / "out.jsonl"
    command = [*_EUICC, "trace", "record", "-o", str(output), "--gsmtap", "127.0.0.1:0"]
    command[-1] = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith(f"listening on {command[-1]}")
    host, _, port = command[-1].partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for payload in ("A0A40000026F7E9F0F", "00", f"A020000108{PIN}9000"):
            sender.sendto(gsmtap(0, bytes.fromhex(payload)), (host, int(port)))
    end = time.monotonic() + 10
    while output.stat().st_size < 300:
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(10) == 0
    assert process.stderr.read().splitlines() == [
        "packet 2 at byte 25: is shorter than a command and a status word (ISO 7816-3 12.2)",
        f"4 events in {output}",
    ]
    lines = [json.loads(line) for line in output.read_text().splitlines()[1:]]
    assert [line["data"] for line in lines] == ["A0A40000026F7E", "9F0F", "A020000108" + "xx" * 8, "9000"]
    assert abs(lines[0]["time"] - time.time()) < 60


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
