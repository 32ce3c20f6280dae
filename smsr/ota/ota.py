# SPDX-License-Identifier: Apache-2.0
"""The over-the-air side of an SM-SR put together.

ota = OverTheAir(store, transport, settings, keeper=…, entropy=…, clock=…)
transport.serve(number, ota.sms)                what cards send
AdminServer(ota.https, tick=ota.dispatcher.tick, …)   where they come to, and time
sm_sr.attach(eid, ota.bearer(eid, wait))        what they are told
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from apdu.ids import Eid
from apdu.keys.entropy import Entropy
from apdu.sms.transport import SmsTransport
from apdu.trace.observer import IGNORE, Clock, Observer
from smsr.bearers.ota import NOTIFICATION_PATIENCE, OtaBearer, Wait
from smsr.ota.carrier import Carrier, Way
from smsr.ota.counters import Counters
from smsr.ota.desk import HttpsCarrier
from smsr.ota.dispatcher import Dispatcher, Policy
from smsr.ota.keys import numbers_of
from smsr.ota.notifications import Accepted, Notifications, Sequences
from smsr.ota.push import PushSettings
from smsr.ota.readercarrier import ReaderCarrier
from smsr.ota.sms import SmsSettings
from smsr.ota.smscarrier import Numbers, SmsCarrier
from smsr.store import EisStore

__all__ = ["Keeper", "OtaSettings", "OverTheAir"]


class Keeper(Counters, Sequences, Protocol):
    """What has to outlive the process: `SqliteJournal` keeps both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtaSettings:
    """How cards are reached; without `push` by SMS only."""

    sms: SmsSettings
    push: PushSettings | None = None
    policy: Policy | None = None
    numbers: Numbers = numbers_of
    notification: float = NOTIFICATION_PATIENCE
    """Seconds from a profile switch to the card's notification."""


class OverTheAir:
    """All cards of one SM-SR."""

    def __init__(
        self,
        store: EisStore,
        transport: SmsTransport,
        settings: OtaSettings,
        *,
        keeper: Keeper,
        entropy: Entropy,
        clock: Clock,
        observer: Observer = IGNORE,
    ) -> None:
        self.settings = settings
        self.dispatcher = Dispatcher(store, clock=clock, policy=settings.policy)
        self.notifications = Notifications(store, keeper)
        self._observer = observer
        self.sms = SmsCarrier(
            store,
            transport,
            keeper,
            settings.sms,
            clock=clock,
            notifications=self.notifications,
            lock=self.dispatcher.lock,
            numbers=settings.numbers,
        )
        self.sms.confirm = self._confirm
        self.readers = ReaderCarrier()
        carriers: dict[Way, Carrier] = {Way.READER: self.readers, Way.SMS: self.sms}
        self.https: HttpsCarrier | None = None
        if settings.push is not None:
            self.https = HttpsCarrier(
                store,
                self.sms,
                settings.push,
                entropy=entropy,
                clock=clock,
                notifications=self.notifications,
                lock=self.dispatcher.lock,
            )
            self.https.chain_of = self.dispatcher.chain_of
            carriers[Way.HTTPS] = self.https
        self.dispatcher.carriers = carriers

    def bearer(self, eid: Eid, wait: Wait | None = None, *, way: Way | None = None) -> OtaBearer:
        """A card's bearer; without `wait` it waits for another thread that calls `dispatcher.tick`."""
        return OtaBearer(
            self.dispatcher,
            self.notifications,
            eid,
            wait or self.dispatcher.wait_for,
            way=way,
            patience=self.settings.notification,
            observer=self._observer,
        )

    def _confirm(self, accepted: Accepted) -> None:
        self.dispatcher.submit(accepted.eid, accepted.confirmation, Way.SMS, patient=True)
