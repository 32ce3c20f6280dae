# SPDX-License-Identifier: Apache-2.0
"""Secured packets to one card by SMS, and its proofs of receipt, without I/O (TS 102 225, TS 31.115, SGP.02 2.4.3).

    session.send(Message(…))
    for tpdu in session.outgoing(): transport.send(number, tpdu)      SMS-DELIVER
    session.receive(user_data, now)                                   what the card sent, whole
    session.tick(now)                                                 when `wake` has come

One packet is under way at a time. Its counter is reserved before it is sent. When no answer comes, the same bytes are
sent again: a card that had them takes the counter for used and answers so (02), and nothing runs twice. That answer
says that the packet ran, or that the counters are apart; which of both nobody knows. So it counts only when the time
is over and no better answer came, and then the outcome is unknown. A message that changes nothing on the card is sent
anew with a counter far enough ahead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from apdu.errors import DecodeError, EncodeError, M2mError, SecurityError
from apdu.ids import Aid, Eid
from apdu.keys.secret import KeySet
from apdu.ota.packet import MAX_COUNTER, Header, PacketRefused, Response, Status, build_command, parse_response
from apdu.ota.security import Algorithm, Check, CounterMode, Por, Spi, indicator
from apdu.sms.address import Address
from apdu.sms.coding import CLASS_2_DATA
from apdu.sms.parts import split_message
from apdu.sms.tpdu import Deliver
from apdu.sms.userdata import Element, ElementId, UserData
from smsr.ota.counters import Counters
from smsr.ota.task import OutcomeUnknown

__all__ = ["COMMAND_SPI", "Message", "NotReached", "SmsCard", "SmsSession", "SmsSettings"]

COMMAND_SPI: Final = Spi(
    check=Check.CC,
    ciphered=True,
    counter=CounterMode.HIGHER,
    por=Por.ALWAYS,
    por_check=Check.CC,
    por_ciphered=True,
    por_by_submit=True,
)
"""16 39: as SGP.02 demands of commands to the ISD-R, with an answer as well protected in a message of its own."""
_FIRST_PART, _PART, _SINGLE = 132, 134, 137
"""Bytes of a packet in the first part of a long message, in the others, and in a message that is alone."""
_FRAME: Final = 40
"""Header, check and padding around the data of a packet, at most."""
_AHEAD: Final = (0, 0, 1 << 8, 1 << 16, 1 << 24)
"""How far ahead a counter is set, one after the other, when a card says that it is too low: it may just have run."""
_COUNTER: Final = 5


class NotReached(OutcomeUnknown):
    """The card did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSettings:
    """How an SM-SR sends: its number, its patience, and how long its messages may get."""

    originator: Address
    timeout: float = 60.0
    """Seconds for an answer, after which the packet is sent again."""
    attempts: int = 6
    max_parts: int = 20  # (U) no specification at hand says what a card has to take
    """Short messages of one packet."""

    @property
    def room(self) -> int:
        """Bytes of data that fit a packet."""
        whole = _SINGLE if self.max_parts == 1 else _FIRST_PART + _PART * (self.max_parts - 1)
        return whole - _FRAME


