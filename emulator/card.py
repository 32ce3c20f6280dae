# SPDX-License-Identifier: Apache-2.0
"""The eUICC as a function of bytes: power, reset, and one command in, one response out.

Everything that it depends on is passed in: memory, entropy, clock, observer. What survives power lives in the memory;
what a card session holds (channels, secure channels, verified PINs, the proactive session) lives in this object and
is made anew by every power-on and reset. A new Card opened on the same memory continues where the old one's last
command ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from apdu.ids import Aid
from apdu.keys.entropy import Entropy
from apdu.trace import IGNORE, Clock, Observer
from emulator import visible
from emulator.atr import ATR, answer_pps
from emulator.channels import Application, Channel
from emulator.dispatch import dispatch
from emulator.entropy import CheckedEntropy
from emulator.fs.filesystem import FileSystem
from emulator.iso.cat import Toolkit
from emulator.memory.store import Memory
from emulator.profile.base import Directory
from emulator.sd import domains
from emulator.sd.registry import Registry

if TYPE_CHECKING:
    from emulator.ota.session import OverTheAir
    from emulator.sd.download import Download

__all__ = ["Card"]

_TECHNICAL_PROBLEM: Final = b"\x6f\x00"


class Card:
    """One eUICC. `transmit` never raises: what goes wrong inside is 6F00 and an internal error at the observer."""

    __slots__ = (
        "access_epoch",
        "atr",
        "channels",
        "clock",
        "downloads",
        "entropy",
        "files",
        "memory",
        "_ota",
        "observer",
        "powered",
        "profile",
        "registry",
        "toolkit",
        "tracing",
        "verified",
    )

    def __init__(self, memory: Memory, *, entropy: Entropy, clock: Clock, observer: Observer = IGNORE) -> None:
        self.memory = memory
        self.entropy = CheckedEntropy(entropy)
        self.clock = clock
        self.observer = observer
        self.tracing = observer is not IGNORE
        self.registry = Registry(memory)
        self.powered = False
        self.atr = b""
        """The answer to the last reset; empty without power, or when the card is mute."""
        self.channels: dict[int, Channel] = {}
        self.files: FileSystem | None = None
        """The file system of the profile that was enabled at the last reset."""
        self.profile: visible.VisibleProfile | None = None
        self.toolkit = Toolkit()
        self._ota: OverTheAir | None = None
        self.verified: set[tuple[int, int]] = set()
        """Global key references verified in this card session, as (PIN context, reference)."""
        self.access_epoch = 0
        """Changes whenever an access decision made before may be wrong."""
        self.downloads: dict[Aid, Download] = {}
        """SCP03t sessions under way, by ISD-P."""

    def power_on(self) -> bytes:
        """Cold reset; returns the ATR (ISO 7816-3 6.2)."""
        return self.reset()

    def reset(self) -> bytes:
        """Warm reset: a new card session. Sweeps what a download left and shows the profile that is enabled now."""
        self.memory.rollback()
        self._forget_session()
        try:
            self._start_session()
        except Exception as error:  # noqa: BLE001 - the card's outermost edge: it stays mute rather than half alive
            self._forget_session()
            self.observer.internal_error(error)
            return b""
        self.atr = ATR
        return ATR

    def pps(self, request: bytes) -> bytes:
        """Protocol and parameters selection: the request is echoed when the card can do it (ISO 7816-3 9)."""
        return answer_pps(request)

    def power_off(self) -> None:
        """Contacts off: the session ends, nothing is written."""
        self.memory.rollback()
        self._forget_session()

    def transmit(self, command: bytes) -> bytes:
        """Carry out one command: data || SW1 SW2. Without power there is no answer at all (empty)."""
        if not self.powered:
            return b""
        try:
            return dispatch(self, command)
        except Exception as error:  # noqa: BLE001 - the card's outermost edge
            self.memory.rollback()
            self.observer.internal_error(error)
            return _TECHNICAL_PROBLEM

    @property
    def ota(self) -> OverTheAir:
        """What is under way over the air in this card session; made when something first comes that way."""
        if self._ota is None:
            from emulator.ota.session import OverTheAir  # with SMS and all that a card in a plain reader never needs

            self._ota = OverTheAir(self)
        return self._ota

    def introduced(self) -> None:
        """The terminal introduced itself: what the SM-SR has to be told may be told."""
        if self.registry.may_notify:
            self.ota.notifier.introduced()

    def notification_confirmed(self) -> None:
        """The SM-SR has the last notification: it is not sent again."""
        if self._ota is not None:
            self._ota.notifier.confirmed()

    def forget_target(self, aid: Aid) -> None:
        """A security domain is gone: nothing goes on in its name over the air."""
        if self._ota is not None:
            self._ota.scripts.forget(aid)

    def selectable(self) -> Sequence[tuple[Aid, Directory | Application]]:
        """What SELECT by AID can find now, in the order in which partial AIDs match."""
        return domains.selectable(self)

    def _start_session(self) -> None:
        self.registry.sweep()
        self.memory.commit()
        self.profile = visible.open_profile(self.registry)
        self.files = self.profile.files if self.profile is not None else None
        self.channels[0] = channel = Channel(self, 0)
        channel.directory = self.files.base.mf if self.files is not None else None
        self.powered = True

    def _forget_session(self) -> None:
        self.powered = False
        self.atr = b""
        self.channels = {}
        self.verified = set()
        self.access_epoch += 1
        self.toolkit = Toolkit()
        self._ota = None
        self.downloads = {}
        self.files = None
        self.profile = None
