# SPDX-License-Identifier: Apache-2.0
"""Who gets events, and a transport that makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from apdu.trace.events import Event, LinkEvent, LinkKind, Side
from apdu.transport import CardTransport

__all__ = ["IGNORE", "Clock", "Observer", "Recorder", "TracingTransport"]

Clock = Callable[[], float]
"""Seconds since the epoch."""


class Observer(Protocol):
    """Gets every event of what it observes, in order."""

    def event(self, event: Event) -> None:
        """Something crossed a seam."""
        ...

    def internal_error(self, error: BaseException) -> None:
        """The observed thing failed in a way that is a bug in itself."""
        ...


class _Ignore:
    """The observer that is there when nobody watches."""

    __slots__ = ()

    def event(self, event: Event) -> None:
        """Forget it."""

    def internal_error(self, error: BaseException) -> None:
        """Forget it."""

    def __repr__(self) -> str:
        return "IGNORE"


IGNORE: Final[Observer] = _Ignore()


class Recorder:
    """Keeps events in a list, or hands each to a sink; internal errors are kept either way."""

    __slots__ = ("_sink", "errors", "events")

    def __init__(self, sink: Callable[[Event], object] | None = None) -> None:
        self.events: list[Event] = []
        self.errors: list[BaseException] = []
        self._sink: Callable[[Event], object] = self.events.append if sink is None else sink

    def event(self, event: Event) -> None:
        """Record it."""
        self._sink(event)

    def internal_error(self, error: BaseException) -> None:
        """Keep it for whoever runs the card."""
        self.errors.append(error)


class TracingTransport:
    """A card transport that reports each command and response to an observer on the way."""

    __slots__ = ("_clock", "_observer", "_side", "_transport")

    def __init__(self, transport: CardTransport, observer: Observer, *, clock: Clock, side: str = Side.READER) -> None:
        self._transport = transport
        self._observer = observer
        self._clock = clock
        self._side = side

    def transmit(self, command: bytes) -> bytes:
        """Send one command; a transport that raises leaves the command in the trace without a response."""
        self._report(LinkKind.COMMAND, command)
        response = self._transport.transmit(command)
        self._report(LinkKind.RESPONSE, response)
        return response

    def _report(self, kind: LinkKind, data: bytes) -> None:
        self._observer.event(LinkEvent(time=self._clock(), side=self._side, kind=kind, data=bytes(data)))
