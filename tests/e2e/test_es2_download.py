# SPDX-License-Identifier: Apache-2.0
"""ES2.DownloadProfile from the stock of an SM-DP to a real card, whole and interrupted (SGP.02 v4.2 3.1, 5.3.2)."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from apdu.gp.codes import ISD_P_KVN
from apdu.ids import Eid, Iccid
from smdp.api.messages import DownloadProfileResponse
from smdp.es3 import Pause
from smdp.profiles.store import StockState
from smsr.api.eis_parts import ProfileState
from smsr.api.functions import Function
from smsr.api.messages import CardResponse, EisResponse, GetEisRequest, Request, Response
from smsr.api.status import SUCCESS, Code, failed
from tests.e2e.world import EID
from tests.scale import count
from tests.support.download import Site, prepared
from tests.support.smdp import When, about, call, download, said
from tests.unit.kit.world import MNO_OID, NOW, SM_SR_OID
from tools.pki import signed_eis

FIRST, SECOND = prepared(1).iccid, prepared(2).iccid


@pytest.fixture
def site() -> Site:
    return Site()


def _installed(site: Site, iccid: Iccid = FIRST, state: ProfileState = ProfileState.DISABLED) -> None:
    """Exactly this profile is on the card, and everybody says so."""
    (profile,) = site.found()
    assert (profile.iccid, profile.state, profile.profile_type) == (iccid, state, "meter")
    assert profile.subscription == prepared(1 if iccid == FIRST else 2).subscription
    stock = site.dp.profile(iccid)
    assert (stock.state, stock.operation, stock.eid) == (StockState.DOWNLOADED, "", EID)
    assert (stock.smsr_id, stock.isd_p) == (SM_SR_OID, profile.isd_p_aid)
    assert site.dp.keys.get(EID, profile.isd_p_aid, ISD_P_KVN) is not None


def _nothing(site: Site, iccid: Iccid = FIRST) -> None:
    assert site.found() == ()
    assert site.dp.profile(iccid).state is StockState.AVAILABLE


# --- nominal


def test_cc_e2_02_a_profile_by_its_iccid(site: Site) -> None:
    response = site.dp.call("DownloadProfile", download(EID, FIRST))
    assert isinstance(response, DownloadProfileResponse)
    assert (said(response.status), response.iccid) == ("EXECUTED_SUCCESS", FIRST)
    _installed(site)
    names = site.dp.service.names()
    assert names[:2] == ["GetEIS", "CreateISDP"]
    assert set(names[2:-1]) == {"SendData"}
    assert names[-1] == "ProfileDownloadCompleted"


def test_cc_e2_02_any_profile_of_a_type(site: Site) -> None:
    response = site.dp.call("DownloadProfile", download(EID, profile_type="meter"))
    assert isinstance(response, DownloadProfileResponse)
    assert response.iccid == FIRST
    _installed(site)
    assert site.dp.profile(SECOND).state is StockState.AVAILABLE


def test_cc_e2_02_enabled_after_the_download(site: Site) -> None:
    assert site.dp.status("DownloadProfile", download(EID, FIRST, enable_profile=True)) == "EXECUTED_SUCCESS"
    _installed(site, state=ProfileState.ENABLED)
    assert site.dp.service.names()[-1] == "EnableProfile"


def test_cc_e2_02_a_profile_that_could_not_be_enabled_is_a_warning(site: Site) -> None:
    def refuse(function: Function, request: Request) -> Response | None:
        return CardResponse(status=failed(Code.POL2)) if function.name == "EnableProfile" else None

    site.dp.service.fault = refuse
    request = download(EID, FIRST, enable_profile=True)
    assert site.dp.status("DownloadProfile", request) == "EXECUTED_WITHWARNING 8.2.3/3.8"
    _installed(site)


def test_cc_e2_02_notes_hold_what_recovery_needs_and_no_secret(site: Site) -> None:
    site.dp.call("DownloadProfile", download(EID, FIRST))
    isd_p = site.found()[0].isd_p_aid
    keys = site.dp.keys.get(EID, isd_p, ISD_P_KVN)
    assert keys is not None
    texts = [value for step in site.dp.steps for value in step.note.values()]
    for secret in (keys.enc.reveal(), keys.mac.reveal(), keys.dek.reveal(), bytes((1,)) * 16):
        assert not any(secret.hex() in text.lower() for text in texts)
    assert all(step.note["iccid"] == str(FIRST) for step in site.dp.steps)
    assert {step.note.get("isd_p") for step in site.dp.steps[2:]} == {isd_p.hex()}


# --- what stands in the way


def test_cc_e2_03_a_profile_that_is_installed_is_not_installed_again(site: Site) -> None:
    site.dp.call("DownloadProfile", download(EID, FIRST))
    again = download(EID, FIRST, call=call(identifier="call-2"))
    assert site.dp.status("DownloadProfile", again) == "FAILED 8.2.1/3.3"
    _installed(site)


def test_cc_e2_03_a_profile_on_the_card_that_the_stock_does_not_know_of(site: Site) -> None:
    """The SM-DP's process, or its memory of the answer, was lost after the profile was complete."""
    site.dp.call("DownloadProfile", download(EID, FIRST))
    stock = site.dp.profile(FIRST)
    assert site.dp.profiles.swap(stock, replace(stock, state=StockState.RESERVED, isd_p=None, since=None))
    again = download(EID, FIRST, call=call(identifier="call-2"))
    assert site.dp.status("DownloadProfile", again) == "FAILED 8.2.1/3.3"
    _installed(site)


