# SPDX-License-Identifier: Apache-2.0
"""Keeping an EIS in step with its card: what an audit changes, which AID is free, what goes into the audit trail."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from apdu.gp.codes import LifeCycle
from apdu.ids import Aid, Iccid
from smsr.api.eis import Eis
from smsr.api.eis_parts import AuditRecord, ProfileInfo, ProfileState
from smsr.api.status import Code
from smsr.errors import Refused
from smsr.scripts.audit import Audit, IsdP

__all__ = ["apply_audit", "free_aid", "with_profile", "with_record", "without_profile"]

_FIRST_ISD_P: Final = 0x0010
_LAST_ISD_P: Final = 0xFFFF
_MAX_TRAIL: Final = 1000
"""Records kept of one card; the oldest go first."""


def apply_audit(eis: Eis, audit: Audit, now: datetime) -> Eis:
    """The EIS as the card says it is. Profiles that the card does not hold are gone."""
    found = ((profile, audit.find(profile.isd_p_aid)) for profile in eis.profiles)
    profiles = tuple(_audited(profile, isd_p) for profile, isd_p in found if isd_p is not None)
    return replace(eis, profiles=profiles, remaining_memory=audit.resources.free_nonvolatile, last_audit=now)


def _audited(profile: ProfileInfo, isd_p: IsdP) -> ProfileInfo:
    return replace(
        profile,
        state=_state(profile.state, isd_p.state),
        fall_back=isd_p.fall_back,
        free_memory=isd_p.remaining_memory if isd_p.granted_memory else profile.free_memory,
    )


def _state(known: ProfileState, on_card: int) -> ProfileState:
    """A profile that is on the card but not declared complete by its SM-DP stays created."""
    if on_card == LifeCycle.ENABLED:
        return ProfileState.ENABLED
    if on_card == LifeCycle.DISABLED and known in (ProfileState.DISABLED, ProfileState.ENABLED):
        return ProfileState.DISABLED
    return ProfileState.CREATED


def free_aid(eis: Eis) -> Aid:
    """The lowest AID of an ISD-P that this card does not use."""
    used = {profile.isd_p_aid for profile in eis.profiles}
    for number in range(_FIRST_ISD_P, _LAST_ISD_P + 1):
        aid = Aid.isd_p(number)
        if aid not in used:
            return aid
    raise Refused(Code.MEMORY, "all AIDs of ISD-Ps are in use", eis.eid)


def with_profile(eis: Eis, profile: ProfileInfo) -> Eis:
    """The EIS with one profile added, or changed."""
    others = tuple(each for each in eis.profiles if each.iccid != profile.iccid)
    if len(others) == len(eis.profiles):
        return replace(eis, profiles=(*others, profile))
    return replace(eis, profiles=tuple(profile if each.iccid == profile.iccid else each for each in eis.profiles))


def without_profile(eis: Eis, iccid: Iccid) -> Eis:
    """The EIS without a profile, its memory free again."""
    profile = eis.find(iccid)
    if profile is None:
        return eis
    return replace(
        eis,
        profiles=tuple(each for each in eis.profiles if each.iccid != iccid),
        remaining_memory=min(eis.remaining_memory + profile.allocated_memory, eis.available_memory),
    )


def with_record(eis: Eis, record: AuditRecord) -> Eis:
    """The EIS with one more record in its audit trail."""
    return replace(eis, audit_trail=(*eis.audit_trail, record)[-_MAX_TRAIL:])
