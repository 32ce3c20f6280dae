# SPDX-License-Identifier: Apache-2.0
"""ES3, as an SM-DP sees it (rows CC-E3 of the checklists)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from apdu.command.apdu import CommandApdu
from apdu.errors import M2mError, RemoteProtocolError
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid, Iccid
from smsr.api.eis_parts import Operation, ProfileState
from smsr.api.messages import CreateIsdpRequest, SendDataRequest
from smsr.api.status import Code, Status
from smsr.cardsteps import CardStep
from smsr.context import Context, Identity
from smsr.handlers import Handlers
from tests.support.air import CALL, Air
from tests.support.air import EID as AIR_EID
from tests.unit.kit.world import MNO_OID, SM_DP_OID, SM_SR_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, MEMORY, OTHER_DP, PARTNERS
from tests.unit.smsr.scene import ADDRESS, ES3, ES4, ICCID_4, ROWS, TYPE, Scene, perform, request

LOST = RemoteProtocolError("no answer that could be believed")
INSTALL = 0xE6


# --- CC-E3-01


def _state_differs(scene: Scene) -> None:
    aid = scene.install()
    scene.card.isd_ps[aid] = LifeCycle.ENABLED


def _profile_is_gone(scene: Scene) -> None:
    del scene.card.isd_ps[scene.install()]


def _fall_back_differs(scene: Scene) -> None:
    scene.card.fall_back = scene.install()


def _memory_differs(scene: Scene) -> None:
    scene.install()
    scene.card.memory = 12345


@pytest.mark.parametrize("drift", [_state_differs, _profile_is_gone, _fall_back_differs, _memory_differs])
@pytest.mark.parametrize("interface", [ES3, ES4])
def test_cc_e3_01_an_audit_repairs_and_reports(drift: Callable[[Scene], None], interface: Any) -> None:
    scene = Scene()
    drift(scene)
    before = scene.done(interface, "GetEIS").eis
    audited = scene.done(interface, "AuditEIS").eis
    assert audited.last_audit is not None
    assert (audited.profiles, audited.remaining_memory) != (before.profiles, before.remaining_memory)
    assert audited.remaining_memory == scene.eis.remaining_memory == scene.card.memory
    assert audited.profiles == scene.eis.profiles
    assert {each.isd_p_aid: each.state is ProfileState.ENABLED for each in scene.eis.profiles} == {
        aid: state is LifeCycle.ENABLED for aid, state in scene.card.isd_ps.items()
    }
    assert [each.isd_p_aid for each in scene.eis.profiles if each.fall_back] == (
        [scene.card.fall_back] if scene.card.fall_back else []
    )
    assert scene.eis.audit_trail[-1].operation == Operation.AUDIT


# --- CC-E3-02 to 04


@pytest.mark.parametrize(
    "memory, iccid, code",
    [
        (0x1000, ICCID_2, None),
        (0, ICCID_2, None),
        (MEMORY, ICCID_2, Code.MEMORY),
        (0, ICCID, Code.ICCID_IN_USE),
    ],
)
def test_cc_e3_02_create_isdp(memory: int, iccid: Iccid, code: Code | None) -> None:
    scene = Scene()
    scene.install()
    free = scene.eis.remaining_memory
    response = scene.call(ES3, "CreateISDP", iccid=iccid, required_memory=memory)
    assert response.status.code == (code.pair if code else None)
    if code is None:
        assert response.isd_p_aid == Aid.isd_p(0x11)
        assert (scene.state(ICCID_2), scene.eis.remaining_memory) == (ProfileState.CREATED, free - memory)
        assert scene.card.granted[Aid.isd_p(0x11)] == memory
        (*_, record) = scene.eis.audit_trail
        assert (record.operation, record.isd_p_aid) == (Operation.CREATE_ISDP, response.isd_p_aid)
    else:
        assert (len(scene.card.isd_ps), scene.eis.remaining_memory) == (1, free)


@pytest.mark.parametrize("first_ends_first", [True, False])
@pytest.mark.parametrize("other", [SM_DP_OID, OTHER_DP])
def test_cc_e3_03_two_at_the_same_time(other: Any, first_ends_first: bool) -> None:
    """The second is told that the card is busy; later it has its turn."""
    scene = Scene()
    handlers = handlers_of(scene)
    row = ROWS[ES3, "CreateISDP"]
    first = handlers.run(row, request(row))
    step = next(first)
    second = handlers.run(row, request(row, other, iccid=ICCID_2))
    if first_ends_first:
        assert finish(scene, first, step).status.is_success
    status = finish(scene, second).status
    if first_ends_first:
        assert status.is_success
    else:
        assert status.code == Code.BUSY.pair
        assert finish(scene, first, step).status.is_success
        assert finish(scene, handlers.run(row, request(row, other, iccid=ICCID_2))).status.is_success
    assert [(each.iccid, each.isd_p_aid) for each in scene.eis.profiles] == [
        (ICCID, Aid.isd_p(0x10)),
        (ICCID_2, Aid.isd_p(0x11)),
    ]
    assert list(scene.card.isd_ps) == [Aid.isd_p(0x10), Aid.isd_p(0x11)]


def handlers_of(scene: Scene) -> Handlers:
    """A new set of handlers over what the scene keeps."""
    identity = Identity(oid=SM_SR_OID, partners=PARTNERS, verify_eum=_no_eum)
    return Handlers(Context(identity, scene.smsr.stores, lambda: scene.now))


def _no_eum(der: bytes, at: float) -> Any:
    raise AssertionError("no EUM here")


def finish(scene: Scene, procedure: Any, step: CardStep | None = None) -> Any:
    """Drive a procedure to its end."""
    try:
        step = step or next(procedure)
        while True:
            try:
                result = perform(scene.card, step)
            except M2mError as error:
                step = procedure.throw(error)
            else:
                step = procedure.send(result)
    except StopIteration as stop:
        return stop.value


def test_cc_e3_04_the_answer_is_lost_after_the_card_created_it() -> None:
    """The card is asked, the ISD-P is there: nothing is repeated."""
    scene = Scene()
    scene.card.fault = lambda command: LOST if command.ins == INSTALL else None
    response = scene.done(ES3, "CreateISDP", required_memory=0x100)
    assert response.isd_p_aid == Aid.isd_p(0x10)
    assert (scene.state(), scene.eis.remaining_memory) == (ProfileState.CREATED, MEMORY - 0x100)
    assert [command.ins for command in scene.card.commands].count(INSTALL) == 1


@pytest.mark.parametrize("created", [True, False])
def test_cc_e3_04_and_then_the_card_says_nothing_at_all(created: bool) -> None:
    """What the card holds is not known, so the entry stays; a retry finds out, and leaves neither orphan nor twin."""
    scene = Scene()
    arrived = iter((created,))

    def fault(command: CommandApdu) -> RemoteProtocolError:
        if next(arrived, False):
            return LOST
        raise LOST

    scene.card.fault = fault
    assert scene.call(ES3, "CreateISDP", required_memory=0x100).status.code == Code.ISD_R_FAILED.pair
    assert (scene.state(), len(scene.card.isd_ps)) == (ProfileState.IN_CREATION, int(created))
    shown = scene.done(ES3, "GetEIS").eis.find(ICCID)
    assert shown.state is ProfileState.CREATED
    scene.card.fault = lambda command: None
    assert scene.call(ES3, "CreateISDP", OTHER_DP, required_memory=0x100).status.code == Code.ICCID_IN_USE.pair
    assert scene.call(ES3, "CreateISDP", required_memory=0x101).status.code == Code.ICCID_IN_USE.pair
    assert scene.done(ES3, "CreateISDP", required_memory=0x100).isd_p_aid == Aid.isd_p(0x10)
    assert (scene.state(), list(scene.card.isd_ps)) == (ProfileState.CREATED, [Aid.isd_p(0x10)])
    assert scene.eis.remaining_memory == scene.card.memory == MEMORY - 0x100


def test_cc_e3_04_the_clean_up_of_what_may_be_there() -> None:
    scene = Scene()

    def fault(command: CommandApdu) -> None:
        raise LOST

    scene.card.fault = fault
    scene.call(ES3, "CreateISDP")
    scene.card.fault = lambda command: None
    scene.done(ES3, "DeleteISDP")
    assert (scene.state(), scene.eis.remaining_memory) == (None, MEMORY)
    scene.done(ES3, "CreateISDP")


# --- CC-E3-05 and 06


@pytest.mark.parametrize(
    "requester, aid, code",
    [
        (SM_DP_OID, Aid.isd_p(0x10), None),
        (SM_DP_OID, Aid.isd_p(0x11), Code.SD_NOT_ALLOWED),
        (OTHER_DP, Aid.isd_p(0x10), Code.SD_NOT_ALLOWED),
        (OTHER_DP, Aid.isd_p(0x11), None),
        (SM_DP_OID, Aid.isd_p(0x99), Code.SD_UNKNOWN),
        (MNO_OID, Aid.isd_p(0x10), Code.REQUESTER_NOT_ALLOWED),
    ],
)
def test_cc_e3_05_data_reach_the_own_isd_p_only(requester: Any, aid: Aid, code: Code | None) -> None:
    scene = Scene()
    scene.install()
    scene.install(ICCID_2, smdp=OTHER_DP)
    response = scene.call(ES3, "SendData", requester, sd_aid=aid)
    assert response.status.code == (code.pair if code else None)
    assert scene.card.tlvs == ([] if code else [b"\x84\x00"])


@pytest.fixture(scope="module")
def air() -> Air:
    """A card over the air with an empty ISD-P, of which the dispatcher chooses the bearer."""
    made = Air(way=None)
    made.settle()
    created = CreateIsdpRequest(call=CALL, eid=AIR_EID, iccid=ICCID_4, mno_id=MNO_OID, more_to_do=True)
    made.smsr.create_isdp(created).check("ES3.CreateISDP")
    return made


def _sent(air: Air, size: int, *, https: bool) -> tuple[Any, int]:
    """SendData of a TLV that no secure channel stands behind; what came of it, and how many short messages it took."""
    eis = air.eis
    low = tuple(keyset for keyset in eis.isd_r.keysets if https or keyset.version < 0x40)
    air.store.put(replace(eis, isd_r=replace(eis.isd_r, keysets=low)))
    before = air.sms.delivered
    data = b"\x86\x82" + size.to_bytes(2, "big") + bytes(size)
    sent = SendDataRequest(call=CALL, eid=AIR_EID, sd_aid=Aid.isd_p(0x11), data=data, more_to_do=True)
    response = air.smsr.send_data(sent)
    now = air.eis
    air.store.put(replace(now, isd_r=replace(now.isd_r, keysets=eis.isd_r.keysets)))
    return response, air.sms.delivered - before


@pytest.mark.parametrize("size", [300, 1000, 20_000])
def test_cc_e3_06_what_no_short_message_holds_goes_over_https(air: Air, size: int) -> None:
    response, _ = _sent(air, size, https=True)
    assert response.status.is_success, response.status
    assert response.data


def test_cc_e3_06_without_https_it_goes_in_several_short_messages_or_is_refused(air: Air) -> None:
    response, messages = _sent(air, 300, https=False)
    assert response.status.is_success, response.status
    assert (bool(response.data), messages > 1) == (True, True)
    response, messages = _sent(air, 20_000, https=False)
    assert (response.status.code, response.data) == (Code.ISD_R_FAILED.pair, b"")
    assert messages == 0
    assert "does not fit" in response.status.message


# --- CC-E3-07


def test_cc_e3_07_a_download_that_is_completed() -> None:
    scene = Scene()
    scene.create()
    scene.done(ES3, "ProfileDownloadCompleted", profile_type=TYPE, subscription=ADDRESS)
    profile = scene.eis.find(ICCID)
    assert profile is not None
    assert (profile.state, profile.profile_type, profile.subscription) == (ProfileState.DISABLED, TYPE, ADDRESS)
    assert scene.done(ES3, "CreateISDP", OTHER_DP, iccid=ICCID_2).status.is_success  # the procedure is over


def test_cc_e3_07_without_a_download() -> None:
    scene = Scene()
    assert scene.call(ES3, "ProfileDownloadCompleted").status.code == Code.ICCID_UNKNOWN.pair
    scene.install()
    before = scene.kept()
    again = scene.call(ES3, "ProfileDownloadCompleted", profile_type="another")
    assert again.status.code == Code.WRONG_STATE.pair
    assert scene.kept() == before


# --- CC-E3-08

PLATFORM = ("EnableProfile", "DisableProfile", "DeleteISDP")
OTHERS = ("UpdatePolicyRules", "UpdateSubscriptionAddress", "UpdateConnectivityParameters")
AFTER = {
    "EnableProfile": ProfileState.ENABLED,
    "DisableProfile": ProfileState.DISABLED,
    "DeleteISDP": None,
}


def _ready(name: str) -> Scene:
    scene = Scene()
    scene.two()
    if name not in ("DisableProfile", "DeleteISDP"):
        scene.done(ES3, "DisableProfile")
    return scene


@pytest.mark.parametrize("name", PLATFORM + OTHERS)
def test_cc_e3_08_allowed(name: str) -> None:
    scene = _ready(name)
    response = scene.call(ES3, name)
    if name == "UpdateConnectivityParameters":
        assert response.status.code == Code.NOT_SUPPORTED.pair
        return
    assert response.status.status is Status.EXECUTED_SUCCESS, response.status
    assert scene.state() == AFTER.get(name, ProfileState.DISABLED)
    profile = scene.eis.find(ICCID)
    if name == "UpdateSubscriptionAddress":
        assert profile is not None
        assert profile.subscription == ADDRESS


@pytest.mark.parametrize("name", PLATFORM + OTHERS)
def test_cc_e3_08_not_the_owner(name: str) -> None:
    scene = _ready(name)
    before = scene.kept()
    assert scene.call(ES3, name, OTHER_DP).status.code == Code.PROFILE_NOT_ALLOWED.pair
    assert scene.kept() == before


@pytest.mark.parametrize("name", PLATFORM + OTHERS)
def test_cc_e3_08_the_wrong_state(name: str) -> None:
    """A profile that is not there yet can be deleted; an enabled one is disabled first, which may fail."""
    scene = Scene()
    scene.install(ICCID_2, enabled=True)
    scene.done(ES3, "CreateISDP")
    if name == "DeleteISDP":
        assert scene.call(ES3, name, iccid=ICCID_2).status.code == Code.EUICC_REFUSED.pair  # nothing to fall back on
        assert scene.state(ICCID_2) is ProfileState.ENABLED
    elif name == "UpdateConnectivityParameters":
        assert scene.call(ES3, name).status.code == Code.WRONG_STATE.pair
    else:
        before = scene.kept()
        assert scene.call(ES3, name).status.code == Code.WRONG_STATE.pair
        assert scene.kept() == before
