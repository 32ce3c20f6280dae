# SPDX-License-Identifier: Apache-2.0
"""A profile's way to a card, as the SM-SR sees it: CreateISDP and SendData (SGP.02 v4.2 5.4.3, 5.4.4)."""

from __future__ import annotations

from collections.abc import Sequence

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import is_success
from apdu.errors import DecodeError
from apdu.ids import Eid
from smsr.api.eis import Eis
from smsr.api.eis_parts import Operation, ProfileInfo, ProfileState
from smsr.api.functions import Function
from smsr.api.messages import CardResponse, CreateIsdpRequest, CreateIsdpResponse, SendDataRequest
from smsr.api.send_data import decode_commands, decode_tlvs, encode_responses, holds_commands
from smsr.api.status import SUCCESS, Code, failed
from smsr.cardsteps import CardProcedure
from smsr.context import Context
from smsr.errors import Refused
from smsr.procedures import Opened
from smsr.serving.procedure import Interrupted
from smsr.upkeep import free_aid

__all__ = ["Downloads"]


class Downloads:
    """The functions of a download that reach the card."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cards = context.cards

    def create_isdp(
        self, function: Function, request: CreateIsdpRequest, interrupted: Interrupted | None
    ) -> CardProcedure[CreateIsdpResponse]:
        """ES3.CreateISDP: an empty ISD-P for a profile to come.

        One that is In-Creation already was begun and never answered, by the card or by a process that ended: then the
        card is asked whether it is there.
        """
        context, eis = self._context, self._cards.known(request.eid)
        begun = _begun(eis, request)
        profile = begun or self._planned(eis, request)
        with context.operation(request.call, eis, Operation.CREATE_ISDP, profile.iccid, goes_on=request.more_to_do):
            if begun is None or not (yield from self._is_there(eis.eid, profile)):
                yield from self._cards.create(eis.eid, profile)
        return CreateIsdpResponse(status=SUCCESS, isd_p_aid=profile.isd_p_aid)

    def _planned(self, eis: Eis, request: CreateIsdpRequest) -> ProfileInfo:
        if self._context.stores.eis.owner_of(request.iccid) is not None:
            raise Refused(Code.ICCID_IN_USE, subject_identifier=request.iccid)
        if request.required_memory > eis.remaining_memory:
            raise Refused(Code.MEMORY, f"{request.required_memory} of {eis.remaining_memory} bytes", request.eid)
        return ProfileInfo(
            iccid=request.iccid,
            isd_p_aid=free_aid(eis),
            mno_id=request.mno_id,
            smdp_id=request.call.requester,
            state=ProfileState.IN_CREATION,
            allocated_memory=request.required_memory,
        )

    def _is_there(self, eid: Eid, profile: ProfileInfo) -> CardProcedure[bool]:
        yield from self._cards.audit(eid)
        return self._cards.known(eid).find(profile.iccid) is not None

    def send_data(
        self, function: Function, request: SendDataRequest, interrupted: Interrupted | None
    ) -> CardProcedure[CardResponse]:
        """ES3.SendData: hand on what an SM-DP and its ISD-P have to say to each other, once."""
        eis = self._cards.known(request.eid)
        profile = eis.find_isd_p(request.sd_aid)
        if profile is None:
            raise Refused(Code.SD_UNKNOWN, subject_identifier=request.sd_aid)
        if profile.smdp_id != request.call.requester:
            raise Refused(Code.SD_NOT_ALLOWED, subject_identifier=request.sd_aid)
        procedures = self._context.stores.procedures
        with procedures.step(eis.eid, request.call.requester, profile.iccid, goes_on=request.more_to_do) as opened:
            if interrupted is not None:  # a secure channel does not bear a repetition
                raise Refused(Code.NO_RESPONSE, subject_identifier=request.sd_aid)
            return (yield from self._forward(request, opened))

    def _forward(self, request: SendDataRequest, opened: Opened) -> CardProcedure[CardResponse]:
        try:
            if holds_commands(request.data):
                commands: tuple[CommandApdu, ...] = decode_commands(request.data)
                responses = yield from self._cards.send_commands(request.eid, request.sd_aid, commands, opened)
                return _card_response(request, responses)
            tlvs = decode_tlvs(request.data)
        except DecodeError as error:
            raise Refused(Code.SD_NOT_ALLOWED, str(error), request.sd_aid) from None
        answers = yield from self._cards.send_tlvs(request.eid, request.sd_aid, tlvs)
        return CardResponse(status=SUCCESS, data=b"".join(answers))


def _begun(eis: Eis, request: CreateIsdpRequest) -> ProfileInfo | None:
    """The entry of the same ISD-P, where nobody knows yet whether the card has it."""
    entry = eis.find(request.iccid)
    if entry is None or entry.state is not ProfileState.IN_CREATION:
        return None
    wanted = request.call.requester, request.mno_id, request.required_memory
    return entry if (entry.smdp_id, entry.mno_id, entry.allocated_memory) == wanted else None


def _card_response(request: SendDataRequest, responses: Sequence[ResponseApdu]) -> CardResponse:
    status = SUCCESS
    if not responses or not is_success(responses[-1].sw):
        last = str(responses[-1].status) if responses else "no answer"
        status = failed(Code.ISD_P_FAILED, last, request.sd_aid)
    return CardResponse(status=status, data=encode_responses(responses))
