# SPDX-License-Identifier: Apache-2.0
"""ES4 and ES4A, as operators and M2M SPs see them (rows CC-E4 and CC-OC-05 of the checklists)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from apdu.ids import Iccid
from smsr.api.eis_parts import Pol2Action, ProfileState
from smsr.api.functions import Interface
from smsr.api.grants import NotificationType, Onc, Plma, PlmaOperation
from smsr.api.status import Code, Status, StatusCode
from smsr.kit.oid import Oid
from tests.unit.kit.world import MNO_OID, SM_DP_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, M2M_SP, OTHER_DP, OTHER_MNO
from tests.unit.smsr.scene import (
    ADDRESS,
    AUTO_DELETE,
    ES3,
    ES4,
    ES4A,
    FULL_GRANT,
    ICCID_3,
    ICCID_4,
    ROWS,
    TYPE,
    Scene,
    request,
    rule,
)

# --- CC-E4-01


def test_cc_e4_01_get_eis() -> None:
    scene = Scene()
    scene.install()
    scene.install(ICCID_2, mno=OTHER_MNO)
    for requester, iccid in ((MNO_OID, ICCID), (OTHER_MNO, ICCID_2)):
        eis = scene.done(ES4, "GetEIS", requester).eis
        assert [each.iccid for each in eis.profiles] == [iccid]
        assert (eis.audit_trail, eis.last_audit) == ((), None)
        assert not any(keyset.keys for keyset in eis.isd_r.keysets)


def test_cc_e4_01_get_eis_by_another() -> None:
    scene = Scene()
    scene.install()
    response = scene.call(ES4, "GetEIS", OTHER_MNO)
    assert (response.status.code, response.eis) == (Code.EIS_NOT_ALLOWED.pair, None)


def test_cc_e4_01_audit_eis() -> None:
    scene = Scene()
    scene.install()
    scene.install(ICCID_2, mno=OTHER_MNO)
    eis = scene.done(ES4, "AuditEIS").eis
    assert [each.iccid for each in eis.profiles] == [ICCID]
    assert eis.last_audit is not None


@pytest.mark.parametrize("iccids, code", [((), Code.EIS_NOT_ALLOWED), ((ICCID,), Code.PROFILES_NOT_ALLOWED)])
def test_cc_e4_01_audit_eis_by_another(iccids: tuple[Iccid, ...], code: Code) -> None:
    scene = Scene()
    scene.install()
    asked = len(scene.card.commands)
    assert scene.call(ES4, "AuditEIS", OTHER_MNO, iccids=iccids).status.code == code.pair
    assert len(scene.card.commands) == asked


def test_an_audit_after_which_nothing_is_left_is_an_answer_too() -> None:
    scene = Scene()
    del scene.card.isd_ps[scene.install()]
    assert scene.done(ES4, "AuditEIS").eis.profiles == ()
    assert scene.call(ES4, "AuditEIS").status.code == Code.EIS_NOT_ALLOWED.pair


def test_cc_e4_01_update_policy_rules() -> None:
    scene = Scene()
    scene.install()
    scene.done(ES4, "UpdatePolicyRules", pol2=AUTO_DELETE)
    profile = scene.eis.find(ICCID)
    assert profile is not None
    assert profile.pol2 == AUTO_DELETE
    scene.done(ES4, "UpdatePolicyRules")
    assert scene.done(ES4, "GetEIS").eis.profiles[0].pol2 == ()


def test_cc_e4_01_update_subscription_address() -> None:
    scene = Scene()
    scene.install()
    scene.done(ES4, "UpdateSubscriptionAddress")
    assert scene.done(ES4, "GetEIS").eis.profiles[0].subscription == ADDRESS


@pytest.mark.parametrize(
    "name, code",
    [("UpdatePolicyRules", Code.PROFILE_NOT_ALLOWED), ("UpdateSubscriptionAddress", Code.ADDRESS_NOT_ALLOWED)],
)
def test_cc_e4_01_updates_by_another(name: str, code: Code) -> None:
    scene = Scene()
    scene.install()
    before = scene.kept()
    assert scene.call(ES4, name, OTHER_MNO).status.code == code.pair
    assert scene.kept() == before


# --- CC-E4-02


def test_cc_e4_02_enable() -> None:
    scene = Scene()
    scene.install(ICCID_2, enabled=True)
    scene.install()
    assert scene.done(ES4, "EnableProfile").status.status is Status.EXECUTED_SUCCESS
    assert (scene.state(), scene.state(ICCID_2)) == (ProfileState.ENABLED, ProfileState.DISABLED)


@pytest.mark.parametrize(
    "own, others",
    [(rule(Pol2Action.ENABLE), ()), ((), rule(Pol2Action.DISABLE))],
)
def test_cc_e4_02_pol2_forbids_it(own: Any, others: Any) -> None:
    scene = Scene()
    scene.install(ICCID_2, enabled=True, pol2=others)
    scene.install(pol2=own)
    assert scene.call(ES4, "EnableProfile").status.code == StatusCode("8.2.3", "3.8")
    assert scene.state() is ProfileState.DISABLED


@pytest.mark.parametrize("pol2", [(), rule(Pol2Action.DISABLE)])
def test_cc_e4_02_enabled_already(pol2: Any) -> None:
    """Its own rule against being disabled does not matter: nobody disables it."""
    scene = Scene()
    scene.install(enabled=True, pol2=pol2)
    assert scene.call(ES4, "EnableProfile").status.code == StatusCode("8.2.1", "3.5")


def test_cc_e4_02_unknown() -> None:
    scene = Scene()
    scene.install()
    assert scene.call(ES4, "EnableProfile", iccid=ICCID_2).status.code == StatusCode("8.2.1", "3.9")


# --- CC-E4-03


def test_cc_e4_03_disable() -> None:
    scene = Scene()
    scene.two()
    scene.done(ES4, "DisableProfile")
    assert (scene.state(), scene.state(ICCID_2)) == (ProfileState.DISABLED, ProfileState.ENABLED)


def test_cc_e4_03_disable_the_fall_back_profile() -> None:
    scene = Scene()
    scene.two()
    scene.done(ES4, "DisableProfile")
    assert scene.call(ES4, "DisableProfile", iccid=ICCID_2).status.code == Code.EUICC_REFUSED.pair
    assert scene.state(ICCID_2) is ProfileState.ENABLED


def test_cc_e4_03_disable_what_is_not_enabled() -> None:
    scene = Scene()
    scene.two()
    assert scene.call(ES4, "DisableProfile", iccid=ICCID_2).status.code == Code.WRONG_STATE.pair


def test_cc_e4_03_delete() -> None:
    scene = Scene()
    scene.install()
    free = scene.eis.remaining_memory
    scene.done(ES4, "DeleteProfile")
    assert (scene.state(), scene.card.isd_ps) == (None, {})
    assert scene.eis.remaining_memory == scene.card.memory == free + 0x100


@pytest.mark.parametrize("enabled", [True, False])
def test_cc_e4_03_delete_the_fall_back_profile(enabled: bool) -> None:
    scene = Scene()
    scene.two()
    if enabled:
        scene.done(ES4, "DisableProfile")
    asked = len(scene.card.commands)
    assert scene.call(ES4, "DeleteProfile", iccid=ICCID_2).status.code == Code.EUICC_REFUSED.pair
    assert len(scene.card.commands) == asked
    assert scene.state(ICCID_2) is not None


def test_cc_e4_03_delete_what_is_enabled() -> None:
    scene = Scene()
    scene.two()
    scene.done(ES4, "DeleteProfile")
    assert (scene.state(), scene.state(ICCID_2)) == (None, ProfileState.ENABLED)


def test_auto_delete_spares_the_fall_back_profile() -> None:
    scene = Scene()
    scene.card.fall_back = scene.install(ICCID_2, pol2=AUTO_DELETE, enabled=True)
    scene.done(ES4, "AuditEIS")
    scene.install()
    assert scene.done(ES4, "EnableProfile").status.status is Status.EXECUTED_SUCCESS
    assert scene.state(ICCID_2) is ProfileState.DISABLED
    assert not any(command.ins == 0xE4 for command in scene.card.commands)


# --- CC-E4-04

SIX = {
    PlmaOperation.GET_EIS: Code.EIS_NOT_ALLOWED,
    PlmaOperation.AUDIT_EIS: Code.EIS_NOT_ALLOWED,
    PlmaOperation.ENABLE_PROFILE: Code.PROFILE_NOT_ALLOWED,
    PlmaOperation.DISABLE_PROFILE: Code.PROFILE_NOT_ALLOWED,
    PlmaOperation.DELETE_PROFILE: Code.PROFILE_NOT_ALLOWED,
    PlmaOperation.UPDATE_SUBSCRIPTION_ADDRESS: Code.ADDRESS_NOT_ALLOWED,
}
"""What an M2M SP is answered without a grant."""


def _for(operation: PlmaOperation) -> Scene:
    scene = Scene()
    scene.two()
    if operation is PlmaOperation.ENABLE_PROFILE:
        scene.done(ES3, "DisableProfile")
    return scene


def _near_misses(operation: PlmaOperation) -> list[Plma]:
    """Grants of everything but this, to somebody else, by somebody else, and for profiles of other types."""
    others = tuple(each for each in PlmaOperation if each is not operation)
    return [
        replace(FULL_GRANT, operations=others),
        replace(FULL_GRANT, m2m_sp_id=OTHER_MNO),
        replace(FULL_GRANT, mno_id=OTHER_MNO),
        replace(FULL_GRANT, profile_type="another"),
        replace(FULL_GRANT, profile_type=""),
    ]


@pytest.mark.parametrize("operation, code", SIX.items())
def test_cc_e4_04_without_a_grant(operation: PlmaOperation, code: Code) -> None:
    scene = _for(operation)
    assert scene.call(ES4, operation, M2M_SP).status.code == code.pair
    for plma in _near_misses(operation):
        scene.done(ES4A, "SetPLMA", plma.mno_id, plma=plma)
        before = scene.kept()
        assert scene.call(ES4, operation, M2M_SP).status.code == code.pair, plma
        assert scene.kept() == before
        scene.done(ES4A, "SetPLMA", plma.mno_id, plma=replace(plma, operations=(), notifications=()))


@pytest.mark.parametrize("operation", SIX)
def test_cc_e4_04_exactly_what_is_granted(operation: PlmaOperation) -> None:
    scene = _for(operation)
    scene.install(ICCID_4, mno=OTHER_MNO)
    scene.done(ES4A, "SetPLMA", plma=replace(FULL_GRANT, operations=(operation,)))
    for other, code in SIX.items():
        if other is not operation:
            assert scene.call(ES4, other, M2M_SP).status.code == code.pair, other
    foreign = scene.call(ES4, operation, M2M_SP, **({} if operation in _WHOLE else {"iccid": ICCID_4}))
    if operation in _WHOLE:  # of the whole card, it shows those profiles only
        assert {each.mno_id for each in foreign.eis.profiles} == {MNO_OID}
    else:
        assert foreign.status.code == SIX[operation].pair
    assert scene.call(ES4, operation, M2M_SP).status.is_success
    taken_back = replace(FULL_GRANT, operations=(), notifications=())
    scene.done(ES4A, "SetPLMA", plma=taken_back)
    assert not scene.call(ES4, operation, M2M_SP).status.is_success


_WHOLE = (PlmaOperation.GET_EIS, PlmaOperation.AUDIT_EIS)


def test_rules_are_not_for_m2m_sps() -> None:
    scene = Scene()
    scene.install()
    scene.done(ES4A, "SetPLMA")
    assert scene.call(ES4, "UpdatePolicyRules", M2M_SP).status.code == Code.PROFILE_NOT_ALLOWED.pair


@pytest.mark.parametrize("name", ["SetFallBackAttribute", "SetEmergencyProfileAttribute"])
def test_what_is_not_supported_is_not_allowed_before(name: str) -> None:
    scene = Scene()
    scene.install()
    assert scene.call(ES4, name, M2M_SP).status.code == Code.PROFILE_NOT_ALLOWED.pair
    scene.done(ES4A, "SetPLMA")
    assert scene.call(ES4, name, M2M_SP).status.code == Code.NOT_SUPPORTED.pair


def test_rules_bind_m2m_sps_too() -> None:
    scene = Scene()
    scene.install(pol2=rule(Pol2Action.DELETE))
    scene.done(ES4A, "SetPLMA")
    assert scene.call(ES4, "DeleteProfile", M2M_SP).status.code == Code.POL2.pair


def test_cc_e4_04_what_an_sm_dp_sets_holds_for_its_own_profiles() -> None:
    """ICCID is a profile of SM_DP_OID: another SM-DP neither grants anything about it nor takes anything back."""
    scene = Scene()
    scene.two()
    nothing = replace(FULL_GRANT, operations=(), notifications=())

    def seen(interface: Interface = ES3, requester: Oid | None = None) -> tuple[Plma, ...]:
        found: tuple[Plma, ...] = scene.done(interface, "GetPLMA", requester).plma
        return found

    def allowed() -> bool:
        allowed: bool = scene.call(ES4, "GetEIS", M2M_SP).status.is_success
        heard = scene.done(ES3, "UpdatePolicyRules", pol2=()) and scene.told()
        assert ((M2M_SP, ES4, NotificationType.POL2_UPDATED, ICCID, None) in heard) == allowed
        return allowed

    assert not allowed()
    scene.done(ES3, "SetPLMA", OTHER_DP)
    assert not allowed()
    assert (seen(), seen(ES3, OTHER_DP), seen(ES4A)) == ((), (FULL_GRANT,), (FULL_GRANT,))
    scene.done(ES3, "SetPLMA", SM_DP_OID)
    assert allowed()
    scene.done(ES3, "SetPLMA", OTHER_DP, plma=nothing)
    assert allowed()
    assert (seen(), seen(ES3, OTHER_DP)) == ((FULL_GRANT,), (nothing,))
    scene.done(ES4A, "SetPLMA", plma=nothing)  # the operator itself: for all, whoever had set it
    assert not allowed()
    assert seen() == seen(ES3, OTHER_DP) == seen(ES4A) == (nothing,)
    scene.done(ES3, "SetPLMA", OTHER_DP)
    assert not allowed()
    scene.done(ES3, "SetPLMA", SM_DP_OID)  # the newer one
    assert allowed()
    scene.done(ES4A, "SetPLMA")
    scene.done(ES3, "SetPLMA", OTHER_DP, plma=nothing)
    assert allowed()


# --- CC-E4-05


def test_cc_e4_05_set_plma() -> None:
    scene = Scene()
    scene.done(ES4A, "SetPLMA")
    less = replace(FULL_GRANT, operations=(PlmaOperation.GET_EIS,))
    scene.done(ES4A, "SetPLMA", plma=less)
    assert scene.done(ES4A, "GetPLMA").plma == (less,)


def test_cc_e4_05_get_plma() -> None:
    scene = Scene()
    other_type = replace(FULL_GRANT, profile_type="car")
    to_another = replace(FULL_GRANT, m2m_sp_id=OTHER_MNO)
    of_another = replace(FULL_GRANT, mno_id=OTHER_MNO)
    for plma in (FULL_GRANT, other_type, to_another, of_another):
        scene.done(ES4A, "SetPLMA", plma.mno_id, plma=plma)

    def asked(interface: Interface, requester: Oid, **values: Any) -> set[Plma]:
        return set(scene.done(interface, "GetPLMA", requester, **values).plma)

    assert asked(ES4A, MNO_OID) == {FULL_GRANT, other_type, to_another}
    assert asked(ES4A, MNO_OID, profile_type="car") == {other_type}
    assert asked(ES4A, MNO_OID, m2m_sp_id=OTHER_MNO) == {to_another}
    assert asked(ES4A, MNO_OID, m2m_sp_id=OTHER_MNO, profile_type="car") == set()
    assert asked(ES4A, OTHER_MNO) == {of_another, to_another}
    assert asked(ES4, M2M_SP) == {FULL_GRANT, other_type, of_another}


def test_cc_e4_05_set_onc_and_get_onc() -> None:
    scene = Scene()
    first = Onc(mno_id=MNO_OID, profile_type=TYPE, discarded=(NotificationType.PROFILE_ENABLED,))
    second = replace(first, profile_type="car")
    assert scene.done(ES4A, "GetONC").onc == ()
    for onc in (second, replace(first, discarded=()), first):
        scene.done(ES4A, "SetONC", onc=onc)
    assert set(scene.done(ES4A, "GetONC").onc) == {first, second}
    assert scene.done(ES4A, "GetONC", profile_type="car").onc == (second,)
    assert scene.done(ES4A, "GetONC", OTHER_MNO).onc == ()
    assert set(scene.done(ES3, "GetONC").onc) == {first, second}
    assert scene.done(ES3, "GetONC", mno_id=OTHER_MNO).onc == ()


def test_cc_e4_05_nothing_is_muted_by_default() -> None:
    scene = Scene()
    scene.two(mno=OTHER_MNO)
    scene.done(ES3, "DisableProfile")
    assert scene.told() == [(MNO_OID, ES4, NotificationType.PROFILE_ENABLED, ICCID_2, None)]


@pytest.mark.parametrize(
    "onc, muted",
    [
        (Onc(mno_id=MNO_OID, profile_type=TYPE, discarded=(NotificationType.PROFILE_ENABLED,)), True),
        (Onc(mno_id=MNO_OID, profile_type=TYPE, discarded=tuple(NotificationType)), True),
        (Onc(mno_id=MNO_OID, profile_type=TYPE, discarded=(NotificationType.PROFILE_DISABLED,)), False),
        (Onc(mno_id=MNO_OID, profile_type="car", discarded=tuple(NotificationType)), False),
        (Onc(mno_id=OTHER_MNO, profile_type=TYPE, discarded=tuple(NotificationType)), False),
        (Onc(mno_id=MNO_OID, profile_type=TYPE), False),
    ],
)
def test_cc_e4_05_a_configuration_mutes_what_it_says(onc: Onc, muted: bool) -> None:
    """Only the operator's own notifications: an M2M SP hears what it was granted."""
    scene = Scene()
    scene.done(ES4A, "SetPLMA")
    scene.done(ES4A, "SetONC", onc.mno_id, onc=onc)
    scene.two(mno=OTHER_MNO)
    scene.done(ES3, "DisableProfile")
    kind = NotificationType.PROFILE_ENABLED
    expected = [] if muted else [(MNO_OID, ES4, kind, ICCID_2, None)]
    assert scene.told() == sorted([*expected, (M2M_SP, ES4, kind, ICCID_2, None)], key=str)


