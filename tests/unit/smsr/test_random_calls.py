# SPDX-License-Identifier: Apache-2.0
"""Random calls by random parties, with answers that are lost and processes that end: held against a model.

After each call the EIS is what the card is; where a card that fell silent left it open, after an audit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from apdu.command.apdu import CommandApdu
from apdu.errors import M2mError, RemoteProtocolError
from apdu.gp.codes import LifeCycle
from apdu.ids import Iccid
from smsr.api.eis_parts import Pol2Action, Pol2Qualification, Pol2Rule, ProfileState
from smsr.api.grants import Plma, PlmaOperation
from smsr.api.messages import Response
from smsr.api.status import Code, StatusCode
from smsr.cardsteps import CardStep
from smsr.kit.oid import Oid
from smsr.procedures import LEASE
from smsr.serving.procedure import Interrupted
from tests.scale import count
from tests.unit.kit.world import EID, MNO_OID, SM_DP_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, M2M_SP, OTHER_DP, OTHER_MNO
from tests.unit.smsr.model import (
    AUTO,
    CREATED,
    DISABLED,
    ENABLED,
    NO_DELETE,
    NO_DISABLE,
    NO_ENABLE,
    RULES,
    WHOLE,
    Fault,
    Model,
    Profile,
)
from tests.unit.smsr.processes import Kept, World
from tests.unit.smsr.scene import ES3, ES4, ES4A, ICCID_3, ROWS, TYPE, Scene, request

ICCIDS: Final = (ICCID, ICCID_2, ICCID_3)
SM_DPS, OPERATORS = (SM_DP_OID, OTHER_DP), (MNO_OID, OTHER_MNO)
ASKERS: Final = (*SM_DPS, *OPERATORS, M2M_SP)
NAMES: Final = ("CreateISDP", "Complete", "EnableProfile", "DisableProfile", "Delete", "Rules", "Grant", "Fall", "Time")
CHANGES: Final = (0xE2, 0xE4, 0xE6)
PARTIES: Final = ("anybody", "smdp", "smdp", "mno")
GRANTABLE: Final = ("EnableProfile", "DisableProfile", "Delete")
_RULE: Final = {
    AUTO: Pol2Rule(Pol2Action.DISABLE, Pol2Qualification.AUTO_DELETE),
    NO_ENABLE: Pol2Rule(Pol2Action.ENABLE, Pol2Qualification.NOT_ALLOWED),
    NO_DISABLE: Pol2Rule(Pol2Action.DISABLE, Pol2Qualification.NOT_ALLOWED),
    NO_DELETE: Pol2Rule(Pol2Action.DELETE, Pol2Qualification.NOT_ALLOWED),
}


@dataclass(frozen=True)
class Action:
    """One call, or something else that happens."""

    name: str
    requester: Oid
    party: str
    """Who asks instead, where the profile has one: its SM-DP or its operator."""
    iccid: Iccid
    operator: Oid
    rules: frozenset[str]
    grants: frozenset[str]
    memory: int
    more_to_do: bool
    fault: Fault
    step: int
    """At which of its steps a process ends."""
    carried_out: bool


ACTIONS: Final = st.builds(
    Action,
    name=st.sampled_from(NAMES),
    requester=st.sampled_from(ASKERS),
    party=st.sampled_from(PARTIES),
    iccid=st.sampled_from(ICCIDS),
    operator=st.sampled_from(OPERATORS),
    rules=st.frozensets(st.sampled_from(RULES), max_size=2),
    grants=st.frozensets(st.sampled_from(GRANTABLE)),
    memory=st.sampled_from((0, 0x100, 0x30000)),
    more_to_do=st.booleans(),
    fault=st.sampled_from((Fault.NONE, Fault.NONE, Fault.NONE, *Fault)),
    step=st.integers(0, 5),
    carried_out=st.booleans(),
)


class Run:
    """The SM-SR and the model, side by side."""

    def __init__(self, *, ready: bool) -> None:
        """An empty card, or one that is `ready`: with a profile that is enabled, and one to fall back on."""
        scene = Scene()
        self.model = Model(now=scene.now)
        if ready:
            scene.two()
            for iccid, state in ((ICCID, ENABLED), (ICCID_2, DISABLED)):
                self.model.profiles[iccid] = Profile(MNO_OID, SM_DP_OID, 0x100, state)
            self.model.fall_back = ICCID_2
        self.world = World(Kept.of(scene), scene.card)
        self.handlers = self.world.kept.handlers()

    def act(self, action: Action) -> str:
        """Do one thing; what came of it."""
        profile = self.model.profiles.get(action.iccid)
        if profile is not None and action.party != "anybody":
            action = replace(action, requester=getattr(profile, action.party))
        act: Callable[[Action], str] = getattr(self, f"_{action.name.lower()}", self._switch)
        outcome = act(action)
        self._compare(action)
        return outcome

    # --- things that happen

    def _time(self, action: Action) -> str:
        """Nobody says anything for longer than a lease."""
        self.world.kept.now = self.model.now = self.model.now + LEASE
        return "time"

    def _fall(self, action: Action) -> str:
        """The fall-back profile is one that is there, once and for all."""
        profile = self.model.profiles.get(action.iccid)
        if self.model.fall_back is None and profile is not None and profile.state != CREATED:
            self.model.fall_back = action.iccid
            self.world.card.fall_back = self._aid(action.iccid)
            self._audit()
        return "fall-back"

    # --- calls

    def _sm_dp(self, action: Action) -> Oid:
        return action.requester if action.requester in SM_DPS else SM_DPS[OPERATORS.index(action.operator)]

    def _createisdp(self, action: Action) -> str:
        model, requester = self.model, self._sm_dp(action)
        values = {"iccid": action.iccid, "mno_id": action.operator, "required_memory": action.memory}
        response = self._call("CreateISDP", ES3, requester, action, more_to_do=action.more_to_do, **values)
        code = Code.ICCID_IN_USE if action.iccid in model.profiles else None
        code = code or (Code.MEMORY if action.memory > model.free else None)
        code = code or model.busy(requester, action.iccid)
        if code is None:
            if action.fault not in (Fault.NEVER, Fault.DEAD_BEFORE):
                model.profiles[action.iccid] = Profile(action.operator, requester, action.memory)
            done = action.fault in WHOLE
            model.ended(requester, action.iccid, done=done, goes_on=action.more_to_do)
            code = None if done else Code.ISD_R_FAILED
        return _expect(response, code)

    def _complete(self, action: Action) -> str:
        """The download itself is not seen here: the card has the profile."""
        model, requester = self.model, self._sm_dp(action)
        profile = model.profiles.get(action.iccid)
        code = model.foreign(ES3, "Complete", requester, action.iccid) or model.busy(requester, action.iccid)
        if code is None and profile is not None and profile.state != CREATED:
            code = Code.WRONG_STATE
            model.ended(requester, action.iccid, done=False)
        if code is None and profile is not None:
            self.world.card.isd_ps[self._aid(action.iccid)] = LifeCycle.DISABLED
            profile.state, profile.rules = DISABLED, action.rules
            model.ended(requester, action.iccid, done=True)
        values = {"iccid": action.iccid, "profile_type": TYPE, "pol2": _pol2(action.rules)}
        return _expect(self._call("ProfileDownloadCompleted", ES3, requester, action, **values), code)

    def _rules(self, action: Action) -> str:
        model, interface = self.model, ES3 if action.requester in SM_DPS else ES4
        code = model.foreign(interface, "Rules", action.requester, action.iccid)
        if code is None and model.profiles[action.iccid].state == CREATED:
            code = Code.WRONG_STATE
        code = code or model.busy(action.requester, action.iccid)
        if code is None:
            model.profiles[action.iccid].rules = action.rules
            model.ended(action.requester, action.iccid, done=True)
        values = {"iccid": action.iccid, "pol2": _pol2(action.rules)}
        return _expect(self._call("UpdatePolicyRules", interface, action.requester, action, **values), code)

    def _grant(self, action: Action) -> str:
        self.model.grants[action.operator, M2M_SP] = action.grants
        operations = tuple(_operation(name) for name in sorted(action.grants))
        plma = Plma(mno_id=action.operator, m2m_sp_id=M2M_SP, profile_type=TYPE, operations=operations)
        return _expect(self._call("SetPLMA", ES4A, action.operator, action, plma=plma), None)

    def _switch(self, action: Action) -> str:
        model, interface = self.model, ES3 if action.requester in SM_DPS else ES4
        called = action.name if action.name != "Delete" else "DeleteISDP" if interface is ES3 else "DeleteProfile"
        code = model.foreign(interface, action.name, action.requester, action.iccid)
        code = code or model.forbidden(action.name, action.iccid)
        code = code or model.busy(action.requester, action.iccid)
        response = self._call(called, interface, action.requester, action, iccid=action.iccid)
        if code is None:
            came = model.switch(action.name, action.iccid, action.fault)
            code = came if isinstance(came, Code) else None if came else Code.ISD_R_FAILED
            model.ended(action.requester, action.iccid, done=code is None)
        return _expect(response, code)

    def _call(self, name: str, interface: Any, requester: Oid, action: Action, **values: Any) -> Response:
        row = ROWS[interface, name]
        asked = request(row, requester, **values)
        self.world.card.fault = _fault(action.fault)
        procedure = self.handlers.run(row, asked)
        outcome = _drive(self.world, procedure, action)
        if isinstance(outcome, Interrupted):
            self.handlers = self.world.kept.handlers()
            outcome = _drive(self.world, self.handlers.run(row, asked, outcome), None)
        assert isinstance(outcome, Response)
        self.world.card.fault = lambda command: None
        if action.fault in (Fault.DEAD_AFTER, Fault.DEAD_BEFORE):
            self._audit()
        return outcome

    # --- what must hold

    def _audit(self) -> None:
        """Ask the card, as an SM-SR does before it believes anything; whose turn it is does not matter here."""
        held = self.world.kept.open.get(EID)
        self.world.kept.open.remove(EID)
        row = ROWS[ES3, "AuditEIS"]
        answer = _drive(self.world, self.world.kept.handlers().run(row, request(row)), None)
        assert isinstance(answer, Response)
        assert answer.status.is_success
        if held is not None:
            self.world.kept.open.put(EID, held)

    def _aid(self, iccid: Iccid) -> Any:
        profile = self._eis.find(iccid)
        assert profile is not None
        return profile.isd_p_aid

    @property
    def _eis(self) -> Any:
        eis = self.world.kept.eis.get(EID)
        assert eis is not None
        return eis

    def _compare(self, action: Action) -> None:
        eis, card, model = self._eis, self.world.card, self.model
        known = {each.iccid: (each.state.value, each.mno_id, each.smdp_id) for each in eis.profiles}
        assert known == {iccid: (each.state, each.mno, each.smdp) for iccid, each in model.profiles.items()}, action
        enabled = {aid for aid, state in card.isd_ps.items() if state is LifeCycle.ENABLED}
        assert enabled == {each.isd_p_aid for each in eis.profiles if each.state is ProfileState.ENABLED}
        assert {each.isd_p_aid for each in eis.profiles} == set(card.isd_ps)
        assert len(enabled) <= 1
        assert model.fall_back is None or model.fall_back in known
        assert [each.iccid for each in eis.profiles if each.fall_back] == (
            [model.fall_back] * (model.fall_back is not None)
        )
        assert eis.remaining_memory == card.memory == model.free


def _operation(name: str) -> PlmaOperation:
    return PlmaOperation("DeleteProfile" if name == "Delete" else name)


def _pol2(rules: frozenset[str]) -> tuple[Pol2Rule, ...]:
    return tuple(_RULE[name] for name in sorted(rules))


def _expect(response: Response, code: Code | None) -> str:
    wanted: StatusCode | None = code.pair if code is not None else None
    assert response.status.code == wanted, f"{response.status} instead of {code}"
    return code.name if code is not None else "success"


def _fault(fault: Fault) -> Callable[[CommandApdu], int | RemoteProtocolError | None]:
    lost = RemoteProtocolError("lost")
    begun = False

    def strike(command: CommandApdu) -> RemoteProtocolError | None:
        nonlocal begun
        if fault is Fault.DEAD_BEFORE or (fault is Fault.DEAD_AFTER and begun):
            raise lost
        if begun or command.ins not in CHANGES or fault in (Fault.NONE, Fault.KILLED):
            return None
        begun = True
        if fault is Fault.NEVER:
            raise lost
        return lost

    return strike


def _drive(world: World, procedure: Any, action: Action | None) -> Response | Interrupted:
    """Run it to its end, or to the step at which its process ends."""
    done = 0
    try:
        step: CardStep = next(procedure)
        while True:
            last = action is not None and action.fault is Fault.KILLED and done == action.step
            outcome, error = None, None
            if not last or (action is not None and action.carried_out):
                try:
                    outcome = world.perform(step)
                except M2mError as caught:
                    error = caught
            if last:
                procedure.close()
                return Interrupted(step.name, step.note)
            done += 1
            step = procedure.throw(error) if error is not None else procedure.send(outcome)
    except StopIteration as stop:
        response: Response = stop.value
        return response


@settings(max_examples=count("hypothesis_examples") * 2, deadline=None)
@given(st.booleans(), st.lists(ACTIONS, min_size=10, max_size=60))
def test_random_calls_do_what_the_model_says(ready: bool, actions: list[Action]) -> None:
    run = Run(ready=ready)
    for action in actions:
        run.act(action)


def test_random_calls_reach_everything() -> None:
    """Not only refusals: each function succeeds, and each reason to refuse occurs."""
    random = Random(965)
    reached: Counter[str] = Counter()
    for ready in (True, False) * 40:
        run = Run(ready=ready)
        for _ in range(80):
            action = _drawn(random)
            reached[f"{action.name} {run.act(action)}"] += 1
    for name in ("CreateISDP", "Complete", "EnableProfile", "DisableProfile", "Delete", "Rules"):
        assert reached[f"{name} success"] >= 10, reached
    for name in ("EnableProfile", "DisableProfile", "Delete"):
        for code in ("PROFILE_NOT_ALLOWED", "ICCID_UNKNOWN", "POL2", "BUSY", "ISD_R_FAILED"):
            assert reached[f"{name} {code}"], (name, code, reached)


def _drawn(random: Random) -> Action:
    return Action(
        name=random.choice(NAMES),
        requester=random.choice(ASKERS),
        party=random.choice(PARTIES),
        iccid=random.choice(ICCIDS),
        operator=random.choice(OPERATORS),
        rules=frozenset(random.sample(RULES, random.choice((0, 0, 1)))),
        grants=frozenset(GRANTABLE),
        memory=random.choice((0, 0x100, 0x30000)),
        more_to_do=random.random() < 0.5,
        fault=random.choice((Fault.NONE, Fault.NONE, *Fault)),
        step=random.randrange(4),
        carried_out=random.random() < 0.5,
    )
