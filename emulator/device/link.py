# SPDX-License-Identifier: Apache-2.0
"""The wire between a device and a card: commands and resets, over pyscard or straight into a virtual card."""

from __future__ import annotations

from typing import Any, Protocol

from emulator.card import Card

__all__ = ["CardLink", "PyscardLink", "VirtualLink"]


class CardLink(Protocol):
    """A card that can be reset."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command and return data || SW1 SW2."""
        ...

    def reset(self) -> bytes:
        """Reset the card and return its ATR."""
        ...


class VirtualLink:
    """A virtual card without anything between: what tests and fleets use."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def transmit(self, command: bytes) -> bytes:
        """Send one command."""
        return self.card.transmit(command)

    def reset(self) -> bytes:
        """Power the card on, or reset it."""
        return self.card.reset() if self.card.powered else self.card.power_on()


class PyscardLink:
    """A connected pyscard connection: a physical reader, a reader of pcscd, or a virtual one in this process."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def transmit(self, command: bytes) -> bytes:
        """Send one command; pyscard's exceptions pass through."""
        data, sw1, sw2 = self._connection.transmit(list(command))
        return bytes(data) + bytes((sw1, sw2))

    def reset(self) -> bytes:
        """Warm reset through the reader."""
        self._connection.reconnect()
        return bytes(self._connection.getATR())