def test_cc_e2_03_a_profile_that_was_deleted_can_be_downloaded_again(site: Site) -> None:
    site.dp.call("DownloadProfile", download(EID, FIRST))
    assert site.dp.status("DeleteProfile", about(EID, FIRST, call(identifier="call-2"))) == "EXECUTED_SUCCESS"
    _nothing(site)
    again = download(EID, FIRST, call=call(identifier="call-3"))
    assert site.dp.status("DownloadProfile", again) == "EXECUTED_SUCCESS"
    _installed(site)


def test_cc_e2_03_a_profile_that_was_deleted_past_the_sm_dp(site: Site) -> None:
    site.dp.call("DownloadProfile", download(EID, FIRST))
    stock = site.dp.profile(FIRST)
    site.dp.call("DeleteProfile", about(EID, FIRST, call(identifier="call-2")))
    assert site.dp.profiles.swap(site.dp.profile(FIRST), stock)  # nobody has told it
    again = download(EID, FIRST, call=call(identifier="call-3"))
    assert site.dp.call("DownloadProfile", again, {0: When.AFTER}).status.is_success
    _installed(site)


def test_cc_e2_03_what_was_left_on_another_card_and_is_gone(site: Site) -> None:
    """Reserved for a card that does not have it any more: free for this one."""
    other = Eid.create("8904903200000000000000000002")
    stock = site.dp.profile(FIRST)
    left = replace(stock, state=StockState.RESERVED, eid=other, smsr_id=SM_SR_OID)
    assert site.dp.profiles.swap(stock, left)
    eis = signed_eis(site.card.made, site.card.everybody.eum, NOW)
    asked: list[Eid] = []

    def elsewhere(function: Function, request: Request) -> Response | None:
        if isinstance(request, GetEisRequest):
            asked.append(request.eid)
            return EisResponse(status=SUCCESS, eis=eis) if request.eid == other else None
        return None

    site.dp.service.fault = elsewhere
    assert site.dp.status("DownloadProfile", download(EID, FIRST)) == "EXECUTED_SUCCESS"
    assert asked == [other, EID]
    _installed(site)


@pytest.mark.parametrize("interrupted", [False, True])
def test_cc_e2_03_what_a_failed_download_left_is_removed_first(site: Site, interrupted: bool) -> None:
    """The ISD-P could not be deleted: the profile stays with this card, and the next download begins by deleting."""

    def broken(function: Function, request: Request) -> Response | None:
        if function.name in ("SendData", "DeleteISDP"):
            return CardResponse(status=failed(Code.ISD_R_FAILED))
        return None

    site.dp.service.fault = broken
    response = site.dp.call("DownloadProfile", download(EID, FIRST))
    assert said(response.status) == "FAILED 8.4/4.2"
    assert "still there" in response.status.message
    stock = site.dp.profile(FIRST)
    assert (stock.state, stock.operation, stock.eid) == (StockState.RESERVED, "", EID)
    site.dp.service.fault = lambda function, request: None
    again = download(EID, FIRST, call=call(identifier="call-2"))
    before = len(site.dp.service.calls)
    crashes = {1: When.AFTER} if interrupted else {}
    assert site.dp.call("DownloadProfile", again, crashes).status.is_success
    assert site.dp.service.names()[before : before + 2] == ["GetEIS", "DeleteISDP"]
    removals = [identifier for name, identifier in site.dp.service.calls[before:] if name == "DeleteISDP"]
    assert (len(removals), len(set(removals))) == (2 if interrupted else 1, 1)
    _installed(site)


