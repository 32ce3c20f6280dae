# SPDX-License-Identifier: Apache-2.0
"""Grants and open procedures in the database (GrantStore, ProcedureStore)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from sqlalchemy import Executable, Table, bindparam, delete, select

from apdu.ids import Eid, Iccid
from smsr.api.grants import Onc, Plma
from smsr.api.json_codec import decode, encode
from smsr.db.tables import ONC, OPEN_PROCEDURE, PLMA
from smsr.kit.oid import Oid
from smsr.procedures import OpenProcedure
from smsr.serving.calls import key_of
from smsr.serving.database import Database

__all__ = ["SqlGrantStore", "SqlProcedureStore"]


_GET: Final = select(OPEN_PROCEDURE).where(OPEN_PROCEDURE.c.eid == bindparam("this"))
_REMOVE: Final = delete(OPEN_PROCEDURE).where(OPEN_PROCEDURE.c.eid == bindparam("this"))


class SqlGrantStore:
    """PLMA and ONC."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._set_plma = _replacing(database, PLMA)
        self._set_onc = _replacing(database, ONC)

    def set_plma(self, plma: Plma) -> None:
        """Keep a grant, in the place of the one for the same three."""
        values = {
            "key": key_of(plma.mno_id, plma.m2m_sp_id, plma.profile_type),
            "mno_id": str(plma.mno_id),
            "m2m_sp_id": str(plma.m2m_sp_id),
            "profile_type": plma.profile_type,
            "document": encode(plma).decode(),
        }
        with self._database.unit() as connection:
            connection.execute(self._set_plma, values)

    def plma(self, mno_id: Oid | None = None, m2m_sp_id: Oid | None = None, profile_type: str = "") -> tuple[Plma, ...]:
        """The grants that fit; what is not named is any."""
        named = {"mno_id": mno_id, "m2m_sp_id": m2m_sp_id, "profile_type": profile_type}
        return tuple(decode(Plma, document.encode()) for document in _find(self._database, PLMA, named))

    def set_onc(self, onc: Onc) -> None:
        """Keep a configuration, in the place of the one for the same two."""
        values = {
            "key": key_of(onc.mno_id, onc.profile_type),
            "mno_id": str(onc.mno_id),
            "profile_type": onc.profile_type,
            "document": encode(onc).decode(),
        }
        with self._database.unit() as connection:
            connection.execute(self._set_onc, values)

    def onc(self, mno_id: Oid, profile_type: str = "") -> tuple[Onc, ...]:
        """The configurations of an operator that fit; no type is any."""
        named = {"mno_id": mno_id, "profile_type": profile_type}
        return tuple(decode(Onc, document.encode()) for document in _find(self._database, ONC, named))


class SqlProcedureStore:
    """Open procedures."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._put = _replacing(database, OPEN_PROCEDURE)

    def get(self, eid: Eid) -> OpenProcedure | None:
        """That of a card."""
        with self._database.reading() as connection:
            row = connection.execute(_GET, {"this": str(eid)}).mappings().first()
        if row is None:
            return None
        iccid = None if row["iccid"] is None else Iccid.from_string(row["iccid"])
        return OpenProcedure(Oid(row["owner"]), iccid, row["deadline"], bytes(row["chain"]))

    def put(self, eid: Eid, procedure: OpenProcedure) -> None:
        """Keep it, in the place of what was there."""
        values = {
            "eid": str(eid),
            "owner": str(procedure.owner),
            "iccid": None if procedure.iccid is None else str(procedure.iccid),
            "deadline": procedure.deadline,
            "chain": procedure.chain,
        }
        with self._database.unit() as connection:
            connection.execute(self._put, values)

    def remove(self, eid: Eid) -> None:
        """It is over; nothing happens when there is none."""
        with self._database.unit() as connection:
            connection.execute(_REMOVE, {"this": str(eid)})


def _replacing(database: Database, table: Table) -> Executable:
    """Keep a row, in the place of the one with its key."""
    new = database.insert(table)
    changed = {column.name: column for column in new.excluded if column.name not in table.primary_key}
    return new.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)


@cache
def _finding(table: Table, named: tuple[str, ...], order: tuple[str, ...]) -> Executable:
    where = [table.c[name] == bindparam(f"of_{name}") for name in named]
    return select(table.c.document).where(*where).order_by(*(table.c[name] for name in order))


def _find(database: Database, table: Table, named: Mapping[str, str | None]) -> list[str]:
    asked = {name: str(value) for name, value in named.items() if value}
    query = _finding(table, tuple(asked), tuple(named))
    with database.reading() as connection:
        return list(connection.execute(query, {f"of_{name}": value for name, value in asked.items()}).scalars())
