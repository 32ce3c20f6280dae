# SPDX-License-Identifier: Apache-2.0
"""Keys for traces, from a TOML file or from a card image.

    [[scp03]]                 one for each key set, of SCP03 and of SCP03t
    domain = "isd-r"          or "mno-sd", "isd-p 0010" (its number), "tar 000010" (its TAR), or an AID
    kvn = "30"
    enc = "00112233445566778899AABBCCDDEEFF"
    mac = "..."
    dek = "..."

    [[scp80]]                 one for each key set of secured packets
    domain = "isd-r"
    kvn = "01"
    kic = "..."
    kid = "..."

    [[scp81]]                 one for each pre-shared key
    eid = "890010120123412340123456789012"
    kvn = "40"
    kid = "01"                or, instead of these three, identity = "..." as the TLS client sends it
    psk = "..."

A card image gives the keys of its ISD-R, of its ISD-Ps, and of every security domain in their profiles. It is read from
a copy and stays as it is.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from apdu.errors import DecodeError
from apdu.ids import ECASD, ISD_R, MNO_SD, Aid, Eid
from apdu.keys.secret import KeySet, KeyType, SecretKey
from apdu.trace.unwrap.keys import DomainKeys, KeyRing, PresharedKey
from tools.errors import ToolError, reason

__all__ = ["load_keys"]

T = TypeVar("T")
_Row = dict[str, object]

_NAMED: Final = {"isd-r": ISD_R, "ecasd": ECASD, "mno-sd": MNO_SD}
_SCP03: Final = ("domain", "kvn", "enc", "mac", "dek")
_SCP80: Final = ("domain", "kvn", "kic", "kid")
_SCP81: Final = ("eid", "kvn", "kid", "psk")
_NAMED_PSK: Final = ("identity", "psk")
_SQLITE: Final = b"SQLite format 3\0"
_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH


def load_keys(path: Path) -> KeyRing:
    """The key sets of a file; ToolError with one line when it cannot be used. Warns when others can read the keys."""
    try:
        with path.open("rb") as file:
            is_image = file.read(len(_SQLITE)) == _SQLITE
        mode = path.stat().st_mode
    except OSError as error:
        raise ToolError(f"{path}: {reason(error)}; name a key file (TOML) or a card image") from None
    if mode & _OTHERS and stat.S_ISREG(mode):
        import click

        click.echo(f"warning: {path} holds keys and can be read by others: chmod 600 {path}", err=True)
    if is_image:
        from tools.trace.imagekeys import image_keys

        return image_keys(path)
    return _read(path)


def _read(path: Path) -> KeyRing:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise ToolError(f"{path} is neither a key file (TOML) nor a card image") from None
    except tomllib.TOMLDecodeError as error:
        raise ToolError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise ToolError(f"{path} is not TOML: nested too deep") from None
    unknown = [name for name in content if name not in _SECTIONS]
    if unknown:
        raise ToolError(f"{path}: {unknown[0]!r} is not a section of a key file: {', '.join(_SECTIONS)}")
    ring = KeyRing(
        _rows(path, content, "scp03", _key_set),
        packets=_rows(path, content, "scp80", _packet_keys),
        preshared=_rows(path, content, "scp81", _preshared),
    )
    if not len(ring):
        raise ToolError(f"{path} holds no keys: write [[scp03]] with domain, kvn, enc, mac, dek")
    return ring


_SECTIONS: Final = ("scp03", "scp80", "scp81")


def _rows(path: Path, content: dict[str, object], section: str, read: Callable[[_Row], T]) -> Iterator[T]:
    rows = content.get(section, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ToolError(f"{path}: {section} is a list: write [[{section}]] for each of its keys")
    for number, row in enumerate(rows, 1):
        try:
            yield read(row)
        except DecodeError as error:
            raise ToolError(f"{path}: [[{section}]] number {number}: {error.message}") from None


def _complete(row: _Row, fields: tuple[str, ...]) -> None:
    for name in (*fields, *row):
        if name not in row:
            raise DecodeError(f"{name} is missing")
        if name not in fields:
            raise DecodeError(f"{name!r} is not one of {', '.join(fields)}")


def _key_set(row: _Row) -> DomainKeys:
    _complete(row, _SCP03)
    enc, mac, dek = (_key(row[name], name) for name in ("enc", "mac", "dek"))
    if len({len(enc), len(mac), len(dek)}) != 1:
        raise DecodeError("enc, mac and dek are of different lengths")
    return DomainKeys(bytes(_domain(row["domain"])), KeySet(_byte(row, "kvn"), enc, mac, dek))


def _packet_keys(row: _Row) -> DomainKeys:
    _complete(row, _SCP80)
    kic, kid = (_key(row[name], name) for name in ("kic", "kid"))
    if len(kic) != len(kid):
        raise DecodeError("kic and kid are of different lengths")
    return DomainKeys(bytes(_domain(row["domain"])), KeySet(_byte(row, "kvn"), kic, kid, kic))


def _preshared(row: _Row) -> PresharedKey:
    if "identity" in row:
        _complete(row, _NAMED_PSK)
        if not isinstance(row["identity"], str) or not row["identity"]:
            raise DecodeError("identity is text, in quotes")
        return PresharedKey(_key(row["psk"], "psk", KeyType.TLS_PSK), identity=row["identity"])
    _complete(row, _SCP81)
    eid = row["eid"]
    if not isinstance(eid, str):
        raise DecodeError("eid is 32 digits, in quotes")
    key = _key(row["psk"], "psk", KeyType.TLS_PSK)
    return PresharedKey(key, bytes(Eid.from_string(eid)), _byte(row, "kvn"), _byte(row, "kid"))


def _byte(row: _Row, name: str) -> int:
    value = _hex(row[name], name)
    if len(value) != 1:
        raise DecodeError(f"{name} has two hexadecimal digits")
    return value[0]


def _domain(value: object) -> Aid:
    """A security domain by name, by number or TAR of an ISD-P, or by AID."""
    if not isinstance(value, str):
        raise DecodeError('domain is text in quotes: "isd-r", "isd-p 0010", an AID')
    text = value.strip().lower()
    known = _NAMED.get(text)
    if known is not None:
        return known
    name, _, digits = text.partition(" ")
    if name == "isd-p":
        return Aid.isd_p(int.from_bytes(_hex(digits, "the number of an ISD-P"), "big"))
    if name == "tar":
        tar = _hex(digits, "a TAR")
        if len(tar) != 3 or tar[0]:
            raise DecodeError(f"{digits!r} is not the TAR of an ISD-P, 000010 to 00FFFF")
        return Aid.isd_p(int.from_bytes(tar, "big"))
    return Aid(_hex(value, "domain"))


def _key(value: object, name: str, type: KeyType = KeyType.AES) -> SecretKey:
    try:
        return SecretKey(_hex(value, name), type)
    except DecodeError as error:
        raise DecodeError(f"{name}: {error.message}") from None


def _hex(value: object, name: str) -> bytes:
    """Bytes from digits; what stands there is not shown, it may be a key."""
    if isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise DecodeError(f"{name} is text of hexadecimal digits, in quotes")
