# SPDX-License-Identifier: Apache-2.0
"""Servers, a network, a device and a card in one process, with nothing but the air between servers and card.

SM-SR ── LocalSms ──────────────► device ── link ── card
  └── admin server ◄── TCP on loopback ──┘

One thread: whoever waits for something calls `wait`, which lets everything happen that is due. When nothing is, the
clock is put forward. Short messages get lost, doubled and out of order where that was asked for; which ones, the
entropy of the run says, so that a seed repeats it.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final

from apdu.cat.codes import LocationStatus
from apdu.errors import DecodeError
from apdu.gp.sgp02 import Notification
from apdu.ids import Eid, Imsi
from apdu.keys.secret import SecretKey
from apdu.ota.addressing import SmsAddressing, https_addressing
from apdu.ota.trigger import PskSelection, Trigger
from apdu.sms.address import Address
from apdu.sms.tpdu import DeliverReport
from apdu.sms.transport import LocalSms, Trouble
from apdu.tls.binding import client_context, server_context
from apdu.trace import IGNORE, Observer
from emulator.device.channels import Channels
from emulator.device.device import Device, Surroundings
from emulator.device.handset import take
from emulator.device.link import CardLink
from emulator.device.settings import Settings
from emulator.device.waiting import Waiting
from emulator.network.auc import AuC
from emulator.network.network import Network
from emulator.network.sms import SmsCentre
from smsr.bearers.ota import OtaBearer
from smsr.kit.sealer import Sealer
from smsr.ota.carrier import Way
from smsr.ota.journal import SqliteJournal
from smsr.ota.ota import OtaSettings, OverTheAir
from smsr.ota.push import PushSettings, trigger_for
from smsr.ota.server import AdminServer
from smsr.ota.sms import SmsSettings
from smsr.store import EisStore
from tools.entropy import Source
from tools.errors import ToolError
from tools.subscription import PreparedProfile

__all__ = ["SM_SR_NUMBER", "Air", "Milestone"]

SM_SR_NUMBER: Final = Address.of("+999000000001")
_NORMAL: Final = LocationStatus.NORMAL
_LOOPBACK: Final = ip_address("127.0.0.1")
_MOMENT: Final = 1.0
"""Seconds that the clock is put forward at most before everybody is asked again."""
_TURNS: Final = 4
"""Looks at the sockets before nothing is taken to be under way: accepting a connection takes the server three."""
_MOST: Final = 500_000
"""Steps after which a wait is given up: hours, on the clock that is put forward."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something that happens while somebody waits, and who is told."""

    reached: Callable[[], bool]
    tell: Callable[[], None]


@dataclass(slots=True)
class _Lines:
    """The operator's subscribers: who has which number."""

    profiles: dict[Address, PreparedProfile] = field(default_factory=dict)
    numbers: dict[Imsi, Address] = field(default_factory=dict)

    def add(self, profile: PreparedProfile, number: Address) -> None:
        """One more subscriber."""
        self.profiles[number] = profile
        self.numbers[profile.imsi] = number


