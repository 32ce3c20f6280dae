# SPDX-License-Identifier: Apache-2.0
"""EIS in the database (EisStore): a document for each card, its keys sealed, its audit trail chained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import BindParameter, Connection, RowMapping, bindparam, delete, insert, select, update

from apdu.errors import EncodeError, SecurityError
from apdu.ids import Eid, Iccid
from apdu.keys.secret import KeyType, SecretKey
from smsr.api.eis import Eis
from smsr.api.eis_parts import AuditRecord, EisKey
from smsr.api.json_codec import MAX_BYTES, decode, encode
from smsr.db.cache import Cache
from smsr.db.tables import AUDIT, EIS, EIS_KEY, EIS_PROFILE
from smsr.kit.sealer import Sealer
from smsr.serving.database import Database, Stale

__all__ = ["SqlEisStore", "key_place"]

_TRAIL: Final = 1000
"""Records of a card's audit trail that its EIS shows; the table has them all."""
_CACHED: Final = 1024
_BATCH: Final = 500
_START: Final = b""

# Statements are built once: building one takes longer than executing it.

_THIS: Final[BindParameter[str]] = bindparam("this")
_GET: Final = select(EIS).where(EIS.c.eid == _THIS)
_VERSION: Final = select(EIS.c.version).where(EIS.c.eid == _THIS)
_DOCUMENT: Final = select(EIS.c.document).where(EIS.c.eid == _THIS)
_REPLACE: Final = (
    update(EIS)
    .where(EIS.c.eid == _THIS, EIS.c.version == bindparam("before"))
    .values({column: bindparam(f"to_{column.name}") for column in EIS.c if column is not EIS.c.eid})
)
_TRAIL_BEGUN: Final = (
    update(EIS).where(EIS.c.eid == _THIS).values(audit_count=bindparam("count"), audit_head=bindparam("head"))
)
_AFTER: Final = select(EIS.c.eid).where(EIS.c.eid > _THIS).order_by(EIS.c.eid).limit(_BATCH)
_OWNER: Final = select(EIS_PROFILE.c.eid).where(EIS_PROFILE.c.iccid == _THIS)
_ADD_PROFILE: Final = insert(EIS_PROFILE)
_REMOVE_PROFILE: Final = delete(EIS_PROFILE).where(EIS_PROFILE.c.iccid == _THIS)
_KEYS: Final = select(EIS_KEY).where(EIS_KEY.c.eid == _THIS)
_ADD_KEY: Final = insert(EIS_KEY)
_REMOVE_KEY: Final = delete(EIS_KEY).where(
    EIS_KEY.c.eid == _THIS,
    EIS_KEY.c.kvn == bindparam("of_kvn"),
    EIS_KEY.c.kid == bindparam("of_kid"),
    EIS_KEY.c.type == bindparam("of_type"),
)
_RECORDS: Final = (
    select(AUDIT).where(AUDIT.c.eid == _THIS, AUDIT.c.number > bindparam("after")).order_by(AUDIT.c.number)
)
_ADD_RECORD: Final = insert(AUDIT)

Place = tuple[int, int, int]  # KVN, KID, type


@dataclass(frozen=True, slots=True)
class _Kept:
    """An EIS as one version of its row says it is."""

    version: int
    eis: Eis
    audit_count: int
    audit_head: bytes


