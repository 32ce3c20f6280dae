# SPDX-License-Identifier: Apache-2.0
"""What the files of an installed profile hold, computed a second time: from pycrate's decode of the package.

Straight from SAIP 8.3 and without any code of the interpreter: of the project it uses the template tables only, and
reads their rows anew. The result is a dictionary from the path of a file to what it should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from apdu.profile.templates.model import FileTemplate
from apdu.profile.templates.registry import TEMPLATES

Path: TypeAlias = tuple[str, ...]
"""From the MF: hexadecimal file identifiers, an ADF by its AID."""
Steps: TypeAlias = list[tuple[str, Any]]

_TYPES = {0x01: "TRANSPARENT", 0x02: "LINEAR", 0x06: "CYCLIC", 0x39: "BER_TLV", 0x38: "DIRECTORY"}
_OID_PREFIX = (2, 23, 143, 1)


@dataclass(frozen=True)
class Expected:
    """One elementary file as it should be."""

    type: str
    size: int
    record_length: int
    content: bytes
    sfi: int | None
    rule: tuple[str, int]
    special: int
    link: Path | None = None


@dataclass
class Oracle:
    """Goes through the elements of a package in their order."""

    supported: frozenset[str]

    def __post_init__(self) -> None:
        self.files: dict[Path, Expected] = {}
        self.directories: dict[Path, tuple[tuple[str, int], tuple[int, ...]]] = {}
        self.adfs: dict[str, Path] = {}
        self.usim: Path = ()
        self.isim: Path = ()
        self.csim: Path = ()

    def element(self, name: str, value: Any) -> None:
        """Take one element as pycrate decoded it."""
        if name == "genericFileManagement":
            for commands in value["fileManagementCMD"]:
                self._generic(commands)
        elif "templateID" in value:
            self._template(name, value)

    def _template(self, name: str, value: dict[str, Any]) -> None:
        oid = ".".join(map(str, value["templateID"]))
        template = next(t for t in TEMPLATES.values() if str(t.oid) == oid)
        places: dict[str | None, Path] = {None: self._home(name)}
        for row in template.rows:
            steps = value.get(row.name)
            if steps is None and not template.by_default:
                continue
            if any(kind == "doNotCreate" for kind, _ in steps or []):
                continue
            for control, writes in _split(steps or []):
                if row.type == 0x78:
                    places[row.name] = self._directory(places[row.within], row, control)
                else:
                    self._file(places[row.within], row, control, writes)
        if name in ("usim", "isim", "csim"):
            setattr(self, name, places[f"adf-{name}"])

    def _home(self, name: str) -> Path:
        if name in ("opt-usim", "gsm-access", "phonebook") or name.startswith("df-"):
            return self.usim
        return {"opt-isim": self.isim, "opt-csim": self.csim}.get(name, ())

    def _directory(self, parent: Path, row: FileTemplate | None, control: dict[str, Any]) -> Path:
        fid = control["fileID"].hex().upper() if "fileID" in control else f"{row.fid:04X}" if row else ""
        if fid == "3F00":
            path: Path = ()
        elif "dfName" in control:
            path = (control["dfName"].hex().upper(),)
            self.adfs[fid] = path
        else:
            path = (*parent, fid)
        rule = control.get("securityAttributesReferenced")
        near = fid == "3F00" or "dfName" in control or not parent
        self.directories[path] = _rule(rule, row, near=near), tuple(control["pinStatusTemplateDO"])
        return path

    def _file(
        self, parent: Path, row: FileTemplate | None, control: dict[str, Any], writes: list[tuple[str, Any]]
    ) -> None:
        fid = control["fileID"].hex().upper() if "fileID" in control else f"{row.fid:04X}" if row else ""
        path = (*parent, fid)
        assert path not in self.files, path
        rule = _rule(control.get("securityAttributesReferenced"), row, near=not parent)
        sfi = _sfi(control, row, int(fid, 16))
        if control.get("linkPath"):
            target = self._follow(control["linkPath"])
            self.files[path] = replace(self.files[target], rule=rule, sfi=sfi, link=target)
            return
        descriptor = control.get("fileDescriptor")
        if descriptor is not None:
            kind, length = _TYPES[descriptor[0] & 0x3F], int.from_bytes(descriptor[2:], "big")
        else:
            assert row is not None
            kind, length = _TYPES[row.type & 0x3F], row.record_length
        size = _size(control, row, length, writes)
        content = b"".join(b for _, b in writes) if kind == "BER_TLV" else _content(control, row, size, length, writes)
        information = control.get("proprietaryEFInfo")
        special = row.special if row is not None and information is None else 0
        if information is not None and "specialFileInformation" in information:
            special = information["specialFileInformation"][0]
        if row is not None and row.name in ("ef-ust", "ef-ist"):
            content = self._cleared(row.name, content)
        self.files[path] = Expected(kind, size, length, content, sfi, rule, special)

    def _cleared(self, name: str, table: bytes) -> bytes:
        """GBA, MBMS and SUCI computed by the card need what a card may lack (TS 31.102 4.2.8, TS 31.103 4.2.7)."""
        depends = {"ef-ust": {68: "gba-usim", 76: "gba-usim", 69: "mbms", 125: "get-identity"}}
        lacking = {n for n, s in depends.get(name, {2: "gba-isim", 4: "gba-isim"}).items() if s not in self.supported}
        bits = "".join(f"{byte:08b}"[::-1] for byte in table)
        kept = "".join("0" if number in lacking else bit for number, bit in enumerate(bits, start=1))
        return bytes(int(kept[at : at + 8][::-1], 2) for at in range(0, len(kept), 8))

    def _follow(self, path: bytes) -> Path:
        steps = [path[at : at + 2].hex().upper() for at in range(0, len(path), 2)]
        if steps and steps[0] in self.adfs:
            return (*self.adfs[steps[0]], *steps[1:])
        return tuple(steps)

    def _generic(self, commands: Steps) -> None:
        here: Path = ()
        waiting: tuple[Path, dict[str, Any]] | None = None
        writes: Steps = []
        for kind, value in [*commands, ("filePath", b"")]:
            if kind.startswith("fill"):
                writes.append((kind, value))
                continue
            if waiting is not None:
                self._file(waiting[0], None, waiting[1], writes)
            waiting, writes = None, []
            if kind == "filePath":
                here = self._follow(value)
            elif value["fileDescriptor"][0] & 0x3F == 0x38:
                here = self._directory(here, None, value)
            else:
                waiting = here, value


def _split(steps: Steps) -> Iterator[tuple[dict[str, Any], Steps]]:
    """One Fcp with the contents behind it each; a sequence without any takes everything from the template."""
    control: dict[str, Any] = {}
    writes: Steps = []
    seen = False
    for kind, value in steps:
        if kind == "fileDescriptor":
            if seen:
                yield control, writes
            control, writes, seen = value, [], True
        else:
            writes.append((kind, value))
    yield control, writes


def _rule(rule: bytes | None, row: FileTemplate | None, *, near: bool) -> tuple[str, int]:
    implied = "2F06" if near else "6F06"
    if rule is None:
        assert row is not None
        return implied, row.arr
    return (rule[:2].hex().upper(), rule[2]) if len(rule) == 3 else (implied, rule[0])


def _sfi(control: dict[str, Any], row: FileTemplate | None, fid: int) -> int | None:
    given = control.get("shortEFID")
    if given is None:
        return row.sfi if row is not None else fid % 32 or None
    return given[0] // 8 if given else None


def _size(control: dict[str, Any], row: FileTemplate | None, length: int, writes: Steps) -> int:
    if "efFileSize" in control:
        return int(control["efFileSize"].hex(), 16)
    assert row is not None
    size = row.size
    if length and row.records and length != row.record_length:
        size = row.records * length
    assert size is not None, row.name
    if "~" in row.notes:  # no source gives its size: the package's content is its beginning
        return max(size, sum(value if isinstance(value, int) else len(value) for _, value in writes))
    return size


def _content(control: dict[str, Any], row: FileTemplate | None, size: int, length: int, writes: Steps) -> bytes:
    information = control.get("proprietaryEFInfo") or {}
    parts = size // length if length else 1
    part = length or size
    if "fillPattern" in information:
        body = bytearray(_fill(information["fillPattern"], part) * parts)
    elif "repeatPattern" in information:
        body = bytearray((information["repeatPattern"] * part)[:part] * parts)
    elif row is not None:
        default = row.content
        if default.fill:
            one = _fill(default.fill, part)
        elif default.repeat:
            one = (default.repeat * part)[:part]
        else:
            one = _fill(default.literal + b"\xff", part)
        body = bytearray(one * parts)
    else:
        body = bytearray(b"\xff" * size)
    at = 0
    for kind, value in writes:
        if kind == "fillFileOffset":
            at += value
        else:
            body[at : at + len(value)] = value
            at += len(value)
    assert len(body) == size
    return bytes(body)


def _fill(pattern: bytes, size: int) -> bytes:
    if len(pattern) >= size:
        return pattern[:size]
    return pattern.ljust(size, pattern[-1:])
