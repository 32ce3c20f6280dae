# SPDX-License-Identifier: Apache-2.0
"""`euicc trace show`: lines, layers, filters, damage, hostile text, JSON."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from apdu.trace.events import AnyEvent, ChannelEvent, FunctionEvent, LinkEvent
from apdu.trace.jsonl import to_line
from tests.support.traces import RAW, command, exchange, hostile, write
from tools.cli import main

ISD_R: Final = "A0000005591010FFFFFFFF8900000100"
GET_STATUS: Final = "84F28002084F0011223344556600"
PLAIN: Final = "80F28002024F0000"


def show(path: Path | str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["trace", "show", str(path), *arguments], prog_name="euicc")


def lines(path: Path | str, *arguments: str) -> list[str]:
    result = show(path, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def numbers(path: Path, *arguments: str) -> list[int]:
    return [int(line[1:7]) for line in lines(path, *arguments)]


def session() -> list[AnyEvent]:
    """One of everything, in 2025."""
    at = 1735689600.0
    return [
        LinkEvent(time=at, side="reader", kind="atr", data=bytes.fromhex("3B00")),
        FunctionEvent(time=at + 0.1, layer="es5", name="ES5.eUICCCapabilityAudit"),
        *exchange(at + 0.2, f"00A4040010{ISD_R}", "9000"),
        *exchange(at + 0.3, GET_STATUS, "AABB9000")[:1],
        ChannelEvent(
            time=at + 0.3005,
            layer="scp03",
            side="reader",
            target=ISD_R,
            protected=bytes.fromhex(GET_STATUS),
            plain=bytes.fromhex(PLAIN),
            response_protected=bytes.fromhex("AABB9000"),
            response_plain=bytes.fromhex("9000"),
        ),
        *exchange(at + 0.3, GET_STATUS, "AABB9000")[1:],
        FunctionEvent(time=at + 0.4, layer="es5", name="ES5.eUICCCapabilityAudit", outcome="ok"),
        *exchange(at + 1.5, "01B0000002", "6982"),
        command(at + 2.0, "00B0000003"),
        *exchange(at + 2.5, "0020000108" + "31323334FFFFFFFF", "63C2", reader="ACR 38"),
    ]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return write(tmp_path / "trace.jsonl", session())


UNANSWERED: Final = "the command has no response (ISO/IEC 7816-3 12.1)"
OUTSIDE: Final = "  ! a protected command was accepted outside a session (GPCS Amendment D 5.6)"
GOLDEN: Final = f"""\
      1     0.000000  +0.000000          reset 3B00
      2     0.100000  +0.100000          ES5.eUICCCapabilityAudit: begins
      3     0.200000  +0.100000  0 9000  SELECT ISD-R                                  ES5.eUICCCapabilityAudit
!     4     0.300000  +0.100000  0 9000  GET STATUS issuer security domain             ES5.eUICCCapabilityAudit{OUTSIDE}
      5     0.400000  +0.100000          ES5.eUICCCapabilityAudit: ok
      6     1.500000  +1.100000  1 6982  READ BINARY no file: 6982 (the security status is not satisfied)
?     7     2.000000  +0.500000  0 ----  READ BINARY no file (no response)             ? {UNANSWERED}
      8     2.500000  +0.500000  0 63C2  ACR 38: VERIFY PIN1 (01): 63C2 (2 tries left)
"""


def test_a_line_for_each_entry(trace: Path) -> None:
    assert lines(trace) == GOLDEN.splitlines()


def test_interleaved_readers_come_in_the_order_of_their_commands(tmp_path: Path) -> None:
    first = [exchange(at / 10, "00B0000001", "9000", reader="A") for at in range(0, 400, 2)]
    second = [exchange(at / 10, "00B0000001", "9000", reader="B") for at in range(1, 21, 2)]
    events = [event for pair in zip(first, [*second, *[()] * 190], strict=True) for both in pair for event in both]
    path = write(tmp_path / "trace.jsonl", [events[0], *events[2:3], events[1], *events[3:]])
    assert numbers(path) == list(range(1, 211))


def test_times_of_the_clock(trace: Path) -> None:
    assert lines(trace, "--absolute")[0].startswith("      1 2025-01-01 00:00:00.000000  +0.000000 ")


UNFOLDED: Final = f"""\
!     4     0.300000  +0.100000  0 9000  GET STATUS issuer security domain             ES5.eUICCCapabilityAudit{OUTSIDE}
          SCP03 A0000005591010FFFFFFFF8900000100: the trace holds what was inside
            plain command
              CLA: 80
              INS: F2
              P1 P2: 80 02
              data: 4F00
              Le: 256
            response
              status: 9000 (done)
