# SPDX-License-Identifier: Apache-2.0
"""`euicc device run`: what is shown of a card that asks, and what wrong options say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from apdu.cat.codes import CommandType
from apdu.cat.response import TerminalAnswer
from emulator.device.policy import Reaction
from emulator.device.waiting import Waiting
from tests.require import require
from tests.unit.cat import vectors
from tests.unit.device.fake import ToolkitCard
from tests.unit.device.net import close, listening, open_channel, port_of, read, send
from tests.unit.device.test_commands import SEND_SMS_PACKING
from tools.cli import main
from tools.device.policy import read_policy

require("pyscard")

RESET = "D009 8103010104 82028182"


class _Connection:
    """As much of a pyscard connection as a reader command uses."""

    def __init__(self, card: ToolkitCard) -> None:
        self._card = card

    def connect(self, **_: object) -> None:
        self._card.reset()

    def reconnect(self, **_: object) -> None:
        self._card.reset()

    def disconnect(self) -> None:
        return

    release = disconnect

    def getATR(self) -> list[int]:
        return [0x3B, 0x00]

    def transmit(self, command: Sequence[int]) -> tuple[list[int], int, int]:
        answer = self._card.transmit(bytes(command))
        return list(answer[:-2]), answer[-2], answer[-1]


class _Reader:
    name = "a reader of the test"

    def __init__(self, card: ToolkitCard) -> None:
        self._card = card

    def createConnection(self) -> _Connection:
        return _Connection(self._card)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> ToolkitCard:
    card = ToolkitCard(patient=True)
    monkeypatch.setattr("tools.reader.connection.find_reader", lambda options: _Reader(card))
    return card


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["device", "run", "--once", *arguments], prog_name="euicc")


def test_what_the_card_asks_is_shown_with_its_answer(card: ToolkitCard) -> None:
    card.ask(vectors.DISPLAY_TEXT_111, "D00D 8103010300 82028182 84020114", SEND_SMS_PACKING, RESET)
    result = run()
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "card        3B00"
    assert "usim        IMSI 001010123456789, ICCID 89000123456789012341" in lines
    assert "network     normal" in lines
    shown = lines.index("asked       DISPLAY TEXT, qualifier 80; text Toolkit Test 1")
    assert lines[shown + 1] == "            answered 00 done"
    assert any("POLL INTERVAL; duration 20 s" in line for line in lines)
    assert "message     to +012345678: Send SM" in lines
    reset = lines.index("asked       REFRESH, uicc reset")
    assert lines[reset + 1] == "            answered the card was reset"
    assert len(card.answers) == 3


def test_json_is_an_object_a_line(card: ToolkitCard) -> None:
    card.ask(vectors.DISPLAY_TEXT_111)
    said: list[dict[str, Any]] = [json.loads(line) for line in run("--json").stdout.splitlines()]
    assert [each["event"] for each in said] == ["card", "usim", "network", "asked"]
    assert said[3]["command"] == "DISPLAY TEXT, qualifier 80"
    assert said[3]["objects"] == {"text": "Toolkit Test 1"}
    assert said[3]["answer"] == "00 done"


def test_refuse_fail_delay(card: ToolkitCard) -> None:
    card.ask(vectors.DISPLAY_TEXT_111, "D009 8103010200 82028182", "D009 8103010400 82028182")
    result = run("--refuse", "display-text", "--fail", "2=3A01", "--delay", "polling-off=0.01")
    assert result.exit_code == 0, result.output
    assert [answer[-3:] for answer in card.answers[:1]] == [bytes.fromhex("830122")]
    assert card.answers[1].endswith(bytes.fromhex("83023A01"))
    assert card.answers[2].endswith(bytes.fromhex("830100"))


def test_card_without_a_usim(card: ToolkitCard) -> None:
    card.usim = False
    result = run()
    assert result.exit_code == 0
    assert "usim        none: attach failed at select-mf" in result.stdout


def test_card_that_does_what_it_may_not_is_one_line(card: ToolkitCard) -> None:
    card.queue.append(b"\xd0\x03\x81\x01\x01")
    result = run()
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the card's proactive command cannot be read")
    assert len(result.stderr.splitlines()) == 1


def test_ctrl_c_ends_it_cleanly(card: ToolkitCard, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Waiting, seconds: float = 0.0) -> None:
        assert 0 <= seconds <= 30
        if seconds:
            raise KeyboardInterrupt

    monkeypatch.setattr(Waiting, "turn", interrupt)
    result = CliRunner().invoke(main, ["device", "run"], prog_name="euicc")
    assert result.exit_code == 0
    assert result.stderr == ""


def test_channel_of_the_card_is_a_connection(card: ToolkitCard) -> None:
    with listening() as server:
        card.ask(open_channel(port_of(server)), send(1, b"data of the card"), close(1))
        result = run()
        assert result.exit_code == 0, result.output
        peer, _ = server.accept()
        assert read(peer, 16) == b"data of the card"
        peer.close()
    assert [TerminalAnswer.decode(answer).result.general for answer in card.answers] == [0, 0, 0]


def test_channel_goes_nowhere_that_is_not_allowed(card: ToolkitCard) -> None:
    card.ask(open_channel(80, host="192.0.2.1"))
    assert "answered 3A bip error, 07" in run("--allow", "192.0.2.2", "--allow", "198.51.100.0/24").stdout


def test_policy_of_the_options() -> None:
    policy = read_policy(("display text",), ("OPEN_CHANNEL=3A01", "13"), ("display-text=5", "0x40"[2:] + "=1"))
    assert policy.reaction(CommandType.DISPLAY_TEXT) == Reaction(Reaction.refuse().result, 5.0)
    assert policy.reaction(CommandType.OPEN_CHANNEL).result == (0x3A, b"\x01")
    assert policy.reaction(CommandType.OPEN_CHANNEL).delay == 1.0
    assert policy.reaction(CommandType.SEND_SHORT_MESSAGE) == Reaction.fail()
    assert policy.reaction(CommandType.REFRESH) == Reaction()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--refuse", "nothing"), ("--refuse", "123"), ("--refuse", "-1"), ("--fail", "refresh=zz"),
        ("--fail", "refresh="), ("--delay", "refresh"), ("--delay", "refresh=-1"), ("--delay", "refresh=nan"),
        ("--delay", "refresh=1e9"),
        ("--refuse", "21", "--fail", "21"),
        ("--allow", "example.org"), ("--allow", "1.2.3"), ("--allow", "10.0.0.0/33"),
    ],
)  # fmt: skip
def test_wrong_usage(card: ToolkitCard, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert card.log == []


def test_usage_errors_are_clicks_own() -> None:
    with pytest.raises(click.UsageError):
        read_policy(("21",), ("display-text",), ())


def test_subscriber_that_cannot_be_read(card: ToolkitCard) -> None:
    result = run("--subscriber", "/nonexistent.der")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
    assert card.log == []
