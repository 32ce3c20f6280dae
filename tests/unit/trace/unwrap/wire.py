# SPDX-License-Identifier: Apache-2.0
"""Traces of a link for the tests of unwrapping, and what came out of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from apdu.channel.scp03 import Parameter, SecurityLevel
from apdu.channel.scp03_card import Scp03Card
from apdu.channel.scp03_host import Scp03Host
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.ids import ISD_R
from apdu.keys.secret import KeySet
from apdu.trace.events import AnyEvent, ChannelEvent, LinkEvent
from apdu.trace.unwrap import DomainKeys, KeyRing, unwrap
from tests.unit.channel.pair import FULL, initiated
from tests.unit.channel.vectors_scp03 import KEY_SETS

ATR = bytes.fromhex("3B9D96801FC78031E073FE215F655549434331B9")
SELECT = bytes.fromhex("00A4040010") + ISD_R
RING = KeyRing(DomainKeys(bytes(ISD_R), keys) for keys in KEY_SETS.values())
OK = b"\x90\x00"


def link(kind: str, data: bytes, side: str = "reader") -> LinkEvent:
    """One event of the link."""
    return LinkEvent(time=0, side=side, kind=kind, data=data)


def wire(*parts: bytes, atr: bytes = ATR) -> Iterator[LinkEvent]:
    """A reset, then commands and responses in turn; an empty response was not recorded."""
    if atr:
        yield link("atr", atr)
    for at, data in enumerate(parts):
        if data:
            yield link("response" if at % 2 else "command", data)


def channels(events: Iterable[AnyEvent], ring: KeyRing = RING) -> list[ChannelEvent]:
    """What unwrapping adds to a trace."""
    return [event for event in unwrap(events, ring) if isinstance(event, ChannelEvent)]


def rules(events: Iterable[AnyEvent], ring: KeyRing = RING) -> list[str]:
    """The rules that a trace breaks, in order."""
    return [str(row["rule"]) for event in channels(events, ring) for row in rows(event)]


def rows(event: ChannelEvent) -> list[dict[str, str]]:
    """The findings of one exchange."""
    found = event.extra.get("findings", ())
    assert isinstance(found, tuple)
    return [dict(row) for row in found]


class Conversation:
    """A session of host and card, whose bytes are kept."""

    def __init__(
        self,
        level: SecurityLevel = SecurityLevel.ALL,
        *,
        keys: KeySet = KEY_SETS[0x30],
        parameter: int = FULL | Parameter.PSEUDO_RANDOM,
        channel: int = 0,
    ) -> None:
        self.host: Scp03Host
        self.card: Scp03Card
        self.host, self.card, answer = initiated(level, keys=keys, parameter=parameter, channel=channel)
        external = self.host.external_authenticate(answer)
        self.card.external_authenticate(external)
        self.host.authenticated(ResponseApdu(b"", 0x9000))
        select = bytearray(SELECT)
        select[0] = channel if channel < 4 else 0x40 | channel - 4
        self.parts = [bytes(select), OK]
        self.parts += [self.host.initialize_update().encode(), answer.encode()]
        self.parts += [external.encode(), OK]
        self.plain: list[tuple[bytes, bytes]] = []

    def say(self, command: CommandApdu, data: bytes = b"", sw: int = 0x9000) -> None:
        """One command in the session, and the card's answer."""
        wrapped = self.host.wrap(command)
        got = self.card.unwrap(wrapped)
        assert got == command
        answer = self.card.wrap(ResponseApdu(data, sw))
        self.host.unwrap(answer)
        self.parts += [wrapped.encode(), answer.encode()]
        self.plain.append((command.encode(), ResponseApdu(data, sw).encode()))

    def trace(self) -> list[LinkEvent]:
        """What crossed the link."""
        return list(wire(*self.parts))
