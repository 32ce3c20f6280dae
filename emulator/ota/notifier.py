# SPDX-License-Identifier: Apache-2.0
"""Default notifications: the card tells its SM-SR that it is there, or which profile it has now (SGP.02 v4.2 4.1.1.11).

The first time that the network serves it, and after every change of the profile, when the terminal has been reset and
the network serves the new one. What is to be told is in the memory until the SM-SR has confirmed it, so it outlives
resets and power cuts; attempts are counted anew in every card session. Without the SM-SR's address nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from apdu.cat.codes import CommandType, Device, Event, LocalInformation, LocationStatus
from apdu.cat.commands import ProvideLocalInformation
from apdu.cat.comprehension import CommandDetails, DeviceIdentities, Result
from apdu.cat.envelope import EventDownload
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import Facility
from apdu.cat.values import encode_imei
from apdu.errors import DecodeError, EncodeError
from apdu.gp.codes import KVN_SCP80
from apdu.gp.sgp02 import Notification, NotificationType
from apdu.ids import ISD_R
from apdu.keys.secret import KeySet, KeyType
from apdu.ota.addressing import HTTPS_TAG, SmsAddressing
from apdu.ota.packet import Header, build_command
from apdu.ota.security import Algorithm, Check, Spi, indicator
from apdu.sms.userdata import Element, ElementId, UserData
from emulator.ota.events import EventList
from emulator.ota.sender import send_message
from emulator.ota.timer import Timer
from emulator.sd.isdr import IsdR
from emulator.sd.records import NotificationRecord

if TYPE_CHECKING:
    from apdu.sms.address import Address
    from emulator.card import Card

__all__ = ["ATTEMPTS", "TIMER", "WAITING", "Notifier"]

TIMER: Final = 2
"""Which of the terminal's timers is the notifier's (D)."""
ATTEMPTS: Final = 5
"""How often a notification is sent in a card session without its confirmation (U)."""
WAITING: Final = 120
"""Seconds for the confirmation (U)."""
_SEQUENCES: Final = 0x10000
_SPI: Final = Spi(check=Check.CC)
"""02 00: a checksum, no counter, no answer."""
_NO_COUNTER: Final = 0

Bearer = Callable[[bytes], None]


class Notifier:
    """Notifications of one card session."""

    __slots__ = ("_attempts", "_card", "_events", "_imei", "_timer")

    def __init__(self, card: Card, events: EventList) -> None:
        self._card = card
        self._events = events
        self._timer = Timer(card.toolkit, TIMER, self._send)
        self._attempts: int | None = None
        """Attempts that are left; None before the network serves the card."""
        self._imei: bytes | None = None

    def introduced(self) -> None:
        """The terminal introduced itself, and there may be something to tell: ask to hear of the network.

        The events of channels are asked for as well: a later list would only replace this one.
        """
        self._events.want(Event.LOCATION_STATUS, Event.DATA_AVAILABLE, Event.CHANNEL_STATUS)

    def event(self, event: EventDownload) -> None:
        """An event: the one of interest is that the network serves the terminal."""
        if bytes((Event.LOCATION_STATUS,)) == event.events and event.location_status == LocationStatus.NORMAL:
            self._served()

    def polled(self) -> None:
        """The terminal has time; where it reports no location that has to do."""
        self._timer.polled()
        profile = self._card.toolkit.profile
        if profile is not None and not profile.has(Facility.EVENT_LOCATION_STATUS):
            self._served()

    def expired(self, timer: int) -> None:
        """One of the terminal's timers ran out."""
        self._timer.expired(timer)

    def confirmed(self) -> None:
        """The SM-SR has it."""
        self._timer.stop()

    # ---

    def _served(self) -> None:
        if self._attempts is not None or not self._is_due():
            return
        self._attempts = ATTEMPTS
        details = CommandDetails(0x01, CommandType.PROVIDE_LOCAL_INFORMATION, LocalInformation.IMEI)
        devices = DeviceIdentities(Device.UICC, Device.TERMINAL)
        self._card.toolkit.ask(ProvideLocalInformation(details=details, devices=devices), self._identified)

    def _is_due(self) -> bool:
        """Whether there is something to tell; the first attach of the card's life becomes it here.

        A change is told only by the profile that it enabled: until the reset the old one is still in use.
        """
        registry, profile = self._card.registry, self._card.profile
        enabled, record = registry.enabled(), registry.isd_r
        if enabled is None or profile is None or profile.aid != enabled.aid or not record.addressing:
            return False
        pending = registry.notification
        if not record.attached:
            record = replace(record, attached=True)
            if pending is None:
                pending = NotificationRecord(kind=NotificationType.FIRST_ATTACH, sequence=record.sequence)
                record = replace(record, sequence=(record.sequence + 1) % _SEQUENCES)
                registry.save_notification(pending)
            registry.save_isd_r(record)
        return pending is not None

    def _identified(self, answer: TerminalAnswer) -> None:
        try:
            self._imei = None if answer.imei is None else encode_imei(answer.imei)
        except EncodeError:  # a terminal without an IMEI that is one
            self._imei = None
        self._send()

    def _send(self) -> None:
        """One attempt, each on the next bearer; after the last there is none until the next card session."""
        content = self._content()
        bearers = self._bearers()
        if content is None or not bearers or not self._attempts:
            return
        number = ATTEMPTS - self._attempts
        self._attempts -= 1
        bearers[number % len(bearers)](content)

    def _content(self) -> bytes | None:
        registry = self._card.registry
        pending, enabled = registry.notification, registry.enabled()
        if pending is None or enabled is None:
            return None
        return Notification(
            eid=registry.ecasd.eid, type=pending.kind, sequence=pending.sequence, isd_p=enabled.aid, imei=self._imei
        ).encode()

    # --- bearers

    def _bearers(self) -> list[Bearer]:
        """SMS, then HTTPS, as far as there are an address and a terminal for it; the order is (U)."""
        profile = self._card.toolkit.profile
        tags = {item[0] for item in self._card.registry.isd_r.addressing}
        found: list[Bearer] = []
        if profile is None:
            return found
        if self._address() is not None and profile.supports(CommandType.SEND_SHORT_MESSAGE):
            found.append(self._by_sms)
        if HTTPS_TAG in tags and profile.supports(CommandType.OPEN_CHANNEL):
            found.append(self._by_https)
        return found

    def _address(self) -> Address | None:
        for item in self._card.registry.isd_r.addressing:
            if item[0] == SmsAddressing.TAG:
                try:
                    return SmsAddressing.from_tlv(item).address
                except DecodeError:  # stored as it came
                    return None
        return None

    def _by_sms(self, content: bytes) -> None:
        address, keys = self._address(), self._keys()
        if address is None or keys is None:
            self._wait()
            return
        kic, kid = indicator(keys.kvn, Algorithm.IMPLICIT), indicator(keys.kvn, Algorithm.AES)
        packet = build_command(Header(spi=_SPI, kic=kic, kid=kid, tar=ISD_R.tar), _NO_COUNTER, content, keys)
        message = UserData(packet, (Element(ElementId.COMMAND_PACKET),))
        send_message(self._card, address, message, self._sent)

    def _keys(self) -> KeySet | None:
        """The lowest AES set for packets (U)."""
        found = (IsdR(self._card).keys.scp80(kvn) for kvn in KVN_SCP80)
        return next((keys for keys in found if keys is not None and keys.mac.type is KeyType.AES), None)

    def _sent(self, result: Result) -> None:
        """Sent or not: without a confirmation in time it is sent again."""
        self._wait()

    def _by_https(self, content: bytes) -> None:
        from emulator.ota.parameters import Unusable, prepare, stored_parameters

        if self._card.ota.administering:
            self._wait()
            return
        try:
            session = prepare(self._card, stored_parameters(self._card))
        except Unusable:
            self._wait()
            return
        mark = "&" if "?" in session.uri else "?"
        uri = f"{session.uri}{mark}msg={content.hex().upper()}"
        self._card.ota.administer(replace(session, uri=uri), self._ended)

    def _ended(self, good: bool) -> None:
        self._wait()

    def _wait(self) -> None:
        if self._card.registry.notification is not None and self._attempts:
            self._timer.start(WAITING)