@dataclass(frozen=True, slots=True)
class SmsCard:
    """Which card, and its keys."""

    eid: Eid
    keys: KeySet
    first_counter: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """Data for an application of the card; `done` gets the data of the answer, or why there is none."""

    target: Aid
    data: bytes
    done: Callable[[bytes | M2mError], None]
    read_only: bool = False
    reserved: Callable[[bytes], None] | None = None
    """Called with what `resume` needs, before anything is sent."""
    calls: bool = False
    """It makes the card come by another way, which says more than a proof of receipt."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """The packet that is under way."""

    message: Message
    header: Header
    counter: int
    tpdus: tuple[UserData, ...]
    left: int
    deadline: float
    low: bool = False
    """The card said that the counter is too low."""
    ahead: int = 0
    """How often the counter was set ahead."""


class SmsSession:
    """All that is sent to one card."""

    def __init__(self, card: SmsCard, settings: SmsSettings, counters: Counters) -> None:
        self._card = card
        self._settings = settings
        self._counters = counters
        self._waiting: deque[tuple[Message, bytes]] = deque()
        self._flight: _Flight | None = None
        self._outgoing: list[bytes] = []

    @property
    def busy(self) -> bool:
        """Whether something is under way or waits."""
        return self._flight is not None or bool(self._waiting)

    @property
    def kvn(self) -> int:
        """The key set in use."""
        return self._card.keys.kvn

    @property
    def repetition(self) -> int:
        """How often the packet under way was sent before."""
        flight = self._flight
        return 0 if flight is None else self._settings.attempts - 1 - flight.left

    @property
    def wake(self) -> float | None:
        """When `tick` has something to do."""
        return self._flight.deadline if self._flight is not None else None

    def send(self, message: Message, now: float) -> None:
        """Send a message as soon as those before it are answered."""
        self._waiting.append((message, b""))
        self._next(now)

    def resume(self, message: Message, reserved: bytes, now: float) -> None:
        """Go on with a message that another process sent: the same packet, the same counter."""
        self._waiting.append((message, reserved))
        self._next(now)

    def outgoing(self) -> list[bytes]:
        """SMS-DELIVERs that wait to be sent; they are given out once."""
        tpdus, self._outgoing = self._outgoing, []
        return tpdus

    def receive(self, data: UserData, now: float) -> None:
        """A message of the card, its parts put together; what is no answer to the packet under way is ignored."""
        flight = self._flight
        if flight is None or data.element(ElementId.RESPONSE_PACKET) is None:
            return
        response = self._open(flight, data.payload)
        if response is None:
            return
        if response.status == Status.OK:
            self._finish(response.data, now)
        elif response.status == Status.COUNTER_LOW:
            self._flight = replace(flight, low=True)
        elif response.status not in (Status.MORE_TIME, Status.RESPONSE_BY_SUBMIT):
            self._finish(_refusal(response.status), now)

    def tick(self, now: float) -> None:
        """Send again what was not answered in time, or give it up."""
        flight = self._flight
        if flight is None or now < flight.deadline:
            return
        if flight.low:
            self._counter_low(flight, now)
        elif flight.left:
            self._flight = replace(flight, left=flight.left - 1, deadline=now + self._settings.timeout)
            self._transmit(self._flight, now)
        else:
            self._finish(NotReached(f"no answer from card {self._card.eid} by SMS"), now)

    def arrived(self, now: float) -> None:
        """The card came as it was called to: nothing more is to be said about that."""
        if self._flight is not None and self._flight.message.calls:
            self._finish(b"", now)

    # ---

    def _next(self, now: float) -> None:
        while self._flight is None and self._waiting:
            message, reserved = self._waiting.popleft()
            try:
                self._begin(message, reserved, now)
            except EncodeError as error:
                message.done(error)

    def _begin(self, message: Message, reserved: bytes, now: float, ahead: int = 0, above: int = 0) -> None:
        keys = self._card.keys
        byte = indicator(keys.kvn, Algorithm.AES)
        header = Header(spi=COMMAND_SPI, kic=byte, kid=byte, tar=message.target.tar)
        if reserved:
            counter = int.from_bytes(reserved[:_COUNTER], "big")
            packet = reserved[_COUNTER:]
        else:
            counter = self._counters.reserve(self._card.eid, keys.kvn, max(above, self._card.first_counter))
            if counter >= MAX_COUNTER:
                raise EncodeError("the counter of the key set is used up: the card needs a new key set")
            packet = build_command(header, counter, message.data, keys)
            if message.reserved is not None:
                message.reserved(counter.to_bytes(_COUNTER, "big") + packet)
        whole = UserData(packet, (Element(ElementId.COMMAND_PACKET),))
        parts = split_message(whole, CLASS_2_DATA, counter % 0xFF + 1)
        if len(parts) > self._settings.max_parts:
            raise EncodeError(f"{len(parts)} short messages for one packet, {self._settings.max_parts} are allowed")
        deadline = now + self._settings.timeout
        left = self._settings.attempts - 1
        self._flight = _Flight(message, header, counter, parts, left, deadline, ahead=ahead)
        self._transmit(self._flight, now)

    def _transmit(self, flight: _Flight, now: float) -> None:
        time = datetime.fromtimestamp(now, UTC)
        last = len(flight.tpdus)
        for number, data in enumerate(flight.tpdus, 1):
            deliver = Deliver(originator=self._settings.originator, time=time, data=data, more=number < last)
            self._outgoing.append(deliver.encode())

    def _open(self, flight: _Flight, packet: bytes) -> Response | None:
        """An answer that is genuine, and to this packet."""
        try:
            response = parse_response(packet).open(flight.header, self._card.keys)
        except (DecodeError, SecurityError):
            return None
        mine = response.tar == flight.header.tar and response.counter == flight.counter
        return response if mine else None

    def _counter_low(self, flight: _Flight, now: float) -> None:
        """Nothing better came than that the counter is too low."""
        message = flight.message
        if not message.read_only or flight.ahead >= len(_AHEAD):
            text = f"card {self._card.eid} takes counter {flight.counter} for used: the packet may have run"
            self._finish(OutcomeUnknown(text), now)
            return
        self._flight = None
        try:
            self._begin(message, b"", now, flight.ahead + 1, flight.counter + _AHEAD[flight.ahead])
        except EncodeError as error:
            message.done(error)
            self._next(now)

    def _finish(self, outcome: bytes | M2mError, now: float) -> None:
        flight, self._flight = self._flight, None
        assert flight is not None
        flight.message.done(outcome)
        self._next(now)


def _refusal(status: int) -> M2mError:
    try:
        return PacketRefused(Status(status))
    except ValueError:
        return PacketRefused(Status.SECURITY_ERROR)
