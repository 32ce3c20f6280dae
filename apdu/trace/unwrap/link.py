# SPDX-License-Identifier: Apache-2.0
"""One link to a card: its exchanges put together, its logical channels, and what its secure channels carry.

Only what secure channels have to do with is put together; everything else passes at the cost of a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from apdu.channel.scp03 import IS_SECURE, State
from apdu.command.apdu import CommandApdu
from apdu.command.cla import CLASSES, ClassByte
from apdu.errors import DecodeError
from apdu.tlv.scan import split
from apdu.trace.events import ChannelEvent, Event, Layer, Octets
from apdu.trace.unwrap.domains import Domains, changes_keys
from apdu.trace.unwrap.keys import KeyRing
from apdu.trace.unwrap.merge import merge
from apdu.trace.unwrap.opening import Counters
from apdu.trace.unwrap.outcome import Outcome
from apdu.trace.unwrap.personal import Personalisation
from apdu.trace.unwrap.scp03 import Scp03
from apdu.trace.unwrap.seen import Seen
from apdu.trace.unwrap.session import accepted
from apdu.trace.unwrap.toolkit import TOOLKIT, ToolkitFollower

__all__ = ["LinkFollower"]

_SELECT, _MANAGE_CHANNEL, _GET_RESPONSE = 0xA4, 0x70, 0xC0
_STORE_DATA, _INSTALL, _PUT_KEY, _DELETE = 0xE2, 0xE6, 0xD8, 0xE4
_BY_NAME: Final = 0x04
_FOLLOWED: Final = bytes(
    ins in (0x50, _MANAGE_CHANNEL, 0x82, 0x88, _SELECT, _STORE_DATA, _INSTALL, _PUT_KEY, _DELETE, *TOOLKIT)
    for ins in range(256)
)
"""Instructions that matter when no secure channel is open."""
_MAX_PARTS: Final = 600
_MAX_CHAIN: Final = 0x10000


def _class(cla: int) -> ClassByte | None:
    """What a class byte says; hosts chain commands of proprietary classes as ISO does those of its own, with b5."""
    known = CLASSES[cla & 0xEF] if cla & 0xF0 == 0x90 else None
    return CLASSES[cla] if known is None else known._replace(chained=True)


_CLASSES: Final = tuple(map(_class, range(256)))


class _Channel:
    """One logical channel."""

    __slots__ = ("chain", "personal", "scp03")

    def __init__(self, ring: KeyRing, counters: Counters, state: State | None) -> None:
        self.scp03 = Scp03(ring, counters, state)
        self.personal = Personalisation()
        self.chain: CommandApdu | None = None
        """The ISO chain under way, put together so far."""


class LinkFollower:
    """Follows one link; `current` is the command of the exchange that is put together, empty where none is."""

    __slots__ = (
        "_alert", "_atr", "_channels", "_counters", "_domains", "_known", "_parts", "_response", "_ring", "_toolkit",
        "answered", "current", "recorded", "time", "told",
    )  # fmt: skip

    def __init__(self, ring: KeyRing, *, elements: bool) -> None:
        self._ring = ring
        self._counters = Counters()
        self._channels: dict[int, _Channel] = {}
        self._domains = Domains(ring, self._counters, elements=elements)
        self._toolkit = ToolkitFollower(ring, self._domains)
        self._atr: Octets = b""
        self._known: State | None = None
        """What a channel begins with: None before the trace has seen a reset."""
        self._alert = False
        """A session is under way, so that every command matters."""
        self._response = b""
        self._parts = 0
        self.current = b""
        self.time = 0.0
        self.answered = False
        self.recorded: list[ChannelEvent] = []
        """What the ends recorded about the present exchange."""
        self.told = False
        """What the present exchange carried for bearers is in the trace already."""

    # --- events of the link

    def reset(self, atr: Octets) -> None:
        """The card was reset, or lost its power."""
        if len(atr) and atr != self._atr:
            self._counters.clear()  # another card
            self._atr = atr
        self._channels.clear()
        self._domains.clear()
        self._toolkit.reset()
        self._known = State.NONE
        self._alert = False

    def continues(self, command: bytes) -> bool:
        """Whether a command belongs to the exchange before: GET RESPONSE after 61xx, the repetition after 6Cxx."""
        response = self._response
        if not self.answered or len(response) < 2 or len(command) < 4 or self._parts > _MAX_PARTS:
            return False
        if response[-2] == 0x61:
            return command[1] == _GET_RESPONSE
        return response[-2] == 0x6C and (command[:4] == self.current[:4] or command[1] == _GET_RESPONSE)

    def command(self, octets: Octets, time: float) -> None:
        """A command that begins an exchange."""
        self.current = b""
        self.time = time
        self.answered = False
        if not isinstance(octets, bytes):
            if self._alert:
                self._hide(octets)
        elif len(octets) >= 4:
            ins = octets[1]
            named = _FOLLOWED[ins] and (ins != _SELECT or octets[2] == _BY_NAME)
            if named or self._alert or IS_SECURE[octets[0]]:
                self.current = octets
        self._response = b""
        self._parts = 0

    def response(self, octets: Octets) -> None:
        """The next part of the response to it."""
        self.answered = True
        self._parts += 1
        if isinstance(octets, bytes):
            before = self._response
            self._response = before[:-2] + octets if len(before) > 2 and before[-2] == 0x61 else octets
        elif not IS_SECURE[self.current[0]]:
            data = getattr(octets, "data", b"")
            self._response = data[-2:]

    @property
    def complete(self) -> bool:
        """Whether the exchange can only end here."""
        return self.answered and self._response[-2:-1] not in (b"\x61", b"\x6c")

    def go_on(self) -> None:
        """The command that came continues the exchange."""
        self.answered = False

    def _hide(self, octets: Octets) -> None:
        """A command of which bytes are hidden: a MAC chain cannot be followed across it."""
        data: bytes = getattr(octets, "data", b"")
        known = _CLASSES[data[0]] if data else None
        if known is None or known.secure:
            for channel in self._channels.values():
                channel.scp03.lose()

    # --- the exchange as a whole

    def finish(self, time: float, side: str) -> list[Event]:
        """The exchange is over: what it carried, and what the ends recorded about it."""
        raw, recorded = self.current, self.recorded
        response = self._response if len(self._response) >= 2 else b""
        self.current, self.recorded, self.answered = b"", [], False
        told, self.told = self.told, False
        known = _CLASSES[raw[0]]
        if known is None:
            return list(recorded)
        try:
            command = CommandApdu.parse(raw)
        except DecodeError as error:
            outcome = self._channel(known.channel).scp03.malformed(raw, response, error.message)
            return merge(() if outcome is None else (outcome,), recorded, time, side)
        outcomes = list(self._outcomes(raw, command, known, response, recorded))
        self._alert = any(channel.scp03.watched for channel in self._channels.values())
        events = merge(outcomes, recorded, time, side)
        if command.ins in TOOLKIT:
            carried = self._toolkit.exchange(command, response, Seen(time, side))
            return events if told else _once(events, carried)
        for each in tuple(events):
            if isinstance(each, ChannelEvent) and each.layer == Layer.SCP03T:
                events.extend(self._domains.elements(time, each))
        return events

    def _outcomes(
        self,
        raw: bytes,
        command: CommandApdu,
        known: ClassByte,
        response: bytes,
        recorded: Iterable[ChannelEvent],
    ) -> Iterator[Outcome]:
        channel = self._channel(known.channel)
        joined = self._chained(channel, command, known, response)
        if joined is None:
            return
        if joined is not command:
            raw = joined.encode()
        outcome = channel.scp03.exchange(raw, joined, response)
        plain, answer = joined, response
        if outcome is not None:
            outcome.chained = joined is not command
            yield outcome
            seen = _readable(outcome, recorded)
            if seen is None:
                self._keys_may_change(joined, accepted(response), hidden=True)
                return
            plain, answer = seen
        if not known.secure and joined.ins in (_SELECT, _MANAGE_CHANNEL):
            _COMMON[joined.ins](self, channel, known, joined, response)
            return
        done = accepted(answer)
        self._keys_may_change(plain, done, hidden=False)
        carried = channel.personal.take(channel.scp03.aid, plain, answer, done)
        if carried is not None:
            inner = self._domains.exchange(carried.target, carried.tlv, carried.answer)
            if inner is not None:
                yield inner

    def _chained(
        self, channel: _Channel, command: CommandApdu, known: ClassByte, response: bytes
    ) -> CommandApdu | None:
        """The whole command of an ISO chain at its last one; None before (ISO/IEC 7816-4 5.3.3)."""
        before, channel.chain = channel.chain, None
        if before is not None and command[1:4] == before[1:4]:
            data = before.data + command.data
            command = before._replace(
                cla=command.cla & 0xEF, data=data, le=command.le, extended=len(data) > 255 or command.extended
            )
        if not known.chained:
            return command
        if accepted(response) and len(command.data) < _MAX_CHAIN:
            channel.chain = command
        return None

    def _channel(self, number: int) -> _Channel:
        channel = self._channels.get(number)
        if channel is None:
            channel = self._channels[number] = _Channel(self._ring, self._counters, self._known)
        return channel

    # --- commands that change what is known

    def _select(self, channel: _Channel, known: ClassByte, command: CommandApdu, response: bytes) -> None:
        if len(response) >= 2 and (accepted(response) or response[-2] == 0x62):
            channel.scp03.select(_selected(command, response) if command.p1 == _BY_NAME else b"")
            channel.personal.reset()

    def _manage_channel(self, channel: _Channel, known: ClassByte, command: CommandApdu, response: bytes) -> None:
        if not accepted(response):
            return
        if command.p1 & 0x80:
            self._channels.pop(command.p2 or known.channel, None)
        else:
            number = response[0] if len(response) == 3 else command.p2
            self._channels.pop(number, None)
            if number < 20:
                self._channels[number] = _Channel(self._ring, self._counters, State.NONE)

    def _keys_may_change(self, command: CommandApdu, done: bool, *, hidden: bool) -> None:
        if done and changes_keys(command, hidden=hidden):
            self._counters.clear()


_Action = Callable[[LinkFollower, _Channel, ClassByte, CommandApdu, bytes], None]
_COMMON: Final[dict[int, _Action]] = {
    _SELECT: LinkFollower._select,
    _MANAGE_CHANNEL: LinkFollower._manage_channel,
}


def _once(recorded: Iterable[Event], found: Iterable[Event]) -> list[Event]:
    """What an end recorded and what was found; of an exchange that both tell of, the one that knows more."""
    known = {each.protected: each for each in recorded if isinstance(each, ChannelEvent)}
    kept = [
        each
        for each in found
        if not isinstance(each, ChannelEvent) or each.extra["verified"] is not None or each.protected not in known
    ]
    better = {each.protected for each in kept if isinstance(each, ChannelEvent)}
    return [*(each for each in recorded if not isinstance(each, ChannelEvent) or each.protected not in better), *kept]


def _selected(command: CommandApdu, response: bytes) -> bytes:
    """The whole AID of what was selected: the FCI names it also where the command gave only its beginning."""
    if response[0] == 0x6F:
        with suppress(DecodeError):
            for tag, value in split(split(response[:-2])[0].value):
                if tag == 0x84:
                    return value
    return command.data


def _readable(outcome: Outcome, recorded: Iterable[ChannelEvent]) -> tuple[CommandApdu, bytes] | None:
    """Command and response without protection, from what was decrypted or else from what an end recorded."""
    sides: list[tuple[Octets, Octets]] = [(outcome.plain, outcome.response_plain)]
    sides += [(each.plain, each.response_plain) for each in recorded if each.protected == outcome.protected]
    for plain, answer in sides:
        if isinstance(plain, bytes) and isinstance(answer, bytes):
            try:
                return CommandApdu.parse(plain), answer
            except DecodeError:
                continue
    return None
