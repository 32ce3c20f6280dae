# SPDX-License-Identifier: Apache-2.0
"""What the SM-SR does on cards: scripts over bearers, and the EIS brought in step with what became of them.

A status word is a definite answer. Whatever else goes wrong leaves open what the card did; then the card is asked, and
nothing is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import M2mError, StatusError
from apdu.ids import ISD_R, Aid, Eid, Iccid
from apdu.script import ApduScript, Batch, ProfileScript
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo, ProfileState
from smsr.api.status import SUCCESS, Code, ExecutionStatus, Status
from smsr.bearers.bearer import Bearer
from smsr.errors import Refused, status_of
from smsr.forwarding import Forwarding
from smsr.policy import auto_deletes
from smsr.scripts.audit import FUNCTION as AUDIT
from smsr.scripts.audit import audit, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile
from smsr.store import EisStore
from smsr.upkeep import apply_audit, with_profile, without_profile

__all__ = ["Cards"]


class Cards:
    """The cards that can be reached, and the store that says what they hold."""

    def __init__(self, store: EisStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._bearers: dict[Eid, Bearer] = {}
        self._forwarding: dict[Eid, Forwarding] = {}

    def attach(self, eid: Eid, bearer: Bearer) -> None:
        """A card can be reached."""
        self._bearers[eid] = bearer
        self._forwarding.pop(eid, None)

    def detach(self, eid: Eid) -> None:
        """A card cannot be reached any more."""
        self._bearers.pop(eid, None)

    def bearer(self, eid: Eid) -> Bearer:
        """The way to a card."""
        bearer = self._bearers.get(eid)
        if bearer is None:
            raise Refused(Code.ISD_R_FAILED, "the card cannot be reached", eid)
        return bearer

    def known(self, eid: Eid) -> Eis:
        """The EIS of a card."""
        eis = self._store.get(eid)
        if eis is None:
            raise Refused(Code.EID_UNKNOWN, subject_identifier=eid)
        return eis

    # --- ES5

    def create(self, eis: Eis, profile: ProfileInfo) -> None:
        """Create an ISD-P; when that failed no entry is left, unless the card has it after all."""
        bearer = self.bearer(eis.eid)
        self._store.put(with_profile(eis, profile))
        load_file, module = eis.info.isd_p_load_file, eis.info.isd_p_module
        script = create_isdp(profile.isd_p_aid, profile.allocated_memory, load_file=load_file, module=module)
        try:
            bearer.run(script, "ES5.CreateISDP")
        except StatusError:
            self._store.put(eis)
            raise
        except M2mError:
            if not bearer.run(isd_p_states(profile.isd_p_aid), "ES5.GetStatus"):
                self._store.put(eis)
                raise
        created = with_profile(eis, replace(profile, state=ProfileState.CREATED))
        self._store.put(replace(created, remaining_memory=eis.remaining_memory - profile.allocated_memory))

    def enable(self, eis: Eis, profile: ProfileInfo) -> ExecutionStatus:
        """Enable a profile; the one that was enabled goes if its POL2 wants that."""
        script = enable_profile(profile.isd_p_aid)
        self._switch(eis.eid, profile.iccid, ProfileState.ENABLED, script, "ES5.EnableProfile")
        return self._auto_delete(eis.eid, eis.enabled)

    def disable(self, eis: Eis, profile: ProfileInfo) -> ExecutionStatus:
        """Disable a profile; the card enables the fall-back profile."""
        script = disable_profile(profile.isd_p_aid)
        self._switch(eis.eid, profile.iccid, ProfileState.DISABLED, script, "ES5.DisableProfile")
        return self._auto_delete(eis.eid, profile)

    def delete(self, eid: Eid, profile: ProfileInfo) -> None:
        """Delete an ISD-P; one that the card does not know is gone as wanted."""
        bearer = self.bearer(eid)
        try:
            bearer.run(delete_profile(profile.isd_p_aid), "ES5.DeleteProfile")
        except M2mError as error:
            refused = isinstance(error, StatusError) and status_of(error).code != Code.ICCID_UNKNOWN.pair
            if refused or bearer.run(isd_p_states(profile.isd_p_aid), "ES5.GetStatus"):
                raise
        self._store.put(without_profile(self.known(eid), profile.iccid))

    def audit(self, eid: Eid) -> None:
        """Ask the card for everything, and believe it."""
        found = self.bearer(eid).run(audit(), AUDIT)
        eis = self.known(eid)
        if found.certificate != eis.info.ecasd_certificate:
            raise Refused(Code.ECASD_CERTIFICATE, "the card holds another certificate than its EIS", eid)
        self._store.put(apply_audit(eis, found, datetime.fromtimestamp(self._clock(), UTC)))

    # --- ES8, handed on

    def send_commands(self, eid: Eid, sd_aid: Aid, commands: tuple[CommandApdu, ...]) -> Sequence[ResponseApdu]:
        """Hand on commands of key establishment; the answers end where the card stopped."""
        self._forwarding.setdefault(eid, Forwarding()).check(commands, sd_aid)
        return self.bearer(eid).run(_forward_commands(Batch(ISD_R, commands)))

    def send_tlvs(self, eid: Eid, sd_aid: Aid, tlvs: tuple[bytes, ...]) -> Sequence[bytes]:
        """Hand on SCP03t TLVs."""
        return self.bearer(eid).run_profile(_forward_tlvs(Batch(sd_aid, tlvs)))

    # --- inside

    def _switch(self, eid: Eid, iccid: Iccid, wanted: ProfileState, script: ApduScript[None], name: str) -> None:
        """Run the switch, reset the card, and believe the audit: the answer only says that the switch began."""
        bearer = self.bearer(eid)
        try:
            bearer.run(script, name)
        except StatusError:
            raise
        except M2mError:
            if self._state_after_reset(eid, bearer, iccid) is not wanted:
                raise
            return
        found = self._state_after_reset(eid, bearer, iccid)
        gone = found is None and wanted is ProfileState.DISABLED  # POL1 may want that
        if found is not wanted and not gone:
            raise Refused(Code.ISD_R_FAILED, f"after the reset the profile is {found}", iccid)

    def _state_after_reset(self, eid: Eid, bearer: Bearer, iccid: Iccid) -> ProfileState | None:
        bearer.reset()
        self._forwarding.pop(eid, None)
        self.audit(eid)
        profile = self.known(eid).find(iccid)
        return None if profile is None else profile.state

    def _auto_delete(self, eid: Eid, former: ProfileInfo | None) -> ExecutionStatus:
        """POL2 may want the profile that was disabled to go; failing that is a warning."""
        left = self.known(eid).find(former.iccid) if former is not None else None
        if left is None or left.state is not ProfileState.DISABLED or not auto_deletes(left):
            return SUCCESS
        try:
            self.delete(eid, left)
        except M2mError as error:
            return replace(status_of(error), status=Status.EXECUTED_WITHWARNING)
        return SUCCESS


def _forward_commands(batch: Batch[CommandApdu]) -> ApduScript[Sequence[ResponseApdu]]:
    return (yield batch)


def _forward_tlvs(batch: Batch[bytes]) -> ProfileScript[Sequence[bytes]]:
    return (yield batch)
