# SPDX-License-Identifier: Apache-2.0
"""Where a trace is written to, and in which format."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from apdu.trace.events import AnyEvent
from apdu.trace.jsonl import LineWriter
from apdu.trace.redact import UNREDACTED, Redaction, Redactor
from apdu.trace.sinks.pcapng import PcapngWriter
from tools.entropy import SystemEntropy
from tools.errors import ToolError
from tools.trace.files import create, replace, spare
from tools.trace.script import ScriptWriter

__all__ = ["Output", "Writer"]

_SALT: Final = 16
_STANDARD_OUTPUT: Final = Path("-")
_SUFFIXES: Final = {".jsonl": "jsonl", ".pcapng": "pcapng", ".txt": "script"}


class Writer(Protocol):
    """A sink of events."""

    def __call__(self, event: AnyEvent) -> None:
        """Write one event."""
        ...

    def end(self) -> None:
        """Write what waits."""
        ...


class _Lines(LineWriter):
    def end(self) -> None:
        """Nothing waits."""


def _text(file: BinaryIO) -> Callable[[str], object]:
    return lambda text: file.write(text.encode("utf-8", "backslashreplace"))


_WRITERS: Final[dict[str, Callable[[BinaryIO, Redaction], Writer]]] = {
    "jsonl": lambda file, redaction: _Lines(_text(file), redaction),
    "pcapng": lambda file, redaction: PcapngWriter(file.write, redaction),
    "script": lambda file, redaction: ScriptWriter(_text(file), redaction),
}


@dataclass(frozen=True, slots=True)
class Output:
    """A file, its format if one is named, and whether secrets stay in it."""

    path: Path
    to: str | None = None
    unredacted: bool = False

    @property
    def format(self) -> str:
        """The format asked for, or that of the name; JSON lines on standard output."""
        if self.to is not None:
            return self.to
        if self.path == _STANDARD_OUTPUT:
            return "jsonl"
        try:
            return _SUFFIXES[self.path.suffix.lower()]
        except KeyError:
            known = ", ".join(_SUFFIXES)
            raise ToolError(f"{self.path} does not say its format: name it {known}, or give --to") from None

    @contextmanager
    def whole(self) -> Iterator[Writer]:
        """A writer whose file appears when all is written."""
        make = _WRITERS[self.format]
        if self.path == _STANDARD_OUTPUT:
            yield from self._through(make, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        spare(self.path)
        with replace(self.path) as file:
            yield from self._through(make, file)

    @contextmanager
    def growing(self) -> Iterator[tuple[Writer, BinaryIO]]:
        """A writer whose file is there from the beginning, and the file, so that it can be flushed."""
        make = _WRITERS[self.format]
        if self.path == _STANDARD_OUTPUT:
            file: BinaryIO = sys.stdout.buffer
        else:
            spare(self.path)
            file = create(self.path)
        try:
            for writer in self._through(make, file):
                yield writer, file
            file.flush()
        finally:
            if self.path != _STANDARD_OUTPUT:
                file.close()

    def _through(self, make: Callable[[BinaryIO, Redaction], Writer], file: BinaryIO) -> Iterator[Writer]:
        writer = make(file, UNREDACTED if self.unredacted else Redactor(salt=SystemEntropy().draw(_SALT)))
        yield writer
        writer.end()
