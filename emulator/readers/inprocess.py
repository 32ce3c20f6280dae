# SPDX-License-Identifier: Apache-2.0
"""A pyscard reader with a virtual card inside: any program written for pyscard can use it, without pcscd.

    reader = VirtualReader("Lab 1", card)
    connection = reader.createConnection()
    connection.connect()
    data, sw1, sw2 = connection.transmit([0x00, 0xA4, 0x00, 0x04, 0x02, 0x3F, 0x00])

pyscard's names and int lists stop here. The card is one: several connections share it like programs share a reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from smartcard.CardConnection import CardConnection
from smartcard.CardConnectionDecorator import CardConnectionDecorator
from smartcard.Exceptions import CardConnectionException, NoCardException
from smartcard.reader.Reader import Reader
from smartcard.scard import SCARD_LEAVE_CARD, SCARD_RESET_CARD, SCARD_UNPOWER_CARD

__all__ = ["InsertedCard", "VirtualCardConnection", "VirtualReader"]


class InsertedCard(Protocol):
    """What a reader needs of a card: `emulator.card.Card`, or what stands for one."""

    @property
    def atr(self) -> bytes:
        """The answer to the last reset; empty without power, or when the card is mute."""
        ...

    @property
    def powered(self) -> bool:
        """Whether it has power."""
        ...

    def power_on(self) -> bytes:
        """Give it power; returns the ATR."""
        ...

    def reset(self) -> bytes:
        """Warm reset; returns the ATR."""
        ...

    def power_off(self) -> None:
        """Take the power away."""
        ...

    def transmit(self, command: bytes) -> bytes:
        """One command; the answer is data || SW1 SW2."""
        ...


class VirtualReader(Reader):  # type: ignore[misc]  # pyscard has no types
    """A reader of one slot; `card` may be changed or taken out (None) like a piece of plastic."""

    def __init__(self, name: str, card: InsertedCard | None = None) -> None:
        super().__init__(name)
        self.card = card

    def createConnection(self) -> CardConnectionDecorator:
        """A connection to whatever card is inserted, as pyscard's own readers give it."""
        return CardConnectionDecorator(VirtualCardConnection(self))


class VirtualCardConnection(CardConnection):  # type: ignore[misc]  # pyscard has no types
    """One program's connection to the card in a virtual reader."""

    def __init__(self, reader: VirtualReader) -> None:
        super().__init__(reader)
        self._card: InsertedCard | None = None
        self._disposition = SCARD_UNPOWER_CARD

    def connect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Power the card on unless another connection has; NoCardException when the slot is empty or the card mute."""
        super().connect(protocol, mode, disposition)
        self._disposition = SCARD_UNPOWER_CARD if disposition is None else disposition
        card = self.reader.card
        if card is None:
            raise NoCardException(f"no card in {self.reader.name}", hresult=0)
        self._card = card
        self._require_answer(card.atr if card.powered else card.power_on())
        self.setProtocol(CardConnection.T0_protocol)

    def reconnect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Reset the card: warm, or cold when the disposition takes the power away."""
        super().reconnect(protocol, mode, disposition)
        card = self._connected()
        if disposition == SCARD_UNPOWER_CARD:
            card.power_off()
            self._require_answer(card.power_on())
        elif disposition in (None, SCARD_RESET_CARD):
            self._require_answer(card.reset())

    def disconnect(self) -> None:
        """Leave, reset or power off the card, as `connect` was told (power off by default)."""
        card, self._card = self._card, None
        if card is None:
            return
        super().disconnect()
        if self._disposition == SCARD_RESET_CARD:
            card.reset()
        elif self._disposition != SCARD_LEAVE_CARD:
            card.power_off()

    def getATR(self) -> list[int]:
        """The answer to the last reset."""
        return list(self._connected().atr)

    def doTransmit(self, command: Sequence[int], protocol: int | None = None) -> tuple[list[int], int, int]:
        """Send a command: (data, SW1, SW2)."""
        response = self.transmit_bytes(bytes(command))
        return list(response[:-2]), response[-2], response[-1]

    def transmit_bytes(self, command: bytes) -> bytes:
        """Send a command as bytes and return data || SW1 SW2."""
        response = self._connected().transmit(command)
        if len(response) < 2:
            raise CardConnectionException("the card gave no answer", hresult=0)
        return response

    def _connected(self) -> InsertedCard:
        if self._card is None or self._card is not self.reader.card:
            raise CardConnectionException("the card is not connected", hresult=0)
        return self._card

    def _require_answer(self, atr: bytes) -> None:
        if not atr:
            self._card = None
            raise NoCardException(f"the card in {self.reader.name} is mute", hresult=0)
