# SPDX-License-Identifier: Apache-2.0
"""The SM-DP's bearer: ES3.SendData. Scripts run over it as over any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import LocalProtocolError
from apdu.ids import ISD_R, Aid, Eid
from apdu.script import ApduScript, Batch, Done, ProfileScript, Run
from smsr.api.messages import Call, Es3, SendDataRequest
from smsr.api.send_data import SCP03T_ANSWERS, decode_responses, decode_tlvs, encode_commands

__all__ = ["SendDataBearer"]

C = TypeVar("C")
R = TypeVar("R")
T = TypeVar("T")


class SendDataBearer:
    """One ISD-P behind an SM-SR. The procedure stays open: whoever uses this says when it is complete."""

    def __init__(self, smsr: Es3, call: Callable[[], Call], eid: Eid, isd_p: Aid) -> None:
        self._smsr = smsr
        self._call = call
        self._eid = eid
        self._isd_p = isd_p

    def run(self, script: ApduScript[T]) -> T:
        """Run a script of commands, which the ISD-R forwards to the ISD-P."""
        return _loop(Run(script), self._send_commands)

    def run_profile(self, script: ProfileScript[T]) -> T:
        """Run a script of SCP03t TLVs."""
        return _loop(Run(script), self._send_tlvs)

    def _send_commands(self, batch: Batch[CommandApdu]) -> Sequence[ResponseApdu]:
        if batch.target != ISD_R:
            raise LocalProtocolError(f"commands reach the ISD-P through the ISD-R, not through {batch.target}")
        return decode_responses(self._send(encode_commands(batch.commands)))

    def _send_tlvs(self, batch: Batch[bytes]) -> Sequence[bytes]:
        if batch.target != self._isd_p:
            raise LocalProtocolError(f"this is the bearer to {self._isd_p}, not to {batch.target}")
        return decode_tlvs(self._send(b"".join(batch.commands)), SCP03T_ANSWERS)

    def _send(self, data: bytes) -> bytes:
        request = SendDataRequest(call=self._call(), eid=self._eid, sd_aid=self._isd_p, data=data, more_to_do=True)
        response = self._smsr.send_data(request)
        if not response.data:  # with data the script sees for itself what the card said
            response.check("ES3.SendData")
        return response.data


def _loop(run: Run[C, R, T], send: Callable[[Batch[C]], Sequence[R]]) -> T:
    try:
        step = run.start()
        while not isinstance(step, Done):
            step = run.feed(send(step))
        return step.result
    finally:
        run.close()
