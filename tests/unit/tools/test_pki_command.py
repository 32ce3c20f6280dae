# SPDX-License-Identifier: Apache-2.0
"""`euicc pki`: what it writes and with which rights, wrong input, several processes, processes that are killed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from apdu.keys.certificate import Certificate, Role
from apdu.tlv.scan import split
from smsr.kit.folder import PkiFolder, read_certificate
from smsr.kit.keys import FileKeys
from tests.require import ROOT
from tests.unit.keys.vectors_sgp02 import CERT_DP
from tools.cli import main
from tools.entropy import SystemEntropy
from tools.pkidir.operations import REASONS

COMMAND = [sys.executable, "-c", "from tools.cli import main; main(prog_name='euicc')", "pki"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["pki", *map(str, arguments)], prog_name="euicc")


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki") / "lab.pki"
    done("init", path)
    return path


@pytest.fixture
def lab(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "lab.pki"))


def contents(path: Path) -> dict[str, bytes]:
    files = (each for each in path.rglob("*") if each.is_file() and each.name != ".lock")
    return {str(each.relative_to(path)): each.read_bytes() for each in files}


def test_keys_are_for_their_owner_and_certificates_for_all(lab: Path) -> None:
    done("issue", lab, "sm-dp")
    done("revoke", lab, "eum")
    previous = os.umask(0)
    try:
        done("issue", lab, "sm-sr")
        done("crl", lab)
    finally:
        os.umask(previous)
    for path in lab.rglob("*.*"):
        if path.suffix in (".key", ".pem", ".cert"):
            assert path.stat().st_mode & 0o777 == (0o600 if path.suffix == ".key" else 0o644), path
        elif path.is_dir():
            assert path.stat().st_mode & 0o777 == 0o755, path


def _tags(data: bytes) -> list[int]:
    """Tags in their order, of a certificate and of what is in it."""
    tags: list[int] = []
    for each in split(data):
        tags += [each.tag, *(part.tag for part in (split(each.value) if each.tag == 0x7F21 else ()))]
    return tags


@pytest.mark.parametrize("name, role", [("sm-dp", Role.SM_DP), ("sm-sr", Role.SM_SR)])
def test_card_format_certificates_are_built_like_published_ones(lab: Path, name: str, role: Role) -> None:
    data = (lab / name / "1/card.cert").read_bytes()
    assert [tag for tag in _tags(data) if tag != 0x5F25] == _tags(CERT_DP)  # those have no effective date
    own_key, published_key = (_tags(Certificate.parse(each).content.public_key) for each in (data, CERT_DP))
    assert own_key == published_key
    own = Certificate.parse(data)
    assert (own.role, own.may_sign) == (role, True)
    key = FileKeys(lab, SystemEntropy()).open(f"{name}/1/card")
    assert key.public_key == own.public_key
    trusted = PkiFolder(lab).trust().verify_card_format(own, role, time.time())
    assert trusted == own.public_key


def test_show_as_json_and_text(lab: Path) -> None:
    done("revoke", lab, "operator", "--reason", "privilegeWithdrawn")
    rows = json.loads(done("show", lab, "--json"))
    states = {(row["party"], Path(row["file"]).name): row["state"] for row in rows}
    assert len(states) == len(rows) == 9
    assert states.pop(("operator", "tls.pem")) == "revoked (privilegeWithdrawn)"
    assert set(states.values()) == {"valid"}
    text = done("show", lab, "sm-dp")
    assert "oid      2.999.10.3" in text
    assert "sm-dp 1   card format   valid" in text


def test_renewal_keeps_who_it_is(lab: Path) -> None:
    done("issue", lab, "mno-2", "--role", "operator", "--oid", "2.999.10.20", "--host", "mno.example", "--host", "::1")
    done("issue", lab, "mno-2", "--days", 10)
    first, second = json.loads(done("show", lab, "mno-2", "--json"))
    for same in ("role", "oid", "subject", "hosts"):
        assert first[same] == second[same]
    assert first["hosts"] == ["mno.example", "::1"]
    assert first["serial"] != second["serial"]
    assert (first["state"], second["state"]) == ("valid", "ends soon")
    done("issue", lab, "eum-2", "--role", "eum", "--oid", "2.999.10.21", "--eid-prefix", "89033023")
    done("issue", lab, "eum-2")
    trust = PkiFolder(lab).trust()
    for number in (1, 2):
        der = read_certificate(lab / f"eum-2/{number}/x509.pem").public_bytes(Encoding.DER)
        assert trust.verify_eum(der, time.time()).issuer_digits == ("89033023",)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["init", "LAB"], "exists: name a folder that does not"),
        (["init", "NONE/deeper/still"], "no such file or directory"),
        (["init", "NONE", "--passphrase-env", "EUICC_NOT_SET"], "EUICC_NOT_SET is not set"),
        (["show", "NONE"], "is no folder of certificates"),
        (["show", "LAB", "nobody"], "there is no party 'nobody'"),
        (["issue", "NONE", "sm-sr"], "is no folder of certificates"),
        (["issue", "LAB", "../x"], "is no name for a party"),
        (["issue", "LAB", "new"], "say --role and --oid"),
        (["issue", "LAB", "new", "--role", "sm-sr", "--oid", "hello"], "is no object identifier"),
        (["issue", "LAB", "new", "--role", "sm-sr", "--oid", "2.999." + "9999999." * 6 + "1"], "holds 16"),
        (["issue", "LAB", "new", "--role", "sm-sr", "--oid", "2.999.10.3"], "is the object identifier of sm-dp"),
        (["issue", "LAB", "sm-sr", "--role", "sm-dp"], "has another role"),
        (["issue", "LAB", "sm-sr", "--oid", "2.999.1"], "is 2.999.10.4"),
        (["issue", "LAB", "sm-sr", "--host", "a b"], "neither a host name nor an address"),
        (["issue", "LAB", "sm-sr", "--eid-prefix", "8901"], "only an EUM's EIDs"),
        (["issue", "LAB", "eum", "--eid-prefix", "12"], "is no beginning of EIDs"),
        (["issue", "LAB", "sm-sr", "--days", "20000"], "the CI's certificate ends on"),
        (["issue", "LAB", "ci", "--oid", "2.999.1"], "only --days is for it"),
        (["revoke", "LAB", "nobody"], "there is no party 'nobody'"),
        (["revoke", "LAB", "ci"], "a CI stands in no list"),
        (["revoke", "LAB", "sm-sr", "--generation", "2"], "has no generation 2"),
        (["crl", "NONE"], "is no folder of certificates"),
    ],
)
def test_wrong_input_is_one_line_and_changes_nothing(lab: Path, arguments: list[str], message: str) -> None:
    before = contents(lab)
    result = run(*(each.replace("LAB", str(lab)).replace("NONE", str(lab.parent / "none")) for each in arguments))
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1), result.output
    assert message in result.output
    assert contents(lab) == before
    assert sorted(each.name for each in lab.parent.iterdir()) == ["lab.pki"]


@pytest.mark.parametrize(
    "file", ["ci/1/x509.pem", "ci/1/x509.key", "ci/1/crl.pem", "sm-sr/1/tls.pem", "sm-sr/1/card.cert"]
)
@pytest.mark.parametrize("damage", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n"])
def test_damaged_files_are_one_line(lab: Path, file: str, damage: bytes) -> None:
    (lab / file).write_bytes(damage)
    before = contents(lab)
    result = run("revoke", lab, "sm-sr")
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1), result.output
    assert str(lab / file) in result.output
    assert contents(lab) == before


def test_a_folder_without_a_ci_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty/ci").mkdir(parents=True)
    for arguments in (["show"], ["issue", "sm-sr"], ["revoke", "sm-sr"], ["crl"]):
        result = run(arguments[0], tmp_path / "empty", *arguments[1:])
        assert (result.exit_code, len(result.output.splitlines())) == (1, 1), result.output
        assert "is no folder of certificates" in result.output
    done("init", tmp_path / "new")
    (tmp_path / "there").mkdir()
    done("init", tmp_path / "there")


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason(lab: Path, reason: str) -> None:
    done("revoke", lab, "operator", "--reason", reason)
    (row,) = json.loads(done("show", lab, "operator", "--json"))
    assert row["state"] == f"revoked ({reason})"


def test_passphrases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKI_TEST", "a passphrase")
    path = tmp_path / "p"
    done("init", path, "--passphrase-env", "PKI_TEST")
    result = run("issue", path, "sm-sr")
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    assert "--passphrase-env" in result.output
    monkeypatch.setenv("PKI_TEST", "another")
    assert "under another passphrase" in run("crl", path, "--passphrase-env", "PKI_TEST").output
    monkeypatch.setenv("PKI_TEST", "a passphrase")
    done("issue", path, "sm-sr", "--passphrase-env", "PKI_TEST")
    assert all(b"ENCRYPTED" in key.read_bytes() for key in path.rglob("*.key"))
    asked = CliRunner().invoke(main, ["pki", "init", str(tmp_path / "q"), "--passphrase"], input="secret\nsecret\n")
    assert asked.exit_code == 0
    assert "secret" not in asked.output
    assert all(b"ENCRYPTED" in key.read_bytes() for key in (tmp_path / "q").rglob("*.key"))


def test_a_second_process_is_refused(lab: Path) -> None:
    before = contents(lab)
    with (lab / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for arguments in (["issue", lab, "sm-sr"], ["revoke", lab, "sm-sr"], ["crl", lab]):
            result = run(*arguments)
            assert result.exit_code == 1
            assert "is being changed by another process" in result.output
        done("show", lab)
    assert contents(lab) == before


def test_killed_at_any_moment_the_folder_is_whole(lab: Path) -> None:
    """Each generation and list is there as a whole or not at all, and the next command goes on."""
    process = subprocess.Popen([*COMMAND, "issue", str(lab), "sm-sr"], cwd=ROOT, stdout=subprocess.DEVNULL)
    while not list(lab.glob(".new-*")) and process.poll() is None:
        time.sleep(0.0005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done("show", lab)
    done("issue", lab, "sm-sr")
    assert not list(lab.glob(".new-*"))
    for generation in PkiFolder(lab).generations("sm-sr"):
        found = {each.name for each in generation.iterdir()}
        assert found == {"tls.pem", "tls.key", "card.cert", "card.key"}
