# SPDX-License-Identifier: Apache-2.0
"""The platform management functions of ES5 on the card: what the ISD-R does with ISD-Ps (SGP.02 v4.2 3.1-3.7, 4.1.1).

Each function checks everything before it writes anything; its writes are one transaction of the command. The registry
changes with the command; what terminal and OTA see of the file system changes at the next reset, which REFRESH asks
for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from apdu.cat.proactive import Refresh, RefreshMode
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.gp.codes import LifeCycle, Pol1
from apdu.gp.install import InstallForInstallAndMakeSelectable
from apdu.gp.sgp02 import ConfirmationResponse, CreateIsdp, NotificationType
from apdu.ids import ISD_P_LOAD_FILE, ISD_P_MODULE, Aid
from emulator.errors import CardError
from emulator.sd.lifecycle import Event, next_state
from emulator.sd.records import IsdPRecord, NotificationRecord
from emulator.sd.registry import ISD_P_OVERHEAD, Registry

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = [
    "confirm_notification",
    "create_isdp",
    "delete_profile",
    "disable_profile",
    "enable_profile",
    "set_fall_back",
    "store_addressing",
]

_SEQUENCE_LIMIT: Final = 0x10000


def create_isdp(card: Card, install: InstallForInstallAndMakeSelectable) -> None:
    """ES5.CreateISDP (4.1.1.1): an ISD-P in the state SELECTABLE, with its memory set aside."""
    try:
        request = CreateIsdp.from_install(install)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if (request.load_file, request.module) != (ISD_P_LOAD_FILE, ISD_P_MODULE) or install.token:
        raise CardError(SW.WRONG_DATA)
    registry = card.registry
    if registry.find(request.aid) is not None:
        raise CardError(SW.WRONG_DATA)
    if request.memory + ISD_P_OVERHEAD > registry.free():
        raise CardError(SW.NOT_ENOUGH_MEMORY)
    registry.save(IsdPRecord(aid=request.aid, state=LifeCycle.SELECTABLE, granted=request.memory, used=0, pol1=0))


def enable_profile(card: Card, aid: Aid) -> None:
    """ES5.EnableProfile (4.1.1.2): the target becomes ENABLED, the profile enabled before DISABLED."""
    registry = card.registry
    target = registry.require(aid)
    next_state(target.state, Event.ENABLE)
    current = registry.enabled()
    if current is not None:
        _obey_pol1(current, Pol1.DISABLE_NOT_ALLOWED)
        _switch(current, Event.DISABLE, registry)
    _switch(target, Event.ENABLE, registry)
    _change_pending(card, current)


def disable_profile(card: Card, aid: Aid) -> None:
    """ES5.DisableProfile (4.1.1.3): the target becomes DISABLED, the holder of the Fall-Back Attribute ENABLED."""
    registry = card.registry
    target = registry.require(aid)
    next_state(target.state, Event.DISABLE)
    fallback = registry.isd_r.fallback
    if fallback is None or fallback == aid:
        raise CardError(SW.CONDITIONS_OF_USE)
    _obey_pol1(target, Pol1.DISABLE_NOT_ALLOWED)
    _switch(target, Event.DISABLE, registry)
    _switch(registry.require(fallback), Event.ENABLE, registry)
    _change_pending(card, target)


def delete_profile(card: Card, aid: Aid) -> None:
    """ES5.DeleteProfile (4.1.1.4): the ISD-P and all that belongs to it are gone, its memory is free."""
    registry = card.registry
    target = registry.require(aid)
    next_state(target.state, Event.DELETE)
    if registry.isd_r.fallback == aid or _is_visible(card, aid):
        raise CardError(SW.CONDITIONS_OF_USE)
    _obey_pol1(target, Pol1.DELETE_NOT_ALLOWED)
    _remove(card, target)


def set_fall_back(card: Card, aid: Aid) -> None:
    """ES5.SetFallBackAttribute (4.1.1.7): the attribute moves to the target, which must hold a profile.

    (U) An enabled profile that must not be disabled pins the attribute: a fall-back would disable it.
    """
    registry = card.registry
    target = registry.require(aid)
    enabled = registry.enabled()
    pinned = enabled is not None and bool(enabled.pol1 & Pol1.DISABLE_NOT_ALLOWED)
    if pinned or target.state not in (LifeCycle.DISABLED, LifeCycle.ENABLED):
        raise CardError(SW.CONDITIONS_OF_USE)
    registry.save_isd_r(replace(registry.isd_r, fallback=aid))


def store_addressing(card: Card, objects: tuple[bytes, ...]) -> None:
    """ES5.UpdateSMSRAddressingParameters (4.1.1.10): whole TLVs, each in the place of the one with its tag."""
    if not objects:
        raise CardError(SW.WRONG_DATA)
    registry = card.registry
    record = registry.isd_r
    registry.save_isd_r(replace(record, addressing=merge_objects(record.addressing, objects)))


def merge_objects(stored: tuple[bytes, ...], new: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Replace objects by tag; an empty one clears what was there."""
    by_tag = {item[0]: item for item in (*stored, *new)}
    return tuple(item for _, item in sorted(by_tag.items()) if item[1])


