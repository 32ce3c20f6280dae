# SPDX-License-Identifier: Apache-2.0
"""CC-E2-08: notifications of an SM-SR reach the operator that they concern, once, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apdu.gp.codes import ISD_P_KVN, LifeCycle
from apdu.ids import Aid, Eid
from apdu.keys.secret import KeySet, SecretKey
from smdp.profiles.store import StockState
from smdp.relay import Relay
from smsr.api.functions import FUNCTIONS, Exchange, Function, Interface
from smsr.api.grants import Plma
from smsr.api.messages import Call, ProfileRequest
from smsr.api.notifications import (
    Notification,
    PlmaNotification,
    Pol2Notification,
    ProfileNotification,
    RelayedPol2Notification,
    RelayedProfileNotification,
)
from smsr.kit.oid import Oid
from smsr.views import PartnerRole
from tests.support.smdp import ES3, SmDpBench
from tests.unit.kit.world import EID, EUM_OID, MNO_OID, NOW, SM_DP_OID, SM_SR_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, OTHER_MNO, PARTNERS, Bench

AT = datetime.fromtimestamp(NOW, UTC)
OTHER_CARD = Eid.create("8904903299")
OTHER_SR = Oid("1.3.6.1.4.1.99999.30")
NOTIFICATIONS = [row for row in FUNCTIONS if row.exchange is Exchange.NOTIFICATION and row.interface is Interface.ES3]
ABOUT_PROFILES = [row for row in NOTIFICATIONS if row.request is not PlmaNotification]
DELETED = next(row for row in NOTIFICATIONS if row.name == "HandleProfileDeletedNotification")
KEYS = KeySet(ISD_P_KVN, *(SecretKey(bytes(16)),) * 3)


@pytest.fixture
def dp() -> SmDpBench:
    sr = Bench()
    sr.register()
    bench = SmDpBench(sr.everybody, sr.smsr)
    bench.stock(ICCID, b"", state=StockState.DOWNLOADED, eid=EID, smsr_id=SM_SR_OID, isd_p=Aid.isd_p(0x10), since=AT)
    bench.keys.put(EID, Aid.isd_p(0x10), KEYS)
    return bench


def _notification(function: Function, mno_id: Oid = MNO_OID) -> Notification:
    if function.request is PlmaNotification:
        return PlmaNotification(
            completion_timestamp=AT, plma=Plma(mno_id=mno_id, m2m_sp_id=OTHER_MNO, profile_type="meter")
        )
    kind = RelayedPol2Notification if function.request is RelayedPol2Notification else RelayedProfileNotification
    return kind(completion_timestamp=AT, eid=EID, iccid=ICCID, mno_id=mno_id)


@pytest.mark.parametrize("function", NOTIFICATIONS, ids=lambda row: row.name)
def test_cc_e2_08_to_the_owner_once(dp: SmDpBench, function: Function) -> None:
    for _ in range(3):  # an SM-SR that hears no answer sends again
        dp.relay.notified(function, _notification(function), SM_SR_OID)
    ((receiver, told, notification),) = dp.outbox.entries
    assert receiver == MNO_OID
    assert (told.interface, told.name) == (Interface.ES2, function.name)
    assert type(notification) is told.request
    assert notification.completion_timestamp == AT
    if isinstance(notification, ProfileNotification):
        assert (notification.eid, notification.iccid) == (EID, ICCID)


def test_cc_e2_08_rules_are_told() -> None:
    assert Pol2Notification in {row.request for row in FUNCTIONS}
    assert len({row.name for row in NOTIFICATIONS}) == 10


@pytest.mark.parametrize("function", ABOUT_PROFILES, ids=lambda row: row.name)
def test_cc_e2_08_what_is_told_to_nobody(dp: SmDpBench, function: Function) -> None:
    """Another owner than the stock knows; an SM-SR without a name; one that speaks of another's card; no operator."""
    dp.relay.notified(function, _notification(function, OTHER_MNO), SM_SR_OID)
    dp.relay.notified(function, _notification(function), OTHER_SR)
    desk = replace(dp.desk, sm_srs=(SM_SR_OID, OTHER_SR))
    Relay(desk).notified(function, _notification(function), OTHER_SR)
    assert dp.profile(ICCID).state is StockState.DOWNLOADED
    Relay(replace(dp.desk, operators=())).notified(function, _notification(function), SM_SR_OID)
    assert dp.outbox.entries == []


