# SPDX-License-Identifier: Apache-2.0
"""`euicc trace tui`, driven by keys: list, layers, search, filter, findings, help; hostile and large traces."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from apdu.trace.decode import Entry, decode
from apdu.trace.events import AnyEvent, ChannelEvent, FunctionEvent
from tests.require import ROOT
from tests.scale import count
from tests.support.traces import RAW, command, exchange, hostile, large, write
from tools.cli import main
from tools.errors import ToolError
from tools.trace.pipeline import Origin, entries
from tools.trace.tui.app import TraceApp
from tools.trace.tui.detail import Detail
from tools.trace.tui.entrylist import EntryList
from tools.trace.tui.query import BadQuery, filter_test
from tools.trace.tui.spool import Spool

if TYPE_CHECKING:
    from textual.pilot import Pilot

Act = Callable[["Pilot[None]", TraceApp], Awaitable[None]]
WAIT: Final = 10.0


def session() -> list[AnyEvent]:
    """200 commands: 50 and 150 fail, 120 has no response, 180 carries something in SCP03."""
    events: list[AnyEvent] = [FunctionEvent(time=0.0, layer="es5", name="ES5.EnableProfile")]
    for number in range(2, 202):
        data = f"00B0{number >> 8:02X}{number & 255:02X}02"
        if number == 120:
            events.append(command(number, data))
        elif number == 180:
            sent, answer = bytes.fromhex("84F28002084F0011223344556600"), bytes.fromhex("9000")
            first, second = exchange(number, sent.hex(), "9000")
            plain = bytes.fromhex("80F28002024F0000")
            protected = ChannelEvent(
                time=number, layer="scp03", side="reader", protected=sent, plain=plain, response_plain=answer
            )
            events += [first, protected, second]
        else:
            events += exchange(number, data, "6982" if number in (50, 150) else "AABB9000")
    return events


def run(found: Iterable[Entry], act: Act, size: tuple[int, int] = (140, 40)) -> None:
    async def session() -> None:
        app = TraceApp("trace.jsonl", iter(found))
        async with app.run_test(size=size) as pilot:
            await act(pilot, app)

    asyncio.run(session())


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end, "it never came to this"
        await pilot.pause(0.02)


def listed(app: TraceApp) -> EntryList:
    return app.query_one(EntryList)


def number(app: TraceApp) -> int:
    place = listed(app).place
    assert place is not None
    return place + 1


def layers(app: TraceApp) -> list[str]:
    tree = app.query_one(Detail)
    return [str(tree.get_node_at_line(line).label) for line in range(tree.last_line + 1)]  # type: ignore[union-attr]


def status(app: TraceApp) -> str:
    return str(app.query_one("#status").render())


def test_moving_shows_the_layers_of_each_entry() -> None:
    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: listed(app).count == 201 and "reading" not in status(app))
        assert number(app) == 1
        await pilot.press("down", "j", "k", "down")
        assert number(app) == 3
        await until(pilot, lambda: layers(app)[0].startswith("READ BINARY"))
        await pilot.press("end")
        assert number(app) == 201
        assert listed(app).scroll_offset.y > 100
        await pilot.press("pageup")
        assert 150 < number(app) < 201
        await pilot.press("home")
        assert (number(app), listed(app).scroll_offset.y) == (1, 0)
        await pilot.click(EntryList, offset=(5, 4))
        assert number(app) == 5

    run(decode(session()), act)


def test_layers_fold() -> None:
    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: listed(app).count == 201)
        listed(app).cursor = 179
        await until(pilot, lambda: any(line.startswith("SCP03") for line in layers(app)))
        shown = layers(app)
        at = next(place for place, line in enumerate(shown) if line.startswith("SCP03"))
        await pilot.press("tab")
        await pilot.press(*["down"] * at, "enter")
        await until(pilot, lambda: len(layers(app)) < len(shown))
        await pilot.press("enter")
        await until(pilot, lambda: layers(app) == shown)
        await pilot.press("tab")
        assert listed(app).has_focus

    run(decode(session()), act)


def test_search_goes_around_and_looks_into_layers() -> None:
    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: listed(app).count == 201)
        await pilot.press("slash", *"6982", "enter")
        await until(pilot, lambda: number(app) == 50)
        for key, expected in (("n", 150), ("n", 50), ("N", 150)):
            await pilot.press(key)
            await until(pilot, lambda expected=expected: number(app) == expected)  # type: ignore[misc]
        await pilot.press("slash", *"plain command", "enter")
        await until(pilot, lambda: number(app) == 180)
        await pilot.press("slash", *"nowhere", "enter")
        await until(pilot, lambda: "not found" in status(app))
        assert number(app) == 180

    run(decode(session()), act)


def test_findings_are_found() -> None:
    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: listed(app).count == 201)
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: number(app) == 120)
        await until(pilot, lambda: "the command has no response" in status(app))
        assert layers(app)[1].startswith("? the command has no response")

    run(decode(session()), act)


def test_a_filter_lists_what_it_lets_through() -> None:
    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: listed(app).count == 201)
        await pilot.press("f", *"sw:69xx fn:enable", "enter")
        await until(pilot, lambda: listed(app).count == 2)
        assert number(app) == 50
        await pilot.press("down")
        assert number(app) == 150
        assert "filter sw:69xx fn:enable: 2" in status(app)
        await pilot.press("escape")
        await until(pilot, lambda: listed(app).count == 201)
        assert number(app) == 150
        await pilot.press("f", *"sw:zz", "enter")
        await until(pilot, lambda: "sw:zz: try" in status(app))
        await pilot.press("escape")
        assert listed(app).has_focus

    run(decode(session()), act)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("ins:B0 sw:6982", 2),
        ("layer:scp03", 1),
        ("findings", 1),
        ("aid:isd-r", 0),
        ("ch:0 ins:F2", 1),
        ("no response", 1),
        ("what:ever", 0),
    ],
)
def test_filters(text: str, expected: int) -> None:
    test = filter_test(text)
    assert test is not None
    assert sum(map(test, decode(session()))) == expected


@pytest.mark.parametrize("text", ["sw:1", "ins:xyz", "ch:one", "aid:zz"])
def test_filters_that_mean_nothing_are_said(text: str) -> None:
    with pytest.raises(BadQuery, match=text):
        filter_test(text)


def test_help_opens_and_closes_and_q_ends() -> None:
    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await pilot.press("question_mark")
        assert app.screen.id is None
        assert "fold and unfold" in str(app.screen.query_one("#help Static").render())
        await pilot.press("escape")
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    run(decode(session()), act)


def test_narrow_terminals_have_the_layers_below() -> None:
    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: listed(app).count == 201)
        assert app.query_one(Detail).region.y > listed(app).region.y

    run(decode(session()), act, (60, 24))


def test_nothing_in_a_trace_is_markup() -> None:
    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: listed(app).count > 5 and "reading" not in status(app))
        seen: list[str] = []
        for row in range(listed(app).count):
            listed(app).cursor = row
            await pilot.pause()
            line, inside = listed(app).render_line(row).text, "".join(layers(app))
            shown = line + inside + status(app)
            assert shown.isprintable(), shown
            seen += [text for text in (line, inside) if "[red]&" in text]
        assert len(seen) >= 5  # what rich would take for a colour stands there
        app.query_one("#ask").value = "[red]x[/]"  # type: ignore[attr-defined]
        await pilot.press("f", *"[red", "enter")
        await until(pilot, lambda: "filter [red" in status(app))
        assert listed(app).count > 5

    run(decode(hostile()), act)


def test_what_goes_wrong_while_reading_is_said() -> None:
    def broken() -> Iterable[Entry]:
        yield from decode(session())
        raise ToolError("the disk is gone")

    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: "stopped: the disk is gone" in status(app))
        assert listed(app).count == 201

    run(broken(), act)


def test_the_spool_gives_back_what_it_took() -> None:
    taken = list(decode(event for _ in range(5) for event in session()))
    spool = Spool()
    for entry in taken:
        spool.add(entry)
    assert len(spool) == len(taken)
    for at in (0, len(taken) - 1, 127, 128, 500, 1, 640):
        assert (spool[at].number, spool[at].summary, spool[at].tree()) == (
            taken[at].number,
            taken[at].summary,
            taken[at].tree(),
        )
    spool.close()


def test_a_large_trace_opens_before_it_is_read_and_is_read_on(tmp_path: Path) -> None:
    """How soon it opens is measured by `euicc bench`."""
    apdus = count("trace_tui_apdus")
    path = large(tmp_path / "trace.jsonl", apdus)

    async def act(pilot: Pilot[None], app: TraceApp) -> None:
        await until(pilot, lambda: listed(app).count > 40)
        before = listed(app).count
        assert before < apdus / 2
        await pilot.press("end", "down", "up")
        assert number(app) >= before - 1
        await until(pilot, lambda: listed(app).count > before)
        await pilot.press("q")

    run(entries(Origin(path)), act)


def test_it_asks_for_a_file_and_a_terminal(tmp_path: Path) -> None:
    path = write(tmp_path / "trace.jsonl", session())
    for arguments, expected in (([str(path)], "needs a terminal"), (["-"], "name a file")):
        result = CliRunner().invoke(main, ["trace", "tui", *arguments], prog_name="euicc")
        assert result.exit_code == 1
        assert expected in result.stderr


def test_a_terminal_is_as_it_was_and_obeys_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "trace.jsonl", hostile())
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 400, 0, 0))
    before = termios.tcgetattr(theirs)
    code = "from tools.cli import main; main(prog_name='euicc')"
    arguments = [sys.executable, "-c", code, "trace", "tui", str(path)]
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        said = _read(mine, lambda text: "x1b[31m" in text and "Quit" in text)
        os.write(mine, b"\x1b[B\x1b[B")
        said += _read(mine, lambda text: bool(text), 1)
        os.write(mine, b"q")
        said += _read(mine, lambda text: "\x1b[?1049l" in text)
        assert running.wait(WAIT) == 0
    said += _read(mine, lambda text: "\x1b[?25h" in text, 1)  # the cursor may come back last
    assert termios.tcgetattr(theirs) == before
    assert "\x1b[?1049h" in said
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")
    assert "\\x1b[31m" in said
    said = said.replace("\x1b]22;default\x07", "")  # textual's own: the shape of the mouse pointer
    assert [raw for raw in RAW if raw in said and not raw.isprintable()] == []
    assert not re.search("\x1b\\[31m\\\\x9b", said)
    os.close(mine)
    os.close(theirs)


def _read(terminal: int, enough: Callable[[str], bool], patience: float = WAIT) -> str:
    """What the terminal gets, until it is enough or nothing comes any more."""
    said, end = b"", time.monotonic() + patience
    while time.monotonic() < end and not enough(said.decode("utf-8", "replace")):
        if select.select([terminal], [], [], 0.1)[0]:
            said += os.read(terminal, 1 << 16)
    return said.decode("utf-8", "replace")
