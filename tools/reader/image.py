# SPDX-License-Identifier: Apache-2.0
"""A card image as a reader with its card in it."""

from __future__ import annotations

from pathlib import Path

from apdu.trace import IGNORE, Event
from emulator.card import Card
from emulator.memory.image import ImageBackend
from emulator.memory.store import Memory
from emulator.readers.inprocess import VirtualReader
from tools.entropy import Source

__all__ = ["ImageReader", "image_reader"]


class _Loud:
    """A card that fails in itself is a bug of ours: it is raised and not answered with 6F00."""

    def event(self, event: Event) -> None:
        """The connection reports what crosses it."""
        IGNORE.event(event)

    def internal_error(self, error: BaseException) -> None:
        """Raise it."""
        raise error


class ImageReader(VirtualReader):
    """A reader that holds the card of one image until it is closed."""

    def __init__(self, path: Path, backend: ImageBackend) -> None:
        source = Source()
        card = Card(Memory(backend), entropy=source.entropy("card"), clock=source.clock, observer=_Loud())
        super().__init__(f"virtual:{path}", card)
        self._backend = backend

    def close(self) -> None:
        """Let others have the image."""
        self._backend.close()


def image_reader(path: Path) -> ImageReader:
    """Open an image; ImageError when it cannot be."""
    backend = ImageBackend(path)
    try:
        return ImageReader(path, backend)
    except BaseException:
        backend.close()
        raise
