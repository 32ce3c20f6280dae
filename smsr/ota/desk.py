# SPDX-License-Identifier: Apache-2.0
"""The https bearer: administration sessions of all cards, triggers that call for them, and who may talk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from threading import RLock
from typing import Any, Final

from apdu.errors import DecodeError, M2mError
from apdu.ids import Eid
from apdu.keys.entropy import Entropy
from apdu.keys.secret import SecretKey
from apdu.ota.admin import MAX_BODY, PskIdentity
from apdu.trace.observer import Clock
from smsr.api.eis import Eis
from smsr.ota.admin import AdminReply, AdminRequest, AdminSession
from smsr.ota.connection import AdminConnection
from smsr.ota.keys import find_psk, has_https, psk_selection
from smsr.ota.notifications import Notifications
from smsr.ota.parcels import Chain
from smsr.ota.push import PushSettings, trigger_for
from smsr.ota.sms import NotReached
from smsr.ota.smscarrier import SmsCarrier
from smsr.ota.task import OutcomeUnknown, Outstanding, Task
from smsr.store import EisStore

__all__ = ["HttpsCarrier"]

_ALIVE: Final = 15.0
"""Seconds of silence after which a connection gives way to another of the same card."""


@dataclass(slots=True)
class _Card:
    """One card's session, and how the SM-SR gets to it."""

    session: AdminSession
    task: Task[Any] | None = None
    owner: AdminConnection | None = None
    deadline: float | None = None
    """While something is to be said: until when the card has to come, or to go on."""
    triggers: int = 0
    """How often it was called for this."""
    ended: float = -inf
    """When its last session was over."""


