# SPDX-License-Identifier: Apache-2.0
"""`euicc trace show` as a process: growing files, readers that go away, large files in little memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from apdu.trace.jsonl import to_line
from tests.require import ROOT
from tests.scale import count
from tests.support.traces import exchange, large, write

COMMAND: Final = [sys.executable, "-c", "from tools.cli import main; main(prog_name='euicc')", "trace", "show"]
MEMORY: Final = 600_000 * 1024
"""ulimit -v 600000."""


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@contextmanager
def process(*arguments: object, limited: bool = False) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_limited if limited else None,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def line_of(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().rstrip("\n")


def append(path: Path, at: float, data: str) -> None:
    with path.open("a", encoding="ascii") as file:
        file.writelines(to_line(event) + "\n" for event in exchange(at, data, "9000"))


def test_follow_goes_on_when_the_file_grows_is_cut_and_is_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "trace.jsonl", exchange(0.0, "00A40004023F00", "9000"))
    with process(path, "--follow") as running:
        assert "SELECT" in line_of(running)
        append(path, 1.0, "00B0000001")
        assert "READ BINARY" in line_of(running)
        path.write_text("")
        time.sleep(0.3)
        append(path, 2.0, "00B2010401")
        assert "READ RECORD" in line_of(running)
        path.rename(tmp_path / "old.jsonl")
        write(path, exchange(3.0, "0070000001", "019000"))
        assert "MANAGE CHANNEL" in line_of(running)
        running.send_signal(2)
        assert running.wait(10) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""


def test_follow_knows_a_text_trace_by_its_first_lines(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text("00A40004023F00\n9000\n")
    with process(path, "--follow") as running:
        assert "SELECT" in line_of(running)
        with path.open("a") as file:
            file.write("00B0000001\n6986\n")
        assert "READ BINARY" in line_of(running)


def test_follow_shows_standard_input_as_it_comes(tmp_path: Path) -> None:
    with process("-", "--follow") as running:
        assert running.stdin is not None
        for number in range(1, 4):
            running.stdin.writelines(to_line(event) + "\n" for event in exchange(number, "00B0000001", "009000"))
            running.stdin.flush()
            assert line_of(running).split()[0] == str(number)
        running.stdin.close()
        assert running.wait(10) == 0


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    path = large(tmp_path / "trace.jsonl", 20_000)
    with process(path) as running:
        assert line_of(running).startswith("      1 ")
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        running.wait(30)
        assert running.stderr.read() == ""


def _read_so_far(running: subprocess.Popen[str], path: Path) -> int:
    """How far a process is in a file that it has open."""
    (number,) = [each.name for each in Path(f"/proc/{running.pid}/fd").iterdir() if each.resolve() == path.resolve()]
    return int(Path(f"/proc/{running.pid}/fdinfo/{number}").read_text().split()[1])


def test_the_first_lines_of_a_large_file_come_before_it_is_read_and_in_little_memory(tmp_path: Path) -> None:
    """How soon they come is measured by `euicc bench`."""
    path = large(tmp_path / "trace.jsonl", count("trace_head_apdus"))
    with process(path, limited=True) as running:
        for number in range(1, 11):
            assert line_of(running).split()[0] == str(number)
        assert _read_so_far(running, path) < min(1 << 20, path.stat().st_size / 4)


def _peak(path: Path, *arguments: str) -> int:
    """The largest resident size of a run, in kB."""
    running = subprocess.Popen([*COMMAND, path, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small = _peak(large(tmp_path / "small.jsonl", 2_000))
    apdus = count("trace_flat_apdus")
    assert _peak(large(tmp_path / "large.jsonl", apdus)) < small + 6_000
