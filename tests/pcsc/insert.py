# SPDX-License-Identifier: Apache-2.0
"""A card of this process in a slot of the private pcscd, and pyscard's way to it."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from smartcard.Exceptions import NoCardException, SmartcardException
from smartcard.scard import (
    SCARD_SCOPE_USER,
    SCARD_STATE_PRESENT,
    SCARD_STATE_UNAWARE,
    SCardEstablishContext,
    SCardGetStatusChange,
    SCardReleaseContext,
)
from smartcard.System import readers

from emulator.readers.vpcd import SlotState, VpcdReader
from tests.pcsc.service import READER, wait_for


def connect(slot: int = 0) -> Any:
    """A pyscard connection to a slot, as soon as pcscd has seen the card there."""
    found: list[Any] = []

    def tried() -> bool:
        reader = next(each for each in readers() if str(each) == f"{READER} 00 0{slot}")
        connection = reader.createConnection()
        try:
            connection.connect()
        except NoCardException:
            return False
        found.append(connection)
        return True

    wait_for(tried, f"a card in slot {slot}")
    return found[0]


def present(slot: int) -> bool:
    """Whether pcscd takes a card to be in a slot."""
    _, context = SCardEstablishContext(SCARD_SCOPE_USER)
    try:
        name = f"{READER} 00 0{slot}"
        _, found = SCardGetStatusChange(context, 0, [(name, SCARD_STATE_UNAWARE)])
        return bool(found[0][1] & SCARD_STATE_PRESENT)
    finally:
        SCardReleaseContext(context)


class Inserted:
    """A card in a slot."""

    def __init__(self, reader: VpcdReader, states: list[SlotState], slot: int) -> None:
        self._reader = reader
        self.states = states
        self.slot = slot
        self._connections: list[Any] = []
        self._thread = threading.Thread(target=reader.run, daemon=True)

    def start(self) -> None:
        """Put it in."""
        self._thread.start()
        wait_for(lambda: self.states[-1:] == [SlotState.INSERTED], "inserted")

    def remove(self) -> None:
        """Pull it out, unless it is."""
        if not self._thread.is_alive():
            return
        self._reader.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()
        wait_for(lambda: not present(self.slot), "noticed")

    def release(self) -> None:
        """Pull it out, and let go of the connections to it, which pyscard does at a bad time otherwise."""
        self.remove()
        for connection in self._connections:
            with contextlib.suppress(SmartcardException):
                connection.disconnect()
            with contextlib.suppress(SmartcardException):
                connection.release()
        self._connections.clear()

    def connect(self) -> Any:
        """A pyscard connection to it."""
        self._connections.append(connect(self.slot))
        return self._connections[-1]
