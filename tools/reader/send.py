# SPDX-License-Identifier: Apache-2.0
"""`euicc apdu` and `euicc script run`: commands one after the other, shown with their answers and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import StatusWord
from apdu.keys.secret import KeySet
from tools.errors import ToolError, reason
from tools.jsonerror import answered
from tools.reader.apdutext import CommandLine, parse_command, parse_lines
from tools.reader.connection import OpenCard, open_card
from tools.reader.domain import SecurityDomain
from tools.reader.options import ReaderOptions

__all__ = ["run_commands", "run_script"]

_FOLLOWED: Final = (0x61, 0x6C)
_MAX_SCRIPT: Final = 4 * 1024 * 1024
Send = Callable[[CommandApdu], ResponseApdu]


@dataclass(frozen=True, slots=True)
class _Sent:
    """A command that the card has answered."""

    line: CommandLine
    response: ResponseApdu

    @property
    def good(self) -> bool:
        """Whether the status word is the one expected, if one is."""
        return self.line.expected is None or self.line.expected == self.response.sw

    def json(self) -> dict[str, object]:
        """The members of its JSON object."""
        return {
            "command": self.line.command.hex().upper(),
            "data": self.response.data.hex().upper(),
            "sw": f"{self.response.sw:04X}",
            "meaning": self.response.status.meaning,
            "expected": None if self.line.expected is None else f"{self.line.expected:04X}",
            "ok": self.good,
        }

    def show(self) -> None:
        """Command and answer as people read them."""
        click.echo(f"> {self.line.command.hex().upper()}")
        if self.response.data:
            click.echo(f"< {self.response.data.hex().upper()}")
        click.echo(f"< {self.response.status}")


def run_commands(options: ReaderOptions, texts: Sequence[str], aid: bytes | None) -> None:
    """Send what stands on the command line."""
    _run(options, [parse_command(text) for text in texts], aid)


def run_script(options: ReaderOptions, path: Path, aid: bytes | None) -> None:
    """Send a file line by line; nothing is sent when one of its lines cannot be read."""
    try:
        with click.open_file(str(path), encoding="utf-8") as file:
            text = file.read(_MAX_SCRIPT + 1)
    except UnicodeDecodeError:
        raise ToolError(f"{path} is no text: a script has one command per line") from None
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {reason(error)}") from None
    if len(text) > _MAX_SCRIPT:
        raise ToolError(f"{path} is longer than {_MAX_SCRIPT} characters")
    lines = list(parse_lines(text.splitlines()))
    if not lines:
        raise ToolError(f"{path} holds no command")
    _run(options, lines, aid)


def _run(options: ReaderOptions, lines: Iterable[CommandLine], aid: bytes | None) -> None:
    sent: list[_Sent] = []
    with open_card(options) as card, _reporting(sent, as_json=options.as_json):
        send = _sender(card, aid, card.key_set if options.keys_typed else None)
        for line in lines:
            done = _Sent(line, _exchange(card, send, line))
            sent.append(done)
            if not options.as_json:
                done.show()
            if not done.good:
                raise ToolError(_unexpected(done, len(sent)))


@contextmanager
def _reporting(sent: list[_Sent], *, as_json: bool) -> Iterator[None]:
    """Print what was sent as JSON, also when it went wrong in the middle."""
    try:
        yield
    finally:
        if as_json and sent:
            click.echo(json.dumps([done.json() for done in sent], indent=2))
            answered()


def _sender(card: OpenCard, aid: bytes | None, keys: KeySet | None) -> Send | None:
    """Through a security domain when one is named or keys are there; None: as the bytes are."""
    if aid is None and keys is None:
        return None
    from apdu.ids import ISD_R

    return SecurityDomain(card, aid or ISD_R, keys).send


def _exchange(card: OpenCard, send: Send | None, line: CommandLine) -> ResponseApdu:
    """61xx and 6Cxx are followed, unless it is they that are expected."""
    if send is not None:
        return send(CommandApdu.parse(line.command))
    if line.expected is not None and line.expected >> 8 in _FOLLOWED:
        return ResponseApdu.parse(card.transmit(line.command))
    return card.send(CommandApdu.parse(line.command))


def _unexpected(done: _Sent, number: int) -> str:
    where = f"line {done.line.number}" if done.line.number else f"command {number}"
    return f"{where}: {done.response.status} instead of {StatusWord(done.line.expected or 0)}"
