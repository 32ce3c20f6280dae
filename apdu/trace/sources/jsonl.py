# SPDX-License-Identifier: Apache-2.0
"""The project's own traces: a line of JSON for every event."""

from __future__ import annotations

from collections.abc import Iterable

from apdu.errors import DecodeError
from apdu.trace.jsonl import from_line
from apdu.trace.sources.lines import LineSource
from apdu.trace.sources.source import Item

__all__ = ["JsonlSource"]


class JsonlSource(LineSource):
    """Reads `apdu.trace.jsonl`."""

    def _line(self, line: bytes) -> Iterable[Item]:
        if not line or line.isspace():
            return ()
        try:
            return (from_line(line.decode("utf-8")),)
        except UnicodeDecodeError:
            return (self._damage("is not text"),)
        except DecodeError as error:
            return (self._damage(str(error)),)
