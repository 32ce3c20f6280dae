# SPDX-License-Identifier: Apache-2.0
"""What all functions of an SM-DP share: who it is, whom it knows, what it keeps."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from apdu.ids import Eid, Iccid
from smdp.errors import Refused
from smdp.es3 import Es3Calls, operation_of
from smdp.inbox import Inbox
from smdp.installer import Installer
from smdp.profiles.store import ProfileStore, StockState, StoredProfile
from smsr.api.messages import Call
from smsr.api.status import Code
from smsr.kit.oid import Oid
from smsr.serving.outbox import Outbox
from smsr.serving.procedure import Interrupted

__all__ = ["Desk"]

_OPERATION = 12
"""Bytes of the name of an operation whose requester gave it none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An SM-DP without its functions."""

    installer: Installer
    profiles: ProfileStore
    outbox: Outbox
    inbox: Inbox
    operators: Container[Oid]
    """Whom it serves."""
    sm_srs: Container[Oid]
    """Whom it can call."""

    @property
    def oid(self) -> Oid:
        """The SM-DP."""
        return self.installer.server.oid

    def calls(self, call: Call, smsr_id: Oid, interrupted: Interrupted | None) -> Es3Calls:
        """The ES3 calls of an operation; Refused when its SM-SR is not known."""
        if smsr_id not in self.sm_srs:
            raise Refused(Code.SM_SR_UNKNOWN, subject_identifier=smsr_id)
        note = interrupted.note if interrupted is not None else {}
        operation = note.get("operation") or (
            operation_of(call) if call.identifier else self.installer.entropy.draw(_OPERATION).hex()
        )
        attempt = int(note.get("attempt", "1"))
        return Es3Calls(requester=self.oid, receiver=smsr_id, operation=operation, attempt=attempt)

    def demand_operator(self, call: Call) -> None:
        """Refuse who is no operator of this SM-DP."""
        if call.requester not in self.operators:
            raise Refused(Code.REQUESTER_UNKNOWN, subject_identifier=call.requester)

    def owned(self, call: Call, iccid: Iccid) -> StoredProfile:
        """A profile of the requester's."""
        profile = self.profiles.get(iccid)
        if profile is None:
            raise Refused(Code.ICCID_UNKNOWN, "it is not known to this SM-DP", iccid)
        if profile.mno_id != call.requester:
            raise Refused(Code.PROFILE_NOT_ALLOWED, subject_identifier=iccid)
        return profile

    def on_card(self, call: Call, eid: Eid, iccid: Iccid) -> StoredProfile:
        """A profile of the requester's that can be managed on this card: on no other one, and not under way to it."""
        profile = self.owned(call, iccid)
        if profile.operation:
            raise Refused(Code.BUSY, "it is being downloaded", iccid)
        if profile.state is not StockState.AVAILABLE and profile.eid != eid:
            raise Refused(Code.OTHER_EUICC, subject_identifier=iccid)
        return profile

    def forget_keys(self, profile: StoredProfile) -> None:
        """The ISD-P of a profile is gone."""
        if profile.eid is not None and profile.isd_p is not None:
            self.installer.keys.forget(profile.eid, profile.isd_p)
