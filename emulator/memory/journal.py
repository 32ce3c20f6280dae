# SPDX-License-Identifier: Apache-2.0
"""The RAM backend: an append-only journal that can tear, exactly where a chip's memory would.

A batch is a run of records and a commit mark; each carries a CRC-32. Opening reads up to the last good commit mark: a
batch is there as a whole or not at all. Values of some size are kept once per process (`Flash.blobs`, found by
digest), since cards with the same profile package would otherwise each hold it. Deleting rewrites the journal into a
second bank, which takes over in one step: what was deleted is gone from the bytes too.

    record   kind(1) key length(1) value length(3) key value crc(4)
    mark     'C' 00 number of records(3) crc(4)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, unique
from hashlib import sha256
from typing import Final
from weakref import WeakValueDictionary
from zlib import crc32

__all__ = ["Batch", "Flash", "Hook", "JournalBackend", "Moment", "PowerCut"]

Batch = Mapping[str, bytes | None]
"""Values by key; None deletes."""

_PUT, _BLOB, _DELETE, _MARK = b"PBDC"
_HEAD: Final = 5
_CRC: Final = 4
_BLOB_SIZE: Final = 256
"""Values from this size on are shared by content."""
_SLACK: Final = 2048
"""Bytes of superseded records that the journal may carry besides as many as there are live ones."""


class PowerCut(BaseException):
    """The power fails. Not an Exception, so that no handler of a card swallows it."""


@unique
class Moment(Enum):
    """Where in a commit the hook is called."""

    BEFORE = "before"
    RECORD = "at a record's boundary"
    INSIDE = "one byte inside a record"
    MARKED = "at the commit mark's end, before the caller knows"
    SWAP = "before the compacted bank takes over"
    AFTER = "after"


Hook = Callable[[Moment], None]


class _Blob:
    """A shared value: bytes cannot be weakly referenced themselves."""

    __slots__ = ("__weakref__", "value")

    def __init__(self, value: bytes) -> None:
        self.value = value


_shared: WeakValueDictionary[bytes, _Blob] = WeakValueDictionary()


class Flash:
    """The medium: what survives a power cut. Copy it to try one moment in several ways."""

    __slots__ = ("blobs", "data")

    def __init__(self, data: bytes | bytearray = b"", blobs: Mapping[bytes, _Blob] | None = None) -> None:
        self.data = bytearray(data)
        self.blobs: dict[bytes, _Blob] = dict(blobs or {})

    def copy(self) -> Flash:
        """The same contents on another medium."""
        return Flash(self.data, self.blobs)

    def contents(self) -> bytes:
        """Every byte that the medium holds: for tests that search it for what should be gone."""
        return bytes(self.data) + b"".join(blob.value for blob in self.blobs.values())


def _record(kind: int, key: bytes, value: bytes) -> bytes:
    body = bytes((kind, len(key))) + len(value).to_bytes(3, "big") + key + value
    return body + crc32(body).to_bytes(4, "big")


def _mark(count: int) -> bytes:
    body = bytes((_MARK, 0)) + count.to_bytes(3, "big")
    return body + crc32(body).to_bytes(4, "big")


class JournalBackend:
    """Opens a flash, cleans a torn end away, and serves `get`, `items` and `commit`."""

    __slots__ = ("_index", "_live", "flash", "hook")

    def __init__(self, flash: Flash | None = None, hook: Hook | None = None) -> None:
        self.flash = flash if flash is not None else Flash()
        self.hook = hook
        self._index: dict[str, bytes] = {}
        self._live = 0
        self._open()

    def get(self, key: str) -> bytes | None:
        """The value of a key, None where there is none."""
        return self._index.get(key)

    def items(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Keys that start with a prefix, with their values, sorted."""
        for key in sorted(key for key in self._index if key.startswith(prefix)):
            yield key, self._index[key]

    def commit(self, batch: Batch) -> None:
        """Make a batch durable, wholly or not at all."""
        records = [self._code(key, value) for key, value in batch.items()]
        hook = self.hook
        data = self.flash.data
        if hook is None:
            data += b"".join(records) + _mark(len(records))
        else:
            hook(Moment.BEFORE)
            for record in (*records, _mark(len(records))):
                hook(Moment.RECORD)
                data += record[:1]
                hook(Moment.INSIDE)
                data += record[1:]
            hook(Moment.MARKED)
        self._apply(batch)
        if None in batch.values() or len(data) - self._live > self._live + _SLACK:
            self._compact()
        if hook is not None:
            hook(Moment.AFTER)

    def _code(self, key: str, value: bytes | None) -> bytes:
        name = key.encode("ascii")
        if value is None:
            return _record(_DELETE, name, b"")
        if len(value) < _BLOB_SIZE:
            return _record(_PUT, name, value)
        digest = sha256(value).digest()
        blob = _shared.get(digest)
        if blob is None:
            blob = _shared[digest] = _Blob(value)
        self.flash.blobs[digest] = blob
        return _record(_BLOB, name, digest)

    def _apply(self, batch: Batch) -> None:
        for key, value in batch.items():
            old = self._index.pop(key, None)
            if old is not None:
                self._live -= self._size(key, old)
            if value is not None:
                if len(value) >= _BLOB_SIZE:
                    value = _shared[sha256(value).digest()].value
                self._index[sys.intern(key)] = value
                self._live += self._size(key, value)

    @staticmethod
    def _size(key: str, value: bytes) -> int:
        return _HEAD + len(key) + (len(value) if len(value) < _BLOB_SIZE else 32) + _CRC

    def _compact(self) -> None:
        """Write what is live into a new bank and let it take over."""
        records = [self._code(key, value) for key, value in self._index.items()]
        bank = bytearray(b"".join(records) + _mark(len(records)))
        used = {record[_HEAD + record[1] : -_CRC] for record in records if record[0] == _BLOB}
        if self.hook is not None:
            self.hook(Moment.SWAP)
        self.flash.data = bank
        self.flash.blobs = {digest: blob for digest, blob in self.flash.blobs.items() if digest in used}

    def _open(self) -> None:
        data, at, good = self.flash.data, 0, 0
        batch: dict[str, bytes | None] = {}
        deleted = False
        while (record := self._read(at)) is not None:
            kind, key, value = record
            at += _HEAD + len(key) + len(value) + _CRC if kind != _MARK else _HEAD + _CRC
            if kind == _MARK:
                if len(batch) != int.from_bytes(value, "big"):
                    break
                self._apply(batch)
                deleted = deleted or None in batch.values()
                batch, good = {}, at
            elif kind == _BLOB:
                blob = self.flash.blobs.get(bytes(value))
                if blob is None:
                    break
                _shared.setdefault(bytes(value), blob)
                batch[key.decode("ascii")] = blob.value
            else:
                batch[key.decode("ascii")] = bytes(value) if kind == _PUT else None
        del data[good:]
        used = {sha256(value).digest() for value in self._index.values() if len(value) >= _BLOB_SIZE}
        if deleted or self.flash.blobs.keys() - used:  # the power failed before what is gone was cleaned away
            self._compact()

    def _read(self, at: int) -> tuple[int, bytes, bytes] | None:
        """The record at an offset, or None where the journal ends or is torn."""
        data = self.flash.data
        if at + _HEAD + _CRC > len(data):
            return None
        kind, key_length = data[at], data[at + 1]
        length = int.from_bytes(data[at + 2 : at + _HEAD], "big")
        end = at + _HEAD + (0 if kind == _MARK else key_length + length)
        if end + _CRC > len(data) or crc32(data[at:end]) != int.from_bytes(data[end : end + _CRC], "big"):
            return None
        if kind == _MARK:
            return kind, b"", bytes(data[at + 2 : at + _HEAD])
        start = at + _HEAD + key_length
        return kind, bytes(data[at + _HEAD : start]), bytes(data[start:end])
