# SPDX-License-Identifier: Apache-2.0
"""Single commands through `Card.transmit`: plain ones in the file system, protected ones for the ISD-R."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03_host import Scp03Host
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.exchange import exchange
from apdu.gp.status import StatusQuery, StatusScope
from apdu.ids import ISD_R
from apdu.keys.secret import KeySet
from emulator.card import Card
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, rate
from tools.errors import ToolError

__all__ = ["command_metrics"]

_SELECT_ICCID: Final = bytes.fromhex("00A40004022FE200")
_READ_ICCID: Final = bytes.fromhex("00B000000A")
_SELECT_ISD_R: Final = CommandApdu(0x00, 0xA4, 0x04, 0x00, ISD_R, 256)
_GET_STATUS: Final = StatusQuery(scope=StatusScope.ISSUER_SECURITY_DOMAIN).command()
_CHALLENGE: Final = bytes(range(8))
_PLAIN: Final = Budget(150_000, Better.HIGHER)


def plain(card: Card, command: bytes) -> Callable[[], object]:
    """A command that has to succeed, over and over."""
    answer = card.transmit(command)
    if answer[-2:] != b"\x90\x00":
        raise ToolError(f"command {command.hex().upper()} answers {answer[-2:].hex().upper()}: nothing to measure")
    transmit = card.transmit
    return lambda: transmit(command)


def protected(card: Card, keys: KeySet) -> Callable[[], object]:
    """GET STATUS of the ISD-R itself in an SCP03 session at level 33: host, card with its dispatch, host again."""
    host = Scp03Host(keys, SecurityLevel.ALL, _CHALLENGE, ISD_R)
    exchange(card, _SELECT_ISD_R)
    opened = exchange(card, host.initialize_update())
    host.authenticated(exchange(card, host.external_authenticate(opened)))
    transmit, parse = card.transmit, ResponseApdu.parse
    if host.unwrap(parse(transmit(host.wrap(_GET_STATUS).encode()))).sw != 0x9000:
        raise ToolError("GET STATUS in a session fails: nothing to measure")
    return lambda: host.unwrap(parse(transmit(host.wrap(_GET_STATUS).encode())))


def command_metrics(card: Card, keys: KeySet, effort: Effort) -> Iterator[Metric]:
    """A card with an enabled profile, straight after its reset."""
    yield Metric("select", Figure(rate(plain(card, _SELECT_ICCID), effort), "/s"), _PLAIN)
    yield Metric("read_binary", Figure(rate(plain(card, _READ_ICCID), effort), "/s"), _PLAIN)
    dispatched = rate(protected(card, keys), effort)
    yield Metric("scp03_through_dispatch", Figure(dispatched, "/s"), Budget(25_000, Better.HIGHER))