def test_cc_e2_08_a_profile_that_was_not_downloaded_from_this_stock(dp: SmDpBench) -> None:
    notification = RelayedProfileNotification(completion_timestamp=AT, eid=EID, iccid=ICCID_2, mno_id=OTHER_MNO)
    dp.relay.notified(DELETED, notification, SM_SR_OID)
    assert dp.told() == [(OTHER_MNO, DELETED.name)]


def _deleted(dp: SmDpBench, at: datetime, eid: Eid = EID) -> None:
    notification = RelayedProfileNotification(completion_timestamp=at, eid=eid, iccid=ICCID, mno_id=MNO_OID)
    dp.relay.notified(DELETED, notification, SM_SR_OID)


def test_cc_e2_08_a_deleted_profile_is_available_again(dp: SmDpBench) -> None:
    _deleted(dp, AT + timedelta(seconds=1))
    assert dp.profile(ICCID) == dp.profile(ICCID).available()
    assert dp.keys.get(EID, Aid.isd_p(0x10), ISD_P_KVN) is None
    _deleted(dp, AT + timedelta(seconds=2))
    assert dp.told() == [(MNO_OID, DELETED.name)] * 2


def test_cc_e2_08_an_old_deletion_does_not_concern_a_newer_download(dp: SmDpBench) -> None:
    before = dp.profile(ICCID)
    _deleted(dp, AT - timedelta(seconds=1))
    _deleted(dp, AT + timedelta(seconds=1), OTHER_CARD)
    assert dp.profile(ICCID) == before
    under_way = replace(before, state=StockState.RESERVED, operation="one", since=None)
    assert dp.profiles.swap(before, under_way)
    _deleted(dp, AT + timedelta(seconds=1))
    assert dp.profile(ICCID) == under_way
    assert dp.keys.get(EID, Aid.isd_p(0x10), ISD_P_KVN) == KEYS
    assert len(dp.told()) == 3


def test_cc_e2_08_from_an_sm_sr_whose_operators_have_no_access(monkeypatch: pytest.MonkeyPatch) -> None:
    """What MNO_OID's SM-DP does to MNO_OID's profile concerns the owner of the one that goes off."""
    monkeypatch.setattr("tests.unit.smsr.bench.PARTNERS", {EUM_OID: PARTNERS[EUM_OID], SM_DP_OID: PartnerRole.SM_DP})
    sr = Bench()
    sr.register()
    dp = SmDpBench(sr.everybody, sr.smsr)
    first, second = sr.profile(), sr.profile(ICCID_2)
    eis = sr.eis
    sr.store.put(
        replace(eis, profiles=tuple(replace(p, mno_id=OTHER_MNO) if p.iccid == ICCID else p for p in eis.profiles))
    )
    for iccid, aid, mno in ((ICCID, first, OTHER_MNO), (ICCID_2, second, MNO_OID)):
        dp.stock(iccid, b"", mno_id=mno, state=StockState.DOWNLOADED, eid=EID, smsr_id=SM_SR_OID, isd_p=aid)
        sr.smsr.call(ES3["EnableProfile"], ProfileRequest(call=Call(SM_DP_OID), eid=EID, iccid=iccid))
    assert sr.card.isd_ps == {first: LifeCycle.DISABLED, second: LifeCycle.ENABLED}
    dp.deliver()
    dp.deliver()
    assert dp.told() == [(OTHER_MNO, "HandleProfileDisabledNotification")]
