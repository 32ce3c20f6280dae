# SPDX-License-Identifier: Apache-2.0
"""A trace file: every event of a run as a line, redacted, readable by its owner only."""

from __future__ import annotations

from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from apdu.trace import Event
from apdu.trace.jsonl import LineWriter
from apdu.trace.redact import Redactor
from tools.errors import ToolError, reason
from tools.trace.files import create

__all__ = ["TraceFile"]


class TraceFile:
    """Takes events of all parties. It never raises in the middle of a card's command: a fault waits for `check`."""

    def __init__(self, path: Path, salt: bytes) -> None:
        self._path = path
        self._redactor = Redactor(salt=salt)
        self._error: OSError | None = None
        try:
            self._file: TextIO = TextIOWrapper(create(path), encoding="ascii", newline="\n")
        except OSError as error:
            raise self._fault(error) from None
        self._line = LineWriter(self._file.write, self._redactor)

    def register(self, *secrets: bytes) -> None:
        """Hide these values wherever they occur."""
        for secret in secrets:
            self._redactor.register(secret)

    def write(self, event: Event) -> None:
        """Write one event."""
        if self._error is None:
            try:
                self._line(event)
            except OSError as error:
                self._error = error

    def check(self) -> None:
        """Raise what went wrong so far."""
        try:
            if self._error is None:
                self._file.flush()
        except OSError as error:
            self._error = error
        if self._error is not None:
            raise self._fault(self._error)

    def _fault(self, error: OSError) -> ToolError:
        return ToolError(f"the trace cannot be written to {self._path}: {reason(error)}; name another file")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as fault:
            if error is None:
                raise self._fault(fault) from None
