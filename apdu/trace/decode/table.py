# SPDX-License-Identifier: Apache-2.0
"""The table of commands: what each is called, what its parameters and its data say.

A row is found by kind of class and instruction. Where several commands share both (STATUS and GET STATUS), rows stand
one behind the other and the first that applies is taken. Modules add rows with `register` when they are imported; the
decoder imports those of this folder, and whoever brings a layer imports its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from apdu.command.apdu import CommandApdu
from apdu.command.cla import CLASSES
from apdu.command.status import StatusWord
from apdu.errors import DecodeError
from apdu.trace.decode.model import Exchange, Node, part, visible
from apdu.trace.decode.text import digits
from apdu.trace.events import Octets

__all__ = ["GSM", "Command", "View", "find", "nodes_of", "plain_node", "register", "title"]

GSM: Final = 2
"""Kind of the class A0 (TS 51.011); the other kinds are those of apdu.command.cla."""
_GSM_CLASS: Final = 0xA0
_DONE: Final = 0x9000


class View(NamedTuple):
    """An exchange as a row of the table sees it: without protection, the command parsed."""

    exchange: Exchange
    command: CommandApdu
    """Hidden bytes are zeros in here; `data` knows them."""
    data: Octets
    answer: Octets
    """Response data without the status word."""
    sw: int | None


class Command(NamedTuple):
    """One row."""

    name: str
    """As the specification calls it: SELECT, INSTALL [for load]."""
    title: Callable[[View], str]
    """The name with what matters most, for the one line."""
    detail: Callable[[View], Iterable[Node]]
    """What parameters, data and response say."""
    clause: str = ""
    applies: Callable[[CommandApdu], bool] | None = None


_COMMANDS: Final[dict[int, tuple[Command, ...]]] = {}


def register(kind: int, ins: int, *rows: Command) -> None:
    """Add rows for an instruction; rows with a condition go before the one without."""
    key = kind << 8 | ins
    present = (*_COMMANDS.get(key, ()), *rows)
    _COMMANDS[key] = tuple(sorted(present, key=lambda row: row.applies is None))


def find(command: CommandApdu) -> Command | None:
    """The row of a command; None when no specification at hand knows it."""
    known = CLASSES[command.cla]
    kind = GSM if command.cla == _GSM_CLASS else None if known is None else known.kind
    if kind is not None:
        for row in _COMMANDS.get(kind << 8 | command.ins, ()):
            if row.applies is None or row.applies(command):
                return row
    return None


def view(exchange: Exchange) -> View | None:
    """The exchange for a row; None when its command cannot be read."""
    octets = exchange.plain
    raw = visible(octets)
    if raw is None:
        return None
    try:
        command = CommandApdu.parse(raw)
    except DecodeError:
        return None
    start = 7 if command.extended else 5
    data: Octets = command.data if octets is raw else part(octets, start, len(command.data))
    answer = exchange.answer
    size = len(answer)
    return View(exchange, command, data, part(answer, 0, size - 2) if size > 2 else b"", exchange.sw)


def title(exchange: Exchange) -> str:
    """The one line of an exchange."""
    seen = view(exchange)
    if seen is None:
        text = f"command that cannot be read {digits(exchange.plain)[:40]}"
    else:
        row = find(seen.command)
        text = row.title(seen) if row is not None else f"CLA {seen.command.cla:02X} INS {seen.command.ins:02X}"
    sw = exchange.sw
    if sw is None:
        return f"{text} (no response)"
    return text if sw == _DONE else f"{text}: {StatusWord(sw)}"


def nodes_of(exchange: Exchange) -> tuple[Node, ...]:
    """What the plain command and its answer say, by the table."""
    seen = view(exchange)
    if seen is None:
        return ()
    row = find(seen.command)
    return tuple(row.detail(seen)) if row is not None else ()


def plain_node(name: str, octets: Octets, clause: str = "") -> Node:
    """A node that shows bytes as they are."""
    return Node(name, digits(octets), octets, clause=clause)
