# SPDX-License-Identifier: Apache-2.0
"""Which reader is meant, and what a reader can do wrong: one line each, exit code 1."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from smartcard.Exceptions import CardConnectionException
from smartcard.pcsc.PCSCExceptions import EstablishContextException

from emulator.card import Card
from emulator.readers.inprocess import VirtualCardConnection, VirtualReader
from tests.support.lab import Lab
from tools.cli import main
from tools.reader import sources

SELECT_MF = "00A4000C023F00"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="euicc")


def readers(monkeypatch: pytest.MonkeyPatch, *present: VirtualReader) -> None:
    monkeypatch.setattr("smartcard.System.readers", lambda: list(present))


@pytest.fixture
def card() -> Card:
    return Lab().card


def fails(result: Result, *words: str) -> None:
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    "arguments, name",
    [(["-p", 1], "Blue reader 01"), (["-r", "RED"], "Red reader 00"), (["-r", "reader 0"], "Reader 0")],
)
def test_a_reader_is_found(monkeypatch: pytest.MonkeyPatch, card: Card, arguments: Sequence[object], name: str) -> None:
    present = [VirtualReader(each) for each in ("Red reader 00", "Blue reader 01", "Reader 0")]
    readers(monkeypatch, *present)
    next(reader for reader in present if reader.name == name).card = card
    result = run("apdu", *arguments, "80CA")
    assert result.exit_code == 0, result.output


def test_the_only_reader_needs_no_name(monkeypatch: pytest.MonkeyPatch, card: Card) -> None:
    readers(monkeypatch, VirtualReader("Alone", card))
    assert run("apdu", SELECT_MF).exit_code == 0


@pytest.mark.parametrize(
    "arguments, words",
    [([], ["several readers", "-p or -r", "0 Red 00; 1 Red 01"]), (["-r", "red"], ["2 readers", "'red'", "Red 00"])],
)
def test_of_several_slots_the_one_with_a_card_is_meant(
    monkeypatch: pytest.MonkeyPatch, card: Card, arguments: Sequence[object], words: Sequence[str]
) -> None:
    readers(monkeypatch, VirtualReader("Red 00"), VirtualReader("Red 01", card))
    assert run("apdu", *arguments, SELECT_MF).exit_code == 0
    readers(monkeypatch, VirtualReader("Red 00", card), VirtualReader("Red 01", card))
    fails(run("apdu", *arguments, SELECT_MF), *words)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ["no reader has a card", "0 Red 00; 1 Red 01"]),
        (["-p", 2], ["no reader 2", "0 Red 00; 1 Red 01"]),
        (["-r", "green"], ["'green'", "0 Red 00"]),
        (["-r", "red"], ["no reader has a card", "0 Red 00; 1 Red 01"]),
        (["-r", "Red 00"], ["no card in Red 00", "put one in"]),
    ],
)
def test_a_reader_that_is_not_clear(
    monkeypatch: pytest.MonkeyPatch, arguments: Sequence[object], words: Sequence[str]
) -> None:
    readers(monkeypatch, VirtualReader("Red 00"), VirtualReader("Red 01"))
    fails(run("apdu", *arguments, SELECT_MF), *words)


def test_a_virtual_reader_without_a_name() -> None:
    fails(run("apdu", "-r", "virtual:", SELECT_MF), "virtual:FILE.card")


def test_no_reader_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    readers(monkeypatch)
    fails(run("apdu", SELECT_MF), "no reader", "virtual:FILE.card")


@pytest.mark.parametrize("command", [["readers"], ["apdu", SELECT_MF]])
def test_pcscd_does_not_run(monkeypatch: pytest.MonkeyPatch, command: Sequence[str]) -> None:
    def no_service() -> list[VirtualReader]:
        raise EstablishContextException(sources._NO_SERVICE - (1 << 32))

    monkeypatch.setattr("smartcard.System.readers", no_service)
    fails(run(*command), "pcscd", "start it", "virtual:FILE.card")


def test_one_reader_named_twice_is_wrong_usage(monkeypatch: pytest.MonkeyPatch, card: Card) -> None:
    readers(monkeypatch, VirtualReader("Red", card))
    assert run("apdu", "-p", 0, "-r", "Red", SELECT_MF).exit_code == 2
    monkeypatch.setenv("EUICC_READER", "somewhere else")
    assert run("apdu", "-p", 0, SELECT_MF).exit_code == 0


@pytest.mark.parametrize(
    "code, words",
    [
        (0x80100066, "is mute"),
        (0x80100069, "pulled out"),
        (0x8010000B, "--pcsc-shared"),
        (0x80100068, "run the command again"),
        (0x8010001E, "pcscd"),
        (0x80100016, "is the card still in it"),
    ],
)
def test_what_goes_wrong_in_a_reader(monkeypatch: pytest.MonkeyPatch, card: Card, code: int, words: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CardConnectionException("Failed\nto transmit", hresult=code - (1 << 32))

    readers(monkeypatch, VirtualReader("Red", card))
    monkeypatch.setattr(VirtualCardConnection, "doTransmit", refuse)
    fails(run("apdu", SELECT_MF), words)
    monkeypatch.setattr(VirtualCardConnection, "connect", refuse)
    fails(run("apdu", SELECT_MF), words)


def test_a_mute_card(monkeypatch: pytest.MonkeyPatch, card: Card) -> None:
    card.power_off()
    monkeypatch.setattr(Card, "power_on", lambda self: b"")
    readers(monkeypatch, VirtualReader("Red", card))
    fails(run("apdu", SELECT_MF), "mute", "Red")


def test_a_card_that_is_pulled_out(monkeypatch: pytest.MonkeyPatch, card: Card) -> None:
    reader = VirtualReader("Red", card)
    readers(monkeypatch, reader)
    answer = Card.transmit

    def last(self: Card, command: bytes) -> bytes:
        reader.card = None
        return answer(self, command)

    monkeypatch.setattr(Card, "transmit", last)
    result = run("apdu", SELECT_MF, SELECT_MF)
    fails(result, "pulled out of Red")
    assert result.stdout.count("> ") == 1


def test_readers_and_their_states(monkeypatch: pytest.MonkeyPatch, card: Card) -> None:
    readers(monkeypatch, VirtualReader("Red", card), VirtualReader("Blue"))
    shown = run("readers")
    assert shown.exit_code == 0
    assert shown.stdout == f"0  Red\n   card, ATR {card.atr.hex().upper()}\n1  Blue\n   empty\n"
    assert json.loads(run("readers", "--json").stdout)[1] == {"number": 1, "name": "Blue", "state": "empty", "atr": ""}


def test_traces_hold_no_pins(monkeypatch: pytest.MonkeyPatch, card: Card, tmp_path: Path) -> None:
    readers(monkeypatch, VirtualReader("Red", card))
    trace = tmp_path / "trace.jsonl"
    pin = "3132333435363738"
    result = run("apdu", "--apdu-trace", "--trace-file", trace, f"0020000A08{pin}")
    assert result.exit_code == 0
    assert pin not in result.stderr
    assert "> 0020000A08................  #" in result.stderr
    assert pin not in trace.read_text()
    assert len(trace.read_text().splitlines()) == 4  # what it is, ATR, command, response
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "key, reason",
    [
        ("00", "three keys"),
        ("xx:yy:zz", "hexadecimal"),
        ("0011:0011:0011", "16, 24 or 32"),
        (":".join(["00" * 16, "00" * 16, "00" * 24]), "all three the same"),
    ],
)
def test_wrong_keys_are_not_repeated(key: str, reason: str) -> None:
    result = run("apdu", "-k", key, SELECT_MF)
    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.split())
    assert "00" * 16 not in result.stderr
