# SPDX-License-Identifier: Apache-2.0
"""Keys for traces, from a TOML file or from a card image.

    [[scp03]]                 one for each key set, of SCP03 and of SCP03t
    domain = "isd-r"          or "mno-sd", "isd-p 0010" (its number), "tar 000010" (its TAR), or an AID
    kvn = "30"
    enc = "00112233445566778899AABBCCDDEEFF"
    mac = "..."
    dek = "..."

A card image gives the key sets of its ISD-R, of its ISD-Ps, and of every security domain in their profiles. It is read
from a copy and stays as it is.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from apdu.errors import DecodeError
from apdu.ids import ECASD, ISD_R, MNO_SD, Aid
from apdu.keys.secret import KeySet, SecretKey
from apdu.trace.unwrap.keys import DomainKeys, KeyRing
from tools.errors import ToolError, reason

__all__ = ["load_keys"]

_NAMED: Final = {"isd-r": ISD_R, "ecasd": ECASD, "mno-sd": MNO_SD}
_SECTIONS: Final = ("scp03",)
"""Sections that a file may have; other protocols bring their own."""
_FIELDS: Final = ("domain", "kvn", "enc", "mac", "dek")
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

        return KeyRing(image_keys(path))
    return KeyRing(_read(path))


def _read(path: Path) -> Iterator[DomainKeys]:
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
    rows = content.get("scp03", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ToolError(f"{path}: scp03 is a list: write [[scp03]] for each key set")
    if not rows:
        raise ToolError(f"{path} holds no keys: write [[scp03]] with domain, kvn, enc, mac, dek")
    for number, row in enumerate(rows, 1):
        try:
            yield _key_set(row)
        except DecodeError as error:
            raise ToolError(f"{path}: [[scp03]] number {number}: {error.message}") from None


def _key_set(row: dict[str, object]) -> DomainKeys:
    for name in (*_FIELDS, *row):
        if name not in row:
            raise DecodeError(f"{name} is missing")
        if name not in _FIELDS:
            raise DecodeError(f"{name!r} is not one of {', '.join(_FIELDS)}")
    kvn = _hex(row["kvn"], "kvn")
    if len(kvn) != 1:
        raise DecodeError("kvn has two hexadecimal digits")
    enc, mac, dek = (_key(row[name], name) for name in ("enc", "mac", "dek"))
    if len({len(enc), len(mac), len(dek)}) != 1:
        raise DecodeError("enc, mac and dek are of different lengths")
    return DomainKeys(bytes(_domain(row["domain"])), KeySet(kvn[0], enc, mac, dek))


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


def _key(value: object, name: str) -> SecretKey:
    try:
        return SecretKey(_hex(value, name))
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
