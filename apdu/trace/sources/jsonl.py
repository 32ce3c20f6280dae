# SPDX-License-Identifier: Apache-2.0
"""The project's own traces: a line of JSON for every event."""

from __future__ import annotations

from collections.abc import Iterator

from apdu.errors import DecodeError
from apdu.trace.jsonl import from_line
from apdu.trace.sources.lines import LineSource
from apdu.trace.sources.source import Item

__all__ = ["JsonlSource"]


class JsonlSource(LineSource):
    """Reads `apdu.trace.jsonl`."""

    def _line(self, line: bytes) -> Iterator[Item]:
        try:
            text = line.decode("utf-8")
            if text and not text.isspace():
                yield from_line(text)
        except UnicodeDecodeError:
            yield self._damage("is not text")
        except DecodeError as error:
            yield self._damage(str(error))