class Air:
    """Everything between the SM-SR and one card. `close` gives up what the system keeps for it."""

    def __init__(
        self, store: EisStore, source: Source, way: Way, *, loss: float = 0.0, observer: Observer = IGNORE
    ) -> None:
        self.way = way
        self.clock = source.clock
        self.notifications: list[Notification] = []
        """What the card told the SM-SR, in order."""
        self.refreshes = 0
        self._source = source
        self._milestones: deque[Milestone] = deque()
        self._lines = _Lines()
        self._waiting = Waiting()
        self._device: Device | None = None
        self._channels: Channels | None = None
        self._served: Address | None = None
        self._auc = AuC(source.entropy("AuC"))
        self.sms = LocalSms(source.entropy("SMS"), Trouble(loss, loss, loss))
        listener = socket.create_server((str(_LOOPBACK), 0)) if way is Way.HTTPS else None
        port = listener.getsockname()[1] if listener is not None else 0
        self._push = PushSettings(address=_LOOPBACK, port=port) if listener is not None else None
        sealer = Sealer(SecretKey(source.entropy("journal").draw(16)), source.entropy("journal"))
        self._journal = SqliteJournal(":memory:", sealer)
        self.ota = OverTheAir(
            store,
            self.sms,
            OtaSettings(sms=SmsSettings(originator=SM_SR_NUMBER), push=self._push),
            keeper=self._journal,
            entropy=source.entropy("SM-SR"),
            clock=self.clock,
            observer=observer,
        )
        self.ota.notifications.watch = self.notifications.append
        self.sms.serve(SM_SR_NUMBER, self.ota.sms)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.server: AdminServer | None = None
        if listener is not None:
            self._serve(listener)

    def _serve(self, listener: socket.socket) -> None:
        assert self.ota.https is not None
        server_context(), client_context()  # OpenSSL is loaded now, and not while somebody waits for the card
        self._loop = asyncio.new_event_loop()
        self.server = AdminServer(self.ota.https, entropy=self._source.entropy("TLS"), clock=self.clock)
        self._loop.run_until_complete(self.server.start(listener=listener))

    @property
    def addressing(self) -> tuple[bytes, ...]:
        """What a card is made with to reach the SM-SR: by short messages, and over HTTPS where that is the bearer."""
        found = [SmsAddressing(address=SM_SR_NUMBER).encode()]
        if self._push is not None:
            found.append(https_addressing(Trigger.from_tlv(trigger_for(self._push, PskSelection(0x40, 0x01)))))
        return tuple(found)

    # --- the card's side

    def subscribe(self, profile: PreparedProfile, number: Address) -> None:
        """The network has one more subscriber."""
        self._auc.add(profile.subscriber)
        self._lines.add(profile, number)
        self.sms.connect(number, lambda tpdu: self._deliver(number, tpdu))

    def switch_on(self, link: CardLink) -> tuple[Device, bytes]:
        """A device with a card, whose ATR it reads."""
        centre = SmsCentre(lambda message: self._sent(message.tpdu))
        self._channels = Channels(self.clock, self._waiting) if self.way is Way.HTTPS else None
        self._device = Device(
            link,
            clock=self.clock,
            settings=Settings(poll=None),
            surroundings=Surroundings(
                network=Network(self._auc, sms=centre), bip=self._channels, refreshed=lambda command: self._refreshed()
            ),
        )
        self._know_pin(*self._lines.profiles.values())
        return self._device, self._device.power_up()

    def bearer(self, eid: Eid) -> OtaBearer:
        """The SM-SR's way to a card."""
        return self.ota.bearer(eid, self.wait, way=self.way)

    def _know_pin(self, *profiles: PreparedProfile) -> None:
        assert self._device is not None
        for profile in profiles:
            self._device.settings = replace(self._device.settings, pin=profile.pin)

    def _refreshed(self) -> None:
        """The card is reset, and a user would now type the code of the new profile."""
        self.refreshes += 1
        self._know_pin(*self._lines.profiles.values())

    @property
    def number(self) -> Address | None:
        """Under which number the device can be reached now."""
        device = self._device
        if device is None or device.identity is None or device.service is not _NORMAL:
            return None
        return self._lines.numbers.get(device.identity.imsi)

    @property
    def linked(self) -> bool:
        """Whether the card has a channel to somewhere."""
        return self._channels is not None and self._channels.linked

    @property
    def resynchronised(self) -> bool:
        """Whether the last attach had to set SQN right."""
        return self._device is not None and self._device.registration.resynchronised

    def _deliver(self, number: Address, tpdu: bytes) -> DeliverReport | None:
        if self._device is None or self.number != number:
            return None
        return take(self._device, tpdu)

    def _sent(self, tpdu: bytes) -> None:
        number = self.number
        if number is not None:
            with suppress(DecodeError):  # the network has no use for it
                self.sms.submit(number, tpdu)

    # --- time

    def expect(self, *milestones: Milestone) -> None:
        """Tell of these when they are reached, in their order."""
        self._milestones = deque(milestones)

    def wait(self, done: Callable[[], bool]) -> None:
        """Let things happen, and time pass, until something is so; ToolError when it never is."""
        idle = 0
        for _ in range(_MOST):
            self._look()
            if done():
                return
            if self._step():
                idle = 0
            elif self._loop is not None and idle < _TURNS:
                idle += 1
            else:
                idle = 0
                self._pass_time()
        raise ToolError("the card and the SM-SR do not come to an end with each other: this is a fault of the emulator")

    def settle(self, seconds: float) -> None:
        """Let some time pass."""
        end = self.clock() + seconds
        self.wait(lambda: self.clock() >= end)

    def close(self) -> None:
        """Close sockets and journal."""
        if self._loop is not None:
            assert self.server is not None
            self._loop.run_until_complete(self.server.stop())
            self._turn()
            self._loop.close()
        self._waiting.close()
        self._journal.close()

    def _look(self) -> None:
        while self._milestones and self._milestones[0].reached():
            self._milestones.popleft().tell()

    def _step(self) -> bool:
        """Let one thing happen that is due now."""
        moved = self.sms.step() or (self._device is not None and self._device.step())
        if not moved and self._loop is not None:
            self._turn()
        served, before = self.number, self._served
        self._served = served
        if served is not None and served != before:
            self.sms.alert(served)
            return True
        return moved

    def _turn(self) -> None:
        """One turn of the admin server's loop."""
        assert self._loop is not None
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()

    def _pass_time(self) -> None:
        now = self.clock()
        assert self._device is not None
        times = (self._device.wake, self.ota.dispatcher.wake, now + _MOMENT)
        self.clock.skip(min(time for time in times if time is not None) - now)
        self.ota.dispatcher.tick()
        if self.server is not None:
            self.server.tick()
