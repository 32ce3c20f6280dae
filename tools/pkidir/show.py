# SPDX-License-Identifier: Apache-2.0
"""`euicc pki show`: what is in a folder of certificates, for people and as JSON."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from apdu.keys.certificate import Certificate
from smsr.kit.crl import RevocationList
from smsr.kit.folder import PkiFolder, read_card_format, read_certificate, read_list
from smsr.kit.oid import ROLE_CI
from smsr.kit.trust import ROLE_NAMES
from smsr.kit.x509 import extension, public_key, registered_id, roles
from tools.errors import ToolError
from tools.pkidir.files import check_folder

__all__ = ["Row", "lines", "rows"]

Row = dict[str, str | int | list[str]]
_NAMES: Final = {**ROLE_NAMES, ROLE_CI: "CI"}
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


def rows(path: Path, name: str | None) -> list[Row]:
    """A row for each certificate and list."""
    check_folder(path)
    folder = PkiFolder(path)
    if name is not None and name not in folder.parties():
        raise ToolError(f"there is no party {name!r} in {path}: it holds {', '.join(folder.parties())}")
    now = datetime.fromtimestamp(time.time(), UTC)
    lists = folder.trust().lists
    revoked = {serial: entry.reason.value for each in lists if each for serial, entry in each.entries.items()}
    found: list[Row] = []
    for party in [name] if name else folder.parties():
        for generation in folder.generations(party):
            own: Row = {"party": party, "generation": int(generation.name)}
            for file in sorted(generation.iterdir()):
                if file.suffix in (".pem", ".cert"):
                    found.append(own | {"file": str(file)} | _described(file, now, revoked))
    return found


def _described(path: Path, now: datetime, revoked: dict[int, str]) -> Row:
    if path.name == "crl.pem":
        return _list(read_list(path), now)
    if path.suffix == ".cert":
        return _card_format(read_card_format(path), now, revoked)
    return _x509(read_certificate(path), now, revoked)


def _x509(certificate: x509.Certificate, now: datetime, revoked: dict[int, str]) -> Row:
    names = extension(certificate, x509.SubjectAlternativeName)
    hosts = (
        []
        if names is None
        else [
            *names.get_values_for_type(x509.DNSName),
            *map(str, names.get_values_for_type(x509.IPAddress)),
        ]
    )
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return {
        "kind": "X.509",
        "role": ", ".join(_NAMES[role] for role in _NAMES if role in roles(certificate)) or "none",
        "oid": registered_id(certificate) or "",
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "hosts": hosts,
        "serial": f"{certificate.serial_number:X}",
        "from": start.strftime(_TIME),
        "until": end.strftime(_TIME),
        "curve": public_key(certificate).curve.name,
        "sha256": certificate.fingerprint(SHA256()).hex().upper(),
        "state": _state(certificate.serial_number, start, end, now, revoked),
    }


def _card_format(certificate: Certificate, now: datetime, revoked: dict[int, str]) -> Row:
    content = certificate.content
    start = datetime.combine(content.effective or datetime.min.date(), datetime.min.time(), UTC)
    end = datetime.combine(content.expiration, datetime.max.time(), UTC).replace(microsecond=0)
    return {
        "kind": "card format",
        "role": certificate.role.name.replace("_", "-") if certificate.role else "none",
        "subject": certificate.subject.hex().upper(),
        "issuer": certificate.ca_identifier.hex().upper(),
        "serial": certificate.serial.hex().upper(),
        "from": start.strftime(_TIME),
        "until": end.strftime(_TIME),
        "curve": certificate.public_key.curve.name,
        "state": _state(int.from_bytes(certificate.serial, "big"), start, end, now, revoked),
    }


def _list(found: RevocationList, now: datetime) -> Row:
    start, end = found.crl.last_update_utc, found.crl.next_update_utc or found.crl.last_update_utc
    return {
        "kind": "list",
        "number": found.number,
        "from": start.strftime(_TIME),
        "until": end.strftime(_TIME),
        "revoked": [f"{each.serial:X} {each.at:{_TIME}} {each.reason.value}" for each in found.entries.values()],
        "state": _state(-1, start, end, now, {}),
    }


def _state(serial: int, start: datetime, end: datetime, now: datetime, revoked: dict[int, str]) -> str:
    if serial in revoked:
        return f"revoked ({revoked[serial]})"
    if now < start:
        return "not yet valid"
    return "expired" if now > end else "ends soon" if end - now < timedelta(days=30) else "valid"


def lines(found: list[Row]) -> list[str]:
    """A paragraph for each row."""
    text: list[str] = []
    for row in found:
        text.append(f"{row['party']} {row['generation']}   {row['kind']}   {row['state']}")
        for key, value in row.items():
            if key in ("party", "generation", "kind", "state") or value in ("", []):
                continue
            text += [f"  {key:8} {each}" for each in (value if isinstance(value, list) else [value])]
    return text
