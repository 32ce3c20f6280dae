# SPDX-License-Identifier: Apache-2.0
"""The stock of profiles in the database (ProfileStore): packages sealed and kept once by their content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Select, select, update

from apdu.errors import SecurityError
from apdu.ids import Iccid
from smdp.db.tables import PACKAGE, PROFILE
from smdp.profiles.store import StockState, StoredProfile, content_hash
from smsr.api.json_codec import decode, encode
from smsr.kit.oid import Oid
from smsr.kit.sealer import Sealer
from smsr.serving.calls import key_of
from smsr.serving.database import Database

__all__ = ["SqlProfileStore"]

_BATCH: Final = 500


class SqlProfileStore:
    """Profiles by ICCID."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def add(self, profile: StoredProfile, package: bytes) -> bool:
        """Keep a new profile; False, and nothing changed, when its ICCID is there already."""
        new = self._database.insert(PROFILE).values(iccid=str(profile.iccid), **_values(profile))
        with self._database.unit() as connection:
            if self.get(profile.iccid) is not None:
                return False
            if profile.content != content_hash(package):
                raise ValueError(f"profile {profile.iccid} names another package")
            known = select(PACKAGE.c.content).where(PACKAGE.c.content == profile.content)
            if connection.execute(known).first() is None:
                sealed = self._sealer.seal(package, profile.content.encode())
                statement = self._database.insert(PACKAGE).values(content=profile.content, sealed=sealed)
                connection.execute(statement.on_conflict_do_nothing())
            return connection.execute(new.on_conflict_do_nothing().returning(PROFILE.c.iccid)).first() is not None

    def get(self, iccid: Iccid) -> StoredProfile | None:
        """A profile as it is now."""
        return self._first(select(PROFILE.c.document).where(PROFILE.c.iccid == str(iccid)))

    def package(self, content: str) -> bytes:
        """A package; KeyError when there is none, SecurityError when it was tampered with."""
        with self._database.reading() as connection:
            sealed = connection.execute(select(PACKAGE.c.sealed).where(PACKAGE.c.content == content)).scalar()
        if sealed is None:
            raise KeyError(content)
        package = self._sealer.open(sealed, content.encode())
        if content_hash(package) != content:
            raise SecurityError(f"package {content} is another one")
        return package

    def swap(self, before: StoredProfile, after: StoredProfile) -> bool:
        """Put `after` where `before` is; False, and nothing changed, when it is not like this any more."""
        same = (PROFILE.c.iccid == str(before.iccid), PROFILE.c.document == encode(before).decode())
        with self._database.unit() as connection:
            return connection.execute(update(PROFILE).where(*same).values(_values(after))).rowcount == 1

    def find_available(self, profile_type: str, mno_id: Oid) -> StoredProfile | None:
        """Any available profile of this type and owner."""
        free = (
            PROFILE.c.type_key == key_of(profile_type),
            PROFILE.c.state == str(StockState.AVAILABLE),
            PROFILE.c.mno_id == str(mno_id),
        )
        return self._first(select(PROFILE.c.document).where(*free).order_by(PROFILE.c.iccid).limit(1))

    def owners(self, profile_type: str) -> frozenset[Oid]:
        """Who has profiles of this type, in whatever state."""
        query = select(PROFILE.c.mno_id).where(PROFILE.c.type_key == key_of(profile_type)).distinct()
        with self._database.reading() as connection:
            return frozenset(map(Oid, connection.execute(query).scalars()))

    def __iter__(self) -> Iterator[StoredProfile]:
        """All of them, in the order of their ICCIDs."""
        last = ""
        while True:
            query = select(PROFILE.c.iccid, PROFILE.c.document).where(PROFILE.c.iccid > last)
            with self._database.reading() as connection:
                rows = connection.execute(query.order_by(PROFILE.c.iccid).limit(_BATCH)).all()
            if not rows:
                return
            for _, document in rows:
                yield decode(StoredProfile, document.encode())
            last = rows[-1].iccid

    def _first(self, query: Select[Any]) -> StoredProfile | None:
        with self._database.reading() as connection:
            document = connection.execute(query).scalar()
        return None if document is None else decode(StoredProfile, document.encode())


def _values(profile: StoredProfile) -> dict[str, str]:
    return {
        "content": profile.content,
        "mno_id": str(profile.mno_id),
        "type_key": key_of(profile.profile_type),
        "state": str(profile.state),
        "document": encode(profile).decode(),
    }
