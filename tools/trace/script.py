# SPDX-License-Identifier: Apache-2.0
"""A trace as a script: what went to the card, line by line, with the status words that came as what must come."""

from __future__ import annotations

from collections.abc import Callable

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from apdu.trace.decode.text import printable
from apdu.trace.events import AnyEvent, FunctionEvent, LinkEvent, LinkKind, Octets, Withheld
from apdu.trace.redact import UNREDACTED, Redaction
from apdu.trace.sinks.words import says
from tools.trace.files import SCRIPT_MARK

__all__ = ["ScriptWriter"]


class ScriptWriter:
    """A sink of events that writes such lines; what cannot be sent again is a comment. `end` writes what waits."""

    def __init__(self, write: Callable[[str], object], redaction: Redaction) -> None:
        self._write = write
        self._redaction = redaction
        self._begun = False
        self._command: LinkEvent | None = None
        self._side = ""
        self._reader = ""

    def __call__(self, event: AnyEvent) -> None:
        self._begin()
        shown = self._redaction.redact(event)
        match shown:
            case LinkEvent():
                self._link(shown)
            case FunctionEvent():
                self._flush(None)
                self._write(f"# {says(shown)}\n")
            case _:
                pass

    def end(self) -> None:
        """Write the last command."""
        self._begin()
        self._flush(None)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            warning = "; UNREDACTED" if self._redaction is UNREDACTED else ""
            self._write(f"{SCRIPT_MARK} for euicc script run{warning}\n")

    def _link(self, event: LinkEvent) -> None:
        if event.kind == LinkKind.COMMAND:
            self._side = self._side or event.side
        if event.side != (self._side or event.side):  # the same bytes, seen at the other end
            return
        if event.kind == LinkKind.RESPONSE:
            self._flush(event.data)
            return
        self._flush(None)
        if event.reader != self._reader:
            self._reader = event.reader
            self._write(f"# reader {printable(event.reader)}\n")
        if event.kind == LinkKind.COMMAND:
            self._command = event
        else:
            self._write(f"# {says(event)}\n")

    def _flush(self, response: Octets | None) -> None:
        command, self._command = self._command, None
        if command is None:
            return
        data = command.data
        if not isinstance(data, bytes):
            self._write(f"# hidden: {says(command)}\n")
            return
        try:
            CommandApdu.parse(data)
        except DecodeError:
            self._write(f"# malformed: {says(command)}\n")
            return
        name = says(command).removeprefix("> ").removesuffix(data.hex().upper()).rstrip(": ")
        self._write(f"{data.hex().upper()}{_expected(response)}  # {name}\n")


def _expected(response: Octets | None) -> str:
    if response is None or isinstance(response, Withheld) or len(response) < 2:
        return ""
    data = response if isinstance(response, bytes) else response.data
    return f"={data[-2:].hex().upper()}"
