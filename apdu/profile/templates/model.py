# SPDX-License-Identifier: Apache-2.0
"""What a row of a file template says, and how the tables are written (SAIP 9, columns of its tables).

    tr("ef-pl", 0x2F05, 2, sfi=0x05, arr=1)
    lf("ef-sms", 0x6F3C, 10, 176, arr=5, content="00FF..", notes="s10")

Contents: `07FF..` repeats the last byte to the end (C1 of TS 102 222), `(FFFFFF0000)` repeats the whole (C2), `..07`
stands at the end of the file behind FF; anything else is literal. Record files: each record alone. Notes: H high update
activity, M the package gives the content, sN service N, ~ the size is only a lower bound, because no source gives it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final, NamedTuple

from apdu.profile.der import Oid

__all__ = [
    "ADM1_ONLY",
    "Content",
    "FileTemplate",
    "FileType",
    "Template",
    "adf",
    "bt",
    "cy",
    "df",
    "lf",
    "mf",
    "oid",
    "tr",
]


@unique
class FileType(IntEnum):
    """Structure; the value is the file descriptor byte of a shareable file (TS 102 221 11.1.1.4.3)."""

    TRANSPARENT = 0x41
    LINEAR = 0x42
    CYCLIC = 0x46
    DIRECTORY = 0x78
    BER_TLV = 0x79


class Content(NamedTuple):
    """Default content: exactly one of a fill pattern, a repeat pattern and literal bytes."""

    fill: bytes = b""
    repeat: bytes = b""
    literal: bytes = b""

    def expand(self, size: int) -> bytes:
        """The content of a file or record of this size; a literal one is cut or padded with FF (SAIP 8.3.3)."""
        if self.fill:
            return self.fill[:size] + self.fill[-1:] * (size - len(self.fill))
        if self.repeat:
            return (self.repeat * (size // len(self.repeat) + 1))[:size]
        return self.literal[:size] + b"\xff" * (size - len(self.literal))


BLANK: Final = Content(fill=b"\xff")
ADM1_ONLY: Final = 3
"""Record of the template's access rules that only ADM1 meets."""
_DIRECTORY_RULE: Final = 14


class FileTemplate(NamedTuple):
    """One row: a file as the template creates it."""

    name: str
    type: FileType
    fid: int | None
    """None where the package gives it: ADFs and files of which there may be several."""
    arr: int
    """Record number in EF_ARR."""
    size: int | None = None
    """Bytes, None where the package gives it."""
    records: int | None = None
    record_length: int = 0
    """0 = the package gives it, or there are no records."""
    sfi: int | None = None
    content: Content = BLANK
    notes: tuple[str, ...] = ()
    is_adf: bool = False
    within: str | None = None
    """The directory row that it lies in; None = where the template itself is created."""

    @property
    def special(self) -> int:
        """Special file information: 80 where the file is updated often (TS 102 222)."""
        return 0x80 if "H" in self.notes else 0x00

    @property
    def flexible(self) -> bool:
        """Whether the file grows with a longer content of the package."""
        return "~" in self.notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One version of a template."""

    oid: Oid
    kind: str
    """The profile element that uses it."""
    by_default: bool
    """Whether files that the package does not name are created too."""
    rows: tuple[FileTemplate, ...]
    by_name: dict[str, FileTemplate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(_placed(self.rows)))
        object.__setattr__(self, "by_name", {row.name: row for row in self.rows})


def _placed(rows: tuple[FileTemplate, ...]) -> list[FileTemplate]:
    """Rows after a directory lie in it; the directory that a template starts with holds its other directories."""
    root = rows[0].name if rows[0].type is FileType.DIRECTORY else None
    here, placed = None, []
    for row in rows:
        directory = row.type is FileType.DIRECTORY
        placed.append(row._replace(within=None if row.name == root else root if directory else here))
        if directory:
            here = row.name
    return placed


def oid(text: str) -> Oid:
    """The OID of a template by what follows 2.23.143.1."""
    return Oid.from_string(f"2.23.143.1.{text}")


def _content(text: str, length: int | None) -> Content:
    if not text:
        return BLANK
    if text.startswith("("):
        return Content(repeat=bytes.fromhex(text.strip("()")))
    if text.endswith(".."):
        return Content(fill=bytes.fromhex(text[:-2]))
    literal = bytes.fromhex(text.removeprefix(".."))
    if text.startswith(".."):
        assert length is not None
        literal = b"\xff" * (length - len(literal)) + literal
    return Content(literal=literal)


def tr(
    name: str,
    fid: int | None,
    size: int | None,
    *,
    sfi: int | None = None,
    arr: int,
    content: str = "",
    notes: str = "",
) -> FileTemplate:
    """A transparent file."""
    pattern = _content(content, size)
    return FileTemplate(
        name, FileType.TRANSPARENT, fid, arr, size, sfi=sfi, content=pattern, notes=tuple(notes.split())
    )


def bt(name: str, fid: int, *, sfi: int | None = None, arr: int, notes: str = "") -> FileTemplate:
    """A BER-TLV file; its contents are data objects, so nothing fills it."""
    return FileTemplate(name, FileType.BER_TLV, fid, arr, sfi=sfi, notes=tuple(notes.split()))


def lf(
    name: str,
    fid: int | None,
    records: int | None,
    length: int | None,
    *,
    sfi: int | None = None,
    arr: int,
    content: str = "",
    notes: str = "",
    type: FileType = FileType.LINEAR,
) -> FileTemplate:
    """A linear fixed file."""
    size = records * length if records and length else None
    pattern = _content(content, length)
    return FileTemplate(name, type, fid, arr, size, records, length or 0, sfi, pattern, tuple(notes.split()))


def cy(
    name: str,
    fid: int,
    records: int | None,
    length: int,
    *,
    sfi: int | None = None,
    arr: int,
    content: str = "",
    notes: str = "",
) -> FileTemplate:
    """A cyclic file."""
    return lf(name, fid, records, length, sfi=sfi, arr=arr, content=content, notes=notes, type=FileType.CYCLIC)


def df(name: str, fid: int | None, notes: str = "") -> FileTemplate:
    """A dedicated file."""
    return FileTemplate(name, FileType.DIRECTORY, fid, _DIRECTORY_RULE, notes=tuple(notes.split()))


def mf(name: str) -> FileTemplate:
    """The master file."""
    return df(name, 0x3F00)


def adf(name: str) -> FileTemplate:
    """An application's dedicated file; the package gives its AID and temporary file identifier."""
    return FileTemplate(name, FileType.DIRECTORY, None, _DIRECTORY_RULE, is_adf=True)
