# SPDX-License-Identifier: Apache-2.0
"""How a part of the lab is that has no port for such questions: a small file that it writes every second.

A file that was not written for some seconds belongs to nobody any more.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Self

__all__ = ["StateFile", "read_state"]

_EVERY: Final = 1.0
_STALE: Final = 5.0
_MAX_FILE: Final = 1 << 24


class StateFile:
    """Writes what `look` gives, in a thread, until the block ends; then the file goes."""

    def __init__(self, path: Path, look: Callable[[], Mapping[str, object]]) -> None:
        self._path = path
        self._look = look
        self._stop = Event()
        self._thread = Thread(target=self._run, name="state", daemon=True)

    def __enter__(self) -> Self:
        self._write()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            with suppress(OSError):  # a full disk; the file gets old and counts for nothing
                self._write()

    def _write(self) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps({"pid": os.getpid(), **self._look()}), "utf-8")
        draft.replace(self._path)


def read_state(path: Path) -> dict[str, Any] | None:
    """What a part said last; None when it says nothing, or said it too long ago."""
    try:
        with path.open("rb") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            found = json.loads(file.read(_MAX_FILE))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and age < _STALE else None
