# SPDX-License-Identifier: Apache-2.0
"""What can stand in a tool's way outside the project: files, pipes, terminals."""

from __future__ import annotations

from apdu.errors import M2mError

__all__ = ["ToolError", "reason"]


class ToolError(M2mError):
    """A file cannot be used, or a part failed in a way that it should not: the message says what to do."""


def reason(error: OSError) -> str:
    """The operating system's words, without number and path."""
    return (error.strerror or str(error)).lower()
