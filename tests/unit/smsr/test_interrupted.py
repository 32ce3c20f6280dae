# SPDX-License-Identifier: Apache-2.0
"""Procedures whose process ended at a step, before or after the card carried it out, and others that go on with them.

The card's effects are those of a run that nobody interrupted, in the same order and each once; so are the answer, the
EIS and what is told. What a process wrote since its last step is lost with it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, Final

import pytest

from apdu.command.apdu import CommandApdu
from apdu.errors import RemoteProtocolError
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid
from smsr.api.eis import Eis
from smsr.api.eis_parts import AuditRecord, Operation
from smsr.api.messages import Response
from smsr.api.status import Code, Status
from smsr.kit.oid import Oid
from smsr.procedures import LEASE, MemoryProcedureStore, Procedures
from smsr.serving.procedure import Interrupted, drive
from tests.unit.kit.world import EID, SM_DP_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, OTHER_DP, OTHER_MNO, PaperCard
from tests.unit.smsr.processes import Kept, Key, World, ends, run
from tests.unit.smsr.scene import AUTO_DELETE, ES3, ES4, ES4A, ROWS, Scene, request

# --- the cases: what is there, what is asked, and what the card does by itself


def nothing(scene: Scene) -> None:
    """An empty card."""


def disabled(scene: Scene) -> None:
    scene.install()


def of_two_operators(scene: Scene) -> None:
    """ICCID_2 is enabled and another operator's."""
    scene.install(ICCID_2, mno=OTHER_MNO, enabled=True)
    scene.install()


def former_goes(scene: Scene) -> None:
    scene.install(ICCID_2, mno=OTHER_MNO, enabled=True, pol2=AUTO_DELETE)
    scene.install()


def enabled(scene: Scene) -> None:
    """ICCID is enabled, the fall-back profile another operator's."""
    scene.card.fall_back = scene.install(ICCID_2, mno=OTHER_MNO)
    scene.install(enabled=True)
    scene.done(ES3, "AuditEIS")


def enabled_and_goes(scene: Scene) -> None:
    enabled(scene)
    scene.done(ES3, "UpdatePolicyRules", pol2=AUTO_DELETE)


def refuses_to_delete(scene: Scene) -> None:
    enabled(scene)
    scene.card.fault = lambda command: 0x69E1 if command.ins == 0xE4 else None


def refuses_to_switch(scene: Scene) -> None:
    enabled(scene)
    scene.done(ES3, "DisableProfile")
    scene.card.fault = lambda command: 0x69E1 if command.ins == 0xE2 else None


def pol1(number: int) -> Callable[[PaperCard], None]:
    """POL1 of one profile wants it to go once it was disabled."""

    def deletes(card: PaperCard) -> None:
        aid = Aid.isd_p(number)
        if card.isd_ps.get(aid) is LifeCycle.DISABLED:
            del card.isd_ps[aid]
            card.memory += card.granted.pop(aid)

    return deletes


def rolls_back(card: PaperCard) -> None:
    """No switch lasts."""
    for aid in card.isd_ps:
        first = aid == Aid.isd_p(0x10)
        card.isd_ps[aid] = LifeCycle.ENABLED if first else LifeCycle.DISABLED


def by_itself(card: PaperCard) -> None:
    """Nothing."""


CASES: Final[dict[str, tuple[Any, Any, Key, dict[str, Any]]]] = {
    "create": (nothing, by_itself, (ES3, "CreateISDP"), {"required_memory": 0x100, "more_to_do": True}),
    "enable": (disabled, by_itself, (ES4, "EnableProfile"), {}),
    "enable by SM-DP": (of_two_operators, by_itself, (ES3, "EnableProfile"), {}),
    "enable, the former goes": (former_goes, by_itself, (ES3, "EnableProfile"), {}),
    "enable, POL1": (of_two_operators, pol1(0x10), (ES3, "EnableProfile"), {}),
    "enable, rolled back": (of_two_operators, rolls_back, (ES4, "EnableProfile"), {}),
    "enable, refused": (refuses_to_switch, by_itself, (ES4, "EnableProfile"), {}),
    "disable": (enabled, by_itself, (ES3, "DisableProfile"), {}),
    "disable, it goes": (enabled_and_goes, by_itself, (ES4, "DisableProfile"), {}),
    "disable, POL1": (enabled, pol1(0x11), (ES3, "DisableProfile"), {}),
    "delete": (disabled, by_itself, (ES3, "DeleteISDP"), {}),
    "delete enabled": (enabled, by_itself, (ES4, "DeleteProfile"), {}),
    "delete enabled, it goes": (enabled_and_goes, by_itself, (ES3, "DeleteISDP"), {}),
    "delete enabled, POL1": (enabled, pol1(0x11), (ES4, "DeleteProfile"), {}),
    "delete, refused": (refuses_to_delete, by_itself, (ES4, "DeleteProfile"), {}),
    "audit": (enabled, by_itself, (ES4, "AuditEIS"), {}),
}


def _world(arrange: Callable[[Scene], None], rules: Callable[[PaperCard], None]) -> World:
    scene = Scene()
    arrange(scene)
    scene.done(ES4A, "SetPLMA")
    scene.card.history.clear()
    return World(Kept.of(scene), scene.card, rules)


def _answer(response: Response) -> object:
    """An answer without words and times."""
    answer = replace(response, status=replace(response.status, message=""))
    eis = getattr(answer, "eis", None)
    return answer if eis is None else replace(answer, eis=replace(eis, last_audit=None))  # type: ignore[call-arg]


def _truth(world: World) -> Eis:
    """The EIS brought in step with the card by an audit."""
    world = world.copy()
    world.kept.open.remove(EID)
    assert run(world, (ES3, "AuditEIS")).status.is_success
    return _plain(world)


