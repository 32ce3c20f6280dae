# SPDX-License-Identifier: Apache-2.0
"""Files that traces are written to: readable by their owner only, and never in the place of something else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from tools.errors import ToolError, reason

__all__ = ["SCRIPT_MARK", "create", "replace", "spare"]

SCRIPT_MARK: Final = "# APDU trace as a script"
"""How a trace that was written as a script begins."""
_BEGINNINGS: Final = (b'{"event":', b"\x0a\x0d\x0d\x0a", SCRIPT_MARK.encode())
_MODE: Final = stat.S_IRUSR | stat.S_IWUSR


def spare(path: Path) -> None:
    """Refuse to write a trace over a file that is none: a card image, keys, a package, a script."""
    try:
        with path.open("rb") as file:
            first = file.read(max(map(len, _BEGINNINGS))) if path.is_file() else b""
    except OSError:  # it is not there, or opening it for the trace says what is wrong
        return
    if first and not first.startswith(_BEGINNINGS):
        raise ToolError(f"{path} is there and is no trace: name another file for the trace")


def create(path: Path) -> BinaryIO:
    """Open a file for a trace that grows, emptied if it is there; others cannot read it, whoever could before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.fchmod(descriptor, _MODE)
    return os.fdopen(descriptor, "wb")


@contextmanager
def replace(path: Path) -> Iterator[BinaryIO]:
    """Open a file for a trace that takes its place when it is whole: the source may be the file itself."""
    try:
        if path.exists() and not path.is_file():  # a pipe, a terminal
            with create(path) as file:
                yield file
            return
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
            with os.fdopen(descriptor, "wb") as file:
                yield file
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ToolError(f"the trace cannot be written to {path}: {reason(error)}; name another file") from None
