# SPDX-License-Identifier: Apache-2.0
"""What the decoder makes of events: entries, nodes, findings, and where on a card something happened.

    Entry           one thing that a reader of the trace sees as one: number, time, line, tree, findings
      Exchange      a command with its whole response: GET RESPONSE and the repetition after 6Cxx belong to it
      Happening     everything else: reset, function, message of a bearer, damage
    Node            one decoded thing; a tree of them says all that is known about an entry
    Finding         what is wrong at an entry, with the clause that it breaks

Lines are cheap and trees are not: a tree is made when `tree` is called, from what the entry keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, NamedTuple

from apdu.trace.decode.text import printable
from apdu.trace.events import AnyEvent, ChannelEvent, Masked, Octets, Withheld

__all__ = [
    "HOME",
    "Entry",
    "Exchange",
    "Finding",
    "Happening",
    "Link",
    "Node",
    "Place",
    "Severity",
    "hidden",
    "part",
    "visible",
]


@unique
class Severity(StrEnum):
    """How bad a finding is."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as a specification says; `clause` names it, `rule` the row of `apdu.trace.rules`."""

    severity: Severity
    text: str
    clause: str = ""
    rule: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


@dataclass(frozen=True, slots=True)
class Node:
    """One decoded thing: what it is, its value in words, the bytes that say so, and what is inside it.

    `layer` names the layer that it opens (an `apdu.trace.events.Layer` or another name); empty inside one. Text is made
    printable here, once, so that no view has to.
    """

    name: str
    value: str = ""
    raw: Octets = b""
    children: tuple[Node, ...] = ()
    layer: str = ""
    clause: str = ""
    findings: tuple[Finding, ...] = ()
    """What is wrong with this very thing."""

    def __post_init__(self) -> None:
        for field_name in ("name", "value"):
            text = getattr(self, field_name)
            if not (text.isascii() and text.isprintable()):
                object.__setattr__(self, field_name, printable(text))

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, name: str) -> Node | None:
        """The first node of this name, here or below."""
        return next((node for node in self.walk() if node.name == name), None)


class Place(NamedTuple):
    """What is selected on a logical channel of a card: application, directory, file."""

    application: bytes = b""
    """AID as far as it is known; empty on the file system of the MF."""
    directory: str = "mf"
    """As the catalogue of files names it: mf, df-telecom, adf-usim; `df-` and four digits where it knows no name."""
    file: str = ""
    """Name of the elementary file, empty while a directory is selected."""


HOME: Final = Place()


class Link(NamedTuple):
    """Which link: who saw it, and in which reader."""

    side: str = ""
    reader: str = ""


_NO_LINK: Final = Link()


def visible(octets: Octets) -> bytes | None:
    """The bytes, hidden ones as zeros; None when they are not in the trace."""
    return octets if isinstance(octets, bytes) else octets.data if isinstance(octets, Masked) else None


def part(octets: Octets, at: int, size: int) -> Octets:
    """A slice that keeps what is hidden in it hidden."""
    if isinstance(octets, bytes):
        return octets[at : at + size]
    if isinstance(octets, Withheld):
        return Withheld(size)
    spans = tuple(
        (max(start, at) - at, min(start + length, at + size) - max(start, at))
        for start, length in octets.spans
        if start < at + size and start + length > at
    )
    data = octets.data[at : at + size]
    return Masked(data, spans) if spans else data


def hidden(octets: Octets) -> bool:
    """Whether any of the bytes is not shown."""
    return not isinstance(octets, bytes)


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """One entry of a decoded trace."""

    number: int
    """From 1, in the order of the trace."""
    time: float
    link: Link = _NO_LINK
    layer: str
    function: str = ""
    """The function of an ES interface within which it happened, as far as the trace tells."""
    findings: tuple[Finding, ...] = ()
    """What is wrong on its outside: pairing, lengths, status word. `examine` knows what is wrong inside too."""
    events: tuple[AnyEvent, ...] = ()
    """What it was made of."""

    @property
    def summary(self) -> str:
        """What happened, on one line and without its time."""
        raise NotImplementedError

    def tree(self) -> Node:
        """All that is known about it."""
        raise NotImplementedError

    def examine(self) -> tuple[Finding, ...]:
        """All findings, those of the tree included."""
        return (*self.findings, *(finding for node in self.tree().walk() for finding in node.findings))


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange(Entry):
    """A command and its whole response."""

    command: Octets
    response: Octets = b""
    """Data of all parts and the last status word; empty when the trace has no response."""
    duration: float | None = None
    """Seconds from the command to the last response."""
    channel: int = 0
    """Logical channel."""
    place: Place = HOME
    """What was selected when the command was sent."""
    target: Place | None = None
    """What a SELECT asks for."""
    recipient: bytes = b""
    """AID of the application that INSTALL [for personalization] named, which gets STORE DATA commands."""
    assembled: Octets = b""
    """What several commands of a chain carried together, at the one that completes it."""
    protected: ChannelEvent | None = None
    """The exchange of the secure channel that it carried, with its plain side where that is known."""
    inner: tuple[ChannelEvent, ...] = ()
    """Exchanges of secure channels inside that one: SCP03t."""
    _summarise: Callable[[Exchange], str]
    _detail: Callable[[Exchange], Node]
    _line: str | None = field(default=None, init=False)

    @property
    def plain(self) -> Octets:
        """The command without protection where that is known, and otherwise as it was sent."""
        return self.command if self.protected is None else self.protected.plain

    @property
    def answer(self) -> Octets:
        """The response without protection where that is known, and otherwise as it came."""
        return self.response if self.protected is None else self.protected.response_plain

    @property
    def sw(self) -> int | None:
        """The status word of the answer; None when the trace has none."""
        octets = self.response if self.protected is None else self.protected.response_plain
        data = octets if isinstance(octets, bytes) and octets else visible(octets) or visible(self.response)
        return None if data is None or len(data) < 2 else data[-2] << 8 | data[-1]

    @property
    def ins(self) -> int | None:
        """The instruction."""
        data = visible(self.command)
        return None if data is None or len(data) < 2 else data[1]

    @property
    def summary(self) -> str:
        """The command by its name, and its status word where that is not 9000."""
        if self._line is None:
            self._line = printable(self._summarise(self))
        return self._line

    def tree(self) -> Node:
        """Command, response, and every layer inside."""
        return self._detail(self)


@dataclass(slots=True, kw_only=True, eq=False)
class Happening(Entry):
    """Anything that is no exchange."""

    text: str
    nodes: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        self.text = printable(self.text)

    @property
    def summary(self) -> str:
        """What happened."""
        return self.text

    def tree(self) -> Node:
        """What happened, with its fields."""
        return Node(self.text, children=self.nodes, layer=self.layer)