@pytest.mark.parametrize(
    "who, interface, muted", [(MNO_OID, ES4A, True), (SM_DP_OID, ES3, True), (OTHER_DP, ES3, False)]
)
def test_cc_e4_05_a_configuration_by_way_of_an_sm_dp(who: Oid, interface: Interface, muted: bool) -> None:
    """It mutes what concerns profiles of that SM-DP, and the operator's own mutes all."""
    scene = Scene()
    scene.done(interface, "SetONC", who)
    assert len(scene.done(ES3, "GetONC").onc) == muted
    assert len(scene.done(ES4A, "GetONC").onc) == 1
    scene.two(mno=OTHER_MNO)
    scene.done(ES3, "DisableProfile")
    told = (MNO_OID, ES4, NotificationType.PROFILE_ENABLED, ICCID_2, None)
    assert scene.told() == ([] if muted else [told])


def test_cc_e4_05_only_the_operator_itself() -> None:
    scene = Scene()
    before = scene.kept()
    assert scene.call(ES4A, "SetPLMA", OTHER_MNO).status.code == Code.REQUESTER_NOT_ALLOWED.pair
    assert scene.call(ES4A, "SetONC", OTHER_MNO).status.code == Code.REQUESTER_NOT_ALLOWED.pair
    assert scene.kept() == before