def _plain(world: World) -> Eis:
    eis = world.kept.eis.get(EID)
    assert eis is not None
    return replace(eis, audit_trail=(), last_audit=None)


def _records(world: World) -> list[tuple[int, object]]:
    eis = world.kept.eis.get(EID)
    assert eis is not None
    return [(each.operation, _code(each)) for each in eis.audit_trail]


def _code(record: AuditRecord) -> object:
    return record.status.code if record.status is not None else None


@pytest.mark.parametrize("case", CASES)
def test_one_that_was_interrupted_ends_like_one_that_was_not(case: str) -> None:
    _check(case, 1)


@pytest.mark.parametrize("case", CASES)
def test_one_that_was_interrupted_twice_does_too(case: str) -> None:
    _check(case, 2)


def _check(case: str, times: int) -> None:
    arrange, rules, key, values = CASES[case]
    world = _world(arrange, rules)
    whole = world.copy()
    wanted = run(whole, key, **values)
    interruptions = 0
    for ended in ends(world, key, left=times, **values):
        interruptions += 1
        after = ended.world.copy()
        answer = run(after, key, ended.interrupted, **values)
        at = f"{case}: interrupted at {ended.interrupted.name}"
        assert _answer(answer) == _answer(wanted), at
        assert after.card.isd_ps == whole.card.isd_ps, at
        if rules is not rolls_back:  # where nothing came of it, it is done again
            assert after.card.history == whole.card.history, at
        assert _plain(after) == _truth(after) == _truth(whole), at
        assert [each[:2] for each in after.kept.outbox.entries] == [each[:2] for each in whole.kept.outbox.entries], at
        assert _records(after) == _records(whole), at
        assert after.kept.open.get(EID) == whole.kept.open.get(EID), at
    assert interruptions >= 2


# --- SendData: a secure channel does not bear a repetition


@pytest.mark.parametrize("more_to_do", [True, False])
def test_data_are_sent_once_and_the_download_stays_its_owner_s(more_to_do: bool) -> None:
    world = _world(nothing, by_itself)
    assert run(world, (ES3, "CreateISDP"), more_to_do=True).status.is_success
    for ended in ends(world, (ES3, "SendData"), more_to_do=more_to_do):
        here = ended.world
        sent = len(here.card.tlvs)
        response = run(here, (ES3, "SendData"), ended.interrupted, more_to_do=more_to_do)
        assert (response.status.status, response.status.code) == (Status.FAILED, Code.NO_RESPONSE.pair)
        assert len(here.card.tlvs) == sent
        others: dict[str, Any] = {"requester": OTHER_DP, "iccid": ICCID_2}
        assert run(here, (ES3, "CreateISDP"), **others).status.code == Code.BUSY.pair
        assert run(here, (ES3, "DeleteISDP")).status.is_success
        assert run(here, (ES3, "CreateISDP"), **others).status.is_success


# --- thrown away


@pytest.mark.parametrize("carried_out", [True, False])
def test_what_was_thrown_away_hinders_nobody(carried_out: bool) -> None:
    """In the same process, too: the card is free again."""
    scene = Scene()
    scene.install()
    world = World(Kept.of(scene), scene.card)
    handlers = world.kept.handlers()
    row = ROWS[ES4, "EnableProfile"]
    procedure = handlers.run(row, request(row))
    step = next(procedure)
    if carried_out:
        world.perform(step)
    procedure.close()
    resumed = drive(
        handlers.run(row, request(row), Interrupted(step.name, step.note)), lambda step: world.perform(step)
    )
    assert resumed.status.is_success
    assert [command.ins for command in scene.card.commands].count(0xE2) == 1


def test_a_deletion_that_happened_is_not_asked_for_again() -> None:
    world = _world(disabled, by_itself)
    for ended in ends(world, (ES3, "DeleteISDP")):
        here = ended.world
        gone = not here.card.isd_ps
        here.card.commands.clear()
        assert run(here, (ES3, "DeleteISDP"), ended.interrupted).status.is_success
        assert [command.ins for command in here.card.commands].count(0xE4) == (not gone)


@pytest.mark.parametrize("owner", [SM_DP_OID, OTHER_DP])
def test_an_open_procedure_is_left_as_it_was(owner: Oid) -> None:
    """The owner's own, and one of somebody else whose time is over."""
    now = 0.0
    store = MemoryProcedureStore()
    procedures = Procedures(lambda: now, store)
    with procedures.step(EID, owner, ICCID, goes_on=True):
        pass
    before = store.get(EID)
    now += LEASE

    def step() -> Generator[None, None, None]:
        with procedures.step(EID, SM_DP_OID, ICCID):
            yield

    begun = step()
    next(begun)
    begun.close()
    assert store.get(EID) == before


def test_a_card_that_cannot_be_asked_is_not_told_anything_again() -> None:
    """Whatever became of the switch: it is not repeated before the card has said so."""
    world = _world(disabled, by_itself)
    for ended in ends(world, (ES4, "EnableProfile")):
        here = ended.world
        switches = [command.ins for command in here.card.commands].count(0xE2)
        here.card.fault = _dead
        response = run(here, (ES4, "EnableProfile"), ended.interrupted)
        assert response.status.code == Code.ISD_R_FAILED.pair
        assert _records(here)[-1] == (Operation.ENABLE, Code.ISD_R_FAILED.pair)
        assert [command.ins for command in here.card.commands].count(0xE2) == switches
        here.card.fault = lambda command: None
        assert _truth(here).enabled is not None or here.card.isd_ps == {Aid.isd_p(0x10): LifeCycle.DISABLED}


def _dead(command: CommandApdu) -> int:
    raise RemoteProtocolError("nobody is there")
