# SPDX-License-Identifier: Apache-2.0
"""Commands and responses as lines of hexadecimal digits, alternating or marked; `#`, `//` or `;` begins a comment.

    00A40004023F00          > 00 A4 00 04 02 3F 00          C-APDU: 00:A4:00:04:02:3F:00
    9000                    < 90 00   # normal ending       R-APDU: 90:00

Also what `--apdu-trace` prints, in which `..` is a hidden byte. Such logs have no times: it is 0 for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from apdu.trace.events import LinkEvent, LinkKind, Masked, Octets, Side, Withheld
from apdu.trace.sources.lines import LineSource, hex_bytes
from apdu.trace.sources.source import Item

__all__ = ["HexSource", "is_hex_line", "is_response_line"]

_MARK: Final = re.compile(
    r"\s*(?:(?P<command>[-=]*>+|(?:C-?APDU|APDU|COMMAND|CMD|SEND(?:ING)?|SENT|TX)\b)"
    r"|(?P<response><+[-=]*|(?:R-?APDU|RESPONSE|RESP|RSP|RECEIVED|RECV|RX|SW)\b)"
    r"|(?:#\s*)?(?P<atr>ATR)\b)\s*[:=]?",
    re.IGNORECASE,
)
_COMMENT: Final = re.compile(r"\s*(?:#|//|;).*")
_HIDDEN: Final = re.compile(r"(?:[0-9A-Fa-f]{2}|\.\.)+")
_WITHHELD: Final = re.compile(r"\(([0-9]{1,6}) bytes\)")
_HEADER: Final = 4
_STATUS: Final = 2


def is_hex_line(text: str) -> bool:
    """Whether a line is one of such a log, as far as can be said of one line."""
    return (found := _read(text)) is not None and len(found[1]) >= _STATUS


def is_response_line(text: str) -> bool:
    """Whether a line is marked as a response."""
    return (found := _read(text)) is not None and found[0] == LinkKind.RESPONSE


def _read(text: str) -> tuple[str, Octets] | None:
    """Mark and bytes; None for an empty line or a comment, or when behind the mark are no bytes."""
    mark = _MARK.match(text)
    kind = (mark and mark.lastgroup) or ""
    rest = _COMMENT.sub("", text[mark.end() if mark else 0 :]).strip()
    return None if not rest or (data := _octets(rest)) is None else (kind, data)


def _octets(text: str) -> Octets | None:
    if (data := hex_bytes(text)) is not None:
        return data
    if (size := _WITHHELD.fullmatch(text)) is not None:
        return Withheld(int(size[1]))
    if not _HIDDEN.fullmatch(text):
        return None
    spans = tuple((at // 2, 1) for at in range(0, len(text), 2) if text[at] == ".")
    return Masked(bytes.fromhex(text.replace(".", "0")), spans)


class HexSource(LineSource):
    """Reads such a log. A row that alternates and lacks a line is taken up again where the bytes say what they are."""

    def __init__(self) -> None:
        super().__init__()
        self._commanded = False

    def _line(self, line: bytes) -> Iterator[Item]:
        text = line.decode("latin-1")
        found = _read(text)
        if found is None:
            if _COMMENT.sub("", text).strip():
                yield self._damage("is no row of hexadecimal digits")
            return
        mark, data = found
        kind = LinkKind(mark) if mark else self._guess(data)
        if kind == LinkKind.COMMAND and len(data) < _HEADER:
            yield self._damage("is no command: shorter than its header", "ISO 7816-4 5.1")
        elif kind == LinkKind.RESPONSE and len(data) < _STATUS:
            yield self._damage("is no response: shorter than a status word", "ISO 7816-4 5.1")
        else:
            self._commanded = kind == LinkKind.COMMAND
            yield LinkEvent(time=0.0, side=Side.READER, kind=kind, data=data)

    def _guess(self, data: Octets) -> LinkKind:
        """Whose turn it is, unless the length or the end of the line says that the other side's is missing."""
        if len(data) < _HEADER:
            return LinkKind.RESPONSE
        ending = data[-2] >> 4 if isinstance(data, bytes) else 0x9
        return LinkKind.RESPONSE if self._commanded and ending in (0x6, 0x9) else LinkKind.COMMAND
