# SPDX-License-Identifier: Apache-2.0
"""Grants and open procedures in the database (GrantStore, ProcedureStore)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Executable, Table, bindparam, delete, select

from apdu.ids import Eid, Iccid
from smsr.api.grants import Onc, Plma
from smsr.api.json_codec import decode, encode
from smsr.db.tables import ONC, OPEN_PROCEDURE, PLMA
from smsr.kit.oid import Oid
from smsr.procedures import OpenProcedure
from smsr.serving.calls import key_of
from smsr.serving.database import Database
from smsr.store import Setting

__all__ = ["SqlGrantStore", "SqlProcedureStore"]


S = TypeVar("S", Plma, Onc)


def _named(table: Table, *names: str) -> tuple[ColumnElement[bool], ...]:
    return tuple(table.c[name] == bindparam(f"of_{name}") for name in names)


_OTHER_PLMA: Final = delete(PLMA).where(*_named(PLMA, "mno_id", "m2m_sp_id", "profile_type"))
_OTHER_ONC: Final = delete(ONC).where(*_named(ONC, "mno_id", "profile_type"))
_GET: Final = select(OPEN_PROCEDURE).where(OPEN_PROCEDURE.c.eid == bindparam("this"))
_REMOVE: Final = delete(OPEN_PROCEDURE).where(OPEN_PROCEDURE.c.eid == bindparam("this"))


class SqlGrantStore:
    """PLMA and ONC."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._set_plma = _replacing(database, PLMA)
        self._set_onc = _replacing(database, ONC)

    def set_plma(self, plma: Plma, smdp_id: Oid | None = None) -> None:
        """Keep a grant."""
        self._keep(self._set_plma, _OTHER_PLMA, Setting(plma, smdp_id), {"m2m_sp_id": str(plma.m2m_sp_id)})

    def plma(
        self, mno_id: Oid | None = None, m2m_sp_id: Oid | None = None, profile_type: str = ""
    ) -> tuple[Setting[Plma], ...]:
        """The grants that fit; what is not named is any."""
        named = {"mno_id": mno_id, "m2m_sp_id": m2m_sp_id, "profile_type": profile_type}
        return _find(self._database, PLMA, Plma, named)

    def set_onc(self, onc: Onc, smdp_id: Oid | None = None) -> None:
        """Keep a configuration."""
        self._keep(self._set_onc, _OTHER_ONC, Setting(onc, smdp_id), {})

    def onc(self, mno_id: Oid, profile_type: str = "") -> tuple[Setting[Onc], ...]:
        """The configurations of an operator that fit; no type is any."""
        return _find(self._database, ONC, Onc, {"mno_id": mno_id, "profile_type": profile_type})

    def _keep(self, put: Executable, others: Executable, new: Setting[S], named: Mapping[str, str]) -> None:
        subject = {"mno_id": str(new.value.mno_id), "profile_type": new.value.profile_type, **named}
        values = {
            **subject,
            "key": key_of(*new.value.subject, *(() if new.smdp_id is None else (new.smdp_id,))),
            "smdp_id": None if new.smdp_id is None else str(new.smdp_id),
            "document": encode(new.value).decode(),
        }
        with self._database.unit() as connection:
            if new.smdp_id is None:
                connection.execute(others, {f"of_{name}": value for name, value in subject.items()})
            connection.execute(put, values)


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
    query = select(table.c.document, table.c.smdp_id).where(*_named(table, *named))
    return query.order_by(*(table.c[name] for name in order))


def _find(database: Database, table: Table, kind: type[S], named: Mapping[str, str | None]) -> tuple[Setting[S], ...]:
    asked = {name: str(value) for name, value in named.items() if value}
    query = _finding(table, tuple(asked), tuple(named))
    with database.reading() as connection:
        rows = connection.execute(query, {f"of_{name}": value for name, value in asked.items()}).all()
    return tuple(
        Setting(decode(kind, document.encode()), None if smdp_id is None else Oid(smdp_id))
        for document, smdp_id in rows
    )
