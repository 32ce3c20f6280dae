# SPDX-License-Identifier: Apache-2.0
"""The keys of SCP03, SCP03t, SCP80 and SCP81 that a card image holds, of every security domain on it."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from apdu.gp.codes import KVN_SCP03, KVN_SCP80, KVN_SCP81
from apdu.ids import ISD_R
from apdu.trace.unwrap.keys import DomainKeys, KeyRing, PresharedKey
from emulator.memory.image import ImageBackend, ImageError
from emulator.memory.store import Memory
from emulator.profile.loader import base_of
from emulator.sd.keyring import KeyRing as CardKeys
from emulator.sd.registry import Registry, isd_p_prefix
from emulator.visible import VisibleProfile
from tools.errors import ToolError, reason

__all__ = ["image_keys"]


def image_keys(path: Path) -> KeyRing:
    """All of them; ToolError when the image cannot be read."""
    with _copy(path) as copy:
        try:
            with ImageBackend(copy) as backend:
                return _all(Memory(backend))
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


def _all(memory: Memory) -> KeyRing:
    sets: list[DomainKeys] = []
    packets: list[DomainKeys] = []
    for aid, ring in _domains(memory):
        sets += [DomainKeys(aid, keys) for keys in map(ring.scp03, KVN_SCP03) if keys is not None]
        packets += [DomainKeys(aid, keys) for keys in map(ring.scp80, KVN_SCP80) if keys is not None]
    return KeyRing(sets, packets=packets, preshared=_preshared(memory))


def _domains(memory: Memory) -> Iterator[tuple[bytes, CardKeys]]:
    yield bytes(ISD_R), CardKeys(memory, "isdr")
    registry = Registry(memory)
    lab = registry.card.lab
    for record in registry.isd_ps():
        prefix = isd_p_prefix(record.aid)
        yield bytes(record.aid), CardKeys(memory, prefix)
        package = memory.get(f"{prefix}/pkg")
        if package is None:
            continue
        profile = VisibleProfile(record.aid, base_of(package, lab=lab), memory)
        for application in profile.applications():
            if application.is_domain:
                spec = profile.spec(application.aid)
                keys = CardKeys(memory, f"{prefix}/sd/{application.aid}", () if spec is None else spec.keys)
                yield bytes(application.aid), keys


def _preshared(memory: Memory) -> Iterator[PresharedKey]:
    """Those of the ISD-R, whose identity has the card's EID."""
    eid = bytes(Registry(memory).ecasd.eid)
    for kvn in KVN_SCP81:
        keys = CardKeys(memory, "isdr").scp81(kvn)
        if keys is not None:
            yield PresharedKey(keys.psk, eid, keys.kvn, keys.kid)
