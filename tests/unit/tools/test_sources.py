# SPDX-License-Identifier: Apache-2.0
"""Entropy and time of a run; the trace file."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.trace import HeaderEvent, LinkEvent
from apdu.trace.jsonl import read_lines
from tools.entropy import Source, SystemEntropy, Timeline
from tools.errors import ToolError
from tools.tracefile import TraceFile

EVENT = LinkEvent(time=1.0, side="reader", kind="command", data=bytes.fromhex("00A40004023F00"))


def test_a_seed_repeats_everything() -> None:
    runs = []
    for _ in range(2):
        source = Source(7)
        runs.append(([source.clock() for _ in range(3)], source.entropy("card").draw(8), source.entropy("eum").draw(8)))
    assert runs[0] == runs[1]
    assert runs[0][0] == sorted(set(runs[0][0]))
    assert runs[0][1] != runs[0][2]


def test_a_party_has_one_stream() -> None:
    source, other = Source(7), Source(7)
    assert source.entropy("card").draw(8) != source.entropy("card").draw(8)
    other.entropy("eum").draw(100)
    assert Source(7).entropy("card").draw(8) == other.entropy("card").draw(8)


def test_seeds_differ_in_keys_and_not_in_time() -> None:
    one, other = Source(1), Source(-1)
    assert one.clock() == other.clock()
    assert one.entropy("card").draw(16) != other.entropy("card").draw(16)


@given(st.floats(0, 4e9), st.floats(0, 1e6))
def test_time_has_whole_microseconds(now: float, skipped: float) -> None:
    clock = Timeline(lambda: now)
    clock.skip(skipped)
    assert clock() == round(now + skipped, 6)


def test_without_a_seed_it_is_the_machine() -> None:
    source = Source()
    assert abs(source.clock() - time.time()) < 60
    assert isinstance(source.entropy("card"), SystemEntropy)
    assert source.entropy("card").draw(16) != source.entropy("card").draw(16)
    assert len(SystemEntropy().draw(5)) == 5


@pytest.mark.parametrize("mode", [None, 0o666, 0o600])
def test_trace_is_its_owners(tmp_path: Path, mode: int | None) -> None:
    path = tmp_path / "trace.jsonl"
    if mode is not None:
        path.write_text("what was there before, and longer than what comes\n" * 20)
        path.chmod(mode)
    umask = os.umask(0)
    try:
        with TraceFile(path, b"salt") as trace:
            trace.write(EVENT)
            trace.check()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(read_lines(path.read_text().splitlines())) == [HeaderEvent(time=EVENT.time), EVENT]


def test_registered_values_are_hidden(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    with TraceFile(path, b"salt") as trace:
        trace.register(bytes.fromhex("0011223344556677"))
        trace.write(LinkEvent(time=1.0, side="reader", kind="response", data=bytes.fromhex("00112233445566779000")))
    assert "0011223344556677" not in path.read_text()


@pytest.mark.parametrize("name", ["missing/trace.jsonl", ".", "x" * 300])
def test_a_file_that_cannot_be_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(ToolError, match=r"^the trace cannot be written to .*; name another file$"):
        TraceFile(tmp_path / name, b"")


def test_a_full_disk_shows_at_the_next_check() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    trace = TraceFile(full, b"")
    trace.write(EVENT)  # inside a card's command: nothing may be raised
    with pytest.raises(ToolError, match="no space left"):
        trace.check()
    with pytest.raises(ToolError, match="no space left"):
        trace.check()


def test_a_reader_that_went_away(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    trace = TraceFile(fifo, b"")
    os.close(reader)
    trace.write(EVENT)
    with pytest.raises(ToolError, match="broken pipe"):
        trace.check()
