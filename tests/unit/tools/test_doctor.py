# SPDX-License-Identifier: Apache-2.0
"""`euicc doctor`: what it finds on machines that lack something, and what it says to do."""

from __future__ import annotations

import socket
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools import doctor
from tools.cli import main
from tools.doctor import Finding, Machine, examine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine where all is well but that pcscd does not run."""
    drivers, config = tmp_path / "drivers", tmp_path / "conf"
    for folder in (drivers, config):
        folder.mkdir()
    (drivers / "libifdvpcd.so").write_bytes(b"")
    write(config / "vpcd", entry(drivers / "libifdvpcd.so"))
    return Machine(config=config, drivers=drivers, socket=tmp_path / "pcscd.comm")


def entry(library: Path, device: str = "/dev/null:0x8C7B") -> str:
    return f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME {device}\nLIBPATH {library}\nCHANNELID 0x8C7B\n'


def write(path: Path, *entries: str) -> None:
    path.write_text("".join(entries), "utf-8")


def found(machine: Machine) -> dict[str, Finding]:
    return {each.name: each for each in examine(machine)}


def test_a_machine_without_a_running_service(machine: Machine) -> None:
    findings = found(machine)
    for name in ("Python", "click", "cryptography", "pyscard", "vpcd", "vpcd configuration"):
        assert findings[name].ok, findings[name]
    assert findings["vpcd configuration"].detail == "ports 35963 and 35964"
    assert findings["PC/SC service"].mend.startswith("start it: ")
    assert "readers" not in findings


def test_a_service_that_is_not_there_any_more(machine: Machine) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(machine.socket))
    assert "connection refused" in found(machine)["PC/SC service"].detail


def test_no_driver(machine: Machine) -> None:
    (machine.drivers / "libifdvpcd.so").unlink()
    assert found(machine)["vpcd"].mend == "install it: apt-get install vsmartcard-vpcd"
    assert "is not there" in found(machine)["vpcd configuration"].detail


def test_no_configuration(machine: Machine) -> None:
    write(machine.config / "vpcd", 'FRIENDLYNAME "Other"\nLIBPATH /usr/lib/libccid.so\n')
    assert "no entry" in found(machine)["vpcd configuration"].detail
    (machine.config / "vpcd").unlink()
    machine.config.rmdir()
    assert found(machine)["vpcd configuration"].mend == "install it: apt-get install vsmartcard-vpcd"


def test_two_entries_with_one_driver(machine: Machine) -> None:
    driver = machine.drivers / "libifdvpcd.so"
    write(machine.config / "vpcd", entry(driver), entry(driver, "/dev/null:0x9000"))
    assert "deadlocks" in found(machine)["vpcd configuration"].detail
    copy = machine.drivers / "copy-of-libifdvpcd.so"
    copy.write_bytes(b"")
    write(machine.config / "vpcd", entry(driver), entry(copy, "/dev/null:0x9000"))
    finding = found(machine)["vpcd configuration"]
    assert finding.ok
    assert finding.detail == "ports 35963 and 35964, ports 36864 and 36865"


def test_the_reversed_mode(machine: Machine) -> None:
    write(machine.config / "vpcd", entry(machine.drivers / "libifdvpcd.so", "127.0.0.1:0x9C50"))
    assert "aborts" in found(machine)["vpcd configuration"].detail


@pytest.mark.parametrize(
    "shown, ok", [("2.3.1", True), ("2.3.0", False), ("3.0", False), ("2.10", True), (None, False)]
)
def test_versions_of_packages(machine: Machine, monkeypatch: pytest.MonkeyPatch, shown: str | None, ok: bool) -> None:
    def version(name: str) -> str:
        if shown is None or name == "smartcard":
            raise PackageNotFoundError
        return shown

    monkeypatch.setattr(doctor, "requires", lambda name: ["pyscard<3,>=2.3.1", "pytest>=8; extra == 'test'"])
    monkeypatch.setattr(doctor, "version", version)
    findings = found(machine)
    assert findings["pyscard"].ok is ok
    assert "pytest" not in findings
    if not ok:
        assert findings["pyscard"].mend == "install it: pip install 'pyscard<3,>=2.3.1'"


def test_a_package_that_hides_pyscard(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version", lambda name: "2.3.1")
    assert found(machine)["smartcard"].mend == "remove it: pip uninstall smartcard"


def test_no_pcscd(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *arguments, **options: None)
    assert found(machine)["pcscd"].mend == "install it: apt-get install pcscd"


@pytest.mark.parametrize("mend, code", [("", 0), ("do this", 1)])
def test_exit_code(monkeypatch: pytest.MonkeyPatch, mend: str, code: int) -> None:
    monkeypatch.setattr(doctor, "examine", lambda machine: iter([Finding("thing", "found", mend)]))
    result = CliRunner().invoke(main, ["doctor"], prog_name="euicc")
    assert result.exit_code == code
    assert result.output == ("FAIL thing: found\n     do this\n" if mend else "ok   thing: found\n")
