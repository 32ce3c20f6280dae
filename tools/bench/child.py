# SPDX-License-Identifier: Apache-2.0
"""What has to be measured in a process of its own: the first provisioning, and the memory of further cards.

python -c "from tools.bench.child import first; first(...)"
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from emulator.card import Card
from tools.bench.line import Line, function_caches

__all__ = ["first", "memory"]

_STATM: Final = Path("/proc/self/statm")
_BLOCKS: Final = 3


def first(profile: str) -> None:
    """Print the seconds of this process's first provisioning."""
    job = Line(Path(profile) if profile else None).job()
    start = time.perf_counter()
    job.provision()
    print(json.dumps([time.perf_counter() - start]))


def memory(profile: str, cards: int) -> None:
    """Print how many bytes the process grows by each further card with the profile, block by block of cards."""
    line = Line(Path(profile) if profile else None)
    made: list[Card] = []
    clear = function_caches()
    _grow(line, made, max(cards // 2, 1))
    figures: list[float] = []
    before = _resident(clear)
    for _ in range(_BLOCKS):
        _grow(line, made, cards)
        after = _resident(clear)
        figures.append((after - before) / cards)
        before = after
    print(json.dumps(figures))


def _grow(line: Line, made: list[Card], cards: int) -> None:
    for _ in range(cards):
        card = line.job().provision()
        card.reset()
        made.append(card)


def _resident(clear: Callable[[], None]) -> int:
    """Bytes that are resident, after what is no card's own is gone."""
    clear()
    gc.collect()
    return int(_STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
