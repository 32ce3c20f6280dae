# SPDX-License-Identifier: Apache-2.0
"""Commands as text: plain hexadecimal, or yubikey-manager's form `[CLA]INS[P1P2][:DATA][/LE][=SW]`.

    00A40004023F0000            as it goes to the card
    00A40004:3F00/00=9000       class, instruction, parameters, data, Le, and the status word that must come
    A40004:3F00                 class 00
    00B0000005=                 "=" alone means 9000

Four bytes or fewer before data and Le are the header; a longer row of digits is a whole command. In a file every line
is a command; blanks between digits do not matter, and what stands behind `#` is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError
from tools.errors import ToolError

__all__ = ["CommandLine", "format_command", "parse_command", "parse_lines"]

_FORM: Final = re.compile(
    r"(?P<head>(?:[0-9a-f]{2})+)"
    r"(?::(?P<data>(?:[0-9a-f]{2})+))?"
    r"(?:/(?P<le>[0-9a-f]{2}|[0-9a-f]{4}))?"
    r"(?P<check>=(?P<sw>[0-9a-f]{4})?)?",
    re.IGNORECASE,
)
_OK: Final = 0x9000
_HEADER: Final = 4


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One command and the status word that must come, if any."""

    command: bytes
    expected: int | None = None
    number: int = 0
    """Line of the file, from 1; 0 for none."""


def parse_command(text: str, number: int = 0) -> CommandLine:
    """Read one command; ToolError with what is wrong in it."""
    compact = "".join(text.split())
    match = _FORM.fullmatch(compact)
    if match is None:
        raise ToolError(f"{text.strip()!r} is no command: hexadecimal digits, or CLA INS P1P2:DATA/LE=SW")
    head, data = bytes.fromhex(match["head"]), bytes.fromhex(match["data"] or "")
    expected = None if match["check"] is None else int(match["sw"], 16) if match["sw"] else _OK
    if len(head) > _HEADER:
        if data or match["le"]:
            raise ToolError(f"{text.strip()!r}: before data or Le stand at most CLA INS P1 P2, not {len(head)} bytes")
        return CommandLine(_checked(head, text), expected, number)
    return CommandLine(_build(head, data, match["le"]), expected, number)


def _checked(command: bytes, text: str) -> bytes:
    try:
        CommandApdu.parse(command)
    except DecodeError as error:
        raise ToolError(f"{text.strip()!r} is no command: {error}") from None
    return command


def _build(head: bytes, data: bytes, le: str | None) -> bytes:
    """One byte is INS, two are CLA INS, three INS P1 P2; what is missing is 00."""
    cla, rest = (head[0], head[1:]) if len(head) % 2 == 0 else (0, head)
    ins, p1, p2 = rest.ljust(3, b"\x00")
    expected = None if le is None else int(le, 16) or (256 if len(le) == 2 else 65536)
    return CommandApdu(cla, ins, p1, p2, data, expected, extended=le is not None and len(le) == 4).encode()


def parse_lines(lines: Iterable[str]) -> Iterator[CommandLine]:
    """Read a script; the error says in which line it is."""
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            try:
                yield parse_command(text, number)
            except ToolError as error:
                raise ToolError(f"line {number}: {error}") from None


def format_command(command: CommandApdu, expected: int | None = _OK, comment: str = "") -> str:
    """The line that is read as this command."""
    data = f":{command.data.hex().upper()}" if command.data else ""
    extended = command.extended or len(command.data) > 255 or (command.le or 0) > 256
    le = ""
    if command.le is not None:
        le = f"/{command.le & 0xFFFF:04X}" if extended else f"/{command.le & 0xFF:02X}"
    check = "" if expected is None else f"={expected:04X}"
    head = bytes((command.cla, command.ins, command.p1, command.p2)).hex().upper()
    return f"{head}{data}{le}{check}{'  # ' + comment if comment else ''}"
