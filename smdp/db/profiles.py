# SPDX-License-Identifier: Apache-2.0
"""The stock of profiles in the database (ProfileStore): packages sealed and kept once by their content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import BindParameter, Executable, bindparam, select, update

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

_THIS: Final[BindParameter[str]] = bindparam("this")
_GET: Final = select(PROFILE.c.document).where(PROFILE.c.iccid == _THIS)
_PACKAGE: Final = select(PACKAGE.c.sealed).where(PACKAGE.c.content == _THIS)
_HAS_PACKAGE: Final = select(PACKAGE.c.content).where(PACKAGE.c.content == _THIS)
_SWAP: Final = (
    update(PROFILE)
    .where(PROFILE.c.iccid == _THIS, PROFILE.c.document == bindparam("before"))
    .values({column: bindparam(f"to_{column.name}") for column in PROFILE.c if column is not PROFILE.c.iccid})
)
_FREE: Final = (
    select(PROFILE.c.document)
    .where(
        PROFILE.c.type_key == bindparam("of_type"),
        PROFILE.c.state == StockState.AVAILABLE.value,
        PROFILE.c.mno_id == bindparam("of_mno"),
    )
    .order_by(PROFILE.c.iccid)
    .limit(1)
)
_UNTOUCHED: Final = _FREE.with_for_update(skip_locked=True)
"""For PostgreSQL: not the one that another unit of work is just taking, which all others would wait for in vain."""
_OWNERS: Final = select(PROFILE.c.mno_id).where(PROFILE.c.type_key == _THIS).distinct()
_AFTER: Final = (
    select(PROFILE.c.iccid, PROFILE.c.document).where(PROFILE.c.iccid > _THIS).order_by(PROFILE.c.iccid).limit(_BATCH)
)


class SqlProfileStore:
    """Profiles by ICCID."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._add = database.insert(PROFILE).on_conflict_do_nothing().returning(PROFILE.c.iccid)
        self._add_package = database.insert(PACKAGE).on_conflict_do_nothing()

    def add(self, profile: StoredProfile, package: bytes) -> bool:
        """Keep a new profile; False, and nothing changed, when its ICCID is there already."""
        with self._database.unit() as connection:
            if self.get(profile.iccid) is not None:
                return False
            if profile.content != content_hash(package):
                raise ValueError(f"profile {profile.iccid} names another package")
            if connection.execute(_HAS_PACKAGE, {"this": profile.content}).first() is None:
                sealed = self._sealer.seal(package, profile.content.encode())
                connection.execute(self._add_package, {"content": profile.content, "sealed": sealed})
            row = {"iccid": str(profile.iccid), **_values(profile)}
            return connection.execute(self._add, row).first() is not None

    def get(self, iccid: Iccid) -> StoredProfile | None:
        """A profile as it is now."""
        return self._first(_GET, {"this": str(iccid)})

    def package(self, content: str) -> bytes:
        """A package; KeyError when there is none, SecurityError when it was tampered with."""
        with self._database.reading() as connection:
            sealed = connection.execute(_PACKAGE, {"this": content}).scalar()
        if sealed is None:
            raise KeyError(content)
        package = self._sealer.open(sealed, content.encode())
        if content_hash(package) != content:
            raise SecurityError(f"package {content} is another one")
        return package

    def swap(self, before: StoredProfile, after: StoredProfile) -> bool:
        """Put `after` where `before` is; False, and nothing changed, when it is not like this any more."""
        same = {"this": str(before.iccid), "before": encode(before).decode()}
        changed = {f"to_{name}": value for name, value in _values(after).items()}
        with self._database.unit() as connection:
            return connection.execute(_SWAP, {**changed, **same}).rowcount == 1

    def find_available(self, profile_type: str, mno_id: Oid) -> StoredProfile | None:
        """Any available profile of this type and owner."""
        asked = {"of_type": key_of(profile_type), "of_mno": str(mno_id)}
        return self._first(_UNTOUCHED, asked) or self._first(_FREE, asked)

    def owners(self, profile_type: str) -> frozenset[Oid]:
        """Who has profiles of this type, in whatever state."""
        with self._database.reading() as connection:
            return frozenset(map(Oid, connection.execute(_OWNERS, {"this": key_of(profile_type)}).scalars()))

    def __iter__(self) -> Iterator[StoredProfile]:
        """All of them, in the order of their ICCIDs."""
        last = ""
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(_AFTER, {"this": last}).all()
            if not rows:
                return
            for _, document in rows:
                yield decode(StoredProfile, document.encode())
            last = rows[-1].iccid

    def _first(self, query: Executable, asked: dict[str, str]) -> StoredProfile | None:
        with self._database.reading() as connection:
            document = connection.execute(query, asked).scalar()
        return None if document is None else decode(StoredProfile, document.encode())


def _values(profile: StoredProfile) -> dict[str, str]:
    return {
        "content": profile.content,
        "mno_id": str(profile.mno_id),
        "type_key": key_of(profile.profile_type),
        "state": str(profile.state),
        "document": encode(profile).decode(),
    }
