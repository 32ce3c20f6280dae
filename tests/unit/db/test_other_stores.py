# SPDX-License-Identifier: Apache-2.0
"""Grants, open procedures, jobs over the air and the stores of an SM-DP: as in memory, and in another process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from apdu.errors import SecurityError
from apdu.ids import Aid, Eid, Iccid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet, SecretKey
from smdp import db as smdp_db
from smdp.db.profiles import SqlProfileStore
from smdp.db.stores import SqlInbox, SqlKeyStore
from smdp.keystore import KeyStore, MemoryKeyStore
from smdp.profiles.store import MemoryProfileStore, ProfileStore, StockState, StoredProfile, content_hash
from smsr import db as smsr_db
from smsr.api.eis_parts import Pol2Action, Pol2Qualification, Pol2Rule
from smsr.api.grants import NotificationType, Onc, Plma, PlmaOperation
from smsr.db.grants import SqlGrantStore, SqlProcedureStore
from smsr.db.journal import SqlJournal
from smsr.kit.sealer import Sealer
from smsr.ota.journal import Order
from smsr.ota.parcels import Opener
from smsr.ota.task import Sent
from smsr.procedures import MemoryProcedureStore, OpenProcedure, ProcedureStore
from smsr.serving.database import Database
from smsr.store import GrantStore, MemoryGrantStore
from tests.unit.kit.world import EID, MNO_OID, SM_DP_OID, SM_SR_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, OTHER_MNO
from tests.unit.soap.samples import MOMENT, SUBSCRIPTION

OTHER = Eid.create("8904903299")
ISD_P = Aid.isd_p(0x10)


def _sealer(master: SecretKey | None = None) -> Sealer:
    return Sealer(master or SecretKey(bytes(range(32))), SeededEntropy(b"nonces"))


@pytest.fixture
def smsr_database(database_url: str) -> Iterator[Database]:
    """With the tables of an SM-SR."""
    database = Database(database_url, [Path(smsr_db.__path__[0]) / "migrations"])
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def smdp_database(database_url: str) -> Iterator[Database]:
    """With the tables of an SM-DP."""
    database = Database(database_url, [Path(smdp_db.__path__[0]) / "migrations"])
    database.migrate()
    yield database
    database.close()


# --- SM-SR


def _use_grants(store: GrantStore) -> list[object]:
    plma = Plma(mno_id=MNO_OID, m2m_sp_id=SM_DP_OID, profile_type="LTE", operations=(PlmaOperation.GET_EIS,))
    onc = Onc(mno_id=MNO_OID, profile_type="LTE", discarded=(NotificationType.PROFILE_DELETED,))
    store.set_plma(plma)
    for change in (
        {"operations": tuple(PlmaOperation)},
        {"m2m_sp_id": SM_SR_OID},
        {"mno_id": OTHER_MNO},
        {"profile_type": "x" * 100},
        {"profile_type": "'; DROP TABLE plma; --"},
    ):
        store.set_plma(replace(plma, **change))
    store.set_onc(onc)
    store.set_onc(replace(onc, discarded=()))
    store.set_onc(replace(onc, profile_type="5G"))
    store.set_onc(replace(onc, mno_id=OTHER_MNO))
    store.set_plma(plma, SM_DP_OID)
    store.set_plma(replace(plma, operations=()), SM_DP_OID)
    store.set_onc(replace(onc, profile_type="5G", discarded=()), SM_DP_OID)
    store.set_onc(onc, SM_DP_OID)
    for kept in (store.plma(MNO_OID, SM_DP_OID, "LTE"), store.onc(MNO_OID, "LTE")):
        assert {each.smdp_id for each in kept} == {None, SM_DP_OID}
        assert len(kept) == 2
    store.set_plma(plma, SM_SR_OID)
    store.set_plma(replace(plma, profile_type="5G"), SM_SR_OID)
    store.set_plma(plma)
    store.set_onc(replace(onc, profile_type="5G"))
    return [
        sorted(store.plma(), key=repr),
        sorted(store.plma(MNO_OID), key=repr),
        store.plma(MNO_OID, SM_DP_OID, "LTE"),
        sorted(store.plma(m2m_sp_id=SM_DP_OID), key=repr),
        store.plma(OTHER_MNO, profile_type="5G"),
        store.plma(profile_type="'; DROP TABLE plma; --"),
        sorted(store.onc(MNO_OID), key=repr),
        sorted(store.onc(MNO_OID, "LTE"), key=repr),
        store.onc(SM_DP_OID),
    ]


def test_grants_are_as_in_memory(smsr_database: Database) -> None:
    assert _use_grants(SqlGrantStore(smsr_database)) == _use_grants(MemoryGrantStore())


def _use_procedures(store: ProcedureStore) -> list[object]:
    first = OpenProcedure(SM_DP_OID, ICCID, 1_800_000_000.25)
    seen: list[object] = [store.get(EID)]
    store.remove(EID)
    for procedure in (first, OpenProcedure(MNO_OID, None, 5.0)):
        store.put(EID, procedure)
        seen += [store.get(EID), store.get(OTHER)]
    store.put(OTHER, first)
    store.remove(EID)
    return [*seen, store.get(EID), store.get(OTHER)]


def test_open_procedures_are_as_in_memory(smsr_database: Database) -> None:
    assert _use_procedures(SqlProcedureStore(smsr_database)) == _use_procedures(MemoryProcedureStore())


def test_a_job_and_its_steps_are_there_in_another_process(smsr_database: Database) -> None:
    order = Order(EID, "ES5.EnableProfile", arguments={"aid": "A0"})
    journal = SqlJournal(smsr_database, _sealer())
    job = journal.open_job(order, b"entropy" * 5, 2500, Opener.PERSONALIZATION)
    journal.open_job(replace(order, eid=OTHER), b"entropy" * 5, 1, Opener.NOTHING)
    ledger = journal.ledger(job)
    ledger.sent(Sent(b"digest 1", "sms", b"state 1"))
    ledger.answered(b"answer 1")
    ledger.sent(Sent(b"digest 2", "https", b"state 2"))
    again = SqlJournal(smsr_database, _sealer())
    (found,) = again.open_jobs(EID)
    assert (found.order, found.seed, found.room, found.opener) == (order, b"entropy" * 5, 2500, Opener.PERSONALIZATION)
    assert found.steps == (
        Sent(b"digest 1", "sms", b"state 1", b"answer 1"),
        Sent(b"digest 2", "https", b"state 2"),
    )
    going_on = again.ledger(found)
    going_on.answered(b"answer 2")
    going_on.sent(Sent(b"digest 3", "sms", b""))
    assert len(again.open_jobs(EID)[0].steps) == 3
    with pytest.raises(SecurityError):
        SqlJournal(smsr_database, _sealer(SecretKey(bytes(32)))).open_jobs(EID)
    going_on.closed("ok")
    assert again.open_jobs(EID) == ()
    assert len(again.open_jobs(OTHER)) == 1


def test_counters_go_up_only(smsr_database: Database) -> None:
    counters = SqlJournal(smsr_database, _sealer())
    assert [counters.reserve(EID, 1) for _ in range(3)] == [1, 2, 3]
    assert counters.reserve(EID, 2) == 1
    assert counters.reserve(OTHER, 1) == 1
    assert counters.reserve(EID, 1, above=100) == 101
    assert counters.reserve(EID, 1, above=50) == 102
    assert counters.reserve(EID, 1, above=1 << 40) == (1 << 40) + 1
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: counters.reserve(OTHER, 9), range(40)))
    assert sorted(drawn) == list(range(1, 41))


def test_notification_numbers(smsr_database: Database) -> None:
    journal = SqlJournal(smsr_database, _sealer())
    assert journal.last_notification(EID) is None
    for number in (0, 1, 0xFFFF, 0):
        journal.keep_notification(EID, number)
        assert SqlJournal(smsr_database, _sealer()).last_notification(EID) == number


# --- SM-DP

PACKAGE = b"Ki of a subscriber " * 10
PROFILE = StoredProfile(
    iccid=ICCID,
    mno_id=MNO_OID,
    content=content_hash(PACKAGE),
    profile_type="meter",
    memory=5,
    subscription=SUBSCRIPTION,
    pol2=(Pol2Rule(Pol2Action.DELETE, Pol2Qualification.NOT_ALLOWED),),
)
RESERVED = replace(PROFILE, state=StockState.RESERVED, operation="one", eid=EID, smsr_id=SM_SR_OID, isd_p=ISD_P)


def _use_profiles(store: ProfileStore) -> list[object]:
    seen: list[object] = [
        store.add(PROFILE, PACKAGE),
        store.add(replace(PROFILE, mno_id=OTHER_MNO), b"another"),
        store.add(replace(PROFILE, iccid=ICCID_2, mno_id=OTHER_MNO), PACKAGE),
    ]
    for before, after in [
        (PROFILE, RESERVED),
        (PROFILE, replace(RESERVED, operation="two")),
        (RESERVED, replace(RESERVED, state=StockState.DOWNLOADED, since=MOMENT)),
        (replace(RESERVED, state=StockState.DOWNLOADED, since=MOMENT), RESERVED.available()),
    ]:
        seen += [store.swap(before, after), store.get(ICCID), list(store)]
        seen += [store.find_available("meter", mno) for mno in (MNO_OID, OTHER_MNO)]
        seen += [store.find_available("car", MNO_OID), store.owners("meter"), store.owners("car")]
    with pytest.raises(KeyError):
        store.package(content_hash(b"another"))
    return [*seen, store.package(PROFILE.content), store.get(Iccid.from_string("8988211000000999999"))]


def test_profiles_are_as_in_memory(smdp_database: Database) -> None:
    store = SqlProfileStore(smdp_database, _sealer())
    assert _use_profiles(store) == _use_profiles(MemoryProfileStore())
    with smdp_database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM package")).scalar() == 1


def test_packages_are_sealed_and_what_they_are(smdp_database: Database) -> None:
    store = SqlProfileStore(smdp_database, _sealer())
    store.add(PROFILE, PACKAGE)
    store.add(replace(PROFILE, iccid=ICCID_2, content=content_hash(b"another")), b"another")
    with pytest.raises(ValueError, match="another package"):
        store.add(replace(PROFILE, iccid=Iccid.from_string("8988211000000999999")), b"another")
    with smdp_database.unit() as connection:
        sealed = connection.execute(text("SELECT sealed FROM package")).scalars().all()
        assert not any(b"subscriber" in each for each in sealed)
        other = {"other": content_hash(b"another"), "mine": PROFILE.content}
        mine = "SELECT sealed FROM package WHERE content = :mine"
        connection.execute(text(f"UPDATE package SET sealed = ({mine}) WHERE content = :other"), other)
    assert store.package(PROFILE.content) == PACKAGE
    with pytest.raises(SecurityError):
        store.package(content_hash(b"another"))


def test_threads_never_get_the_same_profile(smdp_database: Database) -> None:
    store = SqlProfileStore(smdp_database, _sealer())
    for number in range(40):
        store.add(replace(PROFILE, iccid=Iccid.from_string(f"8988211{number:011d}0")), PACKAGE)

    def take(operation: str) -> Iccid:
        while True:
            found = store.find_available("meter", MNO_OID)
            assert found is not None
            if store.swap(found, replace(found, state=StockState.RESERVED, operation=operation)):
                return found.iccid

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, map(str, range(40))))
    assert len(set(taken)) == 40


def _use_keys(store: KeyStore) -> list[object]:
    keys = KeySet(0x30, *(SecretKey(bytes([number]) * 16) for number in (1, 2, 3)))
    seen: list[object] = [store.get(EID, ISD_P, 0x30)]
    store.put(EID, ISD_P, keys)
    store.put(EID, Aid.isd_p(0x11), replace(keys, dek=SecretKey(bytes(16))))
    store.put(EID, ISD_P, replace(keys, kvn=0x31))
    store.put(EID, ISD_P, replace(keys, mac=SecretKey(bytes(16))))
    seen += [store.get(EID, ISD_P, 0x30), store.get(EID, ISD_P, 0x31), store.get(OTHER, ISD_P, 0x30)]
    store.forget(EID, ISD_P)
    return [*seen, store.get(EID, ISD_P, 0x30), store.get(EID, Aid.isd_p(0x11), 0x30)]


def test_key_sets_are_as_in_memory(smdp_database: Database) -> None:
    assert _use_keys(SqlKeyStore(smdp_database, _sealer())) == _use_keys(MemoryKeyStore())


def test_a_key_that_was_moved_does_not_open(smdp_database: Database) -> None:
    store = SqlKeyStore(smdp_database, _sealer())
    store.put(EID, ISD_P, KeySet(0x30, *(SecretKey(bytes([number]) * 16) for number in (1, 2, 3))))
    with smdp_database.unit() as connection:
        for before, after in ((1, 9), (2, 1), (9, 2)):
            connection.execute(text(f"UPDATE key_set SET kid = {after} WHERE kid = {before}"))
    with pytest.raises(SecurityError):
        store.get(EID, ISD_P, 0x30)


def test_a_message_is_taken_once(smdp_database: Database) -> None:
    inbox = SqlInbox(smdp_database, lambda: 5.0)
    assert (inbox.first("a"), inbox.first("a"), inbox.first("b" * 9999)) == (True, False, True)
    with smdp_database.discarded():
        assert inbox.first("c")
    assert inbox.first("c")
