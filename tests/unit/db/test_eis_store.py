# SPDX-License-Identifier: Apache-2.0
"""EIS in a database: as in memory, and keys sealed, the audit trail chained, changes of others seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from apdu.errors import EncodeError, SecurityError
from apdu.ids import Aid, Eid, Iccid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeyType, SecretKey
from smsr import db
from smsr.api.eis import Eis
from smsr.api.eis_parts import AuditRecord, EisKey, Keyset, ProfileInfo, ProfileState, Property
from smsr.db.eis import SqlEisStore
from smsr.kit.sealer import Sealer
from smsr.serving.database import Database, Stale
from smsr.store import EisStore, MemoryEisStore
from smsr.upkeep import with_profile, with_record, without_profile
from tests.unit.kit.world import EID, MNO_OID, SM_SR_OID
from tests.unit.smsr.bench import ICCID, ICCID_2, make_eis
from tests.unit.soap.samples import MOMENT, full_eis

MIGRATIONS = Path(db.__path__[0]) / "migrations"
MASTER = SecretKey(bytes(range(32)))
OTHER = Eid.create("8904903299")
PROFILE = ProfileInfo(iccid=ICCID, isd_p_aid=Aid.isd_p(0x10), mno_id=MNO_OID, state=ProfileState.DISABLED)
RECORD = AuditRecord(eid=EID, smsr_id=SM_SR_OID, date=MOMENT, operation=0x0200)
KEYS = Keyset(
    version=3,
    keys=(
        EisKey(1, b"", SecretKey(b"sixteen letters!")),
        EisKey(2, b"", SecretKey(b"sixteen numbers!")),
        EisKey(5, b"", SecretKey(b"pre-shared keys!", KeyType.TLS_PSK)),
    ),
)


def _sealer(master: SecretKey = MASTER) -> Sealer:
    return Sealer(master, SeededEntropy(b"nonces"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """With the tables of an SM-SR."""
    database = Database(database_url, [MIGRATIONS])
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> SqlEisStore:
    """Empty."""
    return SqlEisStore(database, _sealer())


def _keyed(eis: Eis | None = None) -> Eis:
    eis = eis or make_eis()
    return replace(eis, isd_r=replace(eis.isd_r, keysets=(*eis.isd_r.keysets, KEYS)))


def _another(store: SqlEisStore, database: Database) -> SqlEisStore:
    """The store of another process, which has nothing in its memory."""
    return SqlEisStore(database, _sealer())


# --- as in memory


def _use(store: EisStore) -> list[object]:
    eis, other = _keyed(), make_eis(eid=OTHER)
    seen: list[object] = [store.get(EID), store.add(eis), store.add(eis), store.add(other), store.get(EID)]
    seen += [store.owner_of(ICCID), [each.eid for each in store]]
    with_two = with_profile(with_profile(eis, PROFILE), replace(PROFILE, iccid=ICCID_2))
    for changed in (with_two, with_record(with_two, RECORD), without_profile(with_two, ICCID), full_eis(), eis):
        store.put(changed)
        seen += [store.get(EID), store.owner_of(ICCID), store.owner_of(ICCID_2), store.get(OTHER)]
    with pytest.raises(KeyError):
        store.put(make_eis(eid=Eid.create("89007")))
    return seen


def _without_trails(seen: list[object]) -> list[object]:
    """Here a trail never loses a record; what else there is to say of trails is said below."""
    return [replace(each, audit_trail=()) if isinstance(each, Eis) else each for each in seen]


def test_it_does_what_the_store_in_memory_does(store: SqlEisStore, database: Database) -> None:
    assert _without_trails(_use(store)) == _without_trails(_use(MemoryEisStore()))
    assert list(_another(store, database)) == list(store)


def test_every_field_is_there_in_another_process(store: SqlEisStore, database: Database) -> None:
    eis = _keyed(full_eis())
    assert store.add(eis)
    found = _another(store, database).get(EID)
    assert found == eis
    assert found is not None
    assert found.info == eis.info


def test_to_look_at_a_set_its_keys_are_not_opened(store: SqlEisStore, database: Database) -> None:
    eis = with_record(_keyed(full_eis()), RECORD)
    store.add(eis)
    other = _another(store, database)
    bare = tuple(replace(each, keys=tuple(replace(key, value=None) for key in each.keys)) for each in eis.isd_r.keysets)
    seen = replace(eis, isd_r=replace(eis.isd_r, keysets=bare), audit_trail=())
    assert other.without_keys(EID) == seen
    assert other.get(EID) == eis  # it was not taken for the whole set
    assert other.without_keys(EID) == eis  # which is there now
    changed = replace(eis, remaining_memory=1)
    store.put(changed)
    assert other.without_keys(EID) == replace(seen, remaining_memory=1)
    assert other.without_keys(OTHER) is None
    with database.unit():
        store.put(replace(changed, remaining_memory=2))
        assert store.without_keys(EID) == replace(changed, remaining_memory=2)


def test_what_was_not_kept_is_not_seen(store: SqlEisStore, database: Database) -> None:
    store.add(make_eis())
    changed = with_profile(make_eis(), PROFILE)
    with database.discarded():
        store.put(changed)
        assert store.get(EID) == changed
    assert _another(store, database).get(EID) == make_eis()
    again = replace(changed, remaining_memory=1)
    _another(store, database).put(again)  # it gets the version that the other one would have had
    assert store.get(EID) == again


def test_a_profile_is_on_one_card(store: SqlEisStore) -> None:
    store.add(with_profile(make_eis(), PROFILE))
    with pytest.raises(IntegrityError):
        store.add(with_profile(make_eis(eid=OTHER), PROFILE))
    assert store.get(OTHER) is None


def test_changes_of_another_process_are_seen(store: SqlEisStore, database: Database) -> None:
    store.add(make_eis())
    assert store.get(EID) == make_eis()
    changed = with_profile(_keyed(), PROFILE)
    _another(store, database).put(changed)
    assert store.get(EID) == changed


def test_what_another_one_changed_is_not_overwritten(database_url: str, database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("in SQLite one unit of work writes at a time")
    store = SqlEisStore(database, _sealer())
    store.add(make_eis())

    def change() -> None:
        SqlEisStore(database, _sealer()).put(replace(make_eis(), remaining_memory=7))

    with pytest.raises(Stale), database.unit():
        eis = store.get(EID)
        assert eis is not None
        thread = threading.Thread(target=change)
        thread.start()
        thread.join()
        store.put(with_profile(eis, PROFILE))
    found = store.get(EID)
    assert found is not None
    assert (found.remaining_memory, found.profiles) == (7, ())


def test_an_eis_that_could_not_be_read_again_is_not_kept(store: SqlEisStore) -> None:
    with pytest.raises(EncodeError):
        store.add(replace(make_eis(), additional_properties=(Property("k", "v" * 4000),) * 300))
    assert store.get(EID) is None


# --- keys


def test_keys_do_not_lie_in_clear(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/sm-sr.db", [MIGRATIONS])
    database.migrate()
    SqlEisStore(database, _sealer()).add(_keyed())
    contents = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert str(EID).encode() in contents
    for key in KEYS.keys:
        assert key.value is not None
        value = key.value.reveal()
        assert value not in contents
        assert value.hex().encode() not in contents.lower()
    database.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE eis_key SET sealed = (SELECT sealed FROM eis_key WHERE kvn = 3 AND kid = 2) WHERE kvn = 3 AND kid = 1",
        "UPDATE eis_key SET kid = 3 WHERE kvn = 3 AND kid = 1",
        "UPDATE eis_key SET kvn = 4 WHERE kvn = 3 AND kid = 1",
        "UPDATE eis_key SET type = 133 WHERE kvn = 3 AND kid = 1",
        f"UPDATE eis_key SET eid = '{OTHER}' WHERE kvn = 3 AND kid = 1",
    ],
)
def test_a_key_that_was_moved_does_not_open(store: SqlEisStore, database: Database, change: str) -> None:
    store.add(_keyed())
    store.add(make_eis(eid=OTHER))
    with database.unit() as connection:
        assert connection.execute(text(change)).rowcount == 1
    with pytest.raises(SecurityError):
        list(_another(store, database))


def test_another_master_key_opens_nothing(store: SqlEisStore, database: Database) -> None:
    store.add(_keyed())
    with pytest.raises(SecurityError):
        SqlEisStore(database, _sealer(SecretKey(bytes(32)))).get(EID)


def test_keys_that_go_are_gone(store: SqlEisStore, database: Database) -> None:
    store.add(_keyed())
    changed = replace(KEYS, keys=(KEYS.keys[0], replace(KEYS.keys[1], value=SecretKey(bytes(16)))))
    eis = make_eis()
    store.put(replace(eis, isd_r=replace(eis.isd_r, keysets=(changed,))))
    with database.reading() as connection:
        assert connection.execute(text("SELECT kvn, kid FROM eis_key ORDER BY kid")).all() == [(3, 1), (3, 2)]
    found = _another(store, database).get(EID)
    assert found is not None
    assert found.isd_r.keysets == (changed,)


# --- audit trail


def _with_trail(store: SqlEisStore, count: int) -> Eis:
    eis = make_eis()
    store.add(eis)
    for number in range(count):
        eis = with_record(eis, replace(RECORD, operation=number))
        store.put(eis)
    return eis


def test_a_trail_grows_and_verifies(store: SqlEisStore, database: Database) -> None:
    eis = _with_trail(store, 5)
    store.put(make_eis())  # from before the last records: they stay
    found = _another(store, database).get(EID)
    assert found is not None
    assert found.audit_trail == eis.audit_trail
    store.put(with_record(found, RECORD))
    store.put(with_record(with_record(found, RECORD), RECORD))  # the same again
    assert store.verify_trail(EID) == 7


def test_an_eis_shows_the_last_thousand_records(store: SqlEisStore, database: Database) -> None:
    trail = tuple(replace(RECORD, operation=number % 5) for number in range(1000))
    eis = replace(make_eis(), audit_trail=trail)
    store.add(eis)
    for number in range(3):
        eis = with_record(eis, replace(RECORD, operation=100 + number))
        store.put(eis)
    found = _another(store, database).get(EID)
    assert found is not None
    assert found.audit_trail == eis.audit_trail
    assert len(found.audit_trail) == 1000
    assert store.verify_trail(EID) == 1003


@pytest.mark.parametrize(
    "changes, number",
    [
        (["UPDATE audit SET record = replace(record, '2026', '2025') WHERE number = 3"], 3),
        (["DELETE FROM audit WHERE number = 3"], 3),
        (["DELETE FROM audit WHERE number = 5"], 4),
        (["DELETE FROM audit"], 0),
        (["DELETE FROM audit WHERE number = 1", "UPDATE audit SET number = number - 1"], 1),
        (
            [
                "UPDATE audit SET number = 99 WHERE number = 2",
                "UPDATE audit SET number = 2 WHERE number = 3",
                "UPDATE audit SET number = 3 WHERE number = 99",
            ],
            2,
        ),
        (["INSERT INTO audit SELECT eid, 6, record, chain FROM audit WHERE number = 5"], 6),
        (["UPDATE eis SET audit_count = 4"], 5),
    ],
)
def test_a_trail_that_was_tampered_with_is_found_out(
    store: SqlEisStore, database: Database, changes: list[str], number: int
) -> None:
    _with_trail(store, 5)
    assert store.verify_trail(EID) == 5
    with database.unit() as connection:
        for change in changes:
            assert connection.execute(text(change)).rowcount > 0
    with pytest.raises(SecurityError, match=f" {number} "):
        store.verify_trail(EID)


def test_who_lacks_the_key_cannot_make_a_trail(store: SqlEisStore, database: Database) -> None:
    forger = SqlEisStore(database, _sealer(SecretKey(bytes(32))))
    eis = make_eis()
    eis = replace(eis, isd_r=replace(eis.isd_r, keysets=()))
    store.add(eis)
    forger.put(with_record(eis, RECORD))
    with pytest.raises(SecurityError, match="record 1"):
        store.verify_trail(EID)


def test_iterating_goes_through_all(store: SqlEisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smsr.db.eis._BATCH", 3)
    eids = {Eid.create(f"8900{number:04d}") for number in range(10)}
    for eid in eids:
        store.add(make_eis(eid=eid))
    assert {each.eid for each in store} == eids
    assert store.owner_of(Iccid.from_string("8988211000000999999")) is None