def confirm_notification(card: Card, sequence: int) -> ConfirmationResponse:
    """ES5.HandleNotificationConfirmation (4.1.1.12): the change stands; what POL1 wants deleted goes now."""
    registry = card.registry
    pending = registry.notification
    if pending is None or pending.sequence != sequence:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    going = [record for aid in pending.previous if (record := registry.find(aid)) and _is_unwanted(record, registry)]
    if any(_is_visible(card, record.aid) for record in going):
        raise CardError(SW.CONDITIONS_OF_USE)
    card.memory.delete("pending")
    for record in going:
        _remove(card, record)
    card.notification_confirmed()
    return ConfirmationResponse(tuple(record.aid for record in going))


def _is_unwanted(record: IsdPRecord, registry: Registry) -> bool:
    """POL1 wants a profile deleted when it is disabled; this is not applied to the Fall-Back Profile."""
    mandatory = bool(record.pol1 & Pol1.DELETE_ON_DISABLE)
    return mandatory and record.state is LifeCycle.DISABLED and record.aid != registry.isd_r.fallback


def _remove(card: Card, record: IsdPRecord) -> None:
    """The end of an ISD-P, in a command that cannot fail any more: nobody goes on with it, on whatever channel.

    A session that lived on could write keys for an AID that the next ISD-P may get.
    """
    card.downloads.pop(record.aid, None)
    card.forget_target(record.aid)
    for channel in card.channels.values():
        if channel.application is not None and channel.application.aid == record.aid:
            channel.leave_application()
    card.registry.remove(record)


def _obey_pol1(record: IsdPRecord, rule: Pol1) -> None:
    if record.pol1 & rule:
        raise CardError(SW.POL1_FORBIDS)


def _switch(record: IsdPRecord, event: Event, registry: Registry) -> None:
    state = next_state(record.state, event)
    assert state is not None
    registry.set_state(record, state)


def _is_visible(card: Card, aid: Aid) -> bool:
    """Whether the terminal still sees a profile: until the reset after a change it does, whatever the registry says."""
    return card.profile is not None and card.profile.aid == aid


def _change_pending(card: Card, previous: IsdPRecord | None) -> None:
    """Record the change for its notification, and ask the terminal for the reset that makes it visible.

    A change that was not confirmed yet gives way to this one, but not what POL1 wants of the profiles that it disabled.
    """
    registry = card.registry
    record, earlier = registry.isd_r, registry.notification
    disabled = () if previous is None else (previous.aid,)
    waiting = () if earlier is None else tuple(aid for aid in earlier.previous if aid not in disabled)
    notification = NotificationRecord(
        kind=NotificationType.PROFILE_CHANGED, sequence=record.sequence, previous=waiting + disabled
    )
    registry.save_notification(notification)
    registry.save_isd_r(replace(record, sequence=(record.sequence + 1) % _SEQUENCE_LIMIT))
    card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET))
