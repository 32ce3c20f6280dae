# SPDX-License-Identifier: Apache-2.0
"""The SM-SR's functions: who may call them, in which state, and that the EIS says afterwards what the card is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from apdu.command.apdu import CommandApdu
from apdu.errors import RemoteProtocolError
from apdu.gp.codes import LifeCycle
from apdu.gp.install import InstallForPersonalization
from apdu.gp.sgp02 import DisableProfile, EnableProfile
from apdu.gp.store_data import StoreDataMode, Structure, store_data
from apdu.ids import Aid, Eid, Imsi
from apdu.script import ApduScript
from apdu.tlv.scan import dgi
from smsr.api.eis_parts import (
    Operation,
    Pol2Action,
    Pol2Qualification,
    Pol2Rule,
    ProfileInfo,
    ProfileState,
    SubscriptionAddress,
)
from smsr.api.messages import (
    AuditEisRequest,
    Call,
    CreateIsdpRequest,
    GetEisRequest,
    ProfileDownloadCompletedRequest,
    SendDataRequest,
)
from smsr.api.send_data import decode_responses, encode_commands
from smsr.api.status import Code, Status
from smsr.kit.oid import Oid
from smsr.procedures import LEASE
from tests.unit.kit.world import EID, EUM_OID, MNO_OID, SM_DP_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, MEMORY, OTHER_DP, OTHER_MNO, Bench, make_eis

LOST = RemoteProtocolError("no answer that could be believed")
UNKNOWN_EID = Eid.create("8904903299")


def _rule(action: Pol2Action, qualification: Pol2Qualification = Pol2Qualification.NOT_ALLOWED) -> tuple[Pol2Rule, ...]:
    return (Pol2Rule(action, qualification),)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.register()
    return made


# --- CreateISDP


def test_create_allocates_and_enters(bench: Bench) -> None:
    aid = bench.create(memory=0x1000)
    assert aid == Aid.isd_p(0x10)
    profile = bench.eis.find(ICCID)
    assert profile is not None
    assert (profile.state, profile.smdp_id, profile.mno_id) == (ProfileState.CREATED, SM_DP_OID, MNO_OID)
    assert (profile.allocated_memory, bench.eis.remaining_memory) == (0x1000, MEMORY - 0x1000)
    assert bench.card.isd_ps == {aid: LifeCycle.SELECTABLE}
    assert bench.eis.audit_trail[-1].operation == Operation.CREATE_ISDP


def test_next_isd_p_takes_the_lowest_free_aid(bench: Bench) -> None:
    bench.profile()
    assert bench.profile(ICCID_2) == Aid.isd_p(0x11)
    assert bench.smsr.delete_isdp(bench.request()).status.is_success
    assert bench.create() == Aid.isd_p(0x10)


def _create(bench: Bench, requester: Oid = SM_DP_OID, **changes: object) -> object:
    values: dict[str, object] = {"eid": EID, "iccid": ICCID, "mno_id": MNO_OID}
    request = CreateIsdpRequest(call=Call(requester), **{**values, **changes})  # type: ignore[arg-type]
    return bench.smsr.create_isdp(request).status.code


def test_create_that_is_refused_before_the_card(bench: Bench) -> None:
    assert _create(bench, Oid("1.2.3")) == Code.REQUESTER_UNKNOWN.pair
    assert _create(bench, MNO_OID) == Code.REQUESTER_NOT_ALLOWED.pair
    assert _create(bench, EUM_OID) == Code.REQUESTER_NOT_ALLOWED.pair
    assert _create(bench, eid=UNKNOWN_EID) == Code.EID_UNKNOWN.pair
    assert _create(bench, required_memory=MEMORY + 1) == Code.MEMORY.pair
    bench.profile()
    assert _create(bench) == Code.ICCID_IN_USE.pair
    bench.smsr.detach(EID)
    assert _create(bench, iccid=ICCID_2) == Code.ISD_R_FAILED.pair
    assert bench.eis.find(ICCID_2) is None


@pytest.mark.parametrize(
    "sw, code",
    [(0x6A84, Code.MEMORY), (0x6A80, Code.ISD_R_FAILED), (0x6581, Code.ISD_R_FAILED), (0x6F00, Code.ISD_R_FAILED)],
)
def test_create_that_the_card_refuses_leaves_nothing(bench: Bench, sw: int, code: Code) -> None:
    bench.card.fault = lambda command: sw
    assert _create(bench) == code.pair
    assert bench.eis.profiles == ()
    assert bench.eis.remaining_memory == MEMORY
    record = bench.eis.audit_trail[-1]
    assert record.status is not None
    assert f"{sw:04X}" in record.status.message
    bench.card.fault = lambda command: None
    assert _create(bench) is None  # and the procedure is over


def test_create_whose_answer_was_lost(bench: Bench) -> None:
    """The SM-SR looks instead of repeating: the ISD-P is there."""
    bench.card.fault = lambda command: LOST if command.ins == 0xE6 else None
    bench.create()
    assert len([command for command in bench.card.commands if command.ins == 0xE6]) == 1


def test_create_that_did_not_happen(bench: Bench) -> None:
    def fault(command: CommandApdu) -> RemoteProtocolError | None:
        if command.ins == 0xE6:
            raise RemoteProtocolError("gone before")
        return None

    bench.card.fault = fault
    assert _create(bench) == Code.ISD_R_FAILED.pair
    assert bench.eis.profiles == ()


# --- SendData


def _install(aid: Aid) -> CommandApdu:
    return InstallForPersonalization(application=aid).command()


def _store(tag: int, *, last: bool = False, first: int = 0) -> CommandApdu:
    mode = StoreDataMode(Structure.DGI, last=last, response=True)
    return store_data(dgi(tag, b"\x00"), mode, first=first)[0]


def _send(bench: Bench, data: bytes, sd_aid: Aid, requester: Oid = SM_DP_OID, eid: Eid = EID) -> tuple[object, bytes]:
    request = SendDataRequest(call=Call(requester), eid=eid, sd_aid=sd_aid, data=data, more_to_do=True)
    response = bench.smsr.send_data(request)
    return response.status.code, response.data


def test_commands_of_key_establishment_pass(bench: Bench) -> None:
    aid = bench.create()
    code, data = _send(bench, encode_commands((_install(aid), _store(0x3A01))), aid)
    assert (code, [each.sw for each in decode_responses(data)]) == (None, [0x9000, 0x9000])
    code, _ = _send(bench, encode_commands((_store(0x3A02, last=True, first=1),)), aid)
    assert code is None


def test_tlvs_pass_as_they_are(bench: Bench) -> None:
    aid = bench.create()
    assert _send(bench, bytes.fromhex("840100 8500 868180") + bytes(128), aid) == (None, b"\x86\x00" * 3)
    assert bench.card.tlvs == [bytes.fromhex("840100"), b"\x85\x00", bytes.fromhex("868180") + bytes(128)]


def test_card_error_comes_back_as_data(bench: Bench) -> None:
    aid = bench.create()
    bench.card.fault = lambda command: 0x6A80 if command.ins == 0xE2 else None
    code, data = _send(bench, encode_commands((_install(aid), _store(0x3A01))), aid)
    assert code == Code.ISD_P_FAILED.pair
    assert [each.sw for each in decode_responses(data)] == [0x9000, 0x6A80]


VICTIM = Aid.isd_p(0x10)
ATTACKS: list[tuple[str, Callable[[Aid], tuple[CommandApdu, ...]]]] = [
    ("enable through the ISD-R", lambda aid: store_data(EnableProfile(aid=VICTIM).encode(), StoreDataMode())),
    (
        "disable after INSTALL",
        lambda aid: (_install(aid), *store_data(DisableProfile(aid=VICTIM).encode(), StoreDataMode())),
    ),
    ("personalise another ISD-P", lambda aid: (_install(VICTIM), _store(0x3A01))),
    ("delete", lambda aid: (CommandApdu(0x80, 0xE4, 0, 0x40, b"\x4f\x10" + VICTIM, 256),)),
    ("install", lambda aid: (CommandApdu(0x80, 0xE6, 0x0C, 0, b"", 256),)),
    ("other class", lambda aid: (_install(aid)._replace(cla=0x84),)),
    ("read", lambda aid: (CommandApdu(0x80, 0xF2, 0x40, 2, b"\x4f\x00", 256),)),
    ("store data without INSTALL", lambda aid: (_store(0x3A01),)),
    ("no chain after its last block", lambda aid: (_install(aid), _store(0x3A01, last=True), _store(0x3A02))),
    ("wrong block number", lambda aid: (_install(aid), _store(0x3A01, first=1))),
    ("no data groupings", lambda aid: (_install(aid), CommandApdu(0x80, 0xE2, 0x10, 0, b"\x3a\x03", 256))),
    ("INSTALL that is none", lambda aid: (_install(aid)._replace(data=b"\x00"),)),
]


@pytest.mark.parametrize("make", [make for _, make in ATTACKS], ids=[name for name, _ in ATTACKS])
def test_an_sm_dp_reaches_nothing_but_its_isd_p(bench: Bench, make: Callable[[Aid], tuple[CommandApdu, ...]]) -> None:
    bench.profile(ICCID_2)
    aid = bench.create()
    before = len(bench.card.commands)
    code, data = _send(bench, encode_commands(make(aid)), aid)
    assert (code, data) == (Code.SD_NOT_ALLOWED.pair, b"")
    assert len(bench.card.commands) == before


@pytest.mark.parametrize("data", ["", "22", "2200", "220380E600", "5F00", "8400 22028000", "8601", "23029000"])
def test_data_that_are_none(bench: Bench, data: str) -> None:
    aid = bench.create()
    assert _send(bench, bytes.fromhex(data), aid) == (Code.SD_NOT_ALLOWED.pair, b"")


def test_who_may_send(bench: Bench) -> None:
    aid = bench.create()
    assert _send(bench, b"\x84\x00", Aid.isd_p(0x99))[0] == Code.SD_UNKNOWN.pair
    assert _send(bench, b"\x84\x00", aid, OTHER_DP)[0] == Code.SD_NOT_ALLOWED.pair
    assert _send(bench, b"\x84\x00", aid, MNO_OID)[0] == Code.REQUESTER_NOT_ALLOWED.pair
    assert _send(bench, b"\x84\x00", aid, eid=UNKNOWN_EID)[0] == Code.EID_UNKNOWN.pair


# --- one procedure per EID


def test_a_download_keeps_others_away(bench: Bench) -> None:
    aid = bench.create()
    assert _create(bench, OTHER_DP, iccid=ICCID_2) == Code.BUSY.pair
    assert _create(bench, iccid=ICCID_2) == Code.BUSY.pair
    assert _send(bench, b"\x84\x00", aid)[0] is None
    bench.now += LEASE
    assert _create(bench, OTHER_DP, iccid=ICCID_2) is None


def test_a_step_that_fails_keeps_the_procedure_for_its_owner(bench: Bench) -> None:
    aid = bench.create()
    bench.card.fault = lambda command: 0x6985
    _send(bench, encode_commands((_install(aid),)), aid)
    bench.card.fault = lambda command: None
    assert _create(bench, OTHER_DP, iccid=ICCID_2) == Code.BUSY.pair
    assert bench.smsr.delete_isdp(bench.request()).status.is_success
    assert _create(bench, OTHER_DP, iccid=ICCID_2) is None


def test_a_card_that_calls_back_finds_it_busy(bench: Bench) -> None:
    """Whatever happens while a step runs: nobody else gets at the card."""
    seen: list[object] = []

    def fault(command: CommandApdu) -> None:
        if command.ins == 0xE6:
            seen.append(_create(bench, iccid=ICCID_2))
            seen.append(bench.smsr.delete_isdp(bench.request()).status.code)

    bench.card.fault = fault
    bench.create()
    assert seen == [Code.BUSY.pair] * 2


def test_all_aids_in_use(bench: Bench) -> None:
    bench.profile()
    (one,) = bench.eis.profiles
    others = tuple(replace(one, isd_p_aid=Aid.isd_p(number)) for number in range(0x10, 0x10000))
    bench.store.put(replace(bench.eis, profiles=others))
    assert _create(bench, iccid=ICCID_2) == Code.MEMORY.pair


# --- ProfileDownloadCompleted


def test_completed(bench: Bench) -> None:
    address = SubscriptionAddress(Imsi("001010123456789"), "15551234")
    bench.profile(profile_type="test", subscription=address, pol2=_rule(Pol2Action.DELETE))
    profile = bench.eis.find(ICCID)
    assert profile is not None
    assert (profile.state, profile.profile_type, profile.subscription) == (ProfileState.DISABLED, "test", address)
    again = ProfileDownloadCompletedRequest(call=Call(SM_DP_OID), eid=EID, iccid=ICCID)
    assert bench.smsr.profile_download_completed(again).status.code == Code.WRONG_STATE.pair


def test_completed_with_rules_that_do_not_exist(bench: Bench) -> None:
    bench.create()
    rules = _rule(Pol2Action.ENABLE, Pol2Qualification.AUTO_DELETE)
    request = ProfileDownloadCompletedRequest(call=Call(SM_DP_OID), eid=EID, iccid=ICCID, pol2=rules)
    assert bench.smsr.profile_download_completed(request).status.code == Code.POL2_INVALID.pair
    twice = replace(request, pol2=_rule(Pol2Action.DELETE) * 2)
    assert bench.smsr.profile_download_completed(twice).status.code == Code.POL2_INVALID.pair


# --- enable


def test_enable_resets_and_audits(bench: Bench) -> None:
    first, second = bench.profile(), bench.profile(ICCID_2)
    assert bench.smsr.enable_profile(bench.request()).status.is_success
    assert bench.card.resets == 1
    assert bench.eis.last_audit is not None
    assert bench.smsr.enable_profile(bench.request(ICCID_2, MNO_OID)).status.is_success
    assert {profile.isd_p_aid: profile.state for profile in bench.eis.profiles} == {
        first: ProfileState.DISABLED,
        second: ProfileState.ENABLED,
    }
    assert [record.operation for record in bench.eis.audit_trail[-2:]] == [Operation.ENABLE] * 2


@pytest.mark.parametrize(
    "sw, code",
    [(0x6985, Code.WRONG_STATE), (0x69E1, Code.POL1), (0x6A88, Code.ICCID_UNKNOWN), (0x6A80, Code.ISD_R_FAILED)],
)
def test_enable_that_the_card_refuses(bench: Bench, sw: int, code: Code) -> None:
    bench.profile()
    bench.card.fault = lambda command: sw
    response = bench.smsr.enable_profile(bench.request())
    assert response.status.code == code.pair
    assert f"{sw:04X}" in response.status.message
    assert bench.card.resets == 0
    profile = bench.eis.find(ICCID)
    assert profile is not None
    assert profile.state is ProfileState.DISABLED


def test_enable_that_was_rolled_back(bench: Bench) -> None:
    """The card accepted, but after the reset the profile is not enabled: the EIS says what the card says."""
    aid = bench.profile()
    bench.card.reset = lambda: bench.card.isd_ps.update({aid: LifeCycle.DISABLED})  # type: ignore[method-assign]
    response = bench.smsr.enable_profile(bench.request())
    assert response.status.code == Code.ISD_R_FAILED.pair
    assert bench.eis.enabled is None


def test_enable_whose_answer_was_lost(bench: Bench) -> None:
    bench.profile()
    bench.card.fault = lambda command: LOST if command.ins == 0xE2 else None
    assert bench.smsr.enable_profile(bench.request()).status.is_success
    assert bench.eis.enabled is not None


def test_enable_that_never_arrived(bench: Bench) -> None:
    bench.profile()

    def fault(command: CommandApdu) -> None:
        if command.ins == 0xE2:
            raise RemoteProtocolError("gone before")

    bench.card.fault = fault
    assert bench.smsr.enable_profile(bench.request()).status.code == Code.ISD_R_FAILED.pair
    assert bench.eis.enabled is None


def test_who_may_enable_what(bench: Bench) -> None:
    bench.create()
    assert bench.smsr.enable_profile(bench.request()).status.code == Code.WRONG_STATE.pair
    assert bench.smsr.enable_profile(bench.request(ICCID_2)).status.code == Code.ICCID_UNKNOWN.pair
    assert bench.smsr.enable_profile(bench.request(requester=OTHER_MNO)).status.code == Code.PROFILE_NOT_ALLOWED.pair
    assert bench.smsr.enable_profile(bench.request(requester=EUM_OID)).status.code == Code.REQUESTER_NOT_ALLOWED.pair


# offcard.md 1.7, all rows that block
@pytest.mark.parametrize(
    "operation, rules_x, rules_y, code",
    [
        ("enable", _rule(Pol2Action.ENABLE), (), Code.POL2),
        ("enable", (), _rule(Pol2Action.DISABLE), Code.POL2),
        ("enable", _rule(Pol2Action.DISABLE), (), None),
        ("enable", (), _rule(Pol2Action.ENABLE), None),
        ("delete", _rule(Pol2Action.DELETE), (), Code.POL2),
        ("delete", _rule(Pol2Action.DISABLE), (), None),
    ],
)
def test_pol2(
    bench: Bench, operation: str, rules_x: tuple[Pol2Rule, ...], rules_y: tuple[Pol2Rule, ...], code: Code | None
) -> None:
    """Y is enabled, X is what the operation is about."""
    bench.profile(ICCID_2, pol2=rules_y)
    assert bench.smsr.enable_profile(bench.request(ICCID_2)).status.is_success is (
        Pol2Rule(Pol2Action.ENABLE, Pol2Qualification.NOT_ALLOWED) not in rules_y
    )
    bench.profile(pol2=rules_x)
    function = {"enable": bench.smsr.enable_profile, "delete": bench.smsr.delete_isdp}[operation]
    assert function(bench.request()).status.code == (code.pair if code else None)


def test_pol2_deletes_what_was_disabled(bench: Bench) -> None:
    bench.profile(ICCID_2, pol2=_rule(Pol2Action.DISABLE, Pol2Qualification.AUTO_DELETE))
    bench.profile()
    assert bench.smsr.enable_profile(bench.request(ICCID_2)).status.is_success
    assert bench.smsr.enable_profile(bench.request()).status.status is Status.EXECUTED_SUCCESS
    assert bench.eis.find(ICCID_2) is None
    assert len(bench.card.isd_ps) == 1


def test_a_deletion_that_fails_is_a_warning(bench: Bench) -> None:
    bench.profile(ICCID_2, pol2=_rule(Pol2Action.DISABLE, Pol2Qualification.AUTO_DELETE))
    bench.profile()
    assert bench.smsr.enable_profile(bench.request(ICCID_2)).status.is_success
    bench.card.fault = lambda command: 0x69E1 if command.ins == 0xE4 else None
    response = bench.smsr.enable_profile(bench.request())
    assert (response.status.status, response.status.code) == (Status.EXECUTED_WITHWARNING, Code.POL1.pair)
    assert bench.eis.find(ICCID_2) is not None
    assert bench.eis.audit_trail[-1].status == response.status


# --- disable and delete


def _with_fall_back(bench: Bench) -> None:
    """ICCID_2 is the fall-back profile, ICCID is enabled."""
    bench.card.fall_back = bench.profile(ICCID_2)
    bench.profile()
    assert bench.smsr.enable_profile(bench.request()).status.is_success


def test_disable_enables_the_fall_back_profile(bench: Bench) -> None:
    _with_fall_back(bench)
    assert bench.smsr.disable_profile(bench.request()).status.is_success
    enabled = bench.eis.enabled
    assert enabled is not None
    assert (enabled.iccid, enabled.fall_back) == (ICCID_2, True)
    assert bench.smsr.disable_profile(bench.request()).status.code == Code.WRONG_STATE.pair
    assert bench.smsr.disable_profile(bench.request(ICCID_2)).status.code == Code.EUICC_REFUSED.pair


def test_disable_that_is_not_allowed(bench: Bench) -> None:
    bench.profile(pol2=_rule(Pol2Action.DISABLE))
    assert bench.smsr.enable_profile(bench.request()).status.is_success
    assert bench.smsr.disable_profile(bench.request()).status.code == Code.POL2.pair
    assert bench.smsr.delete_isdp(bench.request()).status.code == Code.POL2.pair


@pytest.mark.parametrize("sw, code", [(0x6985, Code.EUICC_REFUSED), (0x69E1, Code.POL1)])
def test_disable_that_the_card_refuses(bench: Bench, sw: int, code: Code) -> None:
    _with_fall_back(bench)
    bench.card.fault = lambda command: sw
    assert bench.smsr.disable_profile(bench.request()).status.code == code.pair


def test_delete(bench: Bench) -> None:
    bench.profile()
    response = bench.smsr.delete_profile(bench.request(requester=MNO_OID))
    assert response.status.is_success
    assert (bench.eis.profiles, bench.card.isd_ps) == ((), {})
    assert bench.smsr.delete_isdp(bench.request()).status.code == Code.ICCID_UNKNOWN.pair


def test_delete_gives_memory_back(bench: Bench) -> None:
    bench.create(memory=0x1000)
    assert bench.smsr.delete_isdp(bench.request()).status.is_success
    assert bench.eis.remaining_memory == MEMORY


def test_delete_of_the_enabled_profile_disables_it_first(bench: Bench) -> None:
    _with_fall_back(bench)
    assert bench.smsr.delete_isdp(bench.request()).status.is_success
    assert [profile.iccid for profile in bench.eis.profiles] == [ICCID_2]
    assert bench.smsr.delete_isdp(bench.request(ICCID_2)).status.code == Code.EUICC_REFUSED.pair


@pytest.mark.parametrize("sw, code", [(0x6985, Code.EUICC_REFUSED), (0x69E1, Code.POL1), (0x6581, Code.ISD_R_FAILED)])
def test_delete_that_the_card_refuses(bench: Bench, sw: int, code: Code) -> None:
    bench.profile()
    bench.card.fault = lambda command: sw
    assert bench.smsr.delete_isdp(bench.request()).status.code == code.pair
    assert bench.eis.find(ICCID) is not None


@pytest.mark.parametrize("sw", [0x6A88, 0x6A82])
def test_delete_of_what_the_card_lost(bench: Bench, sw: int) -> None:
    """It is not there: that is what was wanted."""
    aid = bench.profile()
    del bench.card.isd_ps[aid]
    bench.card.fault = lambda command: sw if command.ins == 0xE4 else None
    assert bench.smsr.delete_isdp(bench.request()).status.is_success
    assert bench.eis.profiles == ()


def test_delete_whose_answer_was_lost(bench: Bench) -> None:
    bench.profile()
    bench.card.fault = lambda command: LOST if command.ins == 0xE4 else None
    assert bench.smsr.delete_isdp(bench.request()).status.is_success
    assert bench.eis.profiles == ()


# --- EIS: audit and views


def _audit(bench: Bench, requester: Oid = MNO_OID, **changes: object) -> object:
    return bench.smsr.audit_eis(AuditEisRequest(call=Call(requester), eid=EID, **changes))  # type: ignore[arg-type]


def test_audit_believes_the_card(bench: Bench) -> None:
    aid, gone = bench.profile(), bench.profile(ICCID_2)
    del bench.card.isd_ps[gone]
    bench.card.isd_ps[aid] = LifeCycle.ENABLED
    bench.card.fall_back = aid
    bench.card.memory = 12345
    response = bench.smsr.audit_eis(AuditEisRequest(call=Call(MNO_OID), eid=EID))
    assert response.status.is_success
    assert response.eis is not None
    (profile,) = response.eis.profiles
    assert (profile.state, profile.fall_back) == (ProfileState.ENABLED, True)
    assert (response.eis.remaining_memory, bench.eis.remaining_memory) == (12345, 12345)
    assert response.eis.last_audit is not None


def test_audit_asks_again_when_the_card_tells_of_a_switch_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, fall_back = bench.profile(), bench.profile(ICCID_2)
    bench.card.fall_back = fall_back
    assert bench.smsr.enable_profile(bench.request()).status.is_success
    run, audits = bench.card.run, 0

    def late(script: ApduScript[Any], name: str = "") -> Any:
        nonlocal audits
        audits += 1
        result = run(script, name)
        if audits == 1:  # the card falls back, and its notification overtakes the answer
            bench.card.isd_ps |= {first: LifeCycle.DISABLED, fall_back: LifeCycle.ENABLED}
            bench.store.put(replace(bench.eis, profiles=tuple(_turned(each) for each in bench.eis.profiles)))
        return result

    monkeypatch.setattr(bench.card, "run", late)
    assert bench.smsr.audit_eis(AuditEisRequest(call=Call(SM_DP_OID), eid=EID)).status.is_success
    assert {each.iccid: each.state for each in bench.eis.profiles} == {
        ICCID: ProfileState.DISABLED,
        ICCID_2: ProfileState.ENABLED,
    }
    assert audits == 2


def _turned(profile: ProfileInfo) -> ProfileInfo:
    enabled = profile.state is ProfileState.ENABLED
    return replace(profile, state=ProfileState.DISABLED if enabled else ProfileState.ENABLED)


def test_audit_of_another_card(bench: Bench) -> None:
    bench.card.certificate = bench.card.certificate[:-1] + b"\x00"
    response = bench.smsr.audit_eis(AuditEisRequest(call=Call(SM_DP_OID), eid=EID))
    assert response.status.code == Code.ECASD_CERTIFICATE.pair


def test_audit_of_a_download_under_way_leaves_it_created(bench: Bench) -> None:
    aid = bench.create()
    bench.card.isd_ps[aid] = LifeCycle.DISABLED
    bench.now += LEASE
    assert bench.smsr.audit_eis(AuditEisRequest(call=Call(SM_DP_OID), eid=EID)).status.is_success
    profile = bench.eis.find(ICCID)
    assert profile is not None
    assert profile.state is ProfileState.CREATED


def test_audit_of_some(bench: Bench) -> None:
    bench.profile()
    bench.profile(ICCID_2)
    response = bench.smsr.audit_eis(AuditEisRequest(call=Call(MNO_OID), eid=EID, iccids=(ICCID_2,)))
    assert response.eis is not None
    assert [profile.iccid for profile in response.eis.profiles] == [ICCID_2]
    foreign = AuditEisRequest(call=Call(OTHER_MNO), eid=EID, iccids=(ICCID_2,))
    assert bench.smsr.audit_eis(foreign).status.code == Code.PROFILES_NOT_ALLOWED.pair


@pytest.mark.parametrize(
    "requester, iccids, keys",
    [(SM_DP_OID, [ICCID], 1), (MNO_OID, [ICCID], 0), (OTHER_DP, [], 1)],
)
def test_views(bench: Bench, requester: Oid, iccids: list[object], keys: int) -> None:
    """offcard.md 4.8: own profiles only, no keys, no audit trail."""
    bench.profile()
    response = bench.smsr.get_eis(GetEisRequest(call=Call(requester), eid=EID))
    assert response.eis is not None
    eis = response.eis
    assert [profile.iccid for profile in eis.profiles] == iccids
    (keyset,) = eis.isd_r.keysets
    assert len(keyset.keys) == keys
    assert all(key.value is None for keyset in eis.isd_r.keysets for key in keyset.keys)
    assert (eis.audit_trail, eis.last_audit) == ((), None)
    assert bench.eis.isd_r.keysets[0].keys[0].value is not None


def test_views_are_for_partners(bench: Bench) -> None:
    assert bench.smsr.get_eis(GetEisRequest(call=Call(EUM_OID), eid=EID)).status.code == Code.REQUESTER_NOT_ALLOWED.pair
    unknown = GetEisRequest(call=Call(SM_DP_OID), eid=UNKNOWN_EID)
    assert bench.smsr.get_eis(unknown).status.code == Code.EID_UNKNOWN.pair


def test_an_eis_shows_no_key() -> None:
    assert "000102" not in repr(make_eis())
