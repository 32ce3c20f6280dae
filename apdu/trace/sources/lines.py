# SPDX-License-Identifier: Apache-2.0
"""Bytes into lines, and sources that read one line after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Final

from apdu.trace.sources.source import Damage, Item

__all__ = ["MAX_LINE", "LineSource", "hex_bytes"]

MAX_LINE: Final = 1 << 20
"""Longer lines are left out: seven times the longest command in hexadecimal."""
_SEPARATORS: Final = str.maketrans("", "", " \t:,-")
_TOO_LONG: Final = f"is longer than {MAX_LINE} bytes"


def hex_bytes(text: str) -> bytes | None:
    """Digits with or without blanks, colons, commas or hyphens between them; None when it is something else."""
    digits = text.translate(_SEPARATORS)
    try:
        return bytes.fromhex(digits) if digits.isascii() else None
    except ValueError:
        return None


class LineSource(ABC):
    """A source of lines; what `_line` does with each is the format."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._dropped = 0
        self._start = 0
        self._number = 0

    def feed(self, data: bytes) -> Iterator[Item]:
        """What the next bytes complete."""
        first, *others = data.split(b"\n")
        if not others:
            self._keep(first)
            return
        self._keep(first)
        yield from self._take(bytes(self._rest), ended=True)
        last = others.pop()
        for line in others:
            self._number += 1
            if len(line) <= MAX_LINE:
                yield from self._line(line.removesuffix(b"\r"))
            else:
                yield self._damage(_TOO_LONG)
            self._start += len(line) + 1
        self._keep(last)

    def end(self) -> Iterator[Item]:
        """The last line, when it has no end of its own."""
        if self._rest or self._dropped:
            yield from self._take(bytes(self._rest), ended=False)
        yield from self._finish()

    def _keep(self, piece: bytes) -> None:
        self._rest += piece
        if len(self._rest) > MAX_LINE:
            self._dropped += len(self._rest)
            self._rest.clear()

    def _take(self, line: bytes, *, ended: bool) -> Iterator[Item]:
        self._number += 1
        self._rest.clear()
        dropped, self._dropped = self._dropped, 0
        if dropped or len(line) > MAX_LINE:
            yield self._damage(_TOO_LONG)
        else:
            yield from self._line(line.removesuffix(b"\r"))
        self._start += dropped + len(line) + ended

    def _damage(self, reason: str, clause: str = "") -> Damage:
        """The line under way cannot be read."""
        return Damage(offset=self._start, number=self._number, reason=reason, clause=clause)

    @abstractmethod
    def _line(self, line: bytes) -> Iterable[Item]:
        """What one line is; it has no end any more."""

    def _finish(self) -> Iterator[Item]:
        """What is left behind the last line."""
        return iter(())
