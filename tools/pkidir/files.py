# SPDX-License-Identifier: Apache-2.0
"""Changing a folder of certificates: whole or not at all, and one process at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from smsr.kit.folder import CI, PkiFolder
from tools.errors import ToolError, reason

__all__ = ["Draft", "changing", "check_folder", "new_folder", "new_generation", "write_public"]

_LOCK: Final = ".lock"
_NEW: Final = ".new-"


def write_public(path: Path, data: bytes) -> None:
    """Write what all may read: under another name first, so that readers see the old or the new."""
    draft = path.with_name(f"{_NEW}{path.name}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(descriptor, 0o644)
        os.fsync(descriptor)
    draft.rename(path)
    _sync(path.parent)


def check_folder(path: Path) -> None:
    """ToolError when there is no CI in it."""
    if not (path / CI).is_dir() or not PkiFolder(path).generations(CI):
        raise ToolError(f"{path} is no folder of certificates: make one with `euicc pki init {path}`")


@contextmanager
def changing(path: Path) -> Iterator[PkiFolder]:
    """The folder for one process alone."""
    check_folder(path)
    with (path / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ToolError(f"{path} is being changed by another process: try again when it has ended") from None
        for left in path.glob(f"{_NEW}*"):  # by a process that was killed
            shutil.rmtree(left)
        yield PkiFolder(path)


@contextmanager
def new_folder(path: Path) -> Iterator[PkiFolder]:
    """A folder that appears at `path` when everything in it is written."""
    with _draft(path.absolute().parent) as draft:
        yield PkiFolder(draft)
        try:
            draft.rename(path)
        except OSError as error:
            raise ToolError(f"{path} cannot be made ({reason(error)}): name a folder that does not exist") from None


class Draft(NamedTuple):
    """A generation that is being made: where, and what it will be called."""

    path: Path
    label: str
    """NAME/NUMBER."""


@contextmanager
def new_generation(folder: PkiFolder, name: str) -> Iterator[Draft]:
    """The folder of a party's next certificates, which appears when everything in it is written."""
    party = folder.path / name
    number = 1 + max((int(each.name) for each in folder.generations(name)), default=0) if party.is_dir() else 1
    with _draft(folder.path) as draft:
        yield Draft(draft, f"{name}/{number}")
        made = not party.is_dir()
        party.mkdir(mode=0o755, exist_ok=True)
        try:
            draft.rename(party / str(number))
        except OSError:
            if made:
                party.rmdir()
            raise
        _sync(party)


@contextmanager
def _draft(parent: Path) -> Iterator[Path]:
    draft = Path(tempfile.mkdtemp(prefix=_NEW, dir=parent))
    draft.chmod(0o755)  # what is secret in it is 0600
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # is not there any more when all went well
    _sync(parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
