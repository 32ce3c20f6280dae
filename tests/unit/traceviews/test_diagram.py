# SPDX-License-Identifier: Apache-2.0
"""`euicc trace diagram`: who says what to whom, repetitions, escapes; SVG that an XML parser reads."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from apdu.trace.decode import decode
from apdu.trace.events import AnyEvent, BearerEvent, FunctionEvent, LinkEvent
from tests.support.traces import RAW, command, exchange, hostile, write
from tools.cli import main
from tools.trace.ladder import Actor, Ladder, ladder
from tools.trace.ladder_svg import svg
from tools.trace.mermaid import mermaid

SVG: Final = "{http://www.w3.org/2000/svg}"


def drawn(events: Iterable[AnyEvent], limit: int = 100) -> Ladder:
    return ladder(decode(events), limit)


def session() -> list[AnyEvent]:
    return [
        LinkEvent(time=0.0, side="reader", kind="atr", data=b"\x3b\x00"),
        FunctionEvent(time=0.1, layer="es8", name="ES8.DownloadAndInstallation"),
        BearerEvent(time=0.15, layer="sms", side="reader", direction="to-card", name="SMS-DELIVER", data=b"x"),
        *(event for at in range(5) for event in exchange(1 + at, f"80E200{at:02X}01AA", "9000")),
        *exchange(7.0, "80E2000501AA", "6A80"),
        command(8.0, "00B0000001"),
        FunctionEvent(time=9.0, layer="es8", name="ES8.DownloadAndInstallation", outcome="failed at 6A80; end"),
    ]


MERMAID: Final = """\
sequenceDiagram
    participant card as Card
    participant device as Device
    participant smsr as SM-SR
    participant smdp as SM-DP
    Note over card,device: reset 3B00
    smdp->>card: ES8.DownloadAndInstallation
    smsr->>device: SMS-DELIVER
    device->>card: STORE DATA ×5
    card-->>device: 9000
    device->>card: STORE DATA block 5#58; 6A80 (wrong parameters in the data field)
    card--xdevice: 6A80
    device->>card: READ BINARY no file (no response)
    card--xdevice: no response
    card--xsmdp: failed at 6A80#59; #101;nd
"""


def test_mermaid() -> None:
    assert mermaid(drawn(session())) == MERMAID


def test_the_svg_says_the_same() -> None:
    root = ElementTree.fromstring(svg(drawn(session())))
    assert [each.text for each in root.iterfind(f".//{SVG}g[@class='actor']/{SVG}text")] == list(Actor)[:4]
    steps = [each for each in root.iter(f"{SVG}g") if each.get("class", "").startswith("step")]
    assert [each.get("data-entry") for each in steps] == ["1", "2", "3", "4", "9", "10", "11"]
    assert [each.findtext(f"{SVG}title") for each in steps][3] == "STORE DATA ×5 → 9000"
    assert [" bad" in each.get("class", "") for each in steps] == [False] * 4 + [True] * 3
    assert root.findtext(f".//{SVG}text[@class='mark warning']") == "?"


def test_what_does_not_fit_is_counted() -> None:
    events = [event for at in range(40) for event in exchange(at, f"00{'B0' if at % 2 else 'B2'}000001", "9000")]
    cut = drawn(events, limit=10)
    assert (len(cut.steps), cut.omitted) == (10, 30)
    assert mermaid(cut).endswith("Note over card,device: 30 more are not drawn\n")
    assert "30 more are not drawn" in svg(cut)


def test_nothing_in_a_trace_is_syntax() -> None:
    steps = drawn(hostile())
    text = mermaid(steps)
    for line in text.splitlines()[1:]:
        said = line.partition(": ")[2] or line.partition(" as ")[2]
        assert re.fullmatch(r"(?:[A-Za-z0-9 .,()/_=×+-]|#\d+;)*", said), line
        assert not re.search(r"\bend\b", said, re.IGNORECASE)
    drawing = svg(steps)
    ElementTree.fromstring(drawing)
    assert "&lt;script&gt;" in drawing
    assert not any(raw in drawing for raw in RAW)


@pytest.mark.parametrize("name,form", [("d.svg", []), ("d.mmd", []), ("d.txt", ["--format", "svg"])])
def test_files_are_their_owners(tmp_path: Path, name: str, form: list[str]) -> None:
    path, output = write(tmp_path / "trace.jsonl", session()), tmp_path / name
    output.write_text("<svg />")
    output.chmod(0o644)
    arguments = ["trace", "diagram", str(path), "-o", str(output), *form]
    result = CliRunner().invoke(main, arguments, prog_name="euicc")
    assert (result.exit_code, result.output) == (0, "")
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert output.read_text().startswith("sequenceDiagram" if name.endswith("mmd") else "<svg ")
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(["trace.jsonl", name])


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "trace.jsonl", session())
    arguments = ["trace", "diagram", str(path), "-o", str(tmp_path / "no" / "d.svg")]
    result = CliRunner().invoke(main, arguments, prog_name="euicc")
    assert result.exit_code == 1
    assert f"cannot be written to {tmp_path / 'no' / 'd.svg'}: no such file or directory" in result.stderr
