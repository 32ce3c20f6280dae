# SPDX-License-Identifier: Apache-2.0
"""Key sets of ISD-Ps, and messages that were taken, in the database (KeyStore, Inbox)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import bindparam, delete, insert, select

from apdu.ids import Aid, Eid
from apdu.keys.secret import KeySet, KeyType, SecretKey
from smdp.db.tables import KEY_SET, SEEN
from smsr.kit.sealer import Sealer
from smsr.serving.calls import key_of
from smsr.serving.database import Database

__all__ = ["OLD", "SqlInbox", "SqlKeyStore"]

OLD: Final = delete(SEEN).where(SEEN.c.at < bindparam("before"))
"""Of messages that were seen (smsr.serving.housekeeping)."""

_KIDS: Final = {1: "enc", 2: "mac", 3: "dek"}

_OF_ISD_P: Final = (KEY_SET.c.eid == bindparam("of_eid"), KEY_SET.c.isd_p == bindparam("of_isd_p"))
_THIS: Final = (*_OF_ISD_P, KEY_SET.c.kvn == bindparam("of_kvn"))
_GET: Final = select(KEY_SET).where(*_THIS)
_ADD: Final = insert(KEY_SET)
_REMOVE: Final = delete(KEY_SET).where(*_THIS)
_FORGET: Final = delete(KEY_SET).where(*_OF_ISD_P)


class SqlKeyStore:
    """Key sets by card and ISD-P, each key sealed for its place."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def put(self, eid: Eid, isd_p: Aid, keys: KeySet) -> None:
        """Keep a key set, in the place of one with the same version."""
        rows = []
        for kid, name in _KIDS.items():
            key: SecretKey = getattr(keys, name)
            sealed = self._sealer.seal(key.reveal(), _place(eid, isd_p, keys.kvn, kid, key.type))
            rows.append(
                {
                    "eid": str(eid),
                    "isd_p": str(isd_p),
                    "kvn": keys.kvn,
                    "kid": kid,
                    "type": int(key.type),
                    "sealed": sealed,
                }
            )
        with self._database.unit() as connection:
            connection.execute(_REMOVE, {"of_eid": str(eid), "of_isd_p": str(isd_p), "of_kvn": keys.kvn})
            connection.execute(_ADD, rows)

    def get(self, eid: Eid, isd_p: Aid, kvn: int) -> KeySet | None:
        """Find one; SecurityError when it was tampered with."""
        here = {"of_eid": str(eid), "of_isd_p": str(isd_p), "of_kvn": kvn}
        with self._database.reading() as connection:
            rows = connection.execute(_GET, here).mappings().all()
        if len(rows) != len(_KIDS):
            return None
        found = {}
        for row in rows:
            type = KeyType(row["type"])
            value = self._sealer.open(row["sealed"], _place(eid, isd_p, kvn, row["kid"], type))
            found[_KIDS[row["kid"]]] = SecretKey(value, type)
        return KeySet(kvn, **found)

    def forget(self, eid: Eid, isd_p: Aid) -> None:
        """The ISD-P is gone."""
        with self._database.unit() as connection:
            connection.execute(_FORGET, {"of_eid": str(eid), "of_isd_p": str(isd_p)})


def _place(eid: Eid, isd_p: Aid, kvn: int, kid: int, type: KeyType) -> bytes:
    return bytes(eid) + bytes((len(isd_p),)) + isd_p + bytes((kvn, kid, type))


class SqlInbox:
    """Remembers messages by a key."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._add = database.insert(SEEN).on_conflict_do_nothing().returning(SEEN.c.key)

    def first(self, key: str) -> bool:
        """True the first time that a key is seen; not remembered when the unit of work is not kept."""
        with self._database.unit() as connection:
            return connection.execute(self._add, {"key": key_of(key), "at": self._clock()}).first() is not None
