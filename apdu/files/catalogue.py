# SPDX-License-Identifier: Apache-2.0
"""Names of files by directory: what the interoperable profile's templates create (SAIP 9, TS 31.102, TS 31.103).

A card cannot be asked which files it has, so a tree is found by trying those that could be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final, NamedTuple

from apdu.profile.templates.registry import TEMPLATES

__all__ = ["ADFS", "MF", "Entry", "by_identifier", "by_short_identifier", "children", "find", "label"]

MF: Final = "mf"
_DIRECTORY: Final = "df-"
ADFS: Final = {
    "adf-usim": bytes.fromhex("A0000000871002"),
    "adf-isim": bytes.fromhex("A0000000871004"),
    "adf-csim": bytes.fromhex("A0000003431002"),
}
"""Beginnings of the AIDs of network access applications (TS 101 220 annex E)."""
_PLACES: Final = {
    "mf": MF,
    "cd": MF,
    "telecom": MF,
    "usim": MF,
    "isim": MF,
    "csim": MF,
    "opt-usim": "adf-usim",
    "gsm-access": "adf-usim",
    "phonebook": "adf-usim",
    "df-5gs": "adf-usim",
    "df-saip": "adf-usim",
    "df-snpn": "adf-usim",
    "df-5gprose": "adf-usim",
    "opt-isim": "adf-isim",
    "opt-csim": "adf-csim",
}
"""Where the first row of each kind of template lies."""


class Entry(NamedTuple):
    """A file that could be in a directory."""

    fid: int
    name: str

    @property
    def is_directory(self) -> bool:
        """Whether it is a DF."""
        return self.name.startswith(_DIRECTORY)


@cache
def _catalogue() -> Mapping[str, Mapping[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for template in TEMPLATES.values():
        place = _PLACES.get(template.kind)
        if place is None:
            continue
        head = template.rows[0].name if template.rows[0].is_adf or template.kind == MF else None
        for row in template.rows:
            if row.fid is not None and row.name != MF:
                within = row.within or head or place
                found.setdefault(within, {}).setdefault(row.fid, row.name)
    return found


def by_identifier(directory: str, fid: int) -> Entry | None:
    """The entry of a directory that has a file identifier."""
    name = _catalogue().get(directory, {}).get(fid)
    return None if name is None else Entry(fid, name)


@cache
def _short_identifiers() -> Mapping[str, Mapping[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for template in TEMPLATES.values():
        place = _PLACES.get(template.kind)
        if place is None:
            continue
        head = template.rows[0].name if template.rows[0].is_adf or template.kind == MF else None
        for row in template.rows:
            if row.sfi is not None:
                found.setdefault(row.within or head or place, {}).setdefault(row.sfi, row.name)
    return found


def by_short_identifier(directory: str, sfi: int) -> str:
    """The name of the file of a directory that has a short file identifier in the templates; empty without one."""
    return _short_identifiers().get(directory, {}).get(sfi, "")


def children(directory: str) -> tuple[Entry, ...]:
    """What could be in a directory, by file identifier."""
    return tuple(Entry(fid, name) for fid, name in sorted(_catalogue().get(directory, {}).items()))


def find(directory: str, text: str) -> Entry | None:
    """The entry of a directory by name: `EF.ICCID`, `iccid` and `ef-iccid` are the same."""
    wanted = _plain(text)
    return next((entry for entry in children(directory) if _plain(entry.name) == wanted), None)


@lru_cache(maxsize=4096)
def label(name: str) -> str:
    """A name as the specifications print it."""
    kind, _, rest = name.partition("-")
    return f"{kind.upper()}.{rest.removeprefix(_DIRECTORY).upper()}" if rest else name.upper()


def _plain(text: str) -> str:
    folded = text.casefold().replace(".", "-").replace("_", "-")
    for prefix in ("ef-", "df-", "df-"):
        folded = folded.removeprefix(prefix)
    return folded
