# SPDX-License-Identifier: Apache-2.0
"""The eUICC Information Set: what an SM-SR knows about one card (SGP.02 v4.2 annex E).

The part that the EUM signed is kept as the bytes that were received; its values are read from these bytes and from
nowhere else, so what was verified is what is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

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
        """A set that somebody sent; DecodeError for signed octets that are none."""
        eis = cls(**values)
        decode_signed_info(eis.signed.octets)
        return eis

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
