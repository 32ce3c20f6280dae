# SPDX-License-Identifier: Apache-2.0
"""What a test needs from outside the project: it skips with the reason when that is missing.

`require("pycrate")` works in a test, in a fixture and at the top of a module. The environment variable
EUICC_REQUIRE (names separated by commas) turns the skip of those names into a failure, so that a run which
installs something also proves that its tests ran.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools.pcscd import obstacle

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

Probe = Callable[[], str | None]  # why it is missing, or None when it is there


def _profiles_folder() -> Path:
    return Path(os.environ.get("EUICC_PROFILES") or SHARED / "profiles")


def _profiles() -> str | None:
    folder = _profiles_folder()
    if any(folder.glob("*.der")):
        return None
    return f"no profile packages (*.der) in {_shown(folder)} (EUICC_PROFILES names another folder)"


def _shown(path: Path) -> str:
    return os.path.relpath(path, ROOT)


def _path(path: Path) -> Probe:
    return lambda: None if path.exists() else f"{_shown(path)} is missing"


def _module(name: str, distribution: str) -> Probe:
    return lambda: None if importlib.util.find_spec(name) else f"{distribution} is not installed (pip)"


def _program(*names: str) -> Probe:
    def probe() -> str | None:
        missing = [name for name in names if shutil.which(name) is None]
        return f"not found in PATH: {', '.join(missing)}" if missing else None

    return probe


def _pcsc() -> str | None:
    return obstacle() or _program("opensc-tool", "pcsc_scan")()


def _chromium() -> str | None:
    return _module("playwright", "playwright")() or _program("chromium")()


def _postgres() -> str | None:
    if shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return None
    return "no PostgreSQL server (Debian package postgresql)"


SOFTHSM: tuple[Path, ...] = tuple(
    Path(folder) / "libsofthsm2.so"
    for folder in ("/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib/aarch64-linux-gnu/softhsm")
)


def _softhsm() -> str | None:
    if not any(path.exists() for path in SOFTHSM):
        return "no SoftHSM 2 (Debian package softhsm2)"
    return _program("softhsm2-util", "pkcs11-tool")() or _module("pkcs11", "python-pkcs11")()


PROBES: Mapping[str, Probe] = {
    "profiles": _profiles,
    "schemas": _path(SHARED / "schemas"),
    "vectors": _path(SHARED / "spec" / "vectors.py"),
    "checklists": _path(SHARED / "spec" / "checklists.md"),
    "module": _path(SHARED / "spec" / "PE_Definitions-3.3.1.asn"),
    "pycrate": _module("pycrate_asn1rt", "pycrate"),
    "asn1tools": _module("asn1tools", "asn1tools"),
    "ykman": _module("yubikit", "yubikey-manager"),
    "smpplib": _module("smpplib", "smpplib"),
    "zeep": _module("zeep", "zeep"),
    "schemathesis": _module("schemathesis", "schemathesis"),
    "signxml": _module("signxml", "signxml"),
    "pyscard": _module("smartcard", "pyscard"),
    "openssl": _program("openssl"),
    "gnutls": _program("gnutls-serv"),
    "pcsc": _pcsc,
    "tshark": _program("tshark"),
    "chromium": _chromium,
    "postgres": _postgres,
    "softhsm": _softhsm,
}


def demanded() -> frozenset[str]:
    """The names in EUICC_REQUIRE; ValueError when one is not known here, since it would demand nothing."""
    names = frozenset(filter(None, map(str.strip, os.environ.get("EUICC_REQUIRE", "").split(","))))
    if unknown := names - PROBES.keys():
        known = ", ".join(sorted(PROBES))
        raise ValueError(f"EUICC_REQUIRE names {', '.join(sorted(unknown))}: known are {known}")
    return names


def require(name: str) -> None:
    """Skip the test or module unless `name` is there; fail it when EUICC_REQUIRE demands that it is."""
    reason = PROBES[name]()
    if reason is None:
        return
    if name in demanded():
        pytest.fail(f"EUICC_REQUIRE demands {name}: {reason}", pytrace=False)
    pytest.skip(f"{name}: {reason}", allow_module_level=True)


def profile_paths() -> list[Path]:
    """The profile packages, sorted. In a parametrisation a missing folder skips the whole module."""
    require("profiles")
    return sorted(_profiles_folder().glob("*.der"))


def schemas_path() -> Path:
    """The folder of the WSDL and XML Schema files."""
    require("schemas")
    return SHARED / "schemas"


def vectors_path() -> Path:
    """The script that recomputes the known answers."""
    require("vectors")
    return SHARED / "spec" / "vectors.py"


def checklists_path() -> Path:
    """The conformance checklists."""
    require("checklists")
    return SHARED / "spec" / "checklists.md"


def softhsm_path() -> Path:
    """SoftHSM's PKCS#11 module."""
    require("softhsm")
    return next(path for path in SOFTHSM if path.exists())


def module_path() -> Path:
    """The published ASN.1 module of profile packages."""
    require("module")
    return SHARED / "spec" / "PE_Definitions-3.3.1.asn"
