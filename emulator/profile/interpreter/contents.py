# SPDX-License-Identifier: Apache-2.0
"""Sizes and initial bodies of elementary files (SAIP 8.3.3, 8.3.4; patterns: TS 102 222 6.3.2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from apdu.errors import DecodeError
from apdu.profile.elements.files import Fcp, ProprietaryInfo
from apdu.profile.response import Status
from apdu.profile.templates.model import Content, FileTemplate
from apdu.tlv.scan import split
from emulator.profile.base import FileKind
from emulator.profile.interpreter.outcome import Refused

__all__ = ["Structure", "Writes", "ber_tlv_body", "body", "default_size", "number", "structure"]

MAX_RECORD: Final = 255
_DATA_CODING: Final = 0x21
_KINDS: Final = {0x01: FileKind.TRANSPARENT, 0x02: FileKind.LINEAR, 0x06: FileKind.CYCLIC, 0x39: FileKind.BER_TLV}
_SHAREABLE: Final = 0x40

Writes = Sequence[int | bytes]
"""fillFileOffset and fillFileContent, in order."""


class Structure(NamedTuple):
    """What a file descriptor says; `kind` None = a directory."""

    kind: FileKind | None
    record_length: int


@lru_cache(maxsize=512)
def structure(descriptor: bytes) -> Structure:
    """Read a file descriptor: descriptor byte, data coding, record length (TS 102 222 6.3.2.2.1)."""
    code = descriptor[0] & ~_SHAREABLE
    if descriptor[1] != _DATA_CODING or len(descriptor) == 3:
        raise Refused(Status.BAD_VALUES, f"file descriptor {descriptor.hex().upper()}")
    if code & 0x3F == 0x38 and len(descriptor) == 2:
        return Structure(None, 0)
    kind = _KINDS.get(code)
    if kind is None or (len(descriptor) == 4 and kind not in (FileKind.LINEAR, FileKind.CYCLIC)):
        raise Refused(Status.BAD_VALUES, f"file descriptor {descriptor.hex().upper()}")
    length = int.from_bytes(descriptor[2:], "big")
    if len(descriptor) == 4 and not 1 <= length <= MAX_RECORD:
        raise Refused(Status.BAD_VALUES, f"records of {length} bytes")
    return Structure(kind, length)


@lru_cache(maxsize=512)
def number(value: bytes, what: str) -> int:
    """A size: as few bytes as possible, without leading zeros (SAIP annex A)."""
    if not 1 <= len(value) <= 4 or (value[0] == 0 and len(value) > 1):
        raise Refused(Status.BAD_VALUES, f"{what} {value.hex().upper()} is not coded in the shortest form")
    return int.from_bytes(value, "big")


def default_size(row: FileTemplate | None, record_length: int, writes: Writes) -> int | None:
    """The size of a file for which the package gives none: that of the template, or its records in another length."""
    if row is None:
        return None
    size = row.size
    if record_length and record_length != row.record_length and row.records:
        size = row.records * record_length
    if row.flexible and size is not None:
        size = max(size, sum(item if isinstance(item, int) else len(item) for item in writes))
    return size


def _pattern(row: FileTemplate | None, info: ProprietaryInfo | None) -> Content | None:
    """The pattern of the package, else that of the template; None = FF."""
    if info is not None:
        if info.fill_pattern is not None:
            if info.repeat_pattern is not None:
                raise Refused(Status.BAD_VALUES, "both a fill pattern and a repeat pattern")
            return Content(fill=info.fill_pattern)
        if info.repeat_pattern is not None:
            return Content(repeat=info.repeat_pattern)
    return None if row is None else row.content


@lru_cache(maxsize=256)
def _expanded(pattern: Content, size: int, record_length: int) -> bytes:
    """The body that a pattern gives; a pattern starts anew in every record."""
    if record_length:
        return pattern.expand(record_length) * (size // record_length)
    return pattern.expand(size)


@lru_cache(maxsize=256)
def _blank(size: int) -> bytes:
    return b"\xff" * size


def body(row: FileTemplate | None, fcp: Fcp | None, size: int, record_length: int, writes: Writes) -> bytes:
    """The initial body: the default, and over it what the package writes.

    fillFileOffset skips from the position reached so far, and records are written through as one string (SAIP 8.3.3).
    """
    if len(writes) == 1 and type(first := writes[0]) is bytes and len(first) == size:
        return first
    pattern = _pattern(row, fcp.proprietary if fcp is not None else None)
    start = _blank(size) if pattern is None or pattern.fill == b"\xff" else _expanded(pattern, size, record_length)
    if not writes:
        return start
    parts: list[bytes] = []
    at = 0
    for item in writes:
        if isinstance(item, int):
            end = at + item
            parts.append(start[at:end])
        else:
            end = at + len(item)
            parts.append(item)
        at = end
        if at > size:
            raise Refused(Status.BAD_VALUES, f"content up to byte {at} of a file of {size} bytes")
    parts.append(start[at:])
    return b"".join(parts)


def ber_tlv_body(writes: Writes, maximum: int) -> bytes:
    """The data objects of a BER-TLV file; there are no offsets in it."""
    if any(isinstance(item, int) for item in writes):
        raise Refused(Status.INVALID_PARAMETER, "an offset in a BER-TLV file")
    content = b"".join(item for item in writes if isinstance(item, bytes))
    if len(content) > maximum:
        raise Refused(Status.BAD_VALUES, f"{len(content)} bytes of data objects in a file of {maximum} bytes")
    try:
        split(content)
    except DecodeError as error:
        raise Refused(Status.BAD_VALUES, f"a BER-TLV file without data objects: {error.message}") from None
    return content
