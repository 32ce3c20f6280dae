# SPDX-License-Identifier: Apache-2.0
"""An SM-DP's functions over a real SM-SR: driven step by step, and interrupted wherever a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from apdu.errors import M2mError
from apdu.ids import Eid, Iccid
from apdu.keys.entropy import SeededEntropy
from smdp.api import messages as es2
from smdp.api.functions import FUNCTIONS
from smdp.desk import Desk
from smdp.es3 import Es3Call
from smdp.handlers import Handlers
from smdp.inbox import MemoryInbox
from smdp.installer import Installer
from smdp.keystore import MemoryKeyStore
from smdp.profiles.store import MemoryProfileStore, StoredProfile, content_hash
from smdp.relay import Relay
from smsr.api.eis_parts import NO_SUBSCRIPTION, Pol2Rule
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Exchange, Function, Interface
from smsr.api.messages import Call, Request, Response
from smsr.api.status import ExecutionStatus, Status, StatusCode
from smsr.kit.oid import Oid
from smsr.server import SmSr
from smsr.serving.outbox import MemoryOutbox
from smsr.serving.procedure import Interrupted, Procedure, Step
from tests.unit.kit.world import MNO_OID, NOW, SM_SR_OID, World

ES2 = {row.name: row for row in FUNCTIONS}
ES3 = {row.name: row for row in SM_SR_FUNCTIONS if row.interface is Interface.ES3}
OTHER_MNO = Oid("1.3.6.1.4.1.99999.50")
_READS = ("GetEIS", "GetPLMA", "GetONC")


class When(Enum):
    """Where an SM-DP ends in the middle of a step: before the SM-SR has the call, or with its answer on the way."""

    BEFORE = auto()
    AFTER = auto()


class OnceEach:
    """An SM-SR as its bindings show it: one effect and one answer for each FunctionCallIdentifier."""

    def __init__(self, smsr: SmSr) -> None:
        self.smsr = smsr
        self.calls: list[tuple[str, str]] = []
        self.fault: Callable[[Function, Request], Response | M2mError | None] = lambda function, request: None
        """Sees each call first: its answer is given, its error raised."""
        self._answers: dict[tuple[Oid, str], tuple[Request, Response]] = {}

    def call(self, function: Function, request: Request) -> Response:
        """Do a function, or repeat its answer."""
        self.calls.append((function.name, request.call.identifier))
        fault = self.fault(function, request)
        if isinstance(fault, M2mError):
            raise fault
        if fault is not None:
            return fault
        if function.name in _READS:
            return self.smsr.call(function, request)
        key = request.call.requester, request.call.identifier
        if key not in self._answers:
            self._answers[key] = request, self.smsr.call(function, request)
        before, answer = self._answers[key]
        if before != request:
            refused = ExecutionStatus(Status.FAILED, StatusCode("1.6", "3.3"))
            assert function.response is not None
            return function.response(status=refused)
        return answer

    def names(self) -> list[str]:
        """The functions that were called."""
        return [name for name, _ in self.calls]


@dataclass
class SmDpBench:
    """The SM-DP in memory."""

    everybody: World
    smsr: SmSr
    now: float = NOW
    operators: Collection[Oid] = (MNO_OID, OTHER_MNO)
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = OnceEach(self.smsr)
        self.profiles = MemoryProfileStore()
        self.keys = MemoryKeyStore()
        self.outbox = MemoryOutbox()
        installer = Installer(
            self.everybody.sm_dp,
            roots=(self.everybody.ci.certificate,),
            keys=self.keys,
            entropy=SeededEntropy(b"smdp"),
            clock=lambda: self.now,
        )
        self.desk = Desk(
            installer=installer,
            profiles=self.profiles,
            outbox=self.outbox,
            inbox=MemoryInbox(),
            operators=self.operators,
            sm_srs=(SM_SR_OID,),
        )
        self.handlers = Handlers(self.desk)
        self.relay = Relay(self.desk)

    # --- profiles

    def stock(self, iccid: Iccid, package: bytes, **changes: object) -> StoredProfile:
        """A profile of the operator's."""
        profile = StoredProfile(iccid=iccid, mno_id=MNO_OID, content=content_hash(package), profile_type="meter")
        profile = replace(profile, **changes)  # type: ignore[arg-type]
        assert self.profiles.add(profile, package)
        return profile

    def profile(self, iccid: Iccid) -> StoredProfile:
        """A profile as the stock has it now."""
        found = self.profiles.get(iccid)
        assert found is not None
        return found

    # --- calls

    def start(self, name: str, request: Request, interrupted: Interrupted | None = None) -> Procedure[Response]:
        """The procedure of a function."""
        return self.handlers.run(ES2[name], request, interrupted)

    def do(self, step: Step) -> Response | None:
        """A step as the SM-SR does it."""
        self.steps.append(step)
        if not isinstance(step, Es3Call):
            return None
        assert step.receiver == SM_SR_OID
        return self.service.call(step.function, step.request)

    def call(self, name: str, request: Request, crashes: dict[int, When] | None = None) -> Response:
        """A function to its end; the SM-DP is interrupted at the steps that `crashes` numbers, from 0."""
        left = dict(crashes or {})
        number, interrupted = 0, None
        while True:
            procedure = self.start(name, request, interrupted)
            try:
                step = next(procedure)
                while True:
                    when = left.pop(number, None)
                    number += 1
                    if when is When.BEFORE:
                        break
                    try:
                        result = self.do(step)
                    except M2mError as error:
                        step = procedure.throw(error)
                        continue
                    if when is When.AFTER:
                        break
                    step = procedure.send(result)
                procedure.close()
                interrupted = Interrupted(step.name, step.note)
            except StopIteration as stop:
                response: Response = stop.value
                assert ES2[name].response is type(response)
                return response

    def status(self, name: str, request: Request) -> str:
        """How a function ends: its status, and the code where there is one."""
        return said(self.call(name, request).status)

    def deliver(self) -> None:
        """The SM-SR's notifications reach the SM-DP."""
        stored = self.smsr.stores.outbox
        assert isinstance(stored, MemoryOutbox)
        for _, function, notification in stored.entries:
            if function.interface is Interface.ES3:
                assert function.exchange is Exchange.NOTIFICATION
                self.relay.notified(function, notification, SM_SR_OID)

    def told(self) -> list[tuple[Oid, str]]:
        """Who was told what on ES2."""
        return [(receiver, function.name) for receiver, function, _ in self.outbox.entries]


