# SPDX-License-Identifier: Apache-2.0
"""Parts of a lab as processes: what happens when they die, and when the one that started them does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.require import ROOT
from tests.support.smsc import free_port, wait_for
from tools.errors import ToolError
from tools.lab.ports import taken
from tools.lab.state import read_state
from tools.lab.supervisor import Part, Stopped, Supervisor

_RUN = """
import sys
from pathlib import Path
from tools.lab.state import StateFile, read_state
from tools.lab.supervisor import Part, Stopped, Supervisor

folder, *ports = map(str, sys.argv[1:])
def part(name, port):
    state = Path(folder, name + ".json")
    def ready(pid):
        found = read_state(state)
        return found is not None and found["pid"] == pid
    arguments = "smsc", "serve", "--bind", "127.0.0.1:" + port, "--state", str(state)
    return Part(name, arguments, Path(folder, name + ".log"), ready)

def say(text):
    print(text, flush=True)

try:
    with Supervisor(say) as supervisor, StateFile(Path(folder, "up.json"), supervisor.figures):
        for number, port in enumerate(ports):
            supervisor.start(part(f"smsc-{number}", port))
        say("up")
        supervisor.watch()
except Stopped:
    say("stopped")
"""

_AT_EACH_MOMENT = """
import faulthandler, itertools, signal, sys
from tools.lab.supervisor import Stopped, Supervisor

faulthandler.dump_traceback_later(30, exit=True)

def ends(moment):
    moments = itertools.count()
    def trace(frame, event, argument):
        if next(moments) == moment:
            signal.raise_signal(signal.SIGTERM)
        return trace
    try:
        with Supervisor(print) as supervisor:
            sys.settrace(trace)
            try:
                for _ in range(3):
                    supervisor.check()
            finally:
                sys.settrace(None)
    except Stopped:
        return True
    return next(moments) > moment

count = next(moment for moment in itertools.count() if not ends(moment))
print("moments:", count)
"""


class Running:
    """A supervisor of service centres in a process of its own."""

    def __init__(self, folder: Path, parts: int = 2) -> None:
        self.folder = folder
        self.ports = [free_port() for _ in range(parts)]
        self.out = folder / "out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _RUN, str(folder), *map(str, self.ports)],
                cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, process_group=0,
            )  # fmt: skip

    def __enter__(self) -> Self:
        wait_for(lambda: "up\n" in self.text, 30)
        wait_for(lambda: len(self.pids()) == len(self.ports), 30)  # what it says of itself is written now and then
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def text(self) -> str:
        return self.out.read_text()

    def pids(self) -> dict[str, int]:
        state = read_state(self.folder / "up.json")
        assert state is not None
        return {name: each["pid"] for name, each in state["parts"].items()}

    @property
    def listening(self) -> list[int]:
        return [port for port in self.ports if taken(port) is not None]


def alive(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path) as found:
        yield found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all(number: signal.Signals, running: Running) -> None:
    pids = running.pids()
    assert len(running.listening) == 2
    running.process.send_signal(number)
    assert running.process.wait(15) == 0, running.text
    assert running.text.endswith("stopped\n")
    assert not [pid for pid in pids.values() if alive(pid)]
    assert running.listening == []
    assert not (running.folder / "smsc-0.json").exists()  # it ended by itself


def test_it_ends_at_whatever_moment_a_signal_comes() -> None:
    done = subprocess.run([sys.executable, "-c", _AT_EACH_MOMENT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout.removeprefix("moments:")) > 10


def test_killed_it_leaves_no_orphan(running: Running) -> None:
    pids = running.pids()
    running.process.kill()
    running.process.wait()
    wait_for(lambda: not any(map(alive, pids.values())), 15)
    assert running.listening == []


def test_a_part_that_stands_still_is_killed_in_the_end(running: Running) -> None:
    pids = running.pids()
    os.kill(pids["smsc-0"], signal.SIGSTOP)
    running.process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    assert running.process.wait(20) == 0
    assert time.monotonic() - start > 8
    assert not any(map(alive, pids.values()))


def test_a_second_signal_does_not_wait(running: Running) -> None:
    pids = running.pids()
    os.kill(pids["smsc-0"], signal.SIGSTOP)
    running.process.send_signal(signal.SIGINT)
    time.sleep(1)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(8) == 0
    assert not any(map(alive, pids.values()))


def test_what_dies_is_told_and_started_again_a_few_times(running: Running) -> None:
    before = running.pids()
    os.kill(before["smsc-1"], signal.SIGKILL)
    wait_for(lambda: running.pids()["smsc-1"] not in (None, before["smsc-1"]), 20)
    after = running.pids()
    assert after["smsc-0"] == before["smsc-0"]
    assert "smsc-1 was killed by signal 9; again in 1 s" in running.text
    wait_for(lambda: len(running.listening) == 2, 20)
    assert f"smsc-1 is started again, process {after['smsc-1']}" in running.text


def part(folder: Path, *arguments: str) -> Part:
    return Part("part", arguments, folder / "part.log", lambda pid: False)


def test_a_part_that_ends_at_once_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="No such command 'nonsense'"), Supervisor(print) as supervisor:
        supervisor.start(part(tmp_path, "nonsense"))
    with pytest.raises(ToolError, match="euicc"), Supervisor(print) as supervisor:
        supervisor.start(part(tmp_path, "--version"))


def test_a_part_that_is_never_ready_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.lab.supervisor._READY", 2.0)
    one = part(tmp_path, "smsc", "serve", "--bind", f"127.0.0.1:{free_port()}")
    with pytest.raises(ToolError, match="not ready after 2 s: listening"), Supervisor(print) as supervisor:
        supervisor.start(one)
    assert one.pid is None


def test_a_part_that_dies_again_and_again_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.lab.supervisor._FIRST_PAUSE", 0.01)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if "left alone" in text:
            os.kill(os.getpid(), signal.SIGINT)

    dying = Part("dying", ("--version",), tmp_path / "log", lambda pid: True)
    with pytest.raises(Stopped), Supervisor(say) as supervisor:
        supervisor.start(dying)
        supervisor.watch()
    assert sum("ended with code 0 (euicc" in text and "; again in" in text for text in said) == 5
    assert "it died 6 times" in said[-1]
    assert len((tmp_path / "log").read_text().splitlines()) == 6
