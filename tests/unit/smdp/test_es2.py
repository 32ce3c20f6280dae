# SPDX-License-Identifier: Apache-2.0
"""The functions of ES2 over a real SM-SR with a card of paper: who may do what, and every status that can come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from apdu.errors import RemoteProtocolError
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid, Eid, Iccid
from smdp.api import messages as es2
from smdp.errors import Unanswered
from smdp.profiles.store import StockState
from smsr.api.eis_parts import (
    Pol2Action,
    Pol2Qualification,
    Pol2Rule,
    ProfileInfo,
    ProfileState,
    SubscriptionAddress,
)
from smsr.api.functions import Exchange, Function
from smsr.api.grants import NotificationType, Onc, Plma, PlmaOperation
from smsr.api.messages import (
    CardResponse,
    CreateIsdpResponse,
    EisResponse,
    GetOncResponse,
    GetPlmaResponse,
    Request,
    Response,
)
from smsr.api.status import SUCCESS, Code, ExecutionStatus, Status, StatusCode, failed
from smsr.kit.oid import Oid
from tests.support.smdp import ES2, When, about, address, call, download, rules, said
from tests.support.smdp import SmDpBench as DpBench
from tests.unit.kit.world import EID, MNO_OID, SM_DP_OID, SM_SR_OID, VALIDITY, world
from tests.unit.smsr.bench import ICCID, ICCID_2, OTHER_MNO, Bench, make_eis

OTHER_CARD = Eid.create("8904903299")
NOBODY = Oid("1.3.6.1.4.1.99999.99")
PACKAGE = b"\xa0" * 2000
UNKNOWN = Iccid.from_string("8988211000000999999")
NO_DISABLING = Pol2Rule(Pol2Action.DISABLE, Pol2Qualification.NOT_ALLOWED)
NO_DELETING = Pol2Rule(Pol2Action.DELETE, Pol2Qualification.NOT_ALLOWED)


@dataclass
class World:
    """The SM-SR's side, and the SM-DP's."""

    sr: Bench
    dp: DpBench

    def profile(self, iccid: Iccid = ICCID, mno_id: Oid = MNO_OID, **changes: object) -> Aid:
        """A profile that is on the card, disabled, and known to both."""
        aid = self.sr.profile(iccid, **changes)
        if mno_id != MNO_OID:
            eis = self.sr.eis
            profiles = tuple(replace(each, mno_id=mno_id) if each.iccid == iccid else each for each in eis.profiles)
            self.sr.store.put(replace(eis, profiles=profiles))
        self.dp.stock(iccid, PACKAGE, mno_id=mno_id, state=StockState.DOWNLOADED, eid=EID, smsr_id=SM_SR_OID, isd_p=aid)
        return aid

    def known(self, iccid: Iccid = ICCID) -> ProfileInfo:
        """A profile as the SM-SR knows it."""
        found = self.sr.eis.find(iccid)
        assert found is not None
        return found


@pytest.fixture
def site() -> World:
    sr = Bench()
    sr.register()
    return World(sr, DpBench(sr.everybody, sr.smsr))


def _eis(requester: Oid = MNO_OID, eid: Eid = EID, smsr_id: Oid = SM_SR_OID) -> es2.GetEisRequest:
    return es2.GetEisRequest(call=call(requester), eid=eid, smsr_id=smsr_id)


def _audit(requester: Oid = MNO_OID, eid: Eid = EID, iccids: tuple[Iccid, ...] = ()) -> es2.AuditEisRequest:
    return es2.AuditEisRequest(call=call(requester), eid=eid, smsr_id=SM_SR_OID, iccids=iccids)


# --- GetEIS, AuditEIS


def test_cc_e2_01_an_operator_sees_its_own_profiles_only(site: World) -> None:
    site.profile()
    site.profile(ICCID_2, OTHER_MNO)
    for requester, iccid in ((MNO_OID, ICCID), (OTHER_MNO, ICCID_2)):
        response = site.dp.call("GetEIS", _eis(requester))
        assert isinstance(response, EisResponse)
        assert response.eis is not None
        assert [each.iccid for each in response.eis.profiles] == [iccid]
        assert response.eis.audit_trail == ()
        assert [each.keys for each in response.eis.isd_r.keysets] == [()]
    assert set(site.dp.service.names()) == {"GetEIS"}


def test_cc_e2_01_what_get_eis_refuses(site: World) -> None:
    assert site.dp.status("GetEIS", _eis(eid=OTHER_CARD)) == "FAILED 8.1.1/3.9"
    assert site.dp.status("GetEIS", _eis(smsr_id=NOBODY)) == "FAILED 8.7/3.9"
    assert site.dp.status("GetEIS", _eis(NOBODY)) == "FAILED 1.1/1.1"
    site.dp.service.fault = lambda function, request: EisResponse(status=SUCCESS, eis=make_eis(eid=OTHER_CARD))
    response = site.dp.call("GetEIS", _eis())
    assert isinstance(response, EisResponse)
    assert (said(response.status), response.eis) == ("FAILED 8.7/4.2", None)


def test_cc_e2_01_an_audit_shows_what_the_card_says_of_own_profiles(site: World) -> None:
    aid = site.profile()
    site.profile(ICCID_2, OTHER_MNO)
    site.sr.card.isd_ps[aid] = LifeCycle.ENABLED
    for iccids in ((), (ICCID,)):
        response = site.dp.call("AuditEIS", replace(_audit(iccids=iccids), call=call(identifier=f"a{len(iccids)}")))
        assert isinstance(response, EisResponse)
        assert response.eis is not None
        assert [(each.iccid, each.state) for each in response.eis.profiles] == [(ICCID, ProfileState.ENABLED)]
        assert response.eis.last_audit is not None


def test_cc_e2_01_what_an_audit_refuses(site: World) -> None:
    site.profile(ICCID_2, OTHER_MNO)
    assert site.dp.status("AuditEIS", _audit(iccids=(ICCID_2,))) == "FAILED 8.2.1/1.2"
    assert site.dp.status("AuditEIS", _audit(iccids=(UNKNOWN,))) == "FAILED 8.2.1/3.9"
    assert site.dp.status("AuditEIS", _audit(OTHER_MNO, OTHER_CARD, (ICCID_2,))) == "FAILED 8.2.1/3.4"
    assert site.dp.status("AuditEIS", _audit(eid=OTHER_CARD)) == "FAILED 8.1.1/3.9"
    assert site.dp.service.names() == ["AuditEIS"]


# --- DownloadProfile: what is refused before anything is on the card

REFUSED_DOWNLOADS = {
    "ICCID unknown to the SM-DP": ({"iccid": UNKNOWN}, "8.2.1/3.9"),
    "another operator's profile": ({"call": call(OTHER_MNO)}, "8.2.1/1.2"),
    "an operator that nobody knows": ({"call": call(NOBODY)}, "1.1/1.1"),
    "neither ICCID nor type": ({"iccid": None}, "8.2.1/2.3"),
    "a profile of another type": ({"profile_type": "car"}, "8.2.5/3.9"),
    "type unknown": ({"iccid": None, "profile_type": "car"}, "8.2.5/3.9"),
    "another operator's type": ({"iccid": None, "profile_type": "meter", "call": call(OTHER_MNO)}, "8.2.5/1.2"),
}


@pytest.mark.parametrize("case", REFUSED_DOWNLOADS)
def test_cc_e2_03_profiles_that_cannot_be_had(site: World, case: str) -> None:
    changes, code = REFUSED_DOWNLOADS[case]
    before = site.dp.stock(ICCID, PACKAGE)
    request = replace(download(EID, ICCID), **changes)  # type: ignore[arg-type]
    assert site.dp.status("DownloadProfile", request) == f"FAILED {code}"
    assert site.dp.profile(ICCID) == before
    assert site.dp.service.calls == []


def test_cc_e2_03_profiles_that_somebody_else_has(site: World) -> None:
    reserved = site.dp.stock(ICCID, PACKAGE, state=StockState.RESERVED, operation="another", eid=EID)
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == "FAILED 8.2.1/3.3"
    assert site.dp.status("DownloadProfile", download(EID, profile_type="meter")) == "FAILED 8.2.5/3.7"
    left = replace(reserved, operation="", eid=OTHER_CARD)
    assert site.dp.profiles.swap(reserved, left)
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == "FAILED 8.2.1/3.3"
    assert site.dp.profile(ICCID) == left


def test_cc_e2_03_a_profile_that_is_on_the_card(site: World) -> None:
    site.profile()
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == "FAILED 8.2.1/3.3"
    assert site.dp.profile(ICCID).state is StockState.DOWNLOADED


def test_cc_e2_03_an_iccid_that_the_sm_sr_knows_on_another_card(site: World) -> None:
    other = make_eis(eid=OTHER_CARD, profiles=(_elsewhere(ICCID),))
    site.sr.store.add(other)
    site.dp.stock(ICCID, PACKAGE)
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == "FAILED 8.2.1/3.3"
    assert site.dp.profile(ICCID).state is StockState.AVAILABLE


def _elsewhere(iccid: Iccid) -> ProfileInfo:
    return ProfileInfo(
        iccid=iccid, isd_p_aid=Aid.isd_p(0x10), mno_id=MNO_OID, smdp_id=SM_DP_OID, state=ProfileState.DISABLED
    )


@pytest.mark.parametrize(
    "changes, code", [({"eid": OTHER_CARD}, "8.1.1/3.9"), ({"smsr_id": NOBODY}, "8.7/3.9")], ids=["EID", "SM-SR"]
)
def test_cc_e2_04_who_is_not_known(site: World, changes: dict[str, object], code: str) -> None:
    before = site.dp.stock(ICCID, PACKAGE)
    request = replace(download(EID, ICCID), **changes)  # type: ignore[arg-type]
    assert site.dp.status("DownloadProfile", request) == f"FAILED {code}"
    assert site.dp.profile(ICCID) == before
    assert "CreateISDP" not in site.dp.service.names()


def _without_memory(site: World) -> None:
    site.sr.store.put(replace(site.sr.eis, remaining_memory=1999))


def _with_an_old_platform(site: World) -> None:
    old = replace(site.sr.eis.info.capabilities, remote_provisioning_version="1.0.0")
    site.sr.store.put(make_eis(capabilities=old))


def _of_another_eum(site: World) -> None:
    site.sr.store.put(make_eis(world("another")))


def _expired(site: World) -> None:
    site.dp.now = VALIDITY.end.timestamp() + 86400


NOT_ELIGIBLE: dict[str, tuple[Callable[[World], None], str]] = {
    "memory": (_without_memory, "8.1/4.8"),
    "capability": (_with_an_old_platform, "8.1/3.1"),
    "certificate": (_of_another_eum, "8.5.2/6.1"),
    "expired": (_expired, "8.5.2/6.3"),
}


@pytest.mark.parametrize("case", NOT_ELIGIBLE)
def test_cc_e2_05_a_card_that_is_not_eligible_is_left_alone(site: World, case: str) -> None:
    prepare, code = NOT_ELIGIBLE[case]
    before = site.dp.stock(ICCID, PACKAGE)
    prepare(site)
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == f"FAILED {code}"
    assert site.dp.service.names() == ["GetEIS"]
    assert site.sr.card.commands == []
    assert site.dp.profile(ICCID) == before


def test_cc_e2_05_the_card_has_less_memory_than_its_eis_says(site: World) -> None:
    site.dp.stock(ICCID, PACKAGE)
    site.sr.card.fault = lambda command: 0x6A84
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == "FAILED 8.1/4.8"
    assert site.dp.profile(ICCID).state is StockState.AVAILABLE


def test_cc_e2_02_a_card_that_cannot_carry_it_out(site: World) -> None:
    """8.4/4.2, whether the ISD-R or the ISD-P failed: the paper card makes no challenge."""
    site.dp.stock(ICCID, PACKAGE)
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == "FAILED 8.4/4.2"
    assert site.sr.card.isd_ps == {}
    site.sr.card.fault = lambda command: 0x6985 if command.ins == 0xE6 else None
    again = download(EID, ICCID, call=call(identifier="call-2"))
    assert site.dp.status("DownloadProfile", again) == "FAILED 8.4/4.2"
    assert site.dp.profile(ICCID).state is StockState.AVAILABLE


def test_cc_e2_02_an_sm_sr_that_does_not_say_which_isd_p(site: World) -> None:
    site.dp.stock(ICCID, PACKAGE)
    real = site.sr.smsr.call

    def silent(function: Function, request: Request) -> Response | None:
        if function.name != "CreateISDP":
            return None
        real(function, request)
        return CreateIsdpResponse(status=SUCCESS)

    site.dp.service.fault = silent
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == "FAILED 8.7/4.2"
    assert site.sr.card.isd_ps == {}
    assert site.dp.profile(ICCID).state is StockState.AVAILABLE


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("silent", ["GetEIS", "CreateISDP", "SendData"])
def test_an_sm_sr_that_does_not_answer(site: World, silent: str, delivered: bool) -> None:
    """What may be on the card is removed; the SM-DP says that it does not know."""
    site.dp.stock(ICCID, PACKAGE)
    error = Unanswered(f"ES3.{silent}", "no answer", delivered=delivered)

    def fault(function: Function, request: Request) -> Unanswered | None:
        return error if function.name == silent else None

    site.dp.service.fault = fault
    code = "1.6/5.4" if delivered else "8.7/5.1"
    assert site.dp.status("DownloadProfile", download(EID, ICCID)) == f"FAILED {code}"
    assert ("DeleteISDP" in site.dp.service.names()) == (silent != "GetEIS")
    assert site.dp.profile(ICCID).state is StockState.AVAILABLE


# --- EnableProfile, DisableProfile, DeleteProfile

PLATFORM = ("EnableProfile", "DisableProfile", "DeleteProfile")


def test_cc_e2_06_enable_disable_and_delete(site: World) -> None:
    first, second = site.profile(), site.profile(ICCID_2)
    site.sr.card.isd_ps[first], site.sr.card.fall_back = LifeCycle.ENABLED, first
    site.dp.call("AuditEIS", _audit())
    for number, name in enumerate(PLATFORM):
        request = about(EID, ICCID_2, call(identifier=f"call-{number + 2}"))
        response = site.dp.call(name, request)
        assert said(response.status) == "EXECUTED_SUCCESS", name
        enabled = second if name == "EnableProfile" else first
        assert [aid for aid, state in site.sr.card.isd_ps.items() if state is LifeCycle.ENABLED] == [enabled]
    assert site.sr.card.isd_ps == {first: LifeCycle.ENABLED}
    assert site.dp.profile(ICCID_2).state is StockState.AVAILABLE
    assert site.dp.profile(ICCID).state is StockState.DOWNLOADED


def _refused(site: World, name: str, code: str) -> None:
    before = dict(site.sr.card.isd_ps)
    assert site.dp.status(name, about(EID, ICCID)) == f"FAILED {code}"
    assert site.sr.card.isd_ps == before
    assert site.dp.profile(ICCID).state is StockState.DOWNLOADED


def _enabled(site: World, aid: Aid, fall_back: Aid | None = None) -> None:
    site.sr.card.isd_ps[aid], site.sr.card.fall_back = LifeCycle.ENABLED, fall_back
    site.dp.call("AuditEIS", replace(_audit(), call=call(identifier="before")))


def test_cc_e2_06_pol2_denies(site: World) -> None:
    aid = site.profile(pol2=(NO_DISABLING, NO_DELETING))
    _refused(site, "DeleteProfile", "8.2.3/3.8")
    other = site.profile(ICCID_2)
    _enabled(site, aid, fall_back=other)
    _refused(site, "DisableProfile", "8.2.3/3.8")
    request = about(EID, ICCID_2, call(identifier="call-9"))
    assert site.dp.status("EnableProfile", request) == "FAILED 8.2.3/3.8"


@pytest.mark.parametrize("name", PLATFORM)
def test_cc_e2_06_pol1_denies(site: World, name: str) -> None:
    aid = site.profile()
    other = site.profile(ICCID_2)
    if name == "DisableProfile":
        _enabled(site, aid, fall_back=other)
    site.sr.card.fault = lambda command: 0x69E1 if command.ins in (0xE2, 0xE4) else None
    _refused(site, name, "8.2.2/3.8")


@pytest.mark.parametrize("name", PLATFORM)
def test_cc_e2_06_the_card_does_not_carry_it_out(site: World, name: str) -> None:
    aid = site.profile()
    other = site.profile(ICCID_2)
    if name == "DisableProfile":
        _enabled(site, aid, fall_back=other)
    site.sr.card.fault = lambda command: 0x6A80 if command.ins in (0xE2, 0xE4) else None
    _refused(site, name, "8.4/4.2")


def test_cc_e2_06_the_fall_back_profile_stays_enabled(site: World) -> None:
    aid = site.profile()
    _enabled(site, aid, fall_back=aid)
    _refused(site, "DisableProfile", "8.1/3.8")


@pytest.mark.parametrize("name", [*PLATFORM, "SetFallBackAttribute", "SetEmergencyProfileAttribute"])
def test_cc_e2_06_whom_the_sm_dp_refuses(site: World, name: str) -> None:
    site.profile()
    site.dp.stock(ICCID_2, PACKAGE, state=StockState.RESERVED, operation="another", eid=EID)
    refused = {
        "FAILED 8.2.1/3.9": about(EID, UNKNOWN),
        "FAILED 8.2.1/3.4": about(OTHER_CARD, ICCID),
        "FAILED 8.2.1/1.2": about(EID, ICCID, call(OTHER_MNO)),
        "FAILED 1.1/1.1": about(EID, ICCID, call(NOBODY)),
        "FAILED 8.7/3.9": about(EID, ICCID, smsr_id=NOBODY),
        "FAILED 1.2/4.4": about(EID, ICCID_2),
    }
    assert {site.dp.status(name, request): request for request in refused.values()} == refused
    assert site.dp.service.calls == []


@pytest.mark.parametrize("name", PLATFORM)
def test_cc_e2_06_whom_the_sm_sr_refuses(site: World, name: str) -> None:
    site.dp.stock(ICCID, PACKAGE)  # on no card, as far as the SM-DP knows
    assert site.dp.status(name, about(EID, ICCID)) == "FAILED 8.2.1/3.9"
    assert site.dp.status(name, about(OTHER_CARD, ICCID, call(identifier="2"))) == "FAILED 8.1.1/3.9"


@pytest.mark.parametrize("name", ["SetFallBackAttribute", "SetEmergencyProfileAttribute"])
def test_cc_e2_06_attributes_are_routed_and_not_supported(site: World, name: str) -> None:
    site.profile()
    assert site.dp.status(name, about(EID, ICCID)) == "FAILED 1.6/3.1"
    assert site.dp.service.names() == [name]


def test_cc_e2_06_a_profile_that_is_not_on_the_card_any_more_is_available(site: World) -> None:
    """Somebody deleted it past the SM-DP; the operator is told, and may download it again."""
    site.profile()
    site.sr.store.put(replace(site.sr.eis, profiles=()))
    assert site.dp.status("DeleteProfile", about(EID, ICCID)) == "FAILED 8.2.1/3.9"
    assert site.dp.profile(ICCID).state is StockState.AVAILABLE


# --- UpdatePolicyRules, UpdateSubscriptionAddress


def test_cc_e2_07_rules_and_address_are_stored_at_the_sm_sr(site: World) -> None:
    site.profile()
    new = SubscriptionAddress(None, "15551234567")
    assert site.dp.status("UpdatePolicyRules", rules(EID, ICCID, (NO_DELETING,))) == "EXECUTED_SUCCESS"
    request = address(EID, ICCID, new_subscription_address=new, call=call(identifier="call-2"))
    assert site.dp.status("UpdateSubscriptionAddress", request) == "EXECUTED_SUCCESS"
    assert (site.known().pol2, site.known().subscription) == ((NO_DELETING,), new)
    none = rules(EID, ICCID, (), call=call(identifier="call-3"))
    assert site.dp.status("UpdatePolicyRules", none) == "EXECUTED_SUCCESS"
    assert site.known().pol2 == ()


@pytest.mark.parametrize("name", ["UpdatePolicyRules", "UpdateSubscriptionAddress"])
def test_cc_e2_07_what_is_refused(site: World, name: str) -> None:
    site.profile()
    site.dp.stock(ICCID_2, PACKAGE)

    def request(eid: Eid = EID, iccid: Iccid = ICCID, **changes: object) -> Request:
        if name == "UpdatePolicyRules":
            return rules(eid, iccid, (), **changes)
        return address(eid, iccid, **changes)

    refused = {
        "FAILED 8.2.1/3.9": request(iccid=UNKNOWN),
        "FAILED 8.2.1/1.2": request(call=call(OTHER_MNO)),
        "FAILED 8.2.1/3.4": request(eid=OTHER_CARD),
        "FAILED 8.7/3.9": request(smsr_id=NOBODY),
        "FAILED 8.1.1/3.9": request(eid=OTHER_CARD, iccid=ICCID_2),
    }
    assert {site.dp.status(name, each): each for each in refused.values()} == refused
    assert site.dp.status(name, request(iccid=ICCID_2, call=call(identifier="2"))) == "FAILED 8.2.1/3.9"


def test_cc_e2_07_rules_that_do_not_exist(site: World) -> None:
    site.profile()
    wrong = (Pol2Rule(Pol2Action.DELETE, Pol2Qualification.AUTO_DELETE),)
    assert site.dp.status("UpdatePolicyRules", rules(EID, ICCID, wrong)) == "FAILED 8.2.3/2.1"
    assert site.known().pol2 == ()


# --- PLMA and ONC


def test_grants_are_those_of_the_operator(site: World) -> None:
    own = Plma(mno_id=MNO_OID, m2m_sp_id=OTHER_MNO, profile_type="meter", operations=(PlmaOperation.GET_EIS,))
    request = es2.SetPlmaRequest(call=call(), plma=own, smsr_id=SM_SR_OID)
    assert site.dp.status("SetPLMA", request) == "EXECUTED_SUCCESS"
    foreign = replace(request, call=call(OTHER_MNO))
    assert site.dp.status("SetPLMA", foreign) == "FAILED 1.1/1.2"
    assert site.dp.status("SetPLMA", replace(request, smsr_id=NOBODY)) == "FAILED 8.7/3.9"
    for requester, found in ((MNO_OID, (own,)), (OTHER_MNO, ())):
        response = site.dp.call("GetPLMA", es2.GetPlmaRequest(call=call(requester), smsr_id=SM_SR_OID))
        assert isinstance(response, GetPlmaResponse)
        assert response.plma == found
    nowhere = es2.GetPlmaRequest(call=call(), smsr_id=NOBODY)
    assert site.dp.status("GetPLMA", nowhere) == "FAILED 8.7/3.9"


def test_configurations_are_those_of_the_operator(site: World) -> None:
    own = Onc(mno_id=MNO_OID, profile_type="meter", discarded=(NotificationType.PROFILE_ENABLED,))
    request = es2.SetOncRequest(call=call(), onc=own, smsr_id=SM_SR_OID)
    assert site.dp.status("SetONC", request) == "EXECUTED_SUCCESS"
    assert site.dp.status("SetONC", replace(request, call=call(OTHER_MNO))) == "FAILED 1.1/1.2"
    assert site.dp.status("SetONC", replace(request, smsr_id=NOBODY)) == "FAILED 8.7/3.9"
    for requester, found in ((MNO_OID, (own,)), (OTHER_MNO, ())):
        response = site.dp.call("GetONC", es2.GetOncRequest(call=call(requester), smsr_id=SM_SR_OID))
        assert isinstance(response, GetOncResponse)
        assert response.onc == found
    several = GetOncResponse(status=SUCCESS, onc=(own, replace(own, mno_id=OTHER_MNO)))
    site.dp.service.fault = lambda function, request: several
    response = site.dp.call("GetONC", es2.GetOncRequest(call=call(), smsr_id=SM_SR_OID))
    assert isinstance(response, GetOncResponse)
    assert response.onc == (own,)
    assert site.dp.status("GetONC", es2.GetOncRequest(call=call(NOBODY), smsr_id=SM_SR_OID)) == "FAILED 1.1/1.1"


# --- all of them

REQUESTS: dict[str, Request] = {
    "GetEIS": _eis(),
    "DownloadProfile": download(EID, ICCID),
    "UpdatePolicyRules": rules(EID, ICCID, ()),
    "UpdateSubscriptionAddress": address(EID, ICCID),
    **{name: about(EID, ICCID) for name in (*PLATFORM, "SetFallBackAttribute", "SetEmergencyProfileAttribute")},
    "AuditEIS": _audit(),
    "SetPLMA": es2.SetPlmaRequest(
        call=call(), plma=Plma(mno_id=MNO_OID, m2m_sp_id=OTHER_MNO, profile_type=""), smsr_id=SM_SR_OID
    ),
    "GetPLMA": es2.GetPlmaRequest(call=call(), smsr_id=SM_SR_OID),
    "SetONC": es2.SetOncRequest(call=call(), onc=Onc(mno_id=MNO_OID, profile_type=""), smsr_id=SM_SR_OID),
    "GetONC": es2.GetOncRequest(call=call(), smsr_id=SM_SR_OID),
}


def test_every_function_is_there() -> None:
    assert set(REQUESTS) == {name for name, row in ES2.items() if row.exchange is not Exchange.NOTIFICATION}


@pytest.mark.parametrize("name", [each for each in REQUESTS if each != "DownloadProfile"])
def test_a_relay_that_is_interrupted_is_repeated_as_the_same_call(site: World, name: str) -> None:
    """Also many times: the SM-SR sees one call, and the operator gets one answer."""
    wanted = {}
    for crashes in ({}, {0: When.BEFORE}, {0: When.AFTER}, {0: When.AFTER, 1: When.BEFORE, 2: When.AFTER}):
        sr = Bench()
        sr.register()
        other = World(sr, DpBench(sr.everybody, sr.smsr))
        other.profile()
        response = other.dp.call(name, REQUESTS[name], dict(crashes))
        assert len({identifier for _, identifier in other.dp.service.calls}) == 1
        wanted[str(crashes)] = said(response.status), other.known().state if other.sr.eis.profiles else None
    assert len(set(wanted.values())) == 1, wanted


@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_operation_has_the_same_calls(site: World, name: str) -> None:
    """Two SM-DPs, one identifier: what one began the other goes on with. Another operation has other calls."""
    calls = []
    for request in (REQUESTS[name], REQUESTS[name], replace(REQUESTS[name], call=call(identifier="another"))):
        sr = Bench()
        sr.register()
        dp = DpBench(sr.everybody, sr.smsr)
        dp.stock(ICCID, PACKAGE)
        dp.call(name, request)
        calls.append(dp.service.calls)
    assert calls[0] == calls[1]
    assert not set(calls[0]) & set(calls[2])


@pytest.mark.parametrize("name", [each for each in REQUESTS if hasattr(REQUESTS[each], "iccid")])
def test_cc_oc_05_the_profile_of_another_operator(site: World, name: str) -> None:
    site.profile()
    card, stock, eis = dict(site.sr.card.isd_ps), list(site.dp.profiles), site.sr.eis
    request = replace(REQUESTS[name], call=call(OTHER_MNO))
    assert site.dp.status(name, request) == "FAILED 8.2.1/1.2"
    assert (site.sr.card.isd_ps, list(site.dp.profiles), site.sr.eis) == (card, stock, eis)
    assert site.dp.service.calls == []


FROM_THE_SM_SR = {
    "1.1/1.1": "8.7/4.2",
    "1.1/1.2": "8.7/4.2",
    "1.3.1/2.1": "8.7/4.2",
    "1.6/3.3": "8.7/4.2",
    "8.3/4.2": "8.4/4.2",
    "8.3.1/3.9": "8.4/4.2",
    "8.8/3.9": "8.7/4.2",
    "1.2/4.4": "1.2/4.4",
    "1.6/3.1": "1.6/3.1",
    "1.6/5.3": "1.6/5.3",
    "1.6/5.4": "1.6/5.4",
    "8.1/3.8": "8.1/3.8",
    "8.2.1/3.4": "8.2.1/3.4",
    "8.2.2/3.8": "8.2.2/3.8",
    "8.4/4.2": "8.4/4.2",
    "8.6/1.2": "8.6/1.2",
}


@pytest.mark.parametrize("code", FROM_THE_SM_SR)
@pytest.mark.parametrize("name", REQUESTS)
def test_codes_of_the_sm_sr(site: World, name: str, code: str) -> None:
    """What it says of the SM-DP or of an ISD-P is not what the operator has asked about; all else comes through."""
    site.dp.stock(ICCID, PACKAGE)
    subject, _, reason = code.partition("/")
    answer = ExecutionStatus(Status.FAILED, StatusCode(subject, reason), "it", "why")

    def fault(function: Function, request: Request) -> Response:
        assert function.response is not None
        return function.response(status=answer)

    site.dp.service.fault = fault
    response = site.dp.call(name, REQUESTS[name])
    assert said(response.status) == f"FAILED {FROM_THE_SM_SR[code]}"
    assert "why" in response.status.message


def test_answers_without_a_code_and_of_another_kind(site: World) -> None:
    site.profile()
    site.dp.service.fault = lambda function, request: CardResponse(status=ExecutionStatus(Status.FAILED))
    assert site.dp.status("EnableProfile", about(EID, ICCID)) == "FAILED 8.7/4.2"
    site.dp.service.fault = lambda function, request: Response(status=SUCCESS)
    assert site.dp.status("EnableProfile", about(EID, ICCID)) == "FAILED 8.4/4.2"
    site.dp.service.fault = lambda function, request: RemoteProtocolError("nonsense")
    assert site.dp.status("EnableProfile", about(EID, ICCID)) == "FAILED 8.4/4.2"
    expired = replace(failed(Code.EXPIRED), status=Status.EXPIRED)
    site.dp.service.fault = lambda function, request: CardResponse(status=expired)
    assert site.dp.status("EnableProfile", about(EID, ICCID)) == "EXPIRED 1.6/5.3"


def test_the_period_of_validity_goes_with_a_relay_and_with_what_begins_a_download(site: World) -> None:
    site.profile()
    seen: list[tuple[str, int | None]] = []

    def watch(function: Function, request: Request) -> None:
        seen.append((function.name, request.call.validity_period))

    site.dp.service.fault = watch
    head = call(validity_period=60)
    site.dp.call("EnableProfile", about(EID, ICCID, head))
    site.dp.stock(ICCID_2, PACKAGE)
    site.dp.call("DownloadProfile", download(EID, ICCID_2, call=head))
    assert seen[0] == ("EnableProfile", 60)
    assert dict(seen[1:]) == {"GetEIS": None, "CreateISDP": 60, "SendData": None, "DeleteISDP": None}


def test_calls_without_an_identifier_are_each_new(site: World) -> None:
    site.profile()
    for _ in range(2):
        site.dp.call("UpdatePolicyRules", rules(EID, ICCID, (), call=call(identifier="")))
    assert len({identifier for _, identifier in site.dp.service.calls}) == 2
