# SPDX-License-Identifier: Apache-2.0
"""Arguments of commands: what they are read as, and a parser that says what is wrong in one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import cmd2

from tools.errors import ToolError
from tools.reader.options import DOMAINS, StaticKeys, parse_keys

__all__ = ["Argument", "LineParser", "aid", "arg", "byte", "command", "keys", "number", "octets", "pin_number", "tag"]

F = TypeVar("F", bound=Callable[..., Any])

Argument = tuple[tuple[str, ...], dict[str, Any]]
_SECOND_PIN: Final = 0x81
_TOO_MANY: Final = "unrecognized arguments"


class LineParser(cmd2.Cmd2ArgumentParser):
    """Wrong usage is one line like every other error."""

    def error(self, message: str) -> NoReturn:
        """Say it, with where to find more."""
        if message.startswith(_TOO_MANY):  # what is too much may be a code or a key
            message = "there are too many arguments, or one has no such name"
        raise ToolError(f"{message}; `help {self.prog.partition(' ')[0]}` shows how it is used")


def arg(*names: str, **options: Any) -> Argument:
    """One argument, as argparse takes it."""
    return names, options


def command(example: str, *arguments: Argument) -> Callable[[F], F]:
    """Make a method a command with these arguments; its docstring is the help, which ends with the example."""

    def build() -> cmd2.Cmd2ArgumentParser:
        parser = LineParser(epilog=f"Example: {example}", allow_abbrev=False)
        for names, options in arguments:
            parser.add_argument(*names, **options)
        return parser

    decorated: Any = cmd2.with_argparser(build)
    return decorated  # type: ignore[no-any-return]  # cmd2 gives another type for the same method


# --- types; argparse says what an ArgumentTypeError says


def octets(text: str) -> bytes:
    """Hexadecimal digits; blanks and colons may stand between."""
    try:
        found = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        raise argparse.ArgumentTypeError("these are no pairs of hexadecimal digits") from None
    if not found:
        raise argparse.ArgumentTypeError("there are no digits")
    return found


def byte(text: str) -> int:
    """One byte in hexadecimal digits."""
    digits = text.casefold().removeprefix("0x")
    if not 1 <= len(digits) <= 2 or not set(digits) <= set("0123456789abcdef"):
        raise argparse.ArgumentTypeError(f"{text!r} is no byte in hexadecimal digits, 00 to FF")
    return int(digits, 16)


def number(low: int, high: int) -> Callable[[str], int]:
    """A decimal number in a range."""

    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low} to {high}")
        return int(text)

    return read


def tag(text: str) -> bytes:
    """The tag of a data object, one to three bytes."""
    found = octets(text)
    if len(found) > 3:
        raise argparse.ArgumentTypeError(f"{text!r} is no tag: it has 1 to 3 bytes")
    return found


def aid(text: str) -> bytes:
    """An AID, or the name of a security domain."""
    found = DOMAINS.get(text.casefold()) or octets(text)
    if not 5 <= len(found) <= 16:
        raise argparse.ArgumentTypeError(f"an AID has 5 to 16 bytes, not {len(found)}")
    return found


def pin_number(text: str) -> int:
    """1 is PIN1, 2 is PIN2 (key reference 81); others are key references in decimal digits."""
    given = number(1, 255)(text)
    return _SECOND_PIN if given == 2 else given


def keys(text: str) -> StaticKeys:
    """ENC:MAC:DEK; what is wrong is said without showing any of it."""
    try:
        return parse_keys(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