@pytest.mark.parametrize("interrupted", [False, True])
def test_cc_e2_03_what_may_be_left_on_a_card_keeps_its_profile_there(site: Site, interrupted: bool) -> None:
    """The next download gets no further than its question: nobody knows whether the ISD-P is gone."""
    left = replace(site.dp.profile(FIRST), state=StockState.RESERVED, eid=EID, smsr_id=SM_SR_OID)
    assert site.dp.profiles.swap(site.dp.profile(FIRST), left)
    site.dp.service.fault = lambda function, request: EisResponse(status=failed(Code.ISD_R_FAILED))
    crashes = {0: When.AFTER} if interrupted else {}
    assert said(site.dp.call("DownloadProfile", download(EID, FIRST), crashes).status) == "FAILED 8.4/4.2"
    assert site.dp.profile(FIRST) == left
    site.dp.service.fault = lambda function, request: None
    again = download(EID, FIRST, call=call(identifier="call-2"))
    assert site.dp.call("DownloadProfile", again).status.is_success
    _installed(site)


# --- answers that are lost between card and SM-SR


def _lose(site: Site, *numbers: int) -> None:
    """The card does what these SendData say, counted from 1, and nobody hears what it answered."""
    sent = 0

    def lose(function: Function, request: Request) -> Response | None:
        nonlocal sent
        sent += function.name == "SendData"
        if function.name != "SendData" or sent not in numbers:
            return None
        site.dp.service.smsr.call(function, request)
        return CardResponse(status=failed(Code.NO_RESPONSE))

    site.dp.service.fault = lose


@pytest.mark.parametrize("number", range(1, 6))
def test_cc_e2_02_an_answer_of_the_card_that_is_lost(site: Site, number: int) -> None:
    """The last one says that the profile is whole: then it takes no other, and a new ISD-P does."""
    _lose(site, number)
    assert site.dp.status("DownloadProfile", download(EID, FIRST)) == "EXECUTED_SUCCESS"
    _installed(site)
    assert site.dp.service.names().count("CreateISDP") == (2 if number == 5 else 1)


def test_cc_e2_02_an_answer_that_is_lost_and_an_sm_dp_that_is_interrupted(site: Site) -> None:
    _lose(site, 5)
    site.dp.call("DownloadProfile", download(EID, FIRST))
    for number in range(len(site.dp.steps)):
        for when in When:
            again = Site()
            _lose(again, 5)
            assert again.dp.call("DownloadProfile", download(EID, FIRST), {number: when}).status.is_success
            _installed(again)


def test_cc_e2_02_answers_that_are_lost_again_and_again(site: Site) -> None:
    _lose(site, *range(1, 100))
    assert site.dp.status("DownloadProfile", download(EID, FIRST)) == "FAILED 1.6/5.4"
    assert site.dp.service.names().count("CreateISDP") == 2
    _nothing(site)


# --- interrupted


def _steps(enable: bool) -> int:
    site = Site(1)
    site.dp.call("DownloadProfile", download(EID, FIRST, enable_profile=enable))
    return len(site.dp.steps)


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("number", range(_steps(enable=True)))
def test_a_download_interrupted_at_each_of_its_steps(number: int, when: When) -> None:
    site = Site(1)
    request = download(EID, FIRST, enable_profile=True)
    response = site.dp.call("DownloadProfile", request, {number: when})
    assert said(response.status) == "EXECUTED_SUCCESS"
    _installed(site, state=ProfileState.ENABLED)
    interrupted = site.dp.service.calls
    created = {identifier for name, identifier in interrupted if name == "CreateISDP"}
    deleted = [identifier for name, identifier in interrupted if name == "DeleteISDP"]
    assert len(created) == 1 + len(set(deleted)) <= 2


