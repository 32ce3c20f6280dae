# SPDX-License-Identifier: Apache-2.0
"""The sms bearer: a session for each card over one transport, and what cards send by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from apdu.errors import DecodeError, M2mError
from apdu.ids import ISD_R, Eid
from apdu.sms.address import Address
from apdu.sms.parts import Reassembly
from apdu.sms.tpdu import DeliverReport, Submit
from apdu.sms.transport import SmsTransport
from apdu.sms.userdata import UserData
from apdu.trace.observer import Clock
from smsr.api.eis import Eis
from smsr.errors import Refused
from smsr.ota.carrier import Way
from smsr.ota.counters import Counters
from smsr.ota.keys import first_counter, numbers_of, scp80_keys
from smsr.ota.notifications import Accepted, Notifications
from smsr.ota.parcels import Chain
from smsr.ota.sms import Message, NotReached, SmsCard, SmsSession, SmsSettings
from smsr.ota.task import Outstanding, Task
from smsr.store import EisStore

__all__ = ["Numbers", "SmsCarrier"]

Numbers = Callable[[Eis], Sequence[Address]]
"""Where a card may be reached, the likeliest first."""


@dataclass(slots=True)
class _Card:
    session: SmsSession
    numbers: tuple[Address, ...] = ()
    parts: Reassembly = field(default_factory=Reassembly)


class SmsCarrier:
    """Carries tasks by SMS; it is the receiver of its transport (SmsReceiver)."""

    def __init__(
        self,
        store: EisStore,
        transport: SmsTransport,
        counters: Counters,
        settings: SmsSettings,
        *,
        clock: Clock,
        notifications: Notifications,
        lock: RLock,
        numbers: Numbers = numbers_of,
    ) -> None:
        self._store = store
        self._transport = transport
        self._counters = counters
        self._settings = settings
        self._clock = clock
        self._notifications = notifications
        self._lock = lock
        self._numbers = numbers
        self._cards: dict[Eid, _Card] = {}
        self._senders: dict[Address, Eid] = {}
        self.confirm: Callable[[Accepted], None] = lambda accepted: None
        """Takes the script that confirms a notification which came by SMS."""

    @property
    def room(self) -> int:
        """Bytes of a script that fit one packet."""
        return self._settings.room

    @property
    def wake(self) -> float | None:
        """When the first answer is overdue."""
        times = (card.session.wake for card in self._cards.values())
        return min((time for time in times if time is not None), default=None)

    def reaches(self, eis: Eis) -> bool:
        """Whether the EIS has keys and a number."""
        try:
            scp80_keys(eis)
        except Refused:
            return False
        return bool(self._numbers(eis))

    def open_to(self, eid: Eid) -> bool:
        """Each task costs messages."""
        return False

    def carry(self, eid: Eid, task: Task[Any], chain: Chain) -> None:
        """Send a task parcel by parcel."""
        try:
            card = self._card(eid)
        except M2mError as error:
            task.fail(error)
            return
        parcel = task.take(self.room, chain)
        if parcel is not None:
            message = Message(
                parcel.target,
                parcel.script(),
                lambda outcome: self._answered(eid, task, chain, outcome),
                parcel.read_only,
                lambda state: task.sent(Way.SMS, state),
            )
            card.session.send(message, self._clock())
            self._flush(card)

    def resume(self, eid: Eid, task: Task[Any], outstanding: Outstanding, chain: Chain) -> None:
        """Send the packet of another process once more: the card runs it now, or says that it ran."""
        parcel, state = outstanding.parcel, outstanding.sent.state
        message = Message(parcel.target, b"", lambda outcome: self._answered(eid, task, chain, outcome))
        try:
            card = self._card(eid)
        except M2mError as error:
            task.fail(error)
            return
        card.session.resume(message, state, self._clock())
        self._flush(card)

    def push(self, eid: Eid, data: bytes, done: Callable[[bytes | M2mError], None]) -> None:
        """Send data to the ISD-R that are no script: a trigger."""
        try:
            card = self._card(eid)
        except M2mError as error:
            done(error)
            return
        card.session.send(Message(ISD_R, data, done, read_only=True, calls=True), self._clock())
        self._flush(card)

    def arrived(self, eid: Eid) -> None:
        """A card that was called has come."""
        card = self._cards.get(eid)
        if card is not None:
            card.session.arrived(self._clock())
            self._flush(card)

    def release(self, eid: Eid) -> None:
        """There is nothing to let go."""

    def tick(self, now: float) -> None:
        """Send again what is overdue."""
        for card in tuple(self._cards.values()):
            card.session.tick(now)
            self._flush(card)

    # --- SmsReceiver

    def submitted(self, sender: Address, tpdu: bytes) -> None:
        """A card sent a message: an answer, or a notification."""
        try:
            data = Submit.decode(tpdu).data
        except DecodeError:
            return
        with self._lock:
            self._received(sender, data)

    def reported(self, to: Address, report: bytes, error: bool) -> None:
        """What came back in the report of a delivery may hold an answer."""
        try:
            data = DeliverReport.decode(report, error=error).data
        except DecodeError:
            return
        if data is not None:
            with self._lock:
                self._received(to, data)

    # ---

    def _received(self, sender: Address, data: UserData) -> None:
        eid = self._senders.get(sender)
        card = self._cards.get(eid) if eid is not None else None
        whole = card.parts.add(sender, data) if card is not None else data if data.concatenation is None else None
        if whole is None:
            return
        notified = self._notifications.by_sms(whole)
        if notified is not None:
            self.confirm(notified)
        elif card is not None:
            card.session.receive(whole, self._clock())
            self._flush(card)

    def _answered(self, eid: Eid, task: Task[Any], chain: Chain, outcome: bytes | M2mError) -> None:
        if task.done:
            return
        if isinstance(outcome, M2mError):
            chain.break_off()
            task.fail(outcome)
            return
        task.answered(outcome, chain)
        if not task.done:
            self.carry(eid, task, chain)

    def _card(self, eid: Eid) -> _Card:
        """The session with a card, and where it can be reached now."""
        eis = self._store.get(eid)
        if eis is None:
            raise NotReached(f"nobody knows card {eid}")
        keys = scp80_keys(eis)
        card = self._cards.get(eid)
        if card is None or (not card.session.busy and card.session.kvn != keys.kvn):
            known = SmsCard(eid, keys, first_counter(eis, keys.kvn))
            card = self._cards[eid] = _Card(SmsSession(known, self._settings, self._counters))
        card.numbers = tuple(self._numbers(eis))
        for number in card.numbers:
            self._senders[number] = eid
        if not card.numbers:
            raise NotReached(f"card {eid} has no number: no subscription is enabled")
        return card

    def _flush(self, card: _Card) -> None:
        number = card.numbers[card.session.repetition % len(card.numbers)] if card.numbers else None
        for tpdu in card.session.outgoing():
            if number is not None:
                self._transport.send(number, tpdu)
