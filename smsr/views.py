# SPDX-License-Identifier: Apache-2.0
"""Who sees what of an EIS (SGP.02 v4.2 annex E, table of visibility)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import Enum, unique

from apdu.ids import Iccid
from apdu.keys.secret import KeyType
from smsr.api.eis import Eis
from smsr.api.eis_parts import EisKey, KeyComponent, Keyset, ProfileInfo, ProfileState

__all__ = ["PartnerRole", "view_for"]


@unique
class PartnerRole(Enum):
    """What a server that talks to this SM-SR is."""

    EUM = "EUM"
    SM_DP = "SM-DP"
    MNO = "MNO"


def view_for(eis: Eis, iccids: Collection[Iccid], role: PartnerRole) -> Eis:
    """The EIS as a partner may see it that manages these profiles: no others, no keys, no audit trail."""
    own = tuple(_shown(profile) for profile in eis.profiles if profile.iccid in iccids)
    if role is PartnerRole.MNO:  # hidden, but the schema demands a key set
        keysets = tuple([Keyset(version=each.version) for each in eis.isd_r.keysets])
    else:
        keysets = tuple(map(_without_values, eis.isd_r.keysets))
    isd_r = replace(eis.isd_r, keysets=keysets)
    return replace(eis, profiles=own, isd_r=isd_r, audit_trail=(), last_audit=None)


def _shown(profile: ProfileInfo) -> ProfileInfo:
    """In-Creation is a state of the SM-SR's own: to others the profile is created, or not there yet."""
    return replace(profile, state=ProfileState.CREATED) if profile.state is ProfileState.IN_CREATION else profile


def _without_values(keyset: Keyset) -> Keyset:
    return replace(keyset, keys=tuple(map(_without_value, keyset.keys)))


def _without_value(key: EisKey) -> EisKey:
    """The key's type and check value: a component without a value."""
    kind = key.value.type if key.value is not None else KeyType.AES
    return replace(key, value=None, components=(KeyComponent(kind),))
