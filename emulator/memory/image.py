# SPDX-License-Identifier: Apache-2.0
"""The image backend: a card's memory in a SQLite file that one process at a time can have.

WAL with `synchronous=FULL`: a batch is durable when `commit` returns, wholly or not at all. While the image is open a
`-wal` file lies beside it; a clean close leaves one file. Deleting empties that file, and freed pages are overwritten:
what was deleted is gone from the bytes, as in the journal. Every item carries a CRC-32, since SQLite has none.

Opening never changes a file that turns out not to be a good image of this version: the header is read before SQLite
sees it, and after a crash the check runs on a copy.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self
from zlib import crc32

from apdu.errors import M2mError
from emulator.memory.journal import Batch, Hook, Moment

__all__ = ["ImageBackend", "ImageError"]

_APPLICATION: Final = int.from_bytes(b"eUIC", "big")
"""SQLite's application identifier: what `file` and others tell images of cards by."""
_VERSION: Final = 1
"""Of the file: tables and their meaning."""
_CARD_FORMAT: Final = "m2m-euicc card 1"
"""Of what is in it: the keys and records of a card's memory."""
_MODE: Final = stat.S_IRUSR | stat.S_IWUSR
_MAGIC: Final = b"SQLite format 3\0"
_VERSION_AT, _APPLICATION_AT, _HEADER = 60, 68, 100
_CHECKPOINT: Final = 128
"""Pages of the `-wal` file after which SQLite writes them back: 512 KB."""
_SCHEMA: Final = (
    "CREATE TABLE format (card TEXT NOT NULL)",
    "CREATE TABLE item (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID",
)
_PUT: Final = "INSERT OR REPLACE INTO item VALUES (?, ?, ?)"
_DELETE: Final = "DELETE FROM item WHERE key = ?"


class ImageError(M2mError):
    """A card image cannot be used: the message names it and says what to do."""


class ImageBackend:
    """An image that is open: `get`, `items` and `commit`, until `close`."""

    __slots__ = ("_connection", "_index", "_lock", "hook", "path")

    def __init__(self, path: Path, hook: Hook | None = None) -> None:
        """Open an image; ImageError, and the file as it was, when that cannot be."""
        self.path = path
        self.hook = hook
        self._lock = _lock(path)
        try:
            _check_header(path, self._lock)
            crashed = _wal(path).exists()
            if crashed:  # closing would write it back, whatever is found
                with TemporaryDirectory(prefix="euicc-") as folder:
                    copy = Path(folder, "image")
                    for source, target in ((path, copy), (_wal(path), _wal(copy))):
                        shutil.copyfile(source, target)
                    with closing(_connect(copy)) as connection:
                        _load(connection, path)
            self._connection = _connect(path)
            try:
                self._index = _load(self._connection, path)
                if crashed:
                    self._clean()
            except ImageError:
                self._connection.close()
                raise
        except BaseException:
            os.close(self._lock)
            raise

    @classmethod
    def create(cls, path: Path, hook: Hook | None = None) -> Self:
        """Make an empty image, readable by its owner only, and open it; a file that exists is left alone."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE))
        except FileExistsError:
            raise ImageError(f"{path} exists: name another file, or delete it first") from None
        except OSError as error:
            raise ImageError(f"{path} cannot be made: {_words(error)}; name another file") from None
        try:
            with closing(_connect(path)) as connection:
                connection.execute("BEGIN")
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute("INSERT INTO format VALUES (?)", (_CARD_FORMAT,))
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            path.unlink()
            raise ImageError(f"{path} cannot be made: {error}; name another file") from None
        return cls(path, hook)

    def get(self, key: str) -> bytes | None:
        """The value of a key, None where there is none."""
        return self._index.get(key)

    def items(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Keys that start with a prefix, with their values, sorted."""
        for key in sorted(key for key in self._index if key.startswith(prefix)):
            yield key, self._index[key]

    def commit(self, batch: Batch) -> None:
        """Make a batch durable, wholly or not at all."""
        hook = self.hook or _no_hook
        hook(Moment.BEFORE)
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for key, value in batch.items():
                hook(Moment.RECORD)
                if value is None:
                    execute(_DELETE, (key,))
                else:
                    execute(_PUT, (key, value, _crc(key, value)))
                hook(Moment.INSIDE)
            hook(Moment.RECORD)
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise ImageError(f"{self.path} cannot be written: {error}; free some space and try again") from None
        hook(Moment.MARKED)
        self._apply(batch)
        if None in batch.values():
            hook(Moment.SWAP)
            self._clean()
        hook(Moment.AFTER)

    def close(self) -> None:
        """Leave one file and let others have it; an open transaction is forgotten. A second time does nothing."""
        if self._lock < 0:
            return
        self._connection.close()
        os.close(self._lock)  # last: a file's POSIX locks, which SQLite has, go with any descriptor of it
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _apply(self, batch: Batch) -> None:
        for key, value in batch.items():
            if value is None:
                self._index.pop(key, None)
            else:
                self._index[key] = value

    def _clean(self) -> None:
        """Empty the `-wal` file, where older pages would keep what was deleted."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise ImageError(f"{self.path} cannot be written: {error}; free some space and try again") from None


def _no_hook(moment: Moment) -> None:
    pass


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _crc(key: str, value: bytes) -> int:
    return crc32(value, crc32(key.encode()))


def _lock(path: Path) -> int:
    """A descriptor that holds the image for this process; the system lets it go when the process ends, however."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist: make it with `euicc card new {path}`") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be opened: {_words(error)}; name a file that you may write") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise ImageError(f"{path} is in use by another process: stop that one, or copy the image while it is") from None
    return descriptor


