# SPDX-License-Identifier: Apache-2.0
"""Decoded entries on disk, by their place: a trace of any length is decoded once, in order, and looked at anywhere.

Only the state of a decoder that has seen all before knows what an entry is, so entries are kept and not made again:
blocks of them, compressed, in a file that has no name and goes with the process. In memory are a few of the blocks.
"""

from __future__ import annotations

import copyreg
import os
import pickle
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from io import BytesIO
from tempfile import TemporaryFile
from threading import Lock
from types import MappingProxyType
from typing import Final

from apdu.trace.decode import Entry

__all__ = ["Spool"]

_BLOCK: Final = 128
_KEPT: Final = 32
"""Blocks in memory."""
_LEVEL: Final = 1


def _read_only(content: dict[str, object]) -> Mapping[str, object]:
    return MappingProxyType(content)


_REDUCERS: Final = {
    **copyreg.dispatch_table,
    MappingProxyType: lambda mapping: (_read_only, (dict(mapping),)),
}


def _packed(entries: list[Entry]) -> bytes:
    stream = BytesIO()
    pickler = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCERS
    pickler.dump(entries)
    return zlib.compress(stream.getbuffer(), _LEVEL)


class Spool:
    """Takes entries from one thread and gives them to others."""

    def __init__(self) -> None:
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115  -- `close` closes it
        self._end = 0
        self._blocks: list[tuple[int, int]] = []
        self._last: list[Entry] = []
        self._loaded: OrderedDict[int, list[Entry]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._blocks) * _BLOCK + len(self._last)

    def add(self, entry: Entry) -> None:
        """Take the next entry."""
        with self._lock:
            self._last.append(entry)
            if len(self._last) < _BLOCK:
                return
        data = _packed(self._last)
        os.pwrite(self._file.fileno(), data, self._end)
        with self._lock:
            self._blocks.append((self._end, len(data)))
            self._last = []
        self._end += len(data)

    def __getitem__(self, at: int) -> Entry:
        """The entry at a place from 0."""
        number, place = divmod(at, _BLOCK)
        with self._lock:
            if number == len(self._blocks):
                return self._last[place]
            block = self._loaded.get(number)
            if block is not None:
                self._loaded.move_to_end(number)
                return block[place]
            start, size = self._blocks[number]
        block = pickle.loads(zlib.decompress(os.pread(self._file.fileno(), size, start)))  # our own, in a nameless file
        with self._lock:
            self._loaded[number] = block
            while len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        entry: Entry = block[place]
        return entry

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()
