# SPDX-License-Identifier: Apache-2.0
"""What an EIS says about reaching its card over the air: keys, counters, bearers, number (SGP.02 v4.2 annex E)."""

from __future__ import annotations

from typing import Final

from apdu.ids import ISD_R
from apdu.keys.secret import KeySet, KeyType, SecretKey
from apdu.ota.admin import PskIdentity
from apdu.ota.trigger import PskSelection
from apdu.sms.address import Address
from smsr.api.eis import Eis
from smsr.api.eis_parts import Keyset, KeysetType, ProfileState
from smsr.api.status import Code
from smsr.errors import Refused

__all__ = ["find_psk", "first_counter", "has_https", "numbers_of", "psk_selection", "scp80_keys"]

_SCP80: Final = range(0x01, 0x10)
_SCP81: Final = range(0x40, 0x50)
"""Key version numbers (card.md 1.6)."""
_KIC, _KID, _KIK = 1, 2, 3
_PSK: Final = 1


def scp80_keys(eis: Eis, kvn: int | None = None) -> KeySet:
    """A key set for secured packets: the lowest version that is complete unless one is named."""
    for keyset in sorted(eis.isd_r.keysets, key=lambda each: each.version):
        if keyset.version in _SCP80 and keyset.type in (None, KeysetType.SCP80) and kvn in (None, keyset.version):
            keys = [_value(keyset, index) for index in (_KIC, _KID, _KIK)]
            enc, mac, dek = keys
            if enc is not None and mac is not None and dek is not None and enc.type is mac.type is KeyType.AES:
                return KeySet(keyset.version, enc, mac, dek)
    raise Refused(Code.ISD_R_FAILED, "the EIS holds no SCP80 key set", eis.eid)


def first_counter(eis: Eis, kvn: int) -> int:
    """The value that the counter of a key set starts from."""
    return max((keyset.counter for keyset in eis.isd_r.keysets if keyset.version == kvn), default=0)


def find_psk(eis: Eis, identity: PskIdentity) -> SecretKey | None:
    """The key that a card names; None when its ISD-R has none under that number."""
    if identity.eid != eis.eid or identity.aid != ISD_R or identity.kvn not in _SCP81 or identity.kid != _PSK:
        return None
    return next((_value(keyset, _PSK) for keyset in _scp81(eis) if keyset.version == identity.kvn), None)


def psk_selection(eis: Eis) -> PskSelection:
    """Which key a trigger tells the card to use."""
    for keyset in _scp81(eis):
        if _value(keyset, _PSK) is not None:
            return PskSelection(keyset.version, _PSK)
    raise Refused(Code.ISD_R_FAILED, "the EIS holds no SCP81 key set", eis.eid)


def has_https(eis: Eis) -> bool:
    """Whether the card can be reached over HTTPS."""
    keys = any(_value(keyset, _PSK) is not None for keyset in _scp81(eis))
    return keys and eis.info.capabilities.http_version is not None


def numbers_of(eis: Eis) -> tuple[Address, ...]:
    """Where short messages go: to the enabled subscription; as a switch may be under way, to the others too."""
    profiles = sorted(eis.profiles, key=lambda profile: profile.state is not ProfileState.ENABLED)
    usable = (ProfileState.ENABLED, ProfileState.DISABLED)
    numbers = [profile.subscription.msisdn for profile in profiles if profile.state in usable]
    return tuple(Address.of(f"+{number}") for number in dict.fromkeys(numbers) if number)


def _scp81(eis: Eis) -> list[Keyset]:
    return [
        keyset for keyset in eis.isd_r.keysets if keyset.version in _SCP81 and keyset.type in (None, KeysetType.SCP81)
    ]


def _value(keyset: Keyset, index: int) -> SecretKey | None:
    return next((key.value for key in keyset.keys if key.index == index), None)
