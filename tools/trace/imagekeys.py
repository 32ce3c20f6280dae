# SPDX-License-Identifier: Apache-2.0
"""The SCP03 and SCP03t key sets that a card image holds, of every security domain on it."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from apdu.gp.codes import KVN_SCP03
from apdu.ids import ISD_R
from apdu.trace.unwrap.keys import DomainKeys
from emulator.memory.image import ImageBackend, ImageError
from emulator.memory.store import Memory
from emulator.profile.loader import base_of
from emulator.sd.keyring import KeyRing as CardKeys
from emulator.sd.registry import Registry, isd_p_prefix
from emulator.visible import VisibleProfile
from tools.errors import ToolError, reason

__all__ = ["image_keys"]


def image_keys(path: Path) -> list[DomainKeys]:
    """All of them; ToolError when the image cannot be read."""
    with _copy(path) as copy:
        try:
            with ImageBackend(copy) as backend:
                return list(_all(Memory(backend)))
        except ImageError as error:
            raise ToolError(str(error).replace(str(copy), str(path))) from None


@contextmanager
def _copy(path: Path) -> Iterator[Path]:
    """A copy of an image that nobody has open: looking at one would tidy it up after a crash."""
    with TemporaryDirectory(prefix="euicc-") as folder:
        copy = Path(folder, "image")
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                log = path.with_name(path.name + "-wal")
                if log.exists():
                    shutil.copyfile(log, copy.with_name(copy.name + "-wal"))
                with copy.open("wb") as target:
                    shutil.copyfileobj(file, target)
        except BlockingIOError:
            raise ToolError(f"{path} is in use by another process: stop that one first") from None
        except OSError as error:
            raise ToolError(f"{path} cannot be read: {reason(error)}") from None
        yield copy


def _all(memory: Memory) -> Iterator[DomainKeys]:
    yield from _of(bytes(ISD_R), CardKeys(memory, "isdr"))
    registry = Registry(memory)
    lab = registry.card.lab
    for record in registry.isd_ps():
        prefix = isd_p_prefix(record.aid)
        yield from _of(bytes(record.aid), CardKeys(memory, prefix))
        package = memory.get(f"{prefix}/pkg")
        if package is None:
            continue
        profile = VisibleProfile(record.aid, base_of(package, lab=lab), memory)
        for application in profile.applications():
            if application.is_domain:
                spec = profile.spec(application.aid)
                keys = CardKeys(memory, f"{prefix}/sd/{application.aid}", () if spec is None else spec.keys)
                yield from _of(bytes(application.aid), keys)


def _of(aid: bytes, ring: CardKeys) -> Iterator[DomainKeys]:
    for kvn in KVN_SCP03:
        keys = ring.scp03(kvn)
        if keys is not None:
            yield DomainKeys(aid, keys)
