# SPDX-License-Identifier: Apache-2.0
"""The table of commands: what each is called, what its parameters and its data say.

A row is found by kind of class and instruction. Where several commands share both (STATUS and GET STATUS), rows stand
one behind the other and the first that applies is taken. Modules add rows with `register` when they are imported; the
decoder imports those of `rows`, and whoever brings a layer imports its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from apdu.command.apdu import CommandApdu
from apdu.command.cla import CLASSES
from apdu.command.status import StatusWord
from apdu.errors import DecodeError
from apdu.trace.decode.model import Exchange, Finding, Node, Severity, part, visible
from apdu.trace.decode.text import digits
from apdu.trace.events import BearerEvent, Octets

__all__ = [
    "BEARERS",
    "GSM",
    "Command",
    "View",
    "children",
    "find",
    "malformed",
    "nodes_of",
    "nothing",
    "plain_node",
    "register",
    "title",
    "view",
]

GSM: Final = 2
"""Kind of the class A0 (TS 51.011); the other kinds are those of apdu.command.cla."""
_GSM_CLASS: Final = 0xA0
_DONE: Final = 0x9000
_EXTERNAL_AUTHENTICATE: Final = 0x82
_HEADER: Final = 8
"""Digits of a header: of a command that cannot be read nobody knows what may be shown."""
_SECURE: Final = tuple(known is not None and known.secure for known in CLASSES)
_KINDS: Final = tuple(
    GSM if cla == _GSM_CLASS else -1 if known is None else known.kind for cla, known in enumerate(CLASSES)
)


class View:
    """An exchange as a row of the table sees it: without protection, the command parsed."""

    __slots__ = ("command", "exchange", "octets", "sw")

    def __init__(self, exchange: Exchange, command: CommandApdu, octets: Octets, sw: int | None) -> None:
        self.exchange = exchange
        self.command = command
        """Hidden bytes are zeros in here; `data` knows them."""
        self.octets = octets
        """The whole plain command."""
        self.sw = sw

    @property
    def data(self) -> Octets:
        """The data field."""
        command = self.command
        if isinstance(self.octets, bytes):
            return command.data
        return part(self.octets, 7 if command.extended else 5, len(command.data))

    @property
    def answer(self) -> Octets:
        """Response data without the status word."""
        answer = self.exchange.answer
        size = len(answer) - 2
        return part(answer, 0, size) if size > 0 else b""

    @property
    def protected(self) -> bool:
        """Whether the data are still inside a secure channel; EXTERNAL AUTHENTICATE, which opens it, only has a MAC."""
        command = self.command
        return _SECURE[command.cla] and self.exchange.protected is None and command.ins != _EXTERNAL_AUTHENTICATE


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


BEARERS: Final[dict[str, Callable[[BearerEvent], tuple[Node, ...]]]] = {}
"""By layer: what is inside a message of a bearer. Whoever brings a bearer adds its layer."""
_COMMANDS: Final[dict[int, tuple[Command, ...]]] = {}


def register(kind: int, ins: int, *rows: Command) -> None:
    """Add rows for an instruction; rows with a condition go before the one without."""
    key = kind << 8 | ins
    present = (*_COMMANDS.get(key, ()), *rows)
    _COMMANDS[key] = tuple(sorted(present, key=lambda row: row.applies is None))


def find(command: CommandApdu) -> Command | None:
    """The row of a command; None when no specification at hand knows it."""
    for row in _COMMANDS.get(_KINDS[command.cla] << 8 | command.ins, ()):
        if row.applies is None or row.applies(command):
            return row
    return None


def view(exchange: Exchange) -> View | None:
    """The exchange for a row; None when its command cannot be read."""
    octets = exchange.plain
    raw = octets if isinstance(octets, bytes) else visible(octets)
    if raw is None:
        return None
    try:
        return View(exchange, CommandApdu.parse(raw), octets, exchange.sw)
    except DecodeError:
        return None


def title(exchange: Exchange) -> str:
    """The one line of an exchange."""
    seen = view(exchange)
    if seen is None:
        text, sw = f"command that cannot be read {digits(exchange.plain)[:_HEADER]}", exchange.sw
    else:
        row, sw = find(seen.command), seen.sw
        text = _unknown(seen.command) if row is None else _titled(row, seen)
    if sw == _DONE:
        return text
    return f"{text} (no response)" if sw is None else f"{text}: {_status(sw)}"


@lru_cache(maxsize=1024)
def _status(sw: int) -> str:
    return str(StatusWord(sw))


def _titled(row: Command, seen: View) -> str:
    if seen.protected:
        return f"{row.name}, protected"
    try:
        return row.title(seen)
    except DecodeError:  # the tree says what is wrong, and where
        return row.name


def _unknown(command: CommandApdu) -> str:
    return f"CLA {command.cla:02X} INS {command.ins:02X} P1 {command.p1:02X} P2 {command.p2:02X}"


def nodes_of(exchange: Exchange) -> tuple[Node, ...]:
    """What the plain command and its answer say, by the table."""
    seen = view(exchange)
    if seen is None:
        return ()
    row = find(seen.command)
    if row is None:
        return ()
    if seen.protected:
        return (plain_node("protected data", seen.data),) if len(seen.data) else ()
    return children(lambda: row.detail(seen), seen.octets, row.clause)


def children(make: Callable[[], Iterable[Node]], octets: Octets, clause: str) -> tuple[Node, ...]:
    """The nodes that a function makes, and behind them, where it fails, one that says so."""
    nodes: list[Node] = []
    try:
        nodes.extend(make())
    except DecodeError as error:
        nodes.append(malformed("contents", octets, error, clause))
    return tuple(nodes)


def malformed(name: str, octets: Octets, error: DecodeError, clause: str) -> Node:
    """A thing that cannot be read: why, and where."""
    finding = Finding(Severity.ERROR, f"{name}: {error}", clause)
    return Node(name, f"malformed: {error}", octets, clause=clause, findings=(finding,))


def nothing(_: View) -> Iterable[Node]:
    """The detail of a command that says all in its name."""
    return ()


def plain_node(name: str, octets: Octets, clause: str = "") -> Node:
    """A node that shows bytes as they are."""
    return Node(name, digits(octets), octets, clause=clause)