class HttpsCarrier:
    """Carries tasks over HTTPS (Carrier), and answers what cards ask the server (Desk)."""

    def __init__(
        self,
        store: EisStore,
        sms: SmsCarrier,
        settings: PushSettings,
        *,
        entropy: Entropy,
        clock: Clock,
        notifications: Notifications,
        lock: RLock,
    ) -> None:
        self.settings = settings
        self._store = store
        self._sms = sms
        self._entropy = entropy
        self._clock = clock
        self._notifications = notifications
        self._lock = lock
        self._cards: dict[Eid, _Card] = {}
        self._owners: dict[int, _Card] = {}
        self.chain_of: Callable[[Eid], Chain] = lambda eid: Chain()
        """Where the card's context is kept that all bearers share."""

    # --- Carrier

    @property
    def room(self) -> int:
        """Bytes of a script."""
        return MAX_BODY - 64

    @property
    def wake(self) -> float | None:
        """When somebody has been silent for too long."""
        return min((card.deadline for card in self._cards.values() if card.deadline is not None), default=None)

    def reaches(self, eis: Eis) -> bool:
        """Whether the card knows HTTPS, and can be told to come."""
        return has_https(eis) and self._sms.reaches(eis)

    def open_to(self, eid: Eid) -> bool:
        """Whether a session is open."""
        card = self._cards.get(eid)
        return card is not None and card.session.under_way

    def carry(self, eid: Eid, task: Task[Any], chain: Chain) -> None:
        """Give a task to the card's session; call the card when it has none."""
        card = self._card(eid)
        card.task = task
        card.session.kept = True
        card.session.add(task)
        self._expect(eid, card)

    def resume(self, eid: Eid, task: Task[Any], outstanding: Outstanding, chain: Chain) -> None:
        """Wait for the card to come back with its answer; called anew it would have forgotten."""
        card = self._card(eid)
        card.task = task
        card.session.kept = card.session.under_way = True
        card.session.resume(outstanding, task)
        card.deadline = self._clock() + self.settings.patience

    def release(self, eid: Eid) -> None:
        """End the session, so that the card does what it holds back."""
        card = self._cards.get(eid)
        if card is not None:
            card.session.kept = False
            if card.session.held and card.owner is not None:
                card.owner.wake_up()

    def tick(self, now: float) -> None:
        """Call cards again that did not come, and give up what takes too long."""
        for eid, card in tuple(self._cards.items()):
            if card.deadline is None or now < card.deadline:
                continue
            if not card.session.wanted:
                card.deadline = None
            elif not card.session.under_way and card.triggers < self.settings.triggers:
                self._expect(eid, card)
            else:
                self._give_up(eid, card)

    # --- Desk

    def find_key(self, identity: str) -> SecretKey | None:
        """The key of a PSK identity."""
        known = self._identified(identity)
        return None if known is None else find_psk(*known)

    def admit(self, connection: AdminConnection, now: float) -> bool:
        """One connection a card: another is refused while the first is alive, and replaces it when it is not."""
        with self._lock:
            known = self._identified(connection.identity)
            if known is None:
                return False
            card = self._card(known[0].eid)
            owner = card.owner
            if owner is not None and not owner.closed:
                if card.session.held or now < owner.seen + _ALIVE:
                    return False
                owner.end_of_stream()
                owner.wake_up()
            card.owner = connection
            self._owners[id(connection)] = card
            return True

    def post(self, connection: AdminConnection, request: AdminRequest, now: float) -> AdminReply | None:
        """The answer to a request."""
        with self._lock:
            card = self._owners[id(connection)]
            return self._said(card, card.session.post(request, now), now)

    def poll(self, connection: AdminConnection, now: float) -> AdminReply | None:
        """The answer to a held request."""
        with self._lock:
            card = self._owners.get(id(connection))
            return None if card is None else self._said(card, card.session.poll(now), now)

    def hold_until(self, connection: AdminConnection) -> float | None:
        """When a held request is answered in any case."""
        card = self._owners.get(id(connection))
        return None if card is None else card.session.wake

    def leave(self, connection: AdminConnection) -> None:
        """A connection has ended; the session goes on over another."""
        with self._lock:
            card = self._owners.pop(id(connection), None)
            if card is not None and card.owner is connection:
                card.owner = None
                card.session.lost()

    # ---

    def _said(self, card: _Card, reply: AdminReply | None, now: float) -> AdminReply | None:
        """A card was here: the time that it has begins anew."""
        card.triggers = 0
        self._sms.arrived(card.session.eid)
        if not card.session.under_way:
            card.ended = now
        card.deadline = now + self.settings.patience if card.session.wanted else None
        return reply

    def _expect(self, eid: Eid, card: _Card) -> None:
        """Have the card come, if it is not there."""
        if card.session.under_way:
            card.deadline = self._clock() + self.settings.patience
            if card.session.held and card.owner is not None:
                card.owner.wake_up()
            return
        now = self._clock()
        if now < card.ended + self.settings.pause:
            card.deadline = card.ended + self.settings.pause
            return
        card.triggers += 1
        card.deadline = now + self.settings.reach
        eis = self._store.get(eid)
        if eis is not None:
            self._sms.push(eid, trigger_for(self.settings, psk_selection(eis)), lambda outcome: None)

    def _give_up(self, eid: Eid, card: _Card) -> None:
        card.deadline = None
        begun, card.session.under_way = card.session.under_way, False
        task, card.task = card.task, None
        if task is not None and not task.done:
            error: M2mError = NotReached(f"card {eid} did not come when it was called")
            if begun:
                error = OutcomeUnknown(f"card {eid} left in the middle of a session")
            task.fail(error)
            card.session.drop(task)

    def _card(self, eid: Eid) -> _Card:
        card = self._cards.get(eid)
        if card is None:
            session = AdminSession(
                eid=eid,
                entropy=self._entropy,
                chain=self.chain_of(eid),
                hold=self.settings.hold,
                notified=lambda raw: self._notifications.accept(eid, raw),
            )
            card = self._cards[eid] = _Card(session)
        return card

    def _identified(self, identity: str) -> tuple[Eis, PskIdentity] | None:
        try:
            parsed = PskIdentity.parse(identity)
        except DecodeError:
            return None
        eis = self._store.get(parsed.eid)
        return None if eis is None else (eis, parsed)