def said(status: ExecutionStatus) -> str:
    """Status and code."""
    return f"{status.status} {status.code}" if status.code else str(status.status)


def call(requester: Oid = MNO_OID, identifier: str = "call-1", validity_period: int | None = None) -> Call:
    """The head of an operator's request."""
    return Call(requester, identifier, validity_period)


def download(eid: Eid, iccid: Iccid | None = None, **changes: object) -> es2.DownloadProfileRequest:
    """ES2.DownloadProfile."""
    values: dict[str, object] = {"call": call(), "eid": eid, "smsr_id": SM_SR_OID, "iccid": iccid, **changes}
    return es2.DownloadProfileRequest(**values)  # type: ignore[arg-type]


def about(eid: Eid, iccid: Iccid, head: Call | None = None, smsr_id: Oid = SM_SR_OID) -> es2.ProfileRequest:
    """One profile on one card."""
    return es2.ProfileRequest(call=head or call(), eid=eid, iccid=iccid, smsr_id=smsr_id)


def rules(eid: Eid, iccid: Iccid, pol2: tuple[Pol2Rule, ...], **changes: object) -> es2.UpdatePolicyRulesRequest:
    """ES2.UpdatePolicyRules."""
    values: dict[str, object] = {"call": call(), "eid": eid, "iccid": iccid, "smsr_id": SM_SR_OID, "pol2": pol2}
    return es2.UpdatePolicyRulesRequest(**{**values, **changes})  # type: ignore[arg-type]


def address(eid: Eid, iccid: Iccid, **changes: object) -> es2.UpdateSubscriptionAddressRequest:
    """ES2.UpdateSubscriptionAddress."""
    values: dict[str, object] = {
        "call": call(),
        "eid": eid,
        "iccid": iccid,
        "smsr_id": SM_SR_OID,
        "new_subscription_address": NO_SUBSCRIPTION,
    }
    return es2.UpdateSubscriptionAddressRequest(**{**values, **changes})  # type: ignore[arg-type]
