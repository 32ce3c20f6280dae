# SPDX-License-Identifier: Apache-2.0
"""The eUICC Information Set: what an SM-SR knows about one card (SGP.02 v4.2 annex E).

The part that the EUM signed is kept as the bytes that were received; its values are read from these bytes and from
nowhere else, so what was verified is what is used.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from apdu.errors import DecodeError
from apdu.ids import Aid, Eid, Iccid
from smsr.api.eis_codec import decode_signed_info
from smsr.api.eis_parts import (
    AuditRecord,
    EumSignedInfo,
    ProfileInfo,
    ProfileState,
    Property,
    SecurityDomain,
    SignedInfo,
)
from smsr.kit.oid import Oid

__all__ = ["Eis"]

_MAX_KEYSETS: Final = 127
_MAX_KEYS: Final = 128
_MAX_COMPONENTS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Eis:
    """The whole set. One that comes from elsewhere is `received`."""

    signed: SignedInfo
    remaining_memory: int
    available_memory: int
    smsr_id: Oid | None = None
    last_audit: datetime | None = None
    profiles: tuple[ProfileInfo, ...] = ()
    isd_r: SecurityDomain
    audit_trail: tuple[AuditRecord, ...] = ()
    additional_properties: tuple[Property, ...] = ()

    @classmethod
    def received(cls, **values: Any) -> Self:
        """A set that somebody sent; DecodeError where `check_received` finds something."""
        eis = cls(**values)
        eis.check_received()
        return eis

    def check_received(self) -> None:
        """DecodeError for signed octets that are none, a state that is told to nobody, and what XML has no room for."""
        decode_signed_info(self.signed.octets)
        if any(each.state is ProfileState.IN_CREATION for each in self.profiles):
            raise DecodeError(f"the state {ProfileState.IN_CREATION} is told to nobody")
        _demand_number("key sets", self.isd_r.keysets, 1, _MAX_KEYSETS)
        for keyset in self.isd_r.keysets:
            _demand_number("keys", keyset.keys, 0, _MAX_KEYS)
            _demand_number("certificates", keyset.certificates, 0, _MAX_KEYS)
            for key in keyset.keys:
                _demand_number("components of a key", key.components, 1, _MAX_COMPONENTS)

    @property
    def info(self) -> EumSignedInfo:
        """What was signed, read from the octets when it is asked for."""
        return decode_signed_info(self.signed.octets)

    @property
    def eid(self) -> Eid:
        """The card."""
        return self.info.eid

    def find(self, iccid: Iccid) -> ProfileInfo | None:
        """The profile with this ICCID."""
        return next((profile for profile in self.profiles if profile.iccid == iccid), None)

    def find_isd_p(self, aid: Aid) -> ProfileInfo | None:
        """The profile in this ISD-P."""
        return next((profile for profile in self.profiles if profile.isd_p_aid == aid), None)

    @property
    def enabled(self) -> ProfileInfo | None:
        """The enabled profile."""
        return next((profile for profile in self.profiles if profile.state is ProfileState.ENABLED), None)


def _demand_number(what: str, found: Sized, least: int, most: int) -> None:
    if not least <= len(found) <= most:
        raise DecodeError(f"{len(found)} {what} instead of {least} to {most}")