def _check_header(path: Path, descriptor: int) -> None:
    """Whether it is an image of ours, told by the first bytes, before anything is done to it."""
    header = os.pread(descriptor, _HEADER, 0) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    application = int.from_bytes(header[_APPLICATION_AT : _APPLICATION_AT + 4], "big")
    if len(header) < _HEADER or not header.startswith(_MAGIC) or application != _APPLICATION:
        raise ImageError(f"{path} is not a card image: name a file made by `euicc card new`")
    version = int.from_bytes(header[_VERSION_AT : _VERSION_AT + 4], "big")
    if version != _VERSION:
        raise _newer(path)


def _newer(path: Path) -> ImageError:
    return ImageError(f"{path} was made by a newer version of this program: update it (pip install -U m2m-euicc)")


def _damaged(path: Path, what: str) -> ImageError:
    return ImageError(f"{path} is damaged ({what}): restore a copy, or make another card with `euicc card new`")


def _connect(path: Path) -> sqlite3.Connection:
    """SQLite's own settings. The lock for the whole file is taken by the first access and kept."""
    connection = sqlite3.connect(path.absolute(), timeout=0, isolation_level=None, check_same_thread=False)
    try:
        for setting in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            "synchronous = FULL",
            "secure_delete = ON",
            f"wal_autocheckpoint = {_CHECKPOINT}",
            "trusted_schema = OFF",
        ):
            connection.execute(f"PRAGMA {setting}").fetchall()
    except sqlite3.Error as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise ImageError(f"{path} is in use by another program: close that first") from None
        raise _damaged(path, str(error)) from None
    return connection


def _load(connection: sqlite3.Connection, path: Path) -> dict[str, bytes]:
    """Everything that is in it, each item proven by its checksum."""
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise _damaged(path, " ".join(str(verdict).split())[:80])
        found = connection.execute("SELECT card FROM format").fetchall()
        rows = connection.execute("SELECT key, value, crc FROM item").fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _damaged(path, " ".join(str(error).split())[:80]) from None
    if found != [(_CARD_FORMAT,)]:
        raise _newer(path)
    index: dict[str, bytes] = {}
    for key, value, crc in rows:
        if not isinstance(key, str) or not isinstance(value, bytes) or _crc(key, value) != crc:
            raise _damaged(path, f"item {key!r:.40}")
        index[key] = value
    return index
