# SPDX-License-Identifier: Apache-2.0
"""Calls of ES3 as steps of a procedure, and the SM-DP's bearer: ES3.SendData, over which scripts run as over any other.

How a call is identified follows from the operation that it belongs to, so that one whose outcome is unknown is repeated
as the same call, and the SM-SR gives its first answer again:

    FunctionCallIdentifier = <operation>-<attempt>-<what>

`operation` is a hash of who called the SM-DP and that call's own identifier; `attempt` counts how often an operation
has begun anew on the card after it was interrupted; `what` says which call of the attempt it is, like create or send.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, TypeVar

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import LocalProtocolError, RemoteProtocolError
from apdu.ids import ISD_R, Aid, Eid
from apdu.script import ApduScript, Batch, Done, ProfileScript, Run
from smsr.api.functions import FUNCTIONS, Function, Interface
from smsr.api.messages import Call, CardResponse, Request, Response, SendDataRequest
from smsr.api.send_data import SCP03T_ANSWERS, decode_responses, decode_tlvs, encode_commands
from smsr.kit.oid import Oid
from smsr.serving.procedure import Procedure

__all__ = ["Es3Call", "Es3Calls", "Pause", "SendDataBearer", "operation_of"]

C = TypeVar("C")
M = TypeVar("M", bound=Response)
R = TypeVar("R")
T = TypeVar("T")

_ROWS: Final = {row.name: row for row in FUNCTIONS if row.interface is Interface.ES3}
_OPERATION: Final = 24


@dataclass(frozen=True, slots=True)
class Es3Call:
    """One call to an SM-SR. Its result is the typed response, whatever its status says."""

    receiver: Oid
    """The SM-SR."""
    function: Function
    request: Request
    note: Mapping[str, str]

    @property
    def name(self) -> str:
        """The function's."""
        return self.function.name


@dataclass(frozen=True, slots=True)
class Pause:
    """Let some seconds pass: the SM-SR was busy."""

    seconds: float
    note: Mapping[str, str]

    @property
    def name(self) -> str:
        """What it is."""
        return "Pause"


def operation_of(call: Call) -> str:
    """What the calls of an operation are called after."""
    return sha256(f"{call.requester} {call.identifier}".encode()).hexdigest()[:_OPERATION]


@dataclass(slots=True, kw_only=True)
class Es3Calls:
    """The calls of one operation to one SM-SR. Their notes hold `facts`: what it takes to go on after a crash."""

    requester: Oid
    """The SM-DP itself."""
    receiver: Oid
    operation: str
    attempt: int = 1
    facts: dict[str, str] = field(default_factory=dict)

    def head(self, what: str, validity_period: int | None = None) -> Call:
        """The head of a request; `what` is said once in an attempt."""
        return Call(self.requester, f"{self.operation}-{self.attempt}-{what}", validity_period)

    def ask(self, name: str, request: Request, kind: type[M]) -> Procedure[M]:
        """Call a function, and have its response."""
        response = yield Es3Call(self.receiver, _ROWS[name], request, self._note(request.call.identifier))
        if not isinstance(response, kind):
            raise RemoteProtocolError(f"ES3.{name} was answered with {type(response).__name__}")
        return response

    def pause(self, seconds: float) -> Procedure[None]:
        """Wait."""
        yield Pause(seconds, self._note(""))

    def _note(self, identifier: str) -> dict[str, str]:
        return {
            **self.facts,
            "operation": self.operation,
            "attempt": str(self.attempt),
            "identifier": identifier,
        }  # fmt: skip


class SendDataBearer:
    """One ISD-P behind an SM-SR. The procedure stays open: whoever uses this says when it is complete."""

    def __init__(self, calls: Es3Calls, eid: Eid, isd_p: Aid) -> None:
        self._calls = calls
        self._eid = eid
        self._isd_p = isd_p
        self._sent = 0

    def run(self, script: ApduScript[T]) -> Procedure[T]:
        """Run a script of commands, which the ISD-R forwards to the ISD-P."""
        return _loop(Run(script), self._send_commands)

    def run_profile(self, script: ProfileScript[T]) -> Procedure[T]:
        """Run a script of SCP03t TLVs."""
        return _loop(Run(script), self._send_tlvs)

    def _send_commands(self, batch: Batch[CommandApdu]) -> Procedure[Sequence[ResponseApdu]]:
        if batch.target != ISD_R:
            raise LocalProtocolError(f"commands reach the ISD-P through the ISD-R, not through {batch.target}")
        return decode_responses((yield from self._send(encode_commands(batch.commands))))

    def _send_tlvs(self, batch: Batch[bytes]) -> Procedure[Sequence[bytes]]:
        if batch.target != self._isd_p:
            raise LocalProtocolError(f"this is the bearer to {self._isd_p}, not to {batch.target}")
        return decode_tlvs((yield from self._send(b"".join(batch.commands))), SCP03T_ANSWERS)

    def _send(self, data: bytes) -> Procedure[bytes]:
        self._sent += 1
        call = self._calls.head(f"send.{self._sent}")
        request = SendDataRequest(call=call, eid=self._eid, sd_aid=self._isd_p, data=data, more_to_do=True)
        response = yield from self._calls.ask("SendData", request, CardResponse)
        if not response.data:  # with data the script sees for itself what the card said
            response.check("ES3.SendData")
        return response.data


def _loop(run: Run[C, R, T], send: Callable[[Batch[C]], Procedure[Sequence[R]]]) -> Procedure[T]:
    try:
        step = run.start()
        while not isinstance(step, Done):
            step = run.feed((yield from send(step)))
        return step.result
    finally:
        run.close()
