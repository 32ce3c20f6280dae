# SPDX-License-Identifier: Apache-2.0
"""Reading a file that is still being written, as `tail -F` does: also when it is cut short or replaced."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from typing import Final

from apdu.errors import DecodeError
from tools.errors import ToolError, reason
from tools.trace.open import Item, read_items

__all__ = ["follow"]

_CHUNK: Final = 1 << 16
_PAUSE: Final = 0.1
"""Seconds between two looks at the file."""


class _Growing:
    """One file as long as it is this one: `read` waits for more, and ends when another stands in its place."""

    def __init__(self, path: Path, idle: Callable[[], None]) -> None:
        self._path = path
        self._idle = idle
        self._file = path.open("rb", buffering=0)
        self._identity = _identity(os.fstat(self._file.fileno()))

    def close(self) -> None:
        self._file.close()

    def read(self) -> bytes:
        """What comes next; empty when the file was replaced or began anew."""
        while not (data := self._file.read(_CHUNK)):
            self._idle()
            if self._replaced():
                return b""
            time.sleep(_PAUSE)
        return data

    def _replaced(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False  # between the old and the new one
        return _identity(now) != self._identity or now.st_size < self._file.tell()


def _from_input(idle: Callable[[], None]) -> bytes:
    source = sys.stdin.fileno()
    while not select([source], [], [], _PAUSE)[0]:
        idle()
    return os.read(source, _CHUNK)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def follow(path: Path, idle: Callable[[], None]) -> Iterator[Item]:
    """The events of a file as they come, without an end; `idle` is called whenever there is nothing more for now."""
    if path == Path("-"):
        yield from read_items(lambda: _from_input(idle), growing=True)
        return
    while True:
        try:
            growing = _Growing(path, idle)
        except OSError as error:
            raise ToolError(f"the trace {path} cannot be read: {reason(error)}") from None
        try:
            yield from read_items(growing.read, growing=True)
        except DecodeError as error:
            raise ToolError(f"{path} {error.message}") from None
        finally:
            growing.close()
