# SPDX-License-Identifier: Apache-2.0
"""Media that lose power: what both backends are tested on."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from emulator.memory import Backend, Flash, JournalBackend
from emulator.memory.image import ImageBackend
from emulator.memory.journal import Hook


class Medium(Protocol):
    """What survives a power cut."""

    def open(self, hook: Hook | None = None) -> Backend:
        """A backend on it; the one before is not used any more."""
        ...

    def copy(self) -> Medium:
        """What is on it now, on another medium: as after a power cut."""
        ...

    def contents(self) -> bytes:
        """Every byte."""
        ...


class FlashMedium:
    """A journal in RAM."""

    def __init__(self, flash: Flash | None = None) -> None:
        self.flash = flash or Flash()

    def open(self, hook: Hook | None = None) -> Backend:
        return JournalBackend(self.flash, hook)

    def copy(self) -> Medium:
        return FlashMedium(self.flash.copy())

    def contents(self) -> bytes:
        return self.flash.contents()


class ImageMedium:
    """A SQLite file with what lies beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "a.card"
        self._opened: ImageBackend | None = None

    def open(self, hook: Hook | None = None) -> Backend:
        self.close()
        self._opened = ImageBackend(self.path, hook) if self.path.exists() else ImageBackend.create(self.path, hook)
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def copy(self) -> Medium:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for each in self.folder.glob("a.card*"):
            shutil.copyfile(each, folder / each.name)
        return ImageMedium(folder)

    def contents(self) -> bytes:
        return b"".join(each.read_bytes() for each in sorted(self.folder.glob("a.card*")))


def values(medium: Medium) -> dict[str, bytes]:
    """What a new card finds on a medium after a power cut now; the medium stays as it is."""
    copy = medium.copy()
    found = dict(copy.open().items(""))
    if isinstance(copy, ImageMedium):
        copy.close()
    return found
