# SPDX-License-Identifier: Apache-2.0
"""Grants and open procedures in the database (GrantStore, ProcedureStore)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, delete, select

from apdu.ids import Eid, Iccid
from smsr.api.grants import Onc, Plma
from smsr.api.json_codec import decode, encode
from smsr.db.tables import ONC, OPEN_PROCEDURE, PLMA
from smsr.kit.oid import Oid
from smsr.procedures import OpenProcedure
from smsr.serving.calls import key_of
from smsr.serving.database import Database

__all__ = ["SqlGrantStore", "SqlProcedureStore"]


class SqlGrantStore:
    """PLMA and ONC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_plma(self, plma: Plma) -> None:
        """Keep a grant, in the place of the one for the same three."""
        values = {
            "key": key_of(plma.mno_id, plma.m2m_sp_id, plma.profile_type),
            "mno_id": str(plma.mno_id),
            "m2m_sp_id": str(plma.m2m_sp_id),
            "profile_type": plma.profile_type,
            "document": encode(plma).decode(),
        }
        _replace(self._database, PLMA, values)

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
        _replace(self._database, ONC, values)

    def onc(self, mno_id: Oid, profile_type: str = "") -> tuple[Onc, ...]:
        """The configurations of an operator that fit; no type is any."""
        named = {"mno_id": mno_id, "profile_type": profile_type}
        return tuple(decode(Onc, document.encode()) for document in _find(self._database, ONC, named))


class SqlProcedureStore:
    """Open procedures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, eid: Eid) -> OpenProcedure | None:
        """That of a card."""
        query = select(OPEN_PROCEDURE).where(OPEN_PROCEDURE.c.eid == str(eid))
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
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
        _replace(self._database, OPEN_PROCEDURE, values)

    def remove(self, eid: Eid) -> None:
        """It is over; nothing happens when there is none."""
        with self._database.unit() as connection:
            connection.execute(delete(OPEN_PROCEDURE).where(OPEN_PROCEDURE.c.eid == str(eid)))


def _replace(database: Database, table: Table, values: dict[str, Any]) -> None:
    statement = database.insert(table).values(values)
    with database.unit() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values))


def _find(database: Database, table: Table, named: Mapping[str, str | None]) -> list[str]:
    where = [table.c[name] == str(value) for name, value in named.items() if value]
    order = [table.c[name] for name in named]
    with database.reading() as connection:
        return list(connection.execute(select(table.c.document).where(*where).order_by(*order)).scalars())
