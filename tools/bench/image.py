# SPDX-License-Identifier: Apache-2.0
"""The card image: what a commit costs, on the disk where temporary files are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from emulator.memory.image import ImageBackend
from emulator.memory.store import Memory
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, seconds

__all__ = ["IMAGE_NOTE", "image_metrics"]

IMAGE_NOTE: Final = (
    "image_commit: one counter written to a card image, durable (SQLite, WAL, synchronous=FULL), in the folder of "
    "temporary files. image_no_write: the commit of a command that wrote nothing."
)
_MICROSECONDS: Final = 1e6


def image_metrics(effort: Effort) -> Iterator[Metric]:
    """With a write and without."""
    with TemporaryDirectory(prefix="euicc-bench-") as folder, ImageBackend.create(Path(folder, "card")) as backend:
        memory = Memory(backend)
        memory.put("isdp/001000/pkg", bytes(12_000))
        memory.commit()
        numbers = count()

        def write() -> None:
            memory.put("isdr/ctr/30", next(numbers).to_bytes(8, "big"))
            memory.commit()

        written = seconds(write, effort).scaled(_MICROSECONDS)
        yield Metric("image_commit", Figure(written, "us"), Budget(400, Better.LOWER))
        idle = seconds(memory.commit, effort).scaled(_MICROSECONDS)
        yield Metric("image_no_write", Figure(idle, "us"), Budget(5, Better.LOWER))
