# SPDX-License-Identifier: Apache-2.0
"""Scripts of one command per line, from wherever they are opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Final

from tools.errors import ToolError, reason

__all__ = ["read_script"]

_MAX_SCRIPT: Final = 4 * 1024 * 1024
"""Characters."""


def read_script(path: Path, opened: Callable[[], AbstractContextManager[IO[str]]]) -> list[str]:
    """The lines of a script that is opened as UTF-8; ToolError when it cannot be read. `path` is for the error."""
    try:
        with opened() as file:
            text = file.read(_MAX_SCRIPT + 1)
    except UnicodeDecodeError:
        raise ToolError(f"{path} is no text: a script has one command per line") from None
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {reason(error)}") from None
    if len(text) > _MAX_SCRIPT:
        raise ToolError(f"{path} is longer than {_MAX_SCRIPT} characters")
    return text.splitlines()
