# SPDX-License-Identifier: Apache-2.0
"""`euicc gp` on the ISD-R and on the MNO-SD of a profile, whose keys can be changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emulator.factory.eum import Bootstrap
from emulator.readers.inprocess import VirtualReader
from tests.support.lab import Lab
from tests.support.profile import subscriber
from tools.cards.make import key_text
from tools.cli import main

ISD_R = "A0000005591010FFFFFFFF8900000100"
ISD_P = "A0000005591010FFFFFFFF8900001000"
NEW = ":".join(f"{number:02X}" * 16 for number in (1, 2, 3))


class Bench:
    """A card in the only reader."""

    def __init__(self) -> None:
        self.lab = Lab(bootstrap=Bootstrap(subscriber(1).package))
        self.reader = VirtualReader("Bench", self.lab.card)
        self.keys = key_text(self.lab.keys)
        domain = subscriber(1).domain_keys
        self.mno = ":".join(domain[0x30, kid].hex() for kid in (1, 2, 3))

    def run(self, *arguments: object) -> Result:
        return CliRunner().invoke(main, ["gp", *map(str, arguments)], prog_name="euicc")

    def ok(self, *arguments: object) -> str:
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def fails(self, *arguments: object) -> str:
        result = self.run(*arguments)
        assert result.exit_code == 1, result.output
        (line,) = result.stderr.splitlines()
        return line


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    bench = Bench()
    monkeypatch.setattr("smartcard.System.readers", lambda: [bench.reader])
    return bench


def test_list(bench: Bench) -> None:
    text = bench.ok("list", "-k", bench.keys)
    assert f"  {ISD_R}  PERSONALIZED\n" in text
    assert f"  {ISD_P}  ENABLED\n" in text
    assert max(map(len, text.splitlines())) <= 80
    listed = json.loads(bench.ok("list", "-k", bench.keys, "--json"))
    assert {each["aid"]: each["state"] for each in listed}[ISD_P] == "ENABLED"
    assert "-k ENC:MAC:DEK" in bench.fails("list")


def test_info_needs_no_keys(bench: Bench) -> None:
    text = bench.ok("info", "--aid", "mno-sd")
    assert "SCP03 i=70" in text
    assert "KVN 30 KID 03  AES 16 bytes" in text
    info = json.loads(bench.ok("info", "--json"))
    assert info["aid"] == ISD_R
    assert {"kvn": "40", "kid": "01", "components": ["TLS-PSK 16 bytes"]} in info["keys"]
    assert "6A82" in bench.fails("info", "--aid", "A000000001")


@pytest.mark.parametrize("level", ["01", "03", "11", "13", "33"])
def test_put_key_at_every_level(bench: Bench, level: str) -> None:
    domain = ["--aid", "mno-sd", "--level", level]
    shown = bench.ok("put-key", *domain, "-k", bench.mno, "--new-key", NEW, "--new-key-ver", "31")
    assert shown.startswith("KVN 31 written")
    assert NEW[:32] not in shown
    bench.ok("list", *domain, "-k", NEW, "--key-ver", "31")
    newer = NEW.replace("01", "0A")
    bench.ok("put-key", *domain, "-k", NEW, "--key-ver", 31, "--new-key", newer, "--new-key-ver", 31, "--replace", 31)
    assert "are these the keys" in bench.fails("list", *domain, "-k", NEW, "--key-ver", "31")
    bench.ok("delete", *domain, "-k", bench.mno, "--kvn", "31")
    assert "no SCP03 keys of version 31" in bench.fails("list", *domain, "-k", newer, "--key-ver", "31")


def test_new_keys_are_in_no_trace(bench: Bench, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    arguments = ["--aid", "mno-sd", "--level", "01", "-k", bench.mno, "--new-key", NEW, "--new-key-ver", "31"]
    result = bench.run("put-key", *arguments, "--apdu-trace", "--trace-file", trace)
    assert result.exit_code == 0, result.output
    for key in (*NEW.split(":"), *bench.mno.split(":")):
        assert key.upper() not in (result.stderr + trace.read_text()).upper()
    assert "PUT KEY, protected" in result.stderr


def test_store_data(bench: Bench) -> None:
    line = bench.fails("store-data", "-k", bench.keys, "3A0300")
    assert line == "Error: STORE DATA block 00: 6A80 (wrong parameters in the data field)"
    assert "-k ENC:MAC:DEK" in bench.fails("store-data", "3A0300")


def test_delete(bench: Bench) -> None:
    assert "6985" in bench.fails("delete", "-k", bench.keys, ISD_P)  # it is enabled
    assert "-k ENC:MAC:DEK" in bench.fails("delete", ISD_P)
    assert "security domain does not take level 11" in bench.fails("list", "-k", bench.keys, "--level", "11")
    assert bench.run("delete", "-k", bench.keys).exit_code == 2
    assert bench.run("delete", "-k", bench.keys, ISD_P, "--kvn", "30").exit_code == 2
    assert bench.run("delete", "-k", bench.keys, "zz").exit_code == 2
    assert bench.run("list", "--aid", "00").exit_code == 2
