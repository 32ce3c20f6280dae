# SPDX-License-Identifier: Apache-2.0
"""Making a lab: certificates, configurations, keys, cards with their EIS, profiles.

It is made under another name beside its own and gets its own when everything in it is written: a lab is there whole or
not at all. What a process that was killed left is cleared away by the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from emulator.memory.image import ImageBackend
from smsr.api.json_codec import encode
from tools.cards.make import key_text
from tools.entropy import SystemEntropy
from tools.errors import ToolError, reason
from tools.lab.configs import write_configs
from tools.lab.factory import CardFactory
from tools.lab.layout import Lab, LabCard, LabFile, LabProfile
from tools.lab.ports import draw_ports
from tools.pki import make_eid
from tools.pkidir.operations import initialise
from tools.pkidir.vault import FILES
from tools.subscription import draw_profile

__all__ = ["create"]

_FOLDERS: Final = ("cards", "eis", "factory", "stock", "log", "run")
_KEY: Final = 16
_MASTER: Final = 32


def create(path: Path, cards: int, profiles: int) -> None:
    """Make a lab at `path`, which is not there, or an empty folder; ToolError, and nothing there, when it cannot be."""
    path = path.absolute()
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise ToolError(f"{path} exists and is no lab: name a folder that does not, or an empty one")
    with _draft(path) as draft:
        _Maker(draft).make(cards, profiles)
        try:
            draft.rename(path)
        except OSError as error:
            raise ToolError(f"{path} cannot be made ({reason(error)}): name a folder that does not exist") from None


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A folder beside `path`, for one process at a time."""
    draft = path.with_name(f".{path.name}.new")
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(parent, path)
        try:
            shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed
            draft.mkdir(mode=0o700)
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)  # is not there any more when all went well
    finally:
        os.close(parent)


def _lock(parent: int, path: Path) -> None:
    try:
        fcntl.flock(parent, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ToolError(f"another lab is being made in {path.parent}: try again when that is done") from None


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


class _Maker:
    """Fills a folder."""

    def __init__(self, path: Path) -> None:
        self._entropy = SystemEntropy()
        self._ports = draw_ports()
        for name in _FOLDERS:
            (path / name).mkdir(mode=0o700)
        self._lab = Lab(path, LabFile(ports=self._ports, cards=(), profiles=()))
        initialise(self._lab.pki, FILES)

    def make(self, cards: int, profiles: int) -> None:
        """Everything; lab.json comes last."""
        path = self._lab.path
        write_configs(self._lab)
        for name in ("smsr.master", "smdp.master"):
            _write(path / name, self._entropy.draw(_MASTER).hex().encode())
        _write(path / "eum.transport", self._entropy.draw(_KEY).hex().encode())
        factory = CardFactory(self._lab, self._entropy)
        made = tuple(self._card(factory) for _ in range(cards))
        stock = tuple(self._profile() for _ in range(profiles))
        file = LabFile(ports=self._ports, cards=made, profiles=stock)
        _write(path / "lab.json", msgspec.json.format(msgspec.json.encode(file)))

    def _card(self, factory: CardFactory) -> LabCard:
        eid = make_eid(self._entropy)
        with ImageBackend.create(self._lab.image(str(eid))) as image:
            made = factory.make(eid, image)
        first = made.profile
        _write(self._lab.image(str(eid)).with_suffix(".keys"), f"{key_text(made.keys)}\n".encode())
        _write(self._lab.registration(str(eid)), encode(made.registration))
        _write(self._lab.factory(str(first.iccid)), first.package)
        return LabCard(eid=str(eid), iccid=str(first.iccid), imsi=str(first.imsi), msisdn=first.msisdn)

    def _profile(self) -> LabProfile:
        drawn = draw_profile(self._entropy)
        _write(self._lab.stock(str(drawn.iccid)), drawn.package)
        return LabProfile(iccid=str(drawn.iccid), imsi=str(drawn.imsi), msisdn=drawn.msisdn)
