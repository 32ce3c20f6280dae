# SPDX-License-Identifier: Apache-2.0
"""What the SM-SR does on cards: scripts, and the EIS brought in step with what became of them.

A status word is a definite answer, and so is that a script was never sent. Whatever else goes wrong leaves open what
the card did; then the card is asked, and nothing is repeated. A procedure reads the EIS anew after each step: while the
card was at work others may have written what they may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import M2mError
from apdu.ids import ISD_R, Aid, Eid, Iccid
from apdu.script import ApduScript, Batch, ProfileScript
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo, ProfileState
from smsr.api.status import SUCCESS, Code, ExecutionStatus, Status
from smsr.cardsteps import CardProcedure, ResetCard, run_commands, run_tlvs
from smsr.errors import Refused, is_definite, status_of
from smsr.forwarding import Forwarding
from smsr.policy import auto_deletes
from smsr.procedures import Opened
from smsr.scripts.audit import FUNCTION as AUDIT
from smsr.scripts.audit import audit, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile
from smsr.store import EisStore
from smsr.upkeep import apply_audit, with_profile, without_profile

__all__ = ["Cards"]

_AUDITS: Final = 3
"""A card that tells of a switch during each of so many is believed as it was in the last."""


@dataclass(frozen=True, slots=True)
class _Switch:
    """A profile switch: which profile, what it shall be, and the script that does it."""

    eid: Eid
    iccid: Iccid
    wanted: ProfileState
    script: ApduScript[None]
    name: str


class Cards:
    """Procedures on cards, over the store that says what they hold."""

    def __init__(self, store: EisStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def known(self, eid: Eid) -> Eis:
        """The EIS of a card."""
        eis = self._store.get(eid)
        if eis is None:
            raise Refused(Code.EID_UNKNOWN, subject_identifier=eid)
        return eis

    # --- ES5

    def create(self, eid: Eid, profile: ProfileInfo) -> CardProcedure[None]:
        """Create an ISD-P; when that failed no entry is left, unless the card has it after all."""
        eis = self.known(eid)
        self._store.put(with_profile(eis, profile))
        load_file, module = eis.info.isd_p_load_file, eis.info.isd_p_module
        script = create_isdp(profile.isd_p_aid, profile.allocated_memory, load_file=load_file, module=module)
        try:
            yield from run_commands(eid, script, "ES5.CreateISDP")
        except M2mError as error:
            if is_definite(error) or not (yield from self._holds(eid, profile.isd_p_aid)):
                self._store.put(_without_entry(self.known(eid), profile.iccid))
                raise
        eis = self.known(eid)
        created = with_profile(eis, replace(profile, state=ProfileState.CREATED))
        self._store.put(replace(created, remaining_memory=eis.remaining_memory - profile.allocated_memory))

    def enable(
        self, eid: Eid, profile: ProfileInfo, former: Iccid | None, *, interrupted: bool = False
    ) -> CardProcedure[ExecutionStatus]:
        """Enable a profile; the one that was enabled goes if its POL2 wants that."""
        script = enable_profile(profile.isd_p_aid)
        switch = _Switch(eid, profile.iccid, ProfileState.ENABLED, script, "ES5.EnableProfile")
        yield from self._switch(switch, interrupted)
        return (yield from self._auto_delete(eid, former))

    def disable(self, eid: Eid, profile: ProfileInfo, *, interrupted: bool = False) -> CardProcedure[ExecutionStatus]:
        """Disable a profile; the card enables the fall-back profile."""
        script = disable_profile(profile.isd_p_aid)
        switch = _Switch(eid, profile.iccid, ProfileState.DISABLED, script, "ES5.DisableProfile")
        yield from self._switch(switch, interrupted)
        return (yield from self._auto_delete(eid, profile.iccid))

    def delete(self, eid: Eid, profile: ProfileInfo) -> CardProcedure[None]:
        """Delete an ISD-P; one that the card does not know is gone as wanted."""
        try:
            yield from run_commands(eid, delete_profile(profile.isd_p_aid), "ES5.DeleteProfile")
        except M2mError as error:
            refused = is_definite(error) and status_of(error).code != Code.ICCID_UNKNOWN.pair
            if refused or (yield from self._holds(eid, profile.isd_p_aid)):
                raise
        self._store.put(without_profile(self.known(eid), profile.iccid))

    def audit(self, eid: Eid) -> CardProcedure[None]:
        """Ask the card for everything, and believe it; once more where it has told of a switch meanwhile."""
        for _ in range(_AUDITS):
            before = self.known(eid).enabled
            found = yield from run_commands(eid, audit(), AUDIT)
            eis = self.known(eid)
            if _iccid(eis.enabled) == _iccid(before):
                break
        if found.certificate != eis.info.ecasd_certificate:
            raise Refused(Code.ECASD_CERTIFICATE, "the card holds another certificate than its EIS", eid)
        self._store.put(apply_audit(eis, found, datetime.fromtimestamp(self._clock(), UTC)))

    # --- ES8, handed on

    def send_commands(
        self, eid: Eid, sd_aid: Aid, commands: tuple[CommandApdu, ...], opened: Opened
    ) -> CardProcedure[Sequence[ResponseApdu]]:
        """Hand on commands of key establishment; the answers end where the card stopped."""
        forwarding = Forwarding.resumed(opened.before, sd_aid)
        forwarding.check(commands, sd_aid)
        opened.chain = forwarding.chain
        return (yield from run_commands(eid, _forward_commands(Batch(ISD_R, commands))))

    def send_tlvs(self, eid: Eid, sd_aid: Aid, tlvs: tuple[bytes, ...]) -> CardProcedure[Sequence[bytes]]:
        """Hand on SCP03t TLVs."""
        return (yield from run_tlvs(eid, _forward_tlvs(Batch(sd_aid, tlvs))))

    # --- inside

    def _holds(self, eid: Eid, aid: Aid) -> CardProcedure[bool]:
        return bool((yield from run_commands(eid, isd_p_states(aid), "ES5.GetStatus")))

    def _switch(self, switch: _Switch, interrupted: bool) -> CardProcedure[None]:
        """Run the switch, reset the card, and believe the audit: the answer only says that the switch began."""
        if interrupted and (yield from self._switched(switch)):
            return
        try:
            yield from run_commands(switch.eid, switch.script, switch.name)
        except M2mError as error:
            if is_definite(error) or not (yield from self._switched(switch)):
                raise
            return
        if not (yield from self._switched(switch)):
            profile = self.known(switch.eid).find(switch.iccid)
            state = None if profile is None else profile.state
            raise Refused(Code.ISD_R_FAILED, f"after the reset the profile is {state}", switch.iccid)

    def _switched(self, switch: _Switch) -> CardProcedure[bool]:
        yield ResetCard(switch.eid)
        yield from self.audit(switch.eid)
        profile = self.known(switch.eid).find(switch.iccid)
        if profile is None:
            return switch.wanted is ProfileState.DISABLED  # POL1 may want that
        return profile.state is switch.wanted

    def _auto_delete(self, eid: Eid, former: Iccid | None) -> CardProcedure[ExecutionStatus]:
        """POL2 may want the profile that was disabled to go, unless all falls back on it; failing that is a warning."""
        left = self.known(eid).find(former) if former is not None else None
        if left is None or left.state is not ProfileState.DISABLED or left.fall_back or not auto_deletes(left):
            return SUCCESS
        try:
            yield from self.delete(eid, left)
        except M2mError as error:
            return replace(status_of(error), status=Status.EXECUTED_WITHWARNING)
        return SUCCESS


def _iccid(profile: ProfileInfo | None) -> Iccid | None:
    return None if profile is None else profile.iccid


def _without_entry(eis: Eis, iccid: Iccid) -> Eis:
    """Without a profile that never was; its memory was not taken yet."""
    return replace(eis, profiles=tuple(each for each in eis.profiles if each.iccid != iccid))


def _forward_commands(batch: Batch[CommandApdu]) -> ApduScript[Sequence[ResponseApdu]]:
    return (yield batch)


def _forward_tlvs(batch: Batch[bytes]) -> ProfileScript[Sequence[bytes]]:
    return (yield batch)
