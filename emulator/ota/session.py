# SPDX-License-Identifier: Apache-2.0
"""What of over-the-air work lives in one card session; a reset makes it anew (TS 31.111 7.1.1, TS 31.115 4)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from apdu.cat.codes import Event
from apdu.cat.envelope import EventDownload
from apdu.command.apdu import ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.ota.packet import Status
from apdu.ota.trigger import Trigger
from apdu.sms.coding import class_of
from apdu.sms.parts import Reassembly
from apdu.sms.tpdu import PID_DATA_DOWNLOAD, Deliver
from apdu.sms.userdata import ElementId, UserData
from emulator.ota.events import EventList
from emulator.ota.notifier import Notifier
from emulator.ota.receiver import Answer, PacketReceiver
from emulator.ota.script import RemoteScripts
from emulator.ota.sender import report, submit
from emulator.sd.domain import SecurityDomain
from emulator.sd.isdr import IsdR

if TYPE_CHECKING:
    from emulator.card import Card
    from emulator.ota.agent import Agent
    from emulator.ota.parameters import Session

__all__ = ["OverTheAir"]

_CLASS_2: Final = 2
_PART: Final = 134
"""Bytes of a packet in a part of a long message."""


class OverTheAir:
    """The card's part in SMS and HTTPS."""

    __slots__ = (
        "_agent",
        "_begin",
        "_events",
        "_parts",
        "_receiver",
        "_reference",
        "card",
        "notifier",
        "scripts",
    )

    def __init__(self, card: Card) -> None:
        self.card = card
        card.toolkit.listener = self
        self._agent: Agent | None = None
        self._begin: Session | None = None
        """A session that begins when its trigger has its answer."""
        self._events = EventList(card.toolkit)
        self.notifier = Notifier(card, self._events)
        self.scripts = RemoteScripts(card)
        self._receiver = PacketReceiver(self)
        self._parts = Reassembly()
        self._reference = 0

    def next_reference(self) -> int:
        """The reference of the next long message."""
        self._reference = self._reference % 0xFF + 1
        return self._reference

    def download(self, tpdu: bytes) -> bytes | ResponseApdu:
        """An SMS-DELIVER for the card (SMS-PP download); the answer to its ENVELOPE.

        What is no secured packet, not for the card, or not whole yet is taken without a word.
        """
        message = Deliver.decode(tpdu)
        if message.pid != PID_DATA_DOWNLOAD or class_of(message.dcs) != _CLASS_2:
            return b""
        whole = self._whole(message)
        if whole is None or _packets(whole) != [b""]:
            return b""
        answer = self._receiver.receive(whole.payload)
        reply = b"" if answer is None else self._reply(message, answer)
        if self._begin is not None:
            session, self._begin = self._begin, None
            self.administer(session)
        return reply

    def _whole(self, message: Deliver) -> UserData | None:
        """The message, when all its parts are there; one that the memory cannot hold is dropped."""
        place = message.data.concatenation
        if place is not None and place.total * _PART > self.card.registry.card.volatile:
            return None
        return self._parts.add(message.originator, message.data)

    def _reply(self, message: Deliver, answer: Answer) -> bytes | ResponseApdu:
        if not answer.by_submit:
            data = report(answer.packet)
            if data is not None:
                return data if answer.good else ResponseApdu(data, SW.AUTHENTICATION_FAILED)
        submit(self.card, message.originator, answer.packet)
        return b""

    # --- HTTPS

    @staticmethod
    def takes_triggers(application: SecurityDomain) -> bool:
        """Whether a target has an administration agent: the ISD-R has (SGP.02 v4.2 2.4.3.3)."""
        return isinstance(application, IsdR)

    def trigger(self, data: bytes) -> Status:
        """Open an administration session; the status is for the proof of receipt of the trigger.

        While a session is open another trigger changes nothing. (U) One that no session can be opened with is taken
        without one, as the answer to a trigger has no room for a reason.
        """
        try:
            trigger = Trigger.from_tlv(data)
        except DecodeError:
            return Status.SECURITY_ERROR
        if not self.administering:
            from emulator.ota.parameters import Unusable, prepare

            with suppress(Unusable):
                self._begin = prepare(self.card, trigger)
        return Status.OK

    @property
    def administering(self) -> bool:
        """Whether an administration session is under way."""
        return self._agent is not None and self._agent.busy

    def administer(self, session: Session, done: Callable[[bool], None] | None = None) -> None:
        """Open an administration session with the SM-SR."""
        if self._agent is None:
            from emulator.ota.agent import Agent  # with HTTP and TLS, which a card without sessions never needs

            self._agent = Agent(self.card)
        self._events.want(Event.DATA_AVAILABLE, Event.CHANNEL_STATUS)
        self._agent.begin(session, done)

    # --- what the terminal says by itself

    def event(self, event: EventDownload) -> None:
        """An event of the event list."""
        self.notifier.event(event)
        if self._agent is not None:
            self._agent.event(event)

    def expired(self, timer: int) -> None:
        """A timer ran out."""
        self.notifier.expired(timer)
        if self._agent is not None:
            self._agent.expired(timer)

    def polled(self) -> None:
        """STATUS."""
        self.notifier.polled()
        if self._agent is not None:
            self._agent.polled()


def _packets(message: UserData) -> list[bytes]:
    """The data of elements that mark a command packet."""
    return [data for identifier, data in message.elements if identifier == ElementId.COMMAND_PACKET]
