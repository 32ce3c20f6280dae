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
from apdu.trace.events import Json
from tools.errors import ToolError
from tools.jsonerror import answered
from tools.reader.apdutext import CommandLine, parse_command, parse_lines
from tools.reader.connection import OpenCard, open_card
from tools.reader.domain import SecurityDomain
from tools.reader.options import ReaderOptions
from tools.reader.output import show
from tools.reader.scripttext import read_script

__all__ = ["Send", "Sent", "exchange_line", "run_commands", "run_script"]

_FOLLOWED: Final = (0x61, 0x6C)
Send = Callable[[CommandApdu], ResponseApdu]


@dataclass(frozen=True, slots=True)
class Sent:
    """A command that the card has answered."""

    line: CommandLine
    response: ResponseApdu

    @property
    def good(self) -> bool:
        """Whether the status word is the one expected, if one is."""
        return self.line.expected is None or self.line.expected == self.response.sw

    @property
    def unexpected(self) -> str:
        """What came instead of what."""
        return f"{self.response.status} instead of {StatusWord(self.line.expected or 0)}"

    def json(self) -> Json:
        """The same as an object."""
        return {
            "command": self.line.command.hex().upper(),
            "data": self.response.data.hex().upper(),
            "sw": f"{self.response.sw:04X}",
            "meaning": self.response.status.meaning,
            "expected": None if self.line.expected is None else f"{self.line.expected:04X}",
            "ok": self.good,
        }

    def lines(self) -> Iterator[str]:
        """Command and answer as people read them."""
        yield f"> {self.line.command.hex().upper()}"
        if self.response.data:
            yield f"< {self.response.data.hex().upper()}"
        yield f"< {self.response.status}"


def run_commands(options: ReaderOptions, texts: Sequence[str], aid: bytes | None) -> None:
    """Send what stands on the command line."""
    _run(options, [parse_command(text) for text in texts], aid)


def run_script(options: ReaderOptions, path: Path, aid: bytes | None) -> None:
    """Send a file line by line; nothing is sent when one of its lines cannot be read."""
    lines = list(parse_lines(read_script(path, lambda: click.open_file(str(path), encoding="utf-8"))))
    if not lines:
        raise ToolError(f"{path} holds no command")
    _run(options, lines, aid)


def _run(options: ReaderOptions, lines: Iterable[CommandLine], aid: bytes | None) -> None:
    sent: list[Sent] = []
    with open_card(options) as card, _reporting(sent, as_json=options.as_json):
        send = _sender(card, aid, card.key_set if options.keys_typed else None)
        for line in lines:
            done = exchange_line(card, send, line)
            sent.append(done)
            if not options.as_json:
                show(done, as_json=False)
            if not done.good:
                where = f"line {line.number}" if line.number else f"command {len(sent)}"
                raise ToolError(f"{where}: {done.unexpected}")


@contextmanager
def _reporting(sent: list[Sent], *, as_json: bool) -> Iterator[None]:
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


def exchange_line(card: OpenCard, send: Send | None, line: CommandLine) -> Sent:
    """61xx and 6Cxx are followed, unless it is they that are expected."""
    if send is not None:
        return Sent(line, send(CommandApdu.parse(line.command)))
    if line.expected is not None and line.expected >> 8 in _FOLLOWED:
        return Sent(line, ResponseApdu.parse(card.transmit(line.command)))
    return Sent(line, card.send(CommandApdu.parse(line.command)))
