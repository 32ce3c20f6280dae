# SPDX-License-Identifier: Apache-2.0
"""The proactive session of one card session: commands that wait, and the one that the terminal is carrying out.

Nothing is announced before TERMINAL PROFILE; then every 9000 becomes 91xx until the command is fetched, and the next
one is announced when the terminal's response has come (TS 102 223 6.2, TS 102 221 7.4.2). A reset forgets everything.

What the terminal tells the card by itself (events, timers, STATUS) goes to a listener, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from apdu.cat.comprehension import Device, DeviceIdentities, GeneralResult, Result
from apdu.cat.proactive import ProactiveCommand, Refresh, RefreshMode, TerminalResponse, renumbered
from apdu.cat.response import TerminalAnswer
from apdu.cat.terminal import TerminalCapability, TerminalProfile
from apdu.command.status import SW
from apdu.errors import DecodeError, EncodeError
from emulator.errors import CardError

if TYPE_CHECKING:
    from apdu.cat.envelope import EventDownload

__all__ = ["MAX_REFRESH_OFFERS", "Listener", "Toolkit"]

MAX_REFRESH_OFFERS: Final = 3
"""How often a REFRESH that the terminal could not carry out is offered again (D)."""
_LAST_NUMBER: Final = 0xFE
_MAX_LENGTH: Final = 256
_FROM_TERMINAL: Final = DeviceIdentities(Device.TERMINAL, Device.UICC)

Done = Callable[[Result], None]
Answered = Callable[[TerminalAnswer], None]


class Listener(Protocol):
    """Who is told what the terminal says by itself."""

    def event(self, event: EventDownload) -> None:
        """An event of the event list."""
        ...

    def expired(self, timer: int) -> None:
        """A timer of the terminal ran out."""
        ...

    def polled(self) -> None:
        """STATUS: the terminal has time."""
        ...


class _Pending(NamedTuple):
    """A command, who wants to know how it went, and how often it was offered before."""

    command: ProactiveCommand
    raw: bytes
    """As it is handed out, but for its number."""
    done: Done | None = None
    answered: Answered | None = None
    asks_for_reset: bool = False
    offers: int = 0

    @classmethod
    def of(cls, command: ProactiveCommand, done: Done | None, answered: Answered | None) -> Self:
        """A command that comes for the first time."""
        resets = isinstance(command, Refresh) and command.details.qualifier == RefreshMode.UICC_RESET
        return cls(command, command.encode(), done, answered, resets)

    def fail(self, result: GeneralResult) -> None:
        """Tell who waits that it was not carried out."""
        if self.done is not None:
            self.done(Result(result))
        if self.answered is not None:
            self.answered(TerminalAnswer.to(self.command, Result(result)))


class Toolkit:
    """Proactive commands of the card and what it knows about the terminal."""

    __slots__ = (
        "_fetched",
        "_held",
        "_number",
        "_queue",
        "_refused",
        "capability",
        "listener",
        "profile",
        "reported",
        "waiting",
    )

    def __init__(self) -> None:
        self.profile: TerminalProfile | None = None
        """None before TERMINAL PROFILE."""
        self.capability: TerminalCapability | None = None
        self.waiting = 0
        """Length of the command that 91xx announces, 0 when there is nothing to announce."""
        self.listener: Listener | None = None
        self.reported: frozenset[int] = frozenset()
        """Events that the terminal has agreed to report."""
        self._queue: tuple[_Pending, ...] = ()
        self._held = False
        self._fetched: _Pending | None = None
        self._refused: _Pending | None = None
        self._number = 0

    @property
    def outstanding(self) -> ProactiveCommand | None:
        """The command that was fetched and not yet answered."""
        return self._fetched.command if self._fetched is not None else None

    def submit(self, command: ProactiveCommand, done: Done | None = None) -> None:
        """Let a command wait for its turn; `done` gets the terminal's result. Its number comes when it is fetched.

        A terminal that does not announce the facility never gets the command (TS 102 223 5.2): `done` is told so.
        """
        self._add(_Pending.of(command, done, None))

    def ask(self, command: ProactiveCommand, answered: Answered) -> None:
        """The same for a command whose response brings something along; also told when the response is broken."""
        self._add(_Pending.of(command, None, answered))

    def hold(self, held: bool) -> None:
        """Keep a reset back, or let it go: it would end what is under way (SGP.02 v4.2 3.4, a session in progress)."""
        self._held = held
        self._announce()

    def terminal_profile(self, profile: TerminalProfile) -> None:
        """The terminal introduced itself: commands may be announced from now on."""
        self.profile = profile
        waiting, self._queue = self._queue, ()
        for pending in waiting:
            self._add(pending)
        self._announce()

    def fetch(self, le: int) -> bytes:
        """Hand out the command that was announced; 6Cxx for another length, 6985 when there is none."""
        if not self.waiting:
            raise CardError(SW.CONDITIONS_OF_USE)
        if le != self.waiting:
            raise CardError(0x6C00 | self.waiting & 0xFF)
        pending, self._queue = self._queue[0], self._queue[1:]
        self._number = self._number % _LAST_NUMBER + 1
        raw = renumbered(pending.raw, self._number)
        self._fetched = pending
        self.waiting = 0  # the next one is announced with the response to this
        return raw

    def respond(self, data: bytes) -> None:
        """The terminal's response: 6A80 ends the session when it does not belong to the command, 6985 without one."""
        pending, self._fetched = self._fetched, None
        if pending is None:
            raise CardError(SW.CONDITIONS_OF_USE)
        self._announce()
        kind = TerminalResponse if pending.answered is None else TerminalAnswer
        asked = (self._number, pending.command.details.type)
        try:
            response = kind.decode(data)
            if response.details[:2] != asked or response.devices != _FROM_TERMINAL:
                raise DecodeError("the response belongs to another command")
        except DecodeError:
            if pending.answered is not None:
                pending.fail(GeneralResult.DATA_NOT_UNDERSTOOD)
            raise CardError(SW.WRONG_DATA) from None
        if pending.asks_for_reset and not response.result.performed:
            self._refused = pending
        elif pending.done is not None:
            pending.done(response.result)
        elif pending.answered is not None and isinstance(response, TerminalAnswer):
            pending.answered(response)

    def poll(self) -> None:
        """STATUS: offer a refused REFRESH again; the terminal did not reset, so the card still waits for it."""
        pending, self._refused = self._refused, None
        if pending is not None and pending.offers < MAX_REFRESH_OFFERS:
            self._add(pending._replace(offers=pending.offers + 1))
        if self.listener is not None:
            self.listener.polled()

    def _add(self, pending: _Pending) -> None:
        if len(pending.raw) > _MAX_LENGTH:
            raise EncodeError("a proactive command has at most 256 bytes")
        if self.profile is None or self.profile.supports(pending.command.details.type):
            self._enqueue(pending)
            self._announce()
        else:
            pending.fail(GeneralResult.BEYOND_CAPABILITIES)

    def _enqueue(self, pending: _Pending) -> None:
        """A reset comes last: what is still to be sent would be lost with it (TS 31.115 4.4, a proof of receipt)."""
        at = len(self._queue)
        while at and self._queue[at - 1].asks_for_reset and not isinstance(pending.command, Refresh):
            at -= 1
        self._queue = (*self._queue[:at], pending, *self._queue[at:])

    def _announce(self) -> None:
        first = self._queue[0] if self._queue else None
        if first is None or self.profile is None or self._fetched is not None:
            self.waiting = 0
        else:
            self.waiting = 0 if self._held and first.asks_for_reset else len(first.raw)