@pytest.mark.parametrize("seed", range(count("es2_interruptions")))
def test_a_download_interrupted_many_times(seed: int) -> None:
    random_source = random.Random(seed)
    site = Site(1)
    crashes = {number: random_source.choice(list(When)) for number in random_source.sample(range(30), 6)}
    response = site.dp.call("DownloadProfile", download(EID, FIRST, enable_profile=True), crashes)
    assert said(response.status) == "EXECUTED_SUCCESS", crashes
    _installed(site, state=ProfileState.ENABLED)


@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize("number", range(3, 8))
def test_a_failing_download_interrupted_tells_why_it_failed(number: int, when: When) -> None:
    """ProfileDownloadCompleted is refused, the ISD-P removed: the answer is that of the refusal, whenever it comes."""

    def refuse(function: Function, request: Request) -> Response | None:
        completed = function.name == "ProfileDownloadCompleted"
        return Response(status=failed(Code.POL2_INVALID)) if completed else None

    site = Site(1)
    site.dp.service.fault = refuse
    response = site.dp.call("DownloadProfile", download(EID, FIRST), {number: when})
    assert said(response.status) == "FAILED 8.2.3/2.1"
    _nothing(site)


@pytest.mark.parametrize("name", ["EnableProfile", "DisableProfile", "DeleteProfile"])
def test_nobody_touches_a_profile_on_its_way(site: Site, name: str) -> None:
    """Not even its owner: at each step of the download the SM-DP says that it is busy, and asks nobody."""
    procedure = site.dp.start("DownloadProfile", download(EID, FIRST))
    refused = []
    with pytest.raises(StopIteration) as ended:
        step = next(procedure)
        while True:
            asked = len(site.dp.steps)
            refused.append(site.dp.status(name, about(EID, FIRST, call(identifier=f"call-{asked}"))))
            assert len(site.dp.steps) == asked
            step = procedure.send(site.dp.do(step))
    assert said(ended.value.value.status) == "EXECUTED_SUCCESS"
    assert set(refused) == {"FAILED 1.2/4.4"}
    _installed(site)


def test_a_removal_that_was_interrupted_is_repeated_as_the_same_call() -> None:
    def refuse(function: Function, request: Request) -> Response | None:
        completed = function.name == "ProfileDownloadCompleted"
        return Response(status=failed(Code.POL2_INVALID)) if completed else None

    site = Site(1)
    site.dp.service.fault = refuse
    site.dp.call("DownloadProfile", download(EID, FIRST))
    last = len(site.dp.steps) - 1
    for when in When:
        site = Site(1)
        site.dp.service.fault = refuse
        response = site.dp.call("DownloadProfile", download(EID, FIRST), {last: when})
        assert said(response.status) == "FAILED 8.2.3/2.1"
        removals = [identifier for name, identifier in site.dp.service.calls if name == "DeleteISDP"]
        assert len(set(removals)) == 1
        _nothing(site)


@pytest.mark.parametrize("when", [None, *When])
@pytest.mark.parametrize("number", range(-5, 0))
def test_an_sm_sr_that_is_busy_is_asked_again(site: Site, number: int, when: When | None) -> None:
    """And when the SM-DP is interrupted meanwhile: it goes on with the same call, or the next one after a pause."""
    busy = {"complete.0", "complete.1"}

    def refuse(function: Function, request: Request) -> Response | None:
        if request.call.identifier.rpartition("-")[2] in busy:
            return Response(status=failed(Code.BUSY))
        return None

    site.dp.service.fault = refuse
    crashes = {} if when is None else {_steps(enable=False) + 4 + number: when}
    response = site.dp.call("DownloadProfile", download(EID, FIRST), crashes)
    assert said(response.status) == "EXECUTED_SUCCESS"
    assert when is not None or sum(isinstance(step, Pause) for step in site.dp.steps) == 2
    declared = [identifier for name, identifier in site.dp.service.calls if name == "ProfileDownloadCompleted"]
    assert len(set(declared)) == 3
    _installed(site)
    assert site.dp.profile(FIRST).mno_id == MNO_OID
