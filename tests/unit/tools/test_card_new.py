# SPDX-License-Identifier: Apache-2.0
"""`euicc card new` and `euicc demo --card`: what they leave, and that the card in it works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from apdu.channel.scp03 import SecurityLevel
from apdu.ids import ECASD, ISD_R
from apdu.keys.certificate import Certificate
from apdu.keys.ec import Curve, PublicKey
from apdu.keys.secret import KeySet, SecretKey
from emulator.card import Card
from emulator.memory import Memory
from emulator.memory.image import ImageBackend
from tests.support.lab import SecureHost
from tools.cli import main
from tools.entropy import SystemEntropy

EID = "89001012012341234012345678901224"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="euicc")


def printed_keys(output: str) -> KeySet:
    found = re.search(r"([0-9A-F]{32}):([0-9A-F]{32}):([0-9A-F]{32})\n +SCP03 of the ISD-R, KVN ([0-9A-F]{2})", output)
    assert found is not None, output
    enc, mac, dek = (SecretKey(bytes.fromhex(found[number])) for number in (1, 2, 3))
    return KeySet(int(found[4], 16), enc, mac, dek)


def open_card(backend: ImageBackend) -> Card:
    card = Card(Memory(backend), entropy=SystemEntropy(), clock=lambda: 0.0)
    assert card.power_on()
    return card


def certificate(card: Card) -> bytes:
    assert card.transmit(bytes.fromhex("00A4040C10") + ECASD) == b"\x90\x00"
    return card.transmit(bytes.fromhex("80CA7F2100"))[:-2]


def test_a_lab_card_opens_with_the_keys_that_were_printed(tmp_path: Path) -> None:
    path = tmp_path / "one.card"
    done = run("card", "new", path, "--eid", EID)
    assert done.exit_code == 0, done.output
    assert f"EID       {EID}\n" in done.output
    assert sorted(each.name for each in tmp_path.iterdir()) == ["one.card", "one.card.pem"]
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    with ImageBackend(path) as backend:
        host = SecureHost(open_card(backend), printed_keys(done.output), ISD_R, SecurityLevel(0x33), 0, bytes(8))
        host.open()
        assert host.command("80F28002024F0000").sw == 0x9000


def test_cc_ec_03_the_chain_leads_to_the_ci_of_the_trust_file(tmp_path: Path) -> None:
    """CI, EUM and CERT.ECASD.ECKA of the card; the EID in that is the one that GET DATA 5A gives."""
    path = tmp_path / "one.card"
    run("card", "new", path)
    pem = Path(f"{path}.pem").read_bytes()
    ci, eum = x509.load_pem_x509_certificates(pem)
    eum.verify_directly_issued_by(ci)
    blocks = re.findall(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\n", pem, re.DOTALL)
    for found, block in zip((ci, eum), blocks, strict=True):
        assert load_pem_private_key(block, None).public_key() == found.public_key()
    point = eum.public_key()
    with ImageBackend(path) as backend:
        numbers = point.public_numbers()  # type: ignore[union-attr]
        key = PublicKey.from_point(
            b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"),  # type: ignore[union-attr]
            Curve.P256,
        )
        card = open_card(backend)
        proof = certificate(card)
        Certificate.parse(proof).verify(key)
        eid = card.transmit(bytes.fromhex("80CA005A00"))
    assert eid[:2] + eid[-2:] == b"\x5a\x10\x90\x00"
    assert b"\x5f\x20\x10" + eid[2:-2] in proof


def test_a_production_card_has_no_lab_keys(tmp_path: Path) -> None:
    path = tmp_path / "one.card"
    done = run("card", "new", path, "--production")
    assert done.exit_code == 0
    assert "lab keys" not in done.output
    with ImageBackend(path) as backend:
        assert backend.get("isdr/key/30") is None


def test_a_seed_makes_the_same_card(tmp_path: Path) -> None:
    outputs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        done = run("card", "new", folder / "a.card", "--seed", 7)
        with ImageBackend(folder / "a.card") as backend:
            items = dict(backend.items(""))
        text = done.output.replace(str(folder), "")
        outputs.append((text, items, (folder / "a.card.pem").read_bytes()))
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("name", ["one.card", "one.card.pem"])
def test_nothing_that_exists_is_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    done = run("card", "new", tmp_path / "one.card")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "exists" in line
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [(name, b"mine")]


@pytest.mark.parametrize("eid", ["123", EID[:-1] + "5", "x" * 32])
def test_an_eid_that_is_none(tmp_path: Path, eid: str) -> None:
    done = run("card", "new", tmp_path / "one.card", "--eid", eid)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_demo_keeps_its_card(tmp_path: Path) -> None:
    path = tmp_path / "kept.card"
    done = run("demo", "--json", "--card", path)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    *_, isd_p = report["status"]["card"]["isd_ps"]
    with ImageBackend(path) as backend:
        card = open_card(backend)
        SecureHost(card, printed_keys(done.stderr), ISD_R, SecurityLevel(0x33), 0, bytes(8)).open()
        card.reset()
        assert card.transmit(bytes.fromhex("00A40004022FE200"))[-2:] == b"\x90\x00"
        digits = card.transmit(bytes.fromhex("00B000000A"))[:-2].hex()
        iccid = "".join(digits[at + 1] + digits[at] for at in range(0, 20, 2)).rstrip("f")
        assert iccid == isd_p["iccid"]
        code = re.search(r"^codes .*\bADM1 (\d{8})\b", done.stderr, re.MULTILINE)
        assert code is not None
        assert card.transmit(bytes.fromhex("0020000A08") + code[1].encode()) == b"\x90\x00"
    again = run("demo", "--json", "--card", path)
    assert again.exit_code == 1
    assert "exists" in again.stderr


def test_a_demo_that_fails_leaves_no_card(tmp_path: Path) -> None:
    profile = tmp_path / "profile.der"
    profile.write_bytes(bytes.fromhex("A003800103"))
    done = run("demo", "--card", tmp_path / "kept.card", "--profile", profile)
    assert done.exit_code == 1
    assert [each.name for each in tmp_path.iterdir()] == ["profile.der"]
