# SPDX-License-Identifier: Apache-2.0
"""`euicc trace diff` and `euicc trace replay` as people type them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.e2e.runner import run as run_demo
from tools.cli import main

KEYS = re.compile(r"(?:[0-9A-F]{32}:){2}[0-9A-F]{32}")
VERIFY = "0020000A08"


def euicc(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="euicc")


class Cards:
    """The card of a demo run and a new one, with their keys, and traces of both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mine = folder / "mine.card"
        self.other = folder / "other.card"
        self.demos = [folder / f"demo{seed}.jsonl" for seed in (1, 2)]
        made = run_demo("--bearer", "reader", "--card", self.mine, "--seed", 1, "--trace", self.demos[0])
        self.my_keys = found(made)
        run_demo("--bearer", "reader", "--seed", 2, "--trace", self.demos[1])
        self.other_keys = found(euicc("card", "new", self.other))
        self.info = folder / "info.jsonl"
        told = euicc("card", "info", "-r", f"virtual:{self.mine}", "-k", self.my_keys, "--trace-file", self.info)
        assert told.exit_code == 0, told.output


def found(result: Result) -> str:
    assert result.exit_code == 0, result.output
    keys = KEYS.search(result.output)
    assert keys is not None
    return keys[0]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Cards:
    return Cards(tmp_path_factory.mktemp("compare"))


@pytest.fixture
def copy(cards: Cards, tmp_path: Path) -> Path:
    """The card of the demo, to be changed."""
    return Path(shutil.copy(cards.mine, tmp_path / "copy.card"))


# --- diff


def test_a_trace_is_like_itself_and_like_the_same_run_again(cards: Cards) -> None:
    again = cards.folder / "again.jsonl"
    run_demo("--bearer", "reader", "--seed", 1, "--trace", again)
    result = euicc("trace", "diff", cards.demos[0], again, "--strict")
    assert (result.exit_code, result.stdout) == (0, "no difference\n")


def test_two_runs_differ_in_what_was_drawn_for_each(cards: Cards) -> None:
    result = euicc("trace", "diff", cards.demos[0], cards.demos[1], "--json")
    assert result.exit_code == 1
    summaries = [each["first"]["summary"] for each in json.loads(result.stdout)]
    # certificates, ICCID and IMSI; no challenge, cryptogram, MAC, ephemeral key, or encrypted byte
    assert [summary.split(":")[0] for summary in summaries] == [
        "STORE DATA block 0, ES8.EstablishISDPKeySet",
        "GET DATA ECASD data",
        "READ BINARY EF.ICCID",
        "READ BINARY EF.IMSI",
        "GET DATA ECASD data",
    ]


def test_strictly_what_must_differ_differs_too(cards: Cards) -> None:
    result = euicc("trace", "diff", cards.demos[0], cards.demos[1], "--strict", "--limit", 3)
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0] == "the sessions part here:"
    assert "INITIALIZE UPDATE" in lines[1]
    assert "the commands differ" in lines[1]
    assert lines[-1].endswith("more differences: --limit shows them")


def test_the_first_difference_is_shown_with_its_bytes_and_fields(cards: Cards, tmp_path: Path) -> None:
    changed = tmp_path / "changed.jsonl"
    text = cards.info.read_text()
    name = b"M2M".hex().upper()
    assert name in text
    changed.write_text(text.replace(name, b"X2M".hex().upper()))
    result = euicc("trace", "diff", cards.info, changed)
    assert result.exit_code == 1
    assert "READ BINARY EF.SPN: M2M: the responses differ" in result.stdout
    assert "from byte 1 of" in result.stdout
    assert "name: M2M | X2M" in result.stdout


def test_formats_may_differ(cards: Cards, tmp_path: Path) -> None:
    capture = tmp_path / "info.pcapng"
    assert euicc("trace", "convert", cards.info, "-o", capture).exit_code == 0
    assert euicc("trace", "diff", cards.info, capture).stdout == "no difference\n"


@pytest.mark.parametrize("command", ["diff", "replay"])
def test_what_is_no_trace_is_one_line(cards: Cards, command: str, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    for path in (odd, tmp_path / "none"):
        rest = [path] if command == "diff" else ["-r", f"virtual:{cards.other}"]
        result = euicc("trace", command, path, *rest)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("Error: ")


# --- replay


def test_a_session_repeated_on_its_card_is_the_same(cards: Cards) -> None:
    result = euicc("trace", "replay", cards.info, "-r", f"virtual:{cards.mine}", "-k", cards.my_keys)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "20 same, 0 different, 0 not sent")


def test_another_card_answers_differently_where_it_is_another(cards: Cards) -> None:
    result = euicc("trace", "replay", cards.info, "-r", f"virtual:{cards.other}", "-k", cards.other_keys)
    assert result.exit_code == 1
    assert "GET DATA EID: the responses differ" in result.stdout
    assert "INITIALIZE UPDATE" not in result.stdout  # its session was opened with its own keys
    assert "GET DATA extended card resources: the responses differ" in result.stdout


def test_without_keys_nothing_protected_is_sent(cards: Cards) -> None:
    result = euicc("trace", "replay", cards.info, "-r", f"virtual:{cards.mine}")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "16 same, 0 different, 4 not sent"


def test_with_wrong_keys_the_card_is_not_believed(cards: Cards) -> None:
    result = euicc("trace", "replay", cards.info, "-r", f"virtual:{cards.mine}", "-k", cards.other_keys)
    assert result.exit_code == 1
    assert "the card's cryptogram or challenge does not verify" in result.stdout


def test_keys_may_come_from_a_file(cards: Cards, tmp_path: Path) -> None:
    enc, mac, dek = cards.my_keys.split(":")
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[[scp03]]\ndomain = "isd-r"\nkvn = "30"\nenc = "{enc}"\nmac = "{mac}"\ndek = "{dek}"\n')
    keys.chmod(0o600)
    result = euicc("trace", "replay", cards.info, "-r", f"virtual:{cards.mine}", "--card-keys", keys)
    assert result.stdout.splitlines()[-1] == "20 same, 0 different, 0 not sent"


def test_a_hidden_pin_costs_no_try(cards: Cards, copy: Path, tmp_path: Path) -> None:
    reader = ["-r", f"virtual:{copy}"]
    trace = tmp_path / "pin.jsonl"
    select = "00A4040407A0000000871002"
    euicc("apdu", select, f"{VERIFY}3939393939393939", *reader, "--trace-file", trace)
    tries = ["apdu", select, VERIFY[:8], *reader, "--json"]
    before = json.loads(euicc(*tries).stdout)[-1]["sw"]
    result = euicc("trace", "replay", trace, *reader)
    assert "VERIFY ADM1" in result.stdout
    assert "not sent, some of its bytes are hidden in the trace" in result.stdout
    assert json.loads(euicc(*tries).stdout)[-1]["sw"] == before


def test_what_was_done_once_cannot_be_done_twice(cards: Cards, copy: Path) -> None:
    result = euicc("trace", "replay", cards.demos[0], "-r", f"virtual:{copy}", "-k", cards.my_keys, "--json")
    assert result.exit_code == 1
    outcomes = {each["summary"]: each for each in json.loads(result.stdout)}
    created = next(each for summary, each in outcomes.items() if "ES5.CreateISDP" in summary)
    assert (created["outcome"], created["kind"], created["answer"]) == ("different", "status word", "6A80")
    challenge = next(each for summary, each in outcomes.items() if summary.startswith("AUTHENTICATE"))
    assert challenge["outcome"] == "different"  # the sequence number was used
