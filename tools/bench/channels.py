# SPDX-License-Identifier: Apache-2.0
"""The secure channels by themselves: session objects of both ends, without a card around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03_card import CardConfiguration, Scp03Card
from apdu.channel.scp03_host import Scp03Host
from apdu.channel.scp03t_card import CardKeys, Data, Opened, Scp03tCard
from apdu.channel.scp03t_host import Scp03tHost
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.ids import ISD_R, Aid
from apdu.keys.secret import KeySet, SecretKey
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, rate, rounds

__all__ = ["channel_metrics"]

_KEYS: Final = KeySet(0x30, *(SecretKey(bytes((number,)) * 16) for number in (1, 2, 3)))
_CHALLENGE: Final = bytes(range(8))
_COMMAND: Final = CommandApdu(0x80, 0xE2, 0x91, 0x00, bytes(range(16)), 256)
_RESPONSE: Final = ResponseApdu(bytes(range(16)), 0x9000)
_SEGMENT: Final = bytes(range(250)) * 4
_SEGMENTS: Final = 256
_ISD_P: Final = Aid.isd_p(0x10)


def open_scp03(counter: int) -> tuple[Scp03Host, Scp03Card]:
    """A session at level 33, both ends."""
    host = Scp03Host(_KEYS, SecurityLevel.ALL, _CHALLENGE, ISD_R)
    card = Scp03Card(CardConfiguration(ISD_R))
    answer = card.initialize_update(_KEYS, host.initialize_update().data, counter=counter)
    card.external_authenticate(host.external_authenticate(ResponseApdu(answer, 0x9000)))
    host.authenticated(ResponseApdu(b"", 0x9000))
    return host, card


def wrapped_command() -> Callable[[], object]:
    """One command of 16 bytes and its answer of 16 bytes, protected and unprotected at both ends."""
    host, card = open_scp03(1)

    def exchange() -> None:
        card.unwrap(host.wrap(_COMMAND))
        host.unwrap(card.wrap(_RESPONSE))

    return exchange


def opening() -> Callable[[], object]:
    """INITIALIZE UPDATE and EXTERNAL AUTHENTICATE at both ends."""
    counters = _counters()
    return lambda: open_scp03(next(counters))


def segments() -> Callable[[], object]:
    """A run of protected segments of 1000 bytes, each received and answered, in a session that is open."""
    counters = _counters()
    card = Scp03tCard(_ISD_P, lambda kvn: CardKeys(_KEYS, next(counters)))
    host = Scp03tHost(_KEYS, _CHALLENGE, _ISD_P)
    opened = card.receive(host.initialize_update())
    assert isinstance(opened, Opened)
    card.receive(host.external_authenticate(opened.answer))
    host.authenticated(b"\x85\x00")

    def download() -> None:
        for _ in range(_SEGMENTS):
            received = card.receive(host.protect(_SEGMENT))
            assert isinstance(received, Data)
            host.receive(card.respond(b""))

    return download


def _counters() -> Iterator[int]:
    number = 0
    while True:
        number = number % 0xFFFFFF + 1
        yield number


def channel_metrics(effort: Effort) -> Iterator[Metric]:
    """What the channels do in a second."""
    wrapped = rate(wrapped_command(), effort)
    yield Metric("scp03_wrapped_command", Figure(wrapped, "/s"), Budget(100_000, Better.HIGHER))
    yield Metric("scp03_open", Figure(rate(opening(), effort), "/s"), Budget(15_000, Better.HIGHER))
    size = len(_SEGMENT) * _SEGMENTS / 1e6
    throughput = rounds(segments(), effort.rounds).inverse(size)
    yield Metric("scp03t_throughput", Figure(throughput, "MB/s"), Budget(60, Better.HIGHER))
