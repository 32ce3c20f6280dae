# SPDX-License-Identifier: Apache-2.0
"""pcscd's own log (`pcscd --foreground --apdu`, with or without `--debug` and `--color`): what any program sends.

    00000185 APDU: 00 A4 00 04 02 3F 00
    00000259 SW: 6A 82

Each line says how many microseconds passed since the one before (99999999 stands for that or more), so times count from
the beginning of the log. The debugging lines tell which reader is meant, and with `--color` which thread writes: then
several programs at once do not mix. Lines about other things are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from apdu.trace.events import LinkEvent, LinkKind, Side
from apdu.trace.sources.lines import LineSource, hex_bytes
from apdu.trace.sources.source import Item

__all__ = ["PcscdSource", "is_pcscd_line"]

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_LINE: Final = re.compile(r"(?P<passed>[0-9]{8}) (?:\[(?P<thread>[0-9]+)\] )?(?P<text>.*)")
_KINDS: Final = {"APDU": LinkKind.COMMAND, "SW": LinkKind.RESPONSE, "Card ATR": LinkKind.ATR}
_NAMED: Final = re.compile(
    r"[\w.-]+:\d+:\w+\(\) (?:Attempting Connect to (?P<asked>.+) using protocol: \d+"
    r"|Card inserted into (?P<inserted>.+)|Card Removed From (?P<removed>.+))"
)
_MICROSECONDS: Final = 10**6
_THREADS: Final = 256


def is_pcscd_line(text: str) -> bool:
    """Whether a line is one of such a log."""
    return _LINE.fullmatch(_COLOUR.sub("", text)) is not None


class PcscdSource(LineSource):
    """Reads such a log."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0
        self._readers: dict[str, str] = {}
        """The reader that a thread works with."""

    def _line(self, line: bytes) -> Iterator[Item]:
        text = line.decode("utf-8", "replace")
        if "\x1b" in text:
            text = _COLOUR.sub("", text)
        match = _LINE.fullmatch(text)
        if match is None:
            return
        passed, thread, said = match.groups("")
        self._passed += int(passed)
        mark, colon, rest = said.partition(": ")
        kind = _KINDS.get(mark)
        if kind is None or not colon:
            yield from self._told(thread, said)
            return
        data = hex_bytes(rest)
        if data is None:
            yield self._damage(f"has no bytes behind {mark}")
        else:
            yield self._event(kind, data, self._readers.get(thread, ""))

    def _event(self, kind: LinkKind, data: bytes, reader: str) -> LinkEvent:
        time = self._passed / _MICROSECONDS
        return LinkEvent(time=time, side=Side.READER, kind=kind, data=data, reader=reader)

    def _told(self, thread: str, said: str) -> Iterator[Item]:
        """A line of debugging may name the reader that the next lines of its thread are about."""
        named = _NAMED.fullmatch(said)
        if named is None:
            return
        reader = (named["asked"] or named["inserted"] or named["removed"]).strip()
        self._readers.pop(thread, None)
        if len(self._readers) >= _THREADS:
            del self._readers[next(iter(self._readers))]
        self._readers[thread] = reader
        if named["removed"]:
            yield self._event(LinkKind.POWER_OFF, b"", reader)
