# SPDX-License-Identifier: Apache-2.0
"""The reader bearer behind the dispatcher: cards that are at hand answer at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import M2mError
from apdu.ids import Eid
from apdu.ota.remote import ResponseItem, ResponseTag, build_response_script
from apdu.script import ApduScript, Batch, ProfileScript
from apdu.tlv.scan import split
from smsr.api.eis import Eis
from smsr.bearers.bearer import Bearer
from smsr.ota.carrier import Way
from smsr.ota.parcels import Chain, Parcel
from smsr.ota.task import OutcomeUnknown, Outstanding, Task

__all__ = ["ReaderCarrier"]

_ROOM: Final = 1 << 16


class ReaderCarrier:
    """Carries tasks to cards in readers."""

    room: Final = _ROOM
    wake: Final = None

    def __init__(self) -> None:
        self.bearers: dict[Eid, Bearer] = {}
        """The cards that are there."""

    def reaches(self, eis: Eis) -> bool:
        """Whether the card is in a reader."""
        return eis.eid in self.bearers

    def open_to(self, eid: Eid) -> bool:
        """A card in a reader always listens."""
        return eid in self.bearers

    def carry(self, eid: Eid, task: Task[Any], chain: Chain) -> None:
        """Do the whole task."""
        bearer = self.bearers[eid]
        while (parcel := task.take(self.room, chain)) is not None:
            try:
                task.sent(Way.READER, b"")
                answer = _tlvs(bearer, parcel) if task.is_profile else _commands(bearer, parcel)
            except M2mError as error:
                task.fail(error)
            else:
                task.answered(answer, chain)

    def resume(self, eid: Eid, task: Task[Any], outstanding: Outstanding, chain: Chain) -> None:
        """The answer went with the process that waited for it."""
        task.fail(OutcomeUnknown(f"the answer of card {eid} in the reader is lost"))

    def release(self, eid: Eid) -> None:
        """Reset the card."""
        bearer = self.bearers.get(eid)
        if bearer is not None:
            bearer.reset()

    def tick(self, now: float) -> None:
        """Nothing takes time."""


def _commands(bearer: Bearer, parcel: Parcel) -> bytes:
    commands = tuple(CommandApdu.parse(item.value) for item in parcel.items)
    responses = bearer.run(_forward(Batch(parcel.target, commands)))
    items = [ResponseItem(ResponseTag.R_APDU, response.encode()) for response in responses]
    return build_response_script(len(items), items)


def _tlvs(bearer: Bearer, parcel: Parcel) -> bytes:
    answers = bearer.run_profile(_forward_tlvs(Batch(parcel.target, tuple(item.encode() for item in parcel.items))))
    items = [ResponseItem(*pair) for answer in answers for pair in split(answer)]
    return build_response_script(len(items), items)


def _forward(batch: Batch[CommandApdu]) -> ApduScript[Sequence[ResponseApdu]]:
    return (yield batch)


def _forward_tlvs(batch: Batch[bytes]) -> ProfileScript[Sequence[bytes]]:
    return (yield batch)
