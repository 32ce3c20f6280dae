# SPDX-License-Identifier: Apache-2.0
"""A phone around a card: power-up, polling, the card's commands, timers, events, short messages, attach.

No thread and no sleep: whoever has a device calls `step` until it returns False, and again when the clock that was
passed in reaches `wake`. Commands of others pass through `transmit`.

    device = Device(link, clock=time.time, network=Network(auc))
    device.power_up()
    while device.step(): ...
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from apdu.cat.bip import OnChannel, OpenChannel
from apdu.cat.codes import GeneralResult, LocationStatus
from apdu.cat.commands import Shown
from apdu.cat.comprehension import Comprehension, Result
from apdu.cat.envelope import EventDownload, MenuSelection, TimerExpiration
from apdu.cat.proactive import ProactiveCommand, Refresh
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import TerminalProfile
from apdu.cat.values import Item
from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver, DeliverReport
from apdu.trace import Clock
from emulator.device import bip, events
from emulator.device.answers import Heard, Refusal, addressed, understand
from emulator.device.bip import BIP_COMMANDS, BipHandler
from emulator.device.handlers import HANDLERS, announced
from emulator.device.link import CardLink
from emulator.device.modem import MAX_ROUNDS, Modem
from emulator.device.policy import Policy
from emulator.device.registration import Registration
from emulator.device.settings import Settings
from emulator.device.sms import deliver
from emulator.device.timers import Timers
from emulator.device.user import User
from emulator.device.usim import read_number, read_service_centre, read_services
from emulator.network.attach import AttachError, Identity, identify
from emulator.network.network import Network

__all__ = ["Carried", "Device", "Surroundings"]

_NORMAL: Final = LocationStatus.NORMAL
_DONE: Final = GeneralResult.DONE
_STATUS: Final = CommandApdu(0x80, 0xF2, 0x00, 0x0C)
_INITIALISED, _TERMINATION = (CommandApdu(0x80, 0xF2, p1, 0x0C) for p1 in (0x01, 0x02))
_TERMINAL_CAPABILITY: Final = 0xAA
_MF: Final = CommandApdu(0x00, 0xA4, 0x00, 0x0C, bytes.fromhex("3F00"))
_WITH_ICON: Final = (Shown, OpenChannel, OnChannel)
_RETRY: Final = 1.0
"""Seconds after which an envelope is tried again that the card was too busy for."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One proactive command and what was answered; None: nothing, the card was reset or gets no answer."""

    command: ProactiveCommand
    answer: TerminalAnswer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a device works with besides its card; everything may be missing."""

    network: Network | None = None
    user: User | None = None
    bip: BipHandler | None = None
    refreshed: Callable[[Refresh], None] | None = None
    """Told of every REFRESH before the device acts on it."""
    carried: Callable[[Carried], None] | None = None
    """Told of every command that was dealt with."""


class Device:
    """One phone with one card."""

    def __init__(
        self,
        link: CardLink,
        *,
        clock: Clock,
        settings: Settings | None = None,
        policy: Policy | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        around = surroundings or Surroundings()
        self.clock = clock
        self.settings: Settings = settings or Settings()
        self.policy = policy or Policy()
        self.network = around.network
        self.user = around.user or User()
        self.bip = around.bip
        self.refreshed = around.refreshed
        self._carried = around.carried
        self.modem = Modem(link, self)
        self.timers = Timers(clock)
        self.registration = Registration(self)
        self.identity: Identity | None = None
        """The USIM that is active; None: the card has none, or it could not be read."""
        self.fault: AttachError | None = None
        """Why there is none, or why the last attach failed."""
        self.services = b""
        """EF.UST."""
        self.service_centre: Address | None = None
        """Of EF.SMSP."""
        self.number: Address | None = None
        """Of EF.MSISDN."""
        self.inbox: list[Deliver] = []
        """Messages for the user."""
        self.screen_busy = False
        self._reference = 0
        self._recent: list[Carried] | None = None
        """What is dealt with while somebody waits for it."""
        self._forget()

    def _forget(self) -> None:
        """What a reset of the card ends."""
        self.timers.clear()
        self.event_list: frozenset[int] = frozenset()
        self.menu: tuple[Item, ...] = ()
        self.idle_text = ""
        self.call: Address | None = None
        self._waiting: deque[Comprehension] = deque()
        self._retry_at = 0.0
        self._held: tuple[float, Heard] | None = None
        self._unfinished: tuple[ProactiveCommand, bool] | None = None
        self._poll_seconds = self.settings.poll
        self._polled_at = self.clock()
        if self.bip is not None:
            self.bip.reset()

    # --- power

    @property
    def profile(self) -> TerminalProfile:
        """What this device announces: what it does."""
        return announced(self.bip)

    def power_up(self, *, again: bool = False) -> bytes:
        """Reset the card, announce the terminal, activate the USIM; returns the ATR. `again`: the card asked for it."""
        atr = self.modem.restart() if again else self.modem.start()
        self._forget()
        if self.settings.capability is not None:
            self.modem.send(_MF)
            self.modem.send(CommandApdu(0x80, _TERMINAL_CAPABILITY, 0, 0, self.settings.capability.encode()))
        self.initialise()
        return atr

    def initialise(self) -> bool:
        """Activate the USIM: select it, read what a phone needs of it, tell it so (TS 31.102 5.1.1, 5.1.2)."""
        self.registration.forget()
        self.identity, self.fault, self.services = None, None, b""
        self.service_centre = self.number = None
        try:
            self.identity = identify(self.modem, pin=self.settings.pin)
        except AttachError as error:
            self.fault = error
            return False
        self.services = read_services(self.modem)
        self.service_centre = read_service_centre(self.modem)
        self.number = read_number(self.modem, self.services)
        self.modem.send(_INITIALISED)
        return True

    def end_application(self) -> None:
        """Tell the USIM that its session ends (TS 31.102 5.1.3)."""
        self.modem.send(_TERMINATION)
        self.identity = None

    # --- time

    def step(self) -> bool:
        """Do one thing that is due; False when there is nothing to do now."""
        return (
            self.registration.step()
            or self._answer_held()
            or self._fetch()
            or self._finish()
            or self._ask_channels()
            or self._expire()
            or self._send_envelope()
            or self._poll()
        )

    def settle(self) -> list[Carried]:
        """Do all that is due now; returns the commands that were dealt with."""
        done: list[Carried] = []
        self._recent = done
        try:
            while self.step():
                if len(done) > MAX_ROUNDS:
                    raise RemoteProtocolError("the card goes on asking without end")
        finally:
            self._recent = None
        return done

    @property
    def wake(self) -> float | None:
        """When the next thing will be due; None: when something happens."""
        times = [self.timers.due, self.registration.due]
        if self._held is not None:
            times.append(self._held[0])
        if self._waiting:
            times.append(self._retry_at)
        if self.bip is not None:
            times.append(self.bip.wake)
        if self._poll_seconds is not None:
            times.append(self._polled_at + self._poll_seconds)
        return min((time for time in times if time is not None), default=None)

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way that will end by itself, but for timers and polling; a link can bring data."""
        if self.bip is not None and self.bip.linked:
            return False
        return self._held is None and not self._waiting and (self.modem.outstanding or not self.modem.pending)

    def poll_every(self, seconds: float | None) -> None:
        """Send STATUS so often from now on, or no more."""
        self._poll_seconds, self._polled_at = seconds, self.clock()

    def _poll(self) -> bool:
        if self._poll_seconds is None or self.clock() < self._polled_at + self._poll_seconds:
            return False
        self._polled_at = self.clock()
        self.modem.send(_STATUS)
        return True

    # --- the card's commands

    def transmit(self, command: bytes) -> bytes:
        """Pass a command of somebody else through."""
        return self.modem.transmit(command)

    def carry_out(self, modem: Modem, raw: bytes) -> ProactiveCommand:
        """Deal with a command that was fetched, now or when its delay is over."""
        try:
            heard = addressed(raw)
        except DecodeError as error:  # without its number nothing can be answered
            raise RemoteProtocolError(f"the card's proactive command cannot be read ({error})") from None
        reaction = self.policy.reaction(heard.command.details.type)
        if reaction.silent:
            self._done(heard.command, None)
        elif reaction.delay:
            self._held = (self.clock() + reaction.delay, heard)
        else:
            self._carry_out(heard)
        return heard.command

    def _fetch(self) -> bool:
        if not self.modem.pending or self.modem.outstanding:
            return False
        self.carry_out(self.modem, self.modem.fetch())
        return True

    def _answer_held(self) -> bool:
        if self._held is None or self.clock() < self._held[0]:
            return False
        heard, self._held = self._held[1], None
        self._carry_out(heard)
        return True

    def _carry_out(self, heard: Heard) -> None:
        command, said = self._work_out(heard)
        if self._unfinished is None:
            self._respond(command, said)

    def _respond(self, command: ProactiveCommand, said: TerminalAnswer | None) -> None:
        if said is not None:
            self.modem.respond(said)
        self._done(command, said)

    def _finish(self) -> bool:
        """Answer a command that took time, once the channel handler knows how it went."""
        said = self.bip.finished() if self.bip is not None and self._unfinished is not None else None
        if said is None or self._unfinished is None:
            return False
        (command, partial), self._unfinished = self._unfinished, None
        self._respond(command, _shaded(command, said, partial))
        return True

    def _work_out(self, heard: Heard) -> tuple[ProactiveCommand, TerminalAnswer | None]:
        """The answer that a command gets: what the policy says, or what its handler does."""
        command = heard.command
        kind = command.details.type
        instead = self.policy.reaction(kind).result
        try:
            command, partial = understand(heard)
            if instead is not None:
                return command, TerminalAnswer.to(command, instead)
            handler = HANDLERS.get(kind)
            if kind in BIP_COMMANDS and self.bip is not None:
                said = bip.carry_out(self, self.bip, command)
                self._unfinished = (command, partial) if said is None else None
            elif handler is not None:
                said = handler(self, command)
            else:
                raise Refusal(GeneralResult.BEYOND_CAPABILITIES)
        except Refusal as refusal:
            return command, TerminalAnswer.to(command, instead or refusal.result)
        return command, said and _shaded(command, said, partial)

    def _done(self, command: ProactiveCommand, said: TerminalAnswer | None) -> None:
        if self._recent is None and self._carried is None:
            return
        carried = Carried(command, said)
        if self._recent is not None:
            self._recent.append(carried)
        if self._carried is not None:
            self._carried(carried)

    # --- what the card is told

    def tell(self, envelope: Comprehension) -> None:
        """Send an envelope as soon as the card takes it."""
        self._waiting.append(envelope)

    def _send_envelope(self) -> bool:
        if not self._waiting or self.clock() < self._retry_at:
            return False
        response = self.modem.envelope(self._waiting[0].encode())
        if response.sw == SW.TOOLKIT_BUSY:
            self._retry_at = self.clock() + _RETRY
            return False
        self._waiting.popleft()
        return True

    def _expire(self) -> bool:
        ended = self.timers.expired()
        if ended is None:
            return False
        self.tell(TimerExpiration.of(*ended))
        return True

    def _ask_channels(self) -> bool:
        if self.bip is None:
            return False
        self.bip.serve(self.registration.service is _NORMAL)
        told = [events.report(self, event) for event in self.bip.events()]
        return any(told)

    def report(self, event: EventDownload) -> bool:
        """Tell the card of an event if its event list has it."""
        return events.report(self, event)

    # --- what people and networks do

    @property
    def service(self) -> LocationStatus:
        """Full service only with coverage and, where the network authenticates, attached."""
        return self.registration.service

    def deliver(self, tpdu: bytes, service_centre: Address | None = None) -> DeliverReport:
        """A short message comes; returns what the network is told."""
        return deliver(self, tpdu, service_centre)

    def next_reference(self) -> int:
        """The reference of the next message that is sent."""
        self._reference = (self._reference + 1) % 256
        return self._reference

    def choose(self, item: int, *, help: bool = False) -> None:
        """The user takes a line of the card's menu."""
        if item not in {line.identifier for line in self.menu}:
            raise LocalProtocolError(f"the card's menu has no item {item}")
        self.tell(MenuSelection.of(item, help=help))

    def press_key(self) -> bool:
        """The user does something; whether the card wants to know."""
        return self.report(events.user_activity())

    def idle(self) -> bool:
        """The screen is free; whether the card wants to know."""
        self.screen_busy = False
        return self.report(events.idle_screen())

    def hang_up(self) -> None:
        """The call ends."""
        self.call = None


def _shaded(command: ProactiveCommand, said: TerminalAnswer, partial: bool) -> TerminalAnswer:
    """What was done as it was meant, unless something was passed over, or an icon was not shown."""
    if said.result.general != _DONE:
        return said
    if partial:
        return replace(said, result=Result(GeneralResult.PARTIAL_COMPREHENSION))
    if isinstance(command, _WITH_ICON) and command.icon is not None:
        return replace(said, result=Result(GeneralResult.ICON_NOT_DISPLAYED))
    return said
