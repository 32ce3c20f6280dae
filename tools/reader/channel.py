# SPDX-License-Identifier: Apache-2.0
"""What files and security domains need of a card, and one logical channel that gives it (ISO 7816-4 5.4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.cla import CLASSES, class_byte
from apdu.trace import Event
from tools.entropy import Source

__all__ = ["CLI_HINTS", "CardAccess", "Hints", "LogicalChannel"]


@dataclass(frozen=True, slots=True)
class Hints:
    """What a user can do where the card refuses, said in the words of the tool in use."""

    code: str
    keys: str
    tree: str
    level: str
    version: str


CLI_HINTS: Final = Hints(
    code="give the code with --pin or --adm",
    keys="give the keys of the security domain with -k ENC:MAC:DEK",
    tree="`euicc fs tree` shows what is",
    level="--level names another",
    version="-k, --key-ver",
)


class CardAccess(Protocol):
    """A card, or one logical channel of it."""

    @property
    def source(self) -> Source:
        """Entropy and clock."""
        ...

    @property
    def hints(self) -> Hints:
        """What to do where it refuses."""
        ...

    def send(self, command: CommandApdu) -> ResponseApdu:
        """One command with its whole response."""
        ...

    def event(self, event: Event) -> None:
        """Something to trace."""
        ...

    def keep_secret(self, *secrets: bytes) -> None:
        """Hide these values in traces."""
        ...


class LogicalChannel:
    """A card of which every command goes to one channel; the class byte alone says so, also of a protected one."""

    def __init__(self, card: CardAccess, number: int, hints: Hints) -> None:
        self._card = card
        self.number = number
        self.hints = hints

    @property
    def source(self) -> Source:
        """Entropy and clock of the card."""
        return self._card.source

    def send(self, command: CommandApdu) -> ResponseApdu:
        """One command on this channel."""
        kind = CLASSES[command.cla]
        if kind is not None and self.number:
            command = command._replace(cla=class_byte(kind.kind, self.number, secure=kind.secure))
        return self._card.send(command)

    def event(self, event: Event) -> None:
        """Trace it with the card's."""
        self._card.event(event)

    def keep_secret(self, *secrets: bytes) -> None:
        """Hide these values in the card's traces."""
        self._card.keep_secret(*secrets)