class SqlEisStore:
    """EIS by EID. What was read in a unit of work and changed by another one meanwhile cannot be replaced: Stale."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._cache: Cache[Eid, _Kept] = Cache(_CACHED)
        self._add = database.insert(EIS).on_conflict_do_nothing(index_elements=[EIS.c.eid]).returning(EIS.c.eid)

    def get(self, eid: Eid) -> Eis | None:
        """The set of a card; SecurityError when one of its keys was tampered with."""
        with self._database.reading() as connection:
            kept = self._read(connection, eid)
        return None if kept is None else kept.eis

    def without_keys(self, eid: Eid) -> Eis | None:
        """The set of a card to look at, without the values of keys and the audit trail where they were not read yet."""
        with self._database.reading() as connection:
            mine: _Kept | None = self._database.noted.get((self, eid))
            if mine is not None:
                return mine.eis
            if (kept := self._cached(connection, eid)) is not None:
                return kept.eis
            document = connection.execute(_DOCUMENT, {"this": str(eid)}).scalar()
            return None if document is None else decode(Eis, document.encode())

    def add(self, eis: Eis) -> bool:
        """Keep a new set; False, and nothing changed, when its EID is there already."""
        row = {"eid": str(eis.eid), "version": 1, "audit_count": 0, "audit_head": _START, **_values(eis)}
        with self._database.unit() as connection:
            if connection.execute(self._add, row).first() is None:
                return False
            self._write_profiles(connection, eis.eid, set(), _iccids(eis))
            self._write_keys(connection, eis.eid, {}, _keys(eis))
            if eis.audit_trail:
                count, head = self._chain(connection, eis.eid, 0, _START, eis.audit_trail)
                connection.execute(_TRAIL_BEGUN, {"this": str(eis.eid), "count": count, "head": head})
        return True

    def put(self, eis: Eis) -> None:
        """Replace a set; KeyError when there is none."""
        with self._database.unit() as connection:
            kept = self._read(connection, eis.eid)
            if kept is None:
                raise KeyError(eis.eid)
            news = _news(kept.eis.audit_trail, eis.audit_trail)
            count, head = self._chain(connection, eis.eid, kept.audit_count, kept.audit_head, news)
            trail = (*kept.eis.audit_trail, *news)[-_TRAIL:]
            after = _Kept(kept.version + 1, replace(eis, audit_trail=trail), count, head)
            values = {"version": after.version, "audit_count": count, "audit_head": head, **_values(eis)}
            changed = {f"to_{name}": value for name, value in values.items()}
            same = {"this": str(eis.eid), "before": kept.version}
            if connection.execute(_REPLACE, {**changed, **same}).rowcount != 1:
                raise Stale(f"the EIS of {eis.eid}")
            self._write_profiles(connection, eis.eid, _iccids(kept.eis), _iccids(eis))
            self._write_keys(connection, eis.eid, _keys(kept.eis), _keys(eis))
            self._database.noted[self, eis.eid] = after
            self._database.after(lambda: self._cache.put(eis.eid, after))

    def owner_of(self, iccid: Iccid) -> Eid | None:
        """The card that a profile is on."""
        with self._database.reading() as connection:
            found = connection.execute(_OWNER, {"this": str(iccid)}).scalar()
        return None if found is None else Eid.from_string(found)

    def __iter__(self) -> Iterator[Eis]:
        """All of them, in the order of their EIDs; each as it is when it is reached."""
        last = ""
        while True:
            with self._database.reading() as connection:
                eids = connection.execute(_AFTER, {"this": last}).scalars().all()
            if not eids:
                return
            for last in eids:
                if (eis := self.get(Eid.from_string(last))) is not None:
                    yield eis

    def verify_trail(self, eid: Eid) -> int:
        """Check the audit trail of a card: how many records it has. SecurityError names the first that is not right.

        A record that was changed, removed, added or moved breaks the chain there; one removed at the end is missed.
        """
        with self._database.reading() as connection:
            row = connection.execute(_GET, {"this": str(eid)}).mappings().first()
            if row is None:
                raise KeyError(eid)
            records = connection.execute(_RECORDS, {"this": str(eid), "after": 0}).mappings().all()
        chain, number = _START, 0
        for number, record in enumerate(records, 1):
            chain = self._sealer.chain(chain, _link(eid, number, record["record"]))
            if (number, chain) != (record["number"], record["chain"]):
                raise SecurityError(f"record {number} of the audit trail of {eid} is not what was written")
        if (number, chain) != (row["audit_count"], row["audit_head"]):
            raise SecurityError(f"records after {number} of the audit trail of {eid} are missing")
        return number

    # --- reading

    def _read(self, connection: Connection, eid: Eid) -> _Kept | None:
        """As this unit of work has read or written it before; what others write meanwhile, `put` will notice."""
        noted = self._database.noted
        mine: _Kept | None = noted.get((self, eid))
        if mine is not None:
            return mine
        kept = self._cached(connection, eid)
        if kept is None:
            row = connection.execute(_GET, {"this": str(eid)}).mappings().first()
            if row is None:
                return None
            found = kept = self._decoded(connection, eid, row)
            # not before the unit is kept: SQLite shows what a unit of the same group wrote, which may still be undone
            self._database.after(lambda: self._cache.put(eid, found))
        noted[self, eid] = kept
        return kept

    def _cached(self, connection: Connection, eid: Eid) -> _Kept | None:
        """What was read or written last, if it is still that version."""
        kept = self._cache.get(eid)
        if kept is not None and connection.execute(_VERSION, {"this": str(eid)}).scalar() == kept.version:
            return kept
        return None

    def _decoded(self, connection: Connection, eid: Eid, row: RowMapping) -> _Kept:
        eis = decode(Eis, row["document"].encode())
        keys: dict[tuple[int, int], SecretKey] = {}
        for each in connection.execute(_KEYS, {"this": row["eid"]}).mappings():
            place = (each["kvn"], each["kid"], each["type"])
            keys[place[:2]] = SecretKey(self._sealer.open(each["sealed"], key_place(eid, place)), KeyType(each["type"]))
        trail: tuple[AuditRecord, ...] = ()
        if row["audit_count"]:
            asked = {"this": row["eid"], "after": row["audit_count"] - _TRAIL}
            records = connection.execute(_RECORDS, asked).mappings()
            trail = tuple(decode(AuditRecord, each["record"].encode()) for each in records)
        return _Kept(row["version"], _with_keys(eis, keys, trail), row["audit_count"], row["audit_head"])

    # --- writing

    def _write_profiles(self, connection: Connection, eid: Eid, before: set[str], after: set[str]) -> None:
        if gone := before - after:
            connection.execute(_REMOVE_PROFILE, [{"this": iccid} for iccid in sorted(gone)])
        if new := after - before:
            connection.execute(_ADD_PROFILE, [{"iccid": iccid, "eid": str(eid)} for iccid in sorted(new)])

    def _write_keys(
        self, connection: Connection, eid: Eid, before: Mapping[Place, SecretKey], after: Mapping[Place, SecretKey]
    ) -> None:
        for place in before:
            if place not in after or after[place] != before[place]:
                kvn, kid, type = place
                asked = {"this": str(eid), "of_kvn": kvn, "of_kid": kid, "of_type": type}
                connection.execute(_REMOVE_KEY, asked)
        rows = [
            {
                "eid": str(eid),
                "kvn": place[0],
                "kid": place[1],
                "type": place[2],
                "sealed": self._sealer.seal(key.reveal(), key_place(eid, place)),
            }
            for place, key in after.items()
            if place not in before or before[place] != key
        ]
        if rows:
            connection.execute(_ADD_KEY, rows)

    def _chain(
        self, connection: Connection, eid: Eid, count: int, head: bytes, records: Iterable[AuditRecord]
    ) -> tuple[int, bytes]:
        rows = []
        for record in records:
            text = encode(record).decode()
            count += 1
            head = self._sealer.chain(head, _link(eid, count, text))
            rows.append({"eid": str(eid), "number": count, "record": text, "chain": head})
        if rows:
            connection.execute(_ADD_RECORD, rows)
        return count, head


def _values(eis: Eis) -> dict[str, object]:
    document = encode(replace(eis, audit_trail=()))
    if len(document) > MAX_BYTES:
        raise EncodeError(f"an EIS of {len(document)} bytes, at most {MAX_BYTES} are kept")
    return {"document": document.decode(), "remaining_memory": eis.remaining_memory}


def _iccids(eis: Eis) -> set[str]:
    return {str(profile.iccid) for profile in eis.profiles}


def _keys(eis: Eis) -> dict[Place, SecretKey]:
    return {
        (keyset.version, key.index, key.value.type): key.value
        for keyset in eis.isd_r.keysets
        for key in keyset.keys
        if key.value is not None
    }


def _with_keys(eis: Eis, keys: Mapping[tuple[int, int], SecretKey], trail: tuple[AuditRecord, ...]) -> Eis:
    def filled(version: int, key: EisKey) -> EisKey:
        value = keys.get((version, key.index))
        return key if value is None else replace(key, value=value)

    keysets = tuple(
        replace(keyset, keys=tuple(filled(keyset.version, key) for key in keyset.keys)) if keyset.keys else keyset
        for keyset in eis.isd_r.keysets
    )
    return replace(eis, isd_r=replace(eis.isd_r, keysets=keysets), audit_trail=trail)


def key_place(eid: Eid, place: Place) -> bytes:
    """What a sealed key is bound to: EID, KVN, KID, type."""
    kvn, kid, type = place
    return bytes(eid) + bytes((kvn, kid)) + type.to_bytes(2, "big")


def _link(eid: Eid, number: int, record: str) -> bytes:
    return bytes(eid) + number.to_bytes(8, "big") + record.encode()


def _news(before: tuple[AuditRecord, ...], after: tuple[AuditRecord, ...]) -> tuple[AuditRecord, ...]:
    """The records of a trail that were added; the oldest may have gone, as an EIS shows so many only."""
    if after == before[: len(after)]:
        return ()  # nothing, or an EIS from before the last records
    gone = 0
    while before[gone:] != after[: len(before) - gone]:
        gone += 1
    return after[len(before) - gone :]
