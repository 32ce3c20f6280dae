# SPDX-License-Identifier: Apache-2.0
"""Files that only their owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from tools.errors import ToolError, reason

__all__ = ["write_private"]

_MODE: Final = stat.S_IRUSR | stat.S_IWUSR


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600; what was there is replaced once everything is written."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():  # a device or a pipe: there is nothing to replace
            path.write_text(text, "utf-8")
            return
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ToolError(f"{path} cannot be written: {reason(error)}; name another file") from None