# --- CC-OC-05

WITH_PROFILE = [key for key, row in ROWS.items() if "iccid" in row.request.__dataclass_fields__]


@pytest.mark.parametrize("key", WITH_PROFILE, ids=lambda key: ".".join(key))
def test_cc_oc_05_the_profile_of_another(key: tuple[Interface, str]) -> None:
    scene = Scene()
    scene.two()
    before = scene.kept()
    response = scene.call(*key, OTHER_DP if key[0] is ES3 else OTHER_MNO)
    if key == (ES3, "CreateISDP"):
        assert response.status.code == Code.ICCID_IN_USE.pair
    else:
        assert response.status.code in (Code.PROFILE_NOT_ALLOWED.pair, Code.ADDRESS_NOT_ALLOWED.pair)
    assert scene.kept() == before


@pytest.mark.parametrize("key", [key for key in WITH_PROFILE if key[1] != "CreateISDP"], ids=lambda key: ".".join(key))
def test_cc_oc_05_on_another_card_it_is_like_unknown(key: tuple[Interface, str]) -> None:
    """Who may not manage a profile does not learn that it exists elsewhere."""
    scene = Scene()
    scene.second_card()
    row, requester = ROWS[key], OTHER_DP if key[0] is ES3 else OTHER_MNO
    elsewhere = scene.smsr.call(row, request(row, requester, iccid=ICCID_3))
    nowhere = scene.smsr.call(row, request(row, requester, iccid=ICCID_4))
    assert elsewhere.status.code == nowhere.status.code == Code.ICCID_UNKNOWN.pair
    assert elsewhere.status.message.replace(elsewhere.status.subject_identifier, "") == nowhere.status.message.replace(
        nowhere.status.subject_identifier, ""
    )


@pytest.mark.parametrize("key", ROWS, ids=lambda key: ".".join(key))
def test_cc_oc_05_who_has_no_role_here(key: tuple[Interface, str]) -> None:
    scene = Scene()
    scene.two()
    before = scene.kept()
    assert scene.call(*key, Oid("1.2.3")).status.code == Code.REQUESTER_UNKNOWN.pair
    wrong = MNO_OID if key[0] is not ES4 and key[0] is not ES4A else SM_DP_OID
    assert scene.call(*key, wrong).status.code == Code.REQUESTER_NOT_ALLOWED.pair
    assert scene.kept() == before
