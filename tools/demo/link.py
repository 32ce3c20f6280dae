# SPDX-License-Identifier: Apache-2.0
"""The wire to the card, with a counter and a tap."""

from __future__ import annotations

from apdu.trace import Clock, LinkEvent, Observer
from apdu.trace.events import LinkKind, Side
from emulator.device.link import CardLink

__all__ = ["WatchedLink"]


class WatchedLink:
    """A link that counts what crosses it and reports it to an observer."""

    def __init__(self, link: CardLink, observer: Observer, clock: Clock) -> None:
        self._link = link
        self._observer = observer
        self._clock = clock
        self.commands = 0
        """How many commands crossed."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command."""
        self.commands += 1
        self._report(LinkKind.COMMAND, command)
        response = self._link.transmit(command)
        self._report(LinkKind.RESPONSE, response)
        return response

    def reset(self) -> bytes:
        """Reset the card."""
        atr = self._link.reset()
        self._report(LinkKind.ATR, atr)
        return atr

    def _report(self, kind: LinkKind, data: bytes) -> None:
        self._observer.event(LinkEvent(time=self._clock(), side=Side.READER, kind=kind, data=data))
