# SPDX-License-Identifier: Apache-2.0
"""Who is told what: each function, each party (SGP.02 3.20, 3.21; offcard.md 1.3, 1.4)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Final

import pytest

from apdu.ids import Aid
from smsr.api.functions import Interface
from smsr.api.grants import NotificationType, PlmaOperation
from smsr.api.notifications import PlmaNotification, Pol2Notification, ProfileNotification, RelayedProfileNotification
from smsr.api.status import Code, Status
from smsr.kit.oid import Oid
from tests.unit.kit.world import EID, MNO_OID, NOW, SM_DP_OID
from tests.unit.smsr.bench import ABSENT_MNO, ICCID, ICCID_2, M2M_SP, OTHER_DP, OTHER_MNO
from tests.unit.smsr.scene import AUTO_DELETE, ES3, ES4, ES4A, FULL_GRANT, Scene, Told

ENABLED, DISABLED = NotificationType.PROFILE_ENABLED, NotificationType.PROFILE_DISABLED
DELETED, DOWNLOADED = NotificationType.PROFILE_DELETED, NotificationType.PROFILE_DOWNLOADED
POL2 = NotificationType.POL2_UPDATED

# --- profiles that are switched and deleted

EFFECTS: Final = {
    "EnableProfile": (ENABLED, DISABLED),
    "DisableProfile": (DISABLED, ENABLED),
    "Delete": (DELETED, ENABLED),
}
"""What happens to ICCID, which the function is about, and to ICCID_2, the fall-back profile of somebody else."""
ASKS: Final = {"operator": (ES4, MNO_OID), "SM-DP": (ES3, SM_DP_OID), "M2M SP": (ES4, M2M_SP)}
HEARS: Final[dict[tuple[str, Oid], tuple[Oid, Interface, Oid | None] | None]] = {
    ("operator", MNO_OID): None,
    ("SM-DP", MNO_OID): None,
    ("M2M SP", MNO_OID): (MNO_OID, ES4, None),
    ("SM-DP", ABSENT_MNO): None,
    ("M2M SP", ABSENT_MNO): (SM_DP_OID, ES3, ABSENT_MNO),
}
"""Who is told of ICCID for its operator, by who asked."""
HEARS_OF_OTHER: Final = {OTHER_MNO: (OTHER_MNO, ES4, None), ABSENT_MNO: (OTHER_DP, ES3, ABSENT_MNO)}


def _name(name: str, interface: Interface) -> str:
    return name if name != "Delete" else "DeleteISDP" if interface is ES3 else "DeleteProfile"


def _scene(owner: Oid, other: Oid, *, listened: bool, name: str) -> Scene:
    scene = Scene()
    scene.card.fall_back = scene.install(ICCID_2, mno=other, smdp=OTHER_DP, enabled=True)
    scene.install(mno=owner)
    if name != "EnableProfile":
        scene.done(ES3, "EnableProfile")
    scene.done(ES3, "AuditEIS")
    for operator, smdp in product({owner, other}, (SM_DP_OID, OTHER_DP)):
        grant = replace(FULL_GRANT, mno_id=operator)
        scene.done(ES3, "SetPLMA", smdp, plma=grant if listened else replace(grant, notifications=()))
    scene.told()
    return scene


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("who, owner", HEARS, ids=str)
@pytest.mark.parametrize("other", HEARS_OF_OTHER)
@pytest.mark.parametrize("listened", [True, False])
def test_what_is_done_to_profiles(name: str, who: str, owner: Oid, other: Oid, listened: bool) -> None:
    scene = _scene(owner, other, listened=listened, name=name)
    interface, requester = ASKS[who]
    scene.done(interface, _name(name, interface), requester)
    own, others = EFFECTS[name]
    expected: list[Told] = []
    hears = HEARS[who, owner]
    for hearer, kind, iccid in ((hears, own, ICCID), (HEARS_OF_OTHER[other], others, ICCID_2)):
        if hearer is not None:
            expected.append((hearer[0], hearer[1], kind, iccid, hearer[2]))
        if listened and requester != M2M_SP:
            expected.append((M2M_SP, ES4, kind, iccid, None))
    assert scene.told() == sorted(expected, key=str)


def test_an_operator_that_asks_knows_what_becomes_of_its_other_profile() -> None:
    scene = Scene()
    scene.two()
    scene.done(ES4, "DisableProfile")
    assert scene.told() == []


def test_an_sm_dp_hears_of_the_profile_that_went_off_for_another_operator() -> None:
    """The answer is for the operator that asked; the SM-DP has to tell the other one."""
    scene = Scene()
    scene.install(ICCID_2, mno=ABSENT_MNO, enabled=True)
    scene.install()
    scene.told()
    scene.done(ES3, "EnableProfile")
    assert scene.told() == [(SM_DP_OID, ES3, DISABLED, ICCID_2, ABSENT_MNO)]


@pytest.mark.parametrize("pol1", [True, False])
@pytest.mark.parametrize("name", ["EnableProfile", "DisableProfile"])
def test_a_profile_that_goes_when_it_is_disabled_was_deleted(name: str, pol1: bool) -> None:
    """By POL2 the SM-SR deletes it, by POL1 the card has when it comes back."""
    scene = Scene()
    rules = () if pol1 else AUTO_DELETE
    off, on = (ICCID_2, ICCID) if name == "EnableProfile" else (ICCID, ICCID_2)
    goes = scene.install(off, mno=OTHER_MNO, pol2=rules, enabled=True)
    aid = scene.install(on)
    if name == "DisableProfile":
        scene.card.fall_back = aid
        scene.done(ES3, "AuditEIS")
    if pol1:
        _auto_delete_by_pol1(scene, goes)
    scene.told()
    scene.done(ES3, name, iccid=ICCID)
    kind = (OTHER_MNO, ES4, DELETED, off, None)
    assert scene.told() == ([kind] if name == "EnableProfile" else [(MNO_OID, ES4, ENABLED, on, None)])
    assert scene.state(off) is None


def _auto_delete_by_pol1(scene: Scene, aid: Aid) -> None:
    def reset() -> None:
        scene.card.resets += 1
        scene.card.isd_ps.pop(aid, None)

    scene.card.reset = reset  # type: ignore[method-assign]


def test_a_deletion_that_fails_after_the_profile_was_disabled_is_told_to_all() -> None:
    """The answer says only that it failed, so the requester hears, too, what has happened."""
    scene = _scene(MNO_OID, OTHER_MNO, listened=True, name="Delete")
    scene.card.fault = lambda command: 0x69E1 if command.ins == 0xE4 else None
    response = scene.call(ES4, "DeleteProfile")
    assert (response.status.status, response.status.code) == (Status.FAILED, Code.POL1.pair)
    expected: list[Told] = [
        (MNO_OID, ES4, DISABLED, ICCID, None),
        (M2M_SP, ES4, DISABLED, ICCID, None),
        (OTHER_MNO, ES4, ENABLED, ICCID_2, None),
        (M2M_SP, ES4, ENABLED, ICCID_2, None),
    ]
    assert scene.told() == sorted(expected, key=str)


def test_a_profile_that_was_never_there_is_not_missed() -> None:
    scene = Scene()
    scene.create()
    scene.done(ES4A, "SetPLMA")
    scene.told()
    scene.done(ES3, "DeleteISDP")
    assert scene.told() == []


# --- downloads, rules, grants


def test_a_download_is_told_to_those_that_wanted_to_hear_of_it() -> None:
    scene = Scene()
    scene.done(ES4A, "SetPLMA")
    scene.told()
    scene.install()
    scene.install(ICCID_2, profile_type="car")
    assert scene.told() == [(M2M_SP, ES4, DOWNLOADED, ICCID, None)]


@pytest.mark.parametrize("interface", [ES3, ES4])
def test_new_rules_are_told_to_those_that_wanted_to_hear_of_them(interface: Interface) -> None:
    scene = Scene()
    scene.install()
    scene.done(ES4A, "SetPLMA")
    scene.told()
    scene.done(interface, "UpdatePolicyRules", pol2=AUTO_DELETE)
    (entry,) = scene.outbox.entries
    receiver, function, message = entry
    assert (receiver, function.interface, function.name) == (M2M_SP, ES4, POL2)
    assert isinstance(message, Pol2Notification)
    assert (message.iccid, message.pol2) == (ICCID, AUTO_DELETE)


@pytest.mark.parametrize("interface", [ES3, ES4A])
def test_a_grant_is_told_to_whom_it_was_made(interface: Interface) -> None:
    scene = Scene()
    scene.done(interface, "SetPLMA")
    (entry,) = scene.outbox.entries
    receiver, function, message = entry
    assert (receiver, function.interface, function.name) == (M2M_SP, ES4, NotificationType.PLMA_SETTING)
    assert isinstance(message, PlmaNotification)
    assert (message.plma, message.completion_timestamp.timestamp()) == (FULL_GRANT, NOW)


def test_who_is_no_partner_is_told_nothing() -> None:
    scene = Scene()
    stranger = Oid("1.2.3")
    scene.done(ES4A, "SetPLMA", plma=replace(FULL_GRANT, m2m_sp_id=stranger))
    scene.install(smdp=SM_DP_OID)
    scene.done(ES4, "EnableProfile")
    assert scene.told() == []


def test_an_operator_that_grants_itself_something_is_told_once() -> None:
    scene = Scene()
    scene.done(ES4A, "SetPLMA", plma=replace(FULL_GRANT, m2m_sp_id=MNO_OID))
    scene.done(ES4A, "SetPLMA", plma=replace(FULL_GRANT, operations=(PlmaOperation.ENABLE_PROFILE,), notifications=()))
    scene.install()
    scene.told()
    scene.done(ES4, "EnableProfile", M2M_SP)
    assert scene.told() == [(MNO_OID, ES4, ENABLED, ICCID, None)]


@pytest.mark.parametrize(
    "name, interface",
    [
        *product(("UpdateSubscriptionAddress", "GetEIS", "AuditEIS"), (ES3, ES4)),
        *product(("SetONC", "GetONC", "GetPLMA"), (ES3, ES4A)),
        ("SendData", ES3),
    ],
)
def test_these_are_told_to_nobody(name: str, interface: Interface) -> None:
    scene = Scene()
    scene.done(ES4A, "SetPLMA")
    scene.two()
    scene.done(interface, name)
    assert scene.told() == []


# --- what a message holds


def test_an_operator_is_told_which_profile_on_which_card_and_when() -> None:
    scene = Scene()
    scene.install(ICCID_2, mno=OTHER_MNO, enabled=True)
    scene.install(ICCID, mno=ABSENT_MNO)
    scene.told()
    scene.now += 5
    scene.done(ES3, "EnableProfile")
    ((_, _, message),) = scene.outbox.entries
    assert type(message) is ProfileNotification
    assert (message.eid, message.iccid) == (EID, ICCID_2)
    assert message.completion_timestamp.timestamp() == NOW + 5


def test_an_sm_dp_is_told_for_which_operator() -> None:
    scene = Scene()
    scene.install(ICCID_2, mno=ABSENT_MNO, smdp=OTHER_DP, enabled=True)
    scene.install()
    scene.told()
    scene.done(ES3, "EnableProfile")
    ((receiver, _, message),) = scene.outbox.entries
    assert type(message) is RelayedProfileNotification
    assert (receiver, message.mno_id, message.iccid) == (OTHER_DP, ABSENT_MNO, ICCID_2)