"""


def test_a_layer_unfolds(trace: Path) -> None:
    shown = lines(trace, "--layer", "scp03", "--ins", "F2")
    assert shown[:8] == UNFOLDED.splitlines()[:8]
    assert set(UNFOLDED.splitlines()) <= set(shown)


def test_another_layer_inside_stays_folded(trace: Path) -> None:
    shown = lines(trace, "--layer", "apdu", "--ins", "F2")
    assert f"            SCP03 {ISD_R}: the trace holds what was inside ..." in shown
    assert not any("plain command" in line for line in shown)
    assert any("plain command" in line for line in lines(trace, "--layer", "all", "--ins", "F2"))


@pytest.mark.parametrize(
    "arguments,expected",
    [
        (["--ins", "A4", "--ins", "20"], [3, 8]),
        (["--sw", "69xx"], [6]),
        (["--sw", "6xxx"], [6, 8]),
        (["--sw", "9000", "--sw", "63CX"], [3, 4, 8]),
        (["--channel", "1"], [6]),
        (["--aid", "isd-r"], [3, 4, 7, 8]),
        (["--aid", "A000000559", "--ins", "F2"], [4]),
        (["--function", "audit"], [2, 3, 4, 5]),
        (["--findings"], [4, 7]),
        (["--from", "0.35", "--to", "1.6"], [5, 6]),
        (["--from", "2025-01-01T00:00:02", "--channel", "0"], [7, 8]),
        (["--to", "2025-01-01T01:00:00.15+01:00"], [1, 2]),
        (["--from", "0.3", "--ins", "B0", "--sw", "xxxx"], [6]),
    ],
)
def test_filters(trace: Path, arguments: list[str], expected: list[int]) -> None:
    shown = numbers(trace, *arguments)
    if arguments[0] == "--aid":  # another reader has nothing selected
        expected = [number for number in expected if number != 8]
    assert shown == expected


@pytest.mark.parametrize(
    "arguments",
    [["--sw", "9"], ["--sw", "90Z0"], ["--from", "yesterday"], ["--ins", "A4A4"], ["--channel", "20"], ["--aid", "A0"]],
)
def test_wrong_usage_is_said(trace: Path, arguments: list[str]) -> None:
    result = show(trace, *arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.stderr


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    result = show(tmp_path / "none.jsonl")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"Error: the trace {tmp_path / 'none.jsonl'} cannot be read: no such file or directory"
    ]


def test_damage_stands_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    good = [to_line(event) for event in exchange(1.0, "00A40004023F00", "9000")]
    again = [to_line(event) for event in exchange(2.0, "00B0000001", "009000")]
    path.write_text("\n".join([*good, '{"event":"li\x1b[31m', *again]) + "\n")
    shown = lines(path)
    assert [line[0] for line in shown] == [" ", "!", " "]
    assert "line 3 cannot be read" in shown[1]
    assert "line 3 at byte" in shown[1]
    assert lines(path, "--function", "x", "--aid", "isd-r") == []
    assert "\x1b" not in "".join(shown)
    assert len(lines(path, "--findings")) == 1


def test_nesting_beyond_all_measure_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    for depth in (20, 150, 300, 480, 700, 2000):
        deep = '{"a":' * depth + "1" + "}" * depth
        path.write_text('{"event":"function","time":0.0,"layer":"es5","name":"x","fields":' + deep + "}\n")
        for arguments in ([], ["--layer", "all"], ["--json"]):
            assert len(lines(path, *arguments)) >= 1


def test_json_has_everything(trace: Path) -> None:
    shown: list[dict[str, Any]] = [json.loads(line) for line in lines(trace, "--json")]
    audit = shown[3]
    assert (audit["number"], audit["sw"], audit["channel"], audit["summary"]) == (
        4,
        "9000",
        0,
        "GET STATUS issuer security domain",
    )
    assert audit["function"] == "ES5.eUICCCapabilityAudit"
    assert audit["aid"] == ISD_R
    layers = [child for child in audit["tree"]["children"] if child.get("layer") == "scp03"]
    assert layers[0]["children"][0]["raw"] == PLAIN
    (finding,) = next(each for each in shown if each["number"] == 7)["findings"]
    assert finding == {"severity": "warning", "text": "the command has no response", "clause": "ISO/IEC 7816-3 12.1"}


def test_secrets_are_hidden_unless_asked_for(trace: Path) -> None:
    hidden = show(trace, "--layer", "all").stdout
    assert "data: " + ".." * 8 in hidden
    assert "31323334" not in hidden
    assert "31323334" not in show(trace, "--json").stdout
    assert "data: 31323334FFFFFFFF" in show(trace, "--layer", "all", "--unredacted").stdout


@pytest.mark.parametrize("arguments", [[], ["--layer", "all"], ["--absolute"], ["--json"]])
def test_nothing_in_a_trace_is_obeyed(tmp_path: Path, arguments: list[str]) -> None:
    shown = show(write(tmp_path / "trace.jsonl", hostile()), *arguments)
    assert shown.exit_code == 0
    text = shown.stdout.replace("\n", "")
    assert text.isprintable() or arguments == ["--json"]
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202e]", text)


def test_only_the_views_own_colours_reach_a_terminal(tmp_path: Path) -> None:
    from tools.trace.filters import Conditions
    from tools.trace.pipeline import Origin
    from tools.trace.show import ShowOptions
    from tools.trace.show import show as run

    path = write(tmp_path / "trace.jsonl", hostile())
    with CliRunner().isolation() as (out, _, _):
        run(Origin(path), Conditions(), ShowOptions(colour=True, layers=frozenset(("all",))))
        sys.stdout.flush()
        text = out.getvalue().decode()
    left = re.sub("\x1b\\[(?:[0-9];)?[0-9]{1,2}m|\n", "", text)
    assert "\x1b[" in text
    assert left.isprintable()
    assert not any(raw in left for raw in RAW if not raw.isprintable())
