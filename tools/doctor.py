# SPDX-License-Identifier: Apache-2.0
"""`euicc doctor`: what a card in a reader of this machine needs, what of it is missing, and how to mend that."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

import click

__all__ = ["Finding", "Machine", "examine", "run"]

_SHADOW: Final = "smartcard"
"""A package of that name takes the place of pyscard's module."""
_TESTED: Final = "1.9.9"
_NO_ACCESS: Final = 0x8010006A


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do where it is not as it should be."""

    name: str
    detail: str
    mend: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.mend


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where things are on a Debian machine."""

    config: Path = Path("/etc/reader.conf.d")
    drivers: Path = Path("/usr/lib/pcsc/drivers/serial")
    socket: Path = Path("/run/pcscd/pcscd.comm")

    @classmethod
    def this(cls) -> Machine:
        """This one, with the socket where PC/SC's own clients look for it."""
        named = os.environ.get("PCSCLITE_CSOCK_NAME")
        return cls(socket=Path(named)) if named else cls()


def examine(machine: Machine) -> Iterator[Finding]:
    """Everything, from the ground up."""
    yield _python()
    yield from _packages()
    yield _pcscd()
    yield _driver(machine)
    yield _configuration(machine)
    service = _service(machine)
    yield service
    if service.ok:
        yield _readers()


def run(machine: Machine | None = None) -> bool:
    """Print what was found; whether all of it is as it should be."""
    healthy = True
    for finding in examine(machine or Machine.this()):
        healthy &= finding.ok
        click.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.detail}")
        if finding.mend:
            click.echo(f"     {finding.mend}")
    return healthy


# --- Python


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", found, "" if sys.version_info >= (3, 11) else "use Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    """What setup.cfg asks for, without its extras; and what must not be there."""
    try:
        wanted = [each for each in requires("m2m-euicc") or () if "extra ==" not in each]
    except PackageNotFoundError:
        yield Finding("m2m-euicc", "not installed", "install it: pip install -e .")
        return
    for requirement in sorted(wanted):
        yield _package(requirement)
    try:
        yield Finding(_SHADOW, f"{version(_SHADOW)} hides pyscard", f"remove it: pip uninstall {_SHADOW}")
    except PackageNotFoundError:
        return


def _package(requirement: str) -> Finding:
    match = re.match(r"([\w.-]+)\s*(.*)", requirement)
    assert match is not None
    name, bounds = match.groups()
    mend = f"install it: pip install '{requirement}'"
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "not installed", mend)
    fits = all(_holds(found, bound) for bound in bounds.split(",") if bound.strip())
    return Finding(name, found, "" if fits else mend)


def _holds(found: str, bound: str) -> bool:
    """Whether a version keeps a bound of the two kinds that setup.cfg uses."""
    match = re.fullmatch(r"\s*(>=|<)\s*([\d.]+)\s*", bound)
    if match is None:
        return True
    have, limit = _numbers(found), _numbers(match[2])
    return have >= limit if match[1] == ">=" else have < limit


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int(each) for each in re.findall(r"\d+", text)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))


# --- PC/SC


def _install(package: str) -> str:
    return f"install it: apt-get install {package}"


def _pcscd() -> Finding:
    path = shutil.which("pcscd") or shutil.which("pcscd", path="/usr/sbin:/sbin")
    if path is None:
        return Finding("pcscd", "not found", _install("pcscd"))
    try:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("pcscd", f"{path} does not run ({error})", "install it again: apt-get install --reinstall pcscd")
    match = re.search(r"version (\d[\d.]*\d)", shown)
    found = match[1] if match is not None else "of an unknown version"
    return Finding("pcscd", found if found == _TESTED else f"{found} (tested with {_TESTED})")


def _driver(machine: Machine) -> Finding:
    found = sorted(machine.drivers.glob("libifdvpcd.so*"))
    if not found:
        return Finding("vpcd", f"no libifdvpcd.so in {machine.drivers}", _install("vsmartcard-vpcd"))
    return Finding("vpcd", str(found[0]))


def _configuration(machine: Machine) -> Finding:
    """The entries of the virtual reader: one for each copy of the driver, and none that waits for pcscd to call."""
    name = "vpcd configuration"
    entries: list[tuple[Path, str, str]] = []
    try:
        files = sorted(each for each in machine.config.iterdir() if each.is_file())
        for file in files:
            entries += [(file, *entry) for entry in _entries(file.read_text("utf-8", "replace"))]
    except OSError as error:
        return Finding(name, f"{machine.config}: {error.strerror}", _install("vsmartcard-vpcd"))
    if not entries:
        mend = "install it again: apt-get install --reinstall -o Dpkg::Options::=--force-confmiss vsmartcard-vpcd"
        return Finding(name, f"no entry in {machine.config}", mend)
    for file, library, device in entries:
        if not Path(library).exists():
            return Finding(name, f"{file} names {library}, which is not there", "correct LIBPATH in it")
        if not re.fullmatch(r"/dev/null:0x[0-9A-Fa-f]{1,4}", device):
            mend = "write DEVICENAME /dev/null:0x8C7B in it"
            return Finding(name, f"{file} has {device}, with which pcscd aborts", mend)
    libraries = [Path(library).resolve() for _, library, _ in entries]
    if len(set(libraries)) < len(libraries):
        mend = "give each a copy of libifdvpcd.so"
        return Finding(name, "two entries with the same LIBPATH, which deadlocks pcscd", mend)
    ports = [int(device.partition(":")[2], 16) for _, _, device in entries]
    return Finding(name, ", ".join(f"ports {port} and {port + 1}" for port in ports))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """LIBPATH and DEVICENAME of every virtual reader in a file; an entry begins with its FRIENDLYNAME."""
    for part in re.split(r"(?m)^\s*(?=FRIENDLYNAME)", text):
        values = dict(re.findall(r"(?m)^\s*(LIBPATH|DEVICENAME)\s+(\S+)", part))
        if "vpcd" in values.get("LIBPATH", ""):
            yield values["LIBPATH"], values.get("DEVICENAME", "no DEVICENAME")


def _service(machine: Machine) -> Finding:
    """Whether pcscd runs, and whether this user may speak to it."""
    name, path = "PC/SC service", machine.socket
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except PermissionError:
            return Finding(name, f"{path} is not open to this user", f"run as a user who may, or: chmod 666 {path}")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return Finding(name, f"no answer at {path} ({reason})", "start it: systemctl start pcscd (or: pcscd)")
    return Finding(name, f"answers at {path}")


def _readers() -> Finding:
    """What a PC/SC program gets to see."""
    name = "readers"
    try:
        from smartcard.Exceptions import ListReadersException
        from smartcard.pcsc.PCSCExceptions import EstablishContextException
        from smartcard.System import readers
    except ImportError as error:
        return Finding(name, f"pyscard cannot be loaded ({error})", "install it again: pip install --force pyscard")
    try:
        found = [str(each) for each in readers()]
    except (EstablishContextException, ListReadersException) as error:
        if error.hresult & 0xFFFFFFFF == _NO_ACCESS:
            mend = "allow org.debian.pcsc-lite.access_pcsc in a rule of polkit, or be root"
            return Finding(name, "pcscd refuses this user", mend)
        return Finding(name, " ".join(str(error).split()), "start pcscd again: systemctl restart pcscd")
    if not found:
        mend = "start pcscd again, so that it reads the vpcd configuration: systemctl restart pcscd"
        return Finding(name, "none", mend)
    return Finding(name, ", ".join(found))
