# SPDX-License-Identifier: Apache-2.0
"""The address of a server by its name, from DNS servers that the card knows (SGP.02 v4.2 2.4.5).

One UDP channel for each server, one question after the other: an address of version 4, else one of version 6; an alias
without an address is asked for in turn. A datagram that is no answer to the question does not count at all; without an
answer in time the question is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from apdu.keys.entropy import Entropy
from apdu.ota.dns import Answer, IpAddress, Query, RecordType, ResponseCode
from emulator.ota.bip import BipChannel
from emulator.ota.timer import Timer

if TYPE_CHECKING:
    from apdu.cat.bip import OpenChannel
    from apdu.cat.envelope import EventDownload
    from emulator.iso.toolkit import Toolkit

__all__ = ["Resolution", "Resolver"]

_PATIENCE: Final = 5
"""Seconds for an answer (D)."""
_QUESTIONS: Final = 8
"""Questions to one server, repetitions and aliases included (D)."""
_DATAGRAMS: Final = 32
"""Datagrams that are looked at for one server (D)."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is to be found out, and whom to ask."""

    name: str
    servers: tuple[OpenChannel, ...]
    """A channel to each DNS server."""


class Resolver:
    """One resolution; `done` gets the address, or None."""

    __slots__ = (
        "_channel",
        "_datagrams",
        "_done",
        "_entropy",
        "_found",
        "_name",
        "_query",
        "_questions",
        "_servers",
        "_timer",
    )

    def __init__(
        self, toolkit: Toolkit, timer: Timer, entropy: Entropy, done: Callable[[IpAddress | None], None]
    ) -> None:
        self._channel = BipChannel(toolkit, self)
        self._timer = timer
        self._entropy = entropy
        self._done = done
        self._servers: list[OpenChannel] = []
        self._name = ""
        self._found: IpAddress | None = None
        self._query: Query | None = None
        self._questions = self._datagrams = 0

    def resolve(self, wanted: Resolution) -> None:
        """Begin."""
        self._name = wanted.name
        self._servers = list(wanted.servers)
        self._found = None
        self._try()

    def _try(self) -> None:
        if not self._servers:
            self._done(None)
            return
        self._questions, self._datagrams = _QUESTIONS, _DATAGRAMS
        self._channel.open(self._servers.pop(0))

    def event(self, event: EventDownload) -> None:
        """An event that may be about the channel."""
        self._channel.event(event)

    def polled(self) -> None:
        """The terminal has time."""
        self._channel.polled()

    def expired(self) -> None:
        """No answer in time: the same question under another identifier."""
        if self._query is not None:
            self._ask(self._query.name, self._query.type)

    # --- the channel

    def opened(self, buffer: int) -> None:
        """The channel is there."""
        self._ask(self._name, RecordType.A)

    def received(self, data: bytes) -> None:
        """A datagram came."""
        self._datagrams -= 1
        answer = self._query.read(data) if self._query is not None else None
        if answer is not None:
            self._take(answer)
        elif self._datagrams <= 0:
            self._give_up()

    def closed(self) -> None:
        """The channel is gone: with the address, or for the next server."""
        self._query = None
        self._timer.stop()
        if self._found is not None:
            self._done(self._found)
        else:
            self._try()

    # ---

    def _ask(self, name: str, type: RecordType) -> None:
        self._questions -= 1
        if self._questions < 0:
            self._give_up()
            return
        self._query = Query(int.from_bytes(self._entropy.draw(2), "big"), name, type)
        self._timer.start(_PATIENCE)
        self._channel.send(self._query.encode())

    def _take(self, answer: Answer) -> None:
        assert self._query is not None
        if answer.addresses:
            self._found = answer.addresses[0]
            self._give_up()
        elif answer.code != ResponseCode.NO_ERROR or answer.truncated:
            self._give_up()
        elif answer.alias:
            self._ask(answer.alias, self._query.type)
        elif self._query.type is RecordType.A:
            self._ask(self._name, RecordType.AAAA)
        else:
            self._give_up()

    def _give_up(self) -> None:
        """No more of this server."""
        self._query = None
        self._channel.close()
