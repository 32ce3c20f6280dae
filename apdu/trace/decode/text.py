# SPDX-License-Identifier: Apache-2.0
"""Text that came from a card or a file, made harmless before anything prints it.

Control characters (terminal escape sequences begin with one), characters that turn the direction of writing, lone
surrogates and private ones become escapes that can be read. Markup is left to the views, each of which knows its own.
"""

from __future__ import annotations

import re
from typing import Final

from apdu.trace.events import Masked, Octets, Withheld

__all__ = ["digits", "printable"]

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff"
    "\U000e0000-\U000e007f\U000f0000-\U0010ffff]"
)


def printable(text: str) -> str:
    """The text with every character that does more than show itself as an escape: ESC is `\\x1b`."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def digits(octets: Octets) -> str:
    """Bytes in hexadecimal; hidden ones are `..`, bytes that are not in the trace only their number."""
    if isinstance(octets, bytes):
        return octets.hex().upper()
    if isinstance(octets, Withheld):
        return f"({octets.length} bytes)"
    assert isinstance(octets, Masked)
    text = bytearray(octets.data.hex().upper(), "ascii")
    for offset, length in octets.spans:
        text[2 * offset : 2 * (offset + length)] = b".." * length
    return text.decode("ascii")
