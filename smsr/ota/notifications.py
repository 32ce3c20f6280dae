# SPDX-License-Identifier: Apache-2.0
"""Default notifications of cards: who sent one, whether it is new, what it means for the EIS (SGP.02 v4.2 4.1.1.11).

    forged, of another card       nothing happens, nothing is answered
    older than the last           nothing
    the last once more            confirmed again, for the confirmation may have been lost
    newer                         the EIS follows it, and it is confirmed

It is confirmed by a script over the bearer that it came by. When the card has answered that, procedures that wait for
its new state go on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from apdu.errors import DecodeError, SecurityError
from apdu.gp.sgp02 import ConfirmationResponse, Notification, NotificationType
from apdu.ids import ISD_R, Aid, Eid
from apdu.ota.packet import parse_command
from apdu.ota.security import Check
from apdu.script import ApduScript
from apdu.sms.userdata import ElementId, UserData
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo, ProfileState, Property
from smsr.errors import Refused
from smsr.ota.keys import scp80_keys
from smsr.ota.task import Task, command_task
from smsr.scripts.notification import FUNCTION, confirm_notification
from smsr.store import EisStore
from smsr.upkeep import without_profile

__all__ = ["Accepted", "MemorySequences", "Notifications", "Sequences"]

_RANGE: Final = 1 << 16
_CLEAR_HEAD: Final = 14
"""CNTR, PCNTR and check before the data of a packet that is not ciphered."""
_IMEI: Final = "imei"


class Sequences(Protocol):
    """The number of the last notification of each card, durably."""

    def last_notification(self, eid: Eid) -> int | None:
        """The last that was accepted."""
        ...

    def keep_notification(self, eid: Eid, sequence: int) -> None:
        """One was accepted."""
        ...


class MemorySequences:
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._last: dict[Eid, int] = {}

    def last_notification(self, eid: Eid) -> int | None:
        """The last that was accepted."""
        return self._last.get(eid)

    def keep_notification(self, eid: Eid, sequence: int) -> None:
        """One was accepted."""
        self._last[eid] = sequence


@dataclass(frozen=True, slots=True)
class Accepted:
    """A notification to be confirmed."""

    eid: Eid
    confirmation: Task[Any]


class Notifications:
    """Takes the notifications of all cards."""

    def __init__(self, store: EisStore, sequences: Sequences) -> None:
        self._store = store
        self._sequences = sequences
        self._confirmed: dict[Eid, int] = {}
        self._pending: dict[Eid, Task[Any]] = {}
        self.watch: Callable[[Notification], None] = lambda notification: None
        """Told of every new one."""
        self.unit: Callable[[], AbstractContextManager[object]] = nullcontext
        """What is read and written in here is one change of the store."""
        self.concluded: Callable[[Eid], None] = lambda eid: None
        """Told of every one that the card knows to be confirmed."""

    def confirmed(self, eid: Eid) -> int:
        """How many notifications of a card were confirmed since this object was made."""
        return self._confirmed.get(eid, 0)

    def by_sms(self, data: UserData) -> Accepted | None:
        """A short message; None for what is no notification to believe."""
        if data.element(ElementId.COMMAND_PACKET) is None:
            return None
        try:
            raw = self._verified(data.payload)
            eid = Notification.from_tlv(raw).eid
        except (DecodeError, SecurityError, Refused):
            return None
        return self.accept(eid, raw)

    def accept(self, eid: Eid, raw: bytes) -> Accepted | None:
        """A notification that came authentically from this card; None when it is not to be confirmed now."""
        try:
            notification = Notification.from_tlv(raw)
        except DecodeError:
            return None
        with self.unit():
            return self._accept(eid, notification)

    def _accept(self, eid: Eid, notification: Notification) -> Accepted | None:
        eis = self._store.get(eid)
        if eis is None or notification.eid != eid:
            return None
        last = self._sequences.last_notification(eid)
        ahead = 1 if last is None else (notification.sequence - last) % _RANGE
        if ahead >= _RANGE // 2:
            return None
        if ahead:
            self._store.put(_after(eis, notification))
            self._sequences.keep_notification(eid, notification.sequence)
            self.watch(notification)
        pending = self._pending.get(eid)
        if pending is not None and not ahead and not pending.done:
            return None  # its confirmation is on the way
        task = self._pending[eid] = command_task(self._confirm(eid, notification.sequence), FUNCTION)
        return Accepted(eid, task)

    # ---

    def _verified(self, packet: bytes) -> bytes:
        """The data of a packet with the protection of notifications (02 00), when its check is right."""
        secured = parse_command(packet)
        spi = secured.header.spi
        if spi.check is not Check.CC or spi.ciphered or secured.header.tar != ISD_R.tar:
            raise SecurityError("not protected as a notification is")
        claimed = Notification.from_tlv(secured.body[_CLEAR_HEAD:]).eid  # only to find the key
        eis = self._store.get(claimed)
        if eis is None:
            raise SecurityError("nobody knows this card")
        return secured.open(scp80_keys(eis, secured.header.kid >> 4)).data

    def _confirm(self, eid: Eid, sequence: int) -> ApduScript[ConfirmationResponse]:
        answer = yield from confirm_notification(sequence)
        with self.unit():
            eis = self._store.get(eid)
            if eis is not None:
                self._store.put(_without(eis, answer.deleted))
        self._confirmed[eid] = self.confirmed(eid) + 1
        self.concluded(eid)
        return answer


def _after(eis: Eis, notification: Notification) -> Eis:
    """The EIS once a card has said which profile is enabled; one that is not known here is for the next audit."""
    if notification.imei is not None:
        others = tuple(each for each in eis.additional_properties if each[0] != _IMEI)
        eis = replace(eis, additional_properties=(*others, Property(_IMEI, notification.imei.hex().upper())))
    aid = notification.aid
    if notification.type == NotificationType.FIRST_ATTACH or aid is None or eis.find_isd_p(aid) is None:
        return eis
    return replace(eis, profiles=tuple(_switched(profile, aid) for profile in eis.profiles))


def _switched(profile: ProfileInfo, enabled: Aid) -> ProfileInfo:
    if profile.isd_p_aid == enabled:
        return replace(profile, state=ProfileState.ENABLED)
    if profile.state is ProfileState.ENABLED:
        return replace(profile, state=ProfileState.DISABLED)
    return profile


def _without(eis: Eis, deleted: tuple[Aid, ...]) -> Eis:
    for aid in deleted:
        profile = eis.find_isd_p(aid)
        if profile is not None:
            eis = without_profile(eis, profile.iccid)
    return eis
