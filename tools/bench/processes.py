# SPDX-License-Identifier: Apache-2.0
"""New processes: how long an import and `euicc --help` take, the first provisioning, what further cards cost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tools.bench.measure import Better, Budget, Effort, Figure, Metric, Sample
from tools.errors import ToolError

__all__ = ["IMPORT_NOTE", "MEMORY_NOTE", "process_metrics"]

IMPORT_NOTE: Final = (
    "import_emulator: emulator.card and emulator.factory.eum in a new process; the interpreter of profiles is imported "
    "by the first download, so its time is in provisioning_first."
)
MEMORY_NOTE: Final = (
    "memory_per_card: growth of the resident set of a process by each further card with the same profile, enabled, "
    "after its reset; RAM memory included, servers and functools caches not."
)
_IMPORT: Final = """
import time
start = time.perf_counter()
import emulator.card, emulator.factory.eum
print([time.perf_counter() - start])
"""
_HELP: Final = "from tools.cli import main; main(['--help'], prog_name='euicc')"


def process_metrics(profile: Path | None, effort: Effort) -> Iterator[Metric]:
    """Each round is a new interpreter; its own start is part of the figure of `euicc --help` only."""
    shown = str(profile or "")
    first = f"from tools.bench.child import first; first({shown!r})"
    firsts = Sample.of([value for _ in range(effort.slow_rounds) for value in _figures(first)])
    yield Metric("provisioning_first", Figure(firsts.scaled(1e3), "ms"))
    grown = Sample.of(_figures(f"from tools.bench.child import memory; memory({shown!r}, {effort.cards})"))
    yield Metric("memory_per_card", Figure(grown.scaled(1e-3), "kB"), Budget(10, Better.LOWER))
    imported = Sample.of([value for _ in range(effort.slow_rounds) for value in _figures(_IMPORT)])
    yield Metric("import_emulator", Figure(imported.scaled(1e3), "ms"), Budget(300, Better.LOWER))
    helped = Sample.of([_wall(_HELP) for _ in range(effort.slow_rounds)])
    yield Metric("euicc_help", Figure(helped.scaled(1e3), "ms"), Budget(150, Better.LOWER))


def _run(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ToolError(f"a measuring process failed: {last}")
    return done.stdout


def _figures(code: str) -> Sequence[float]:
    """What a child measured itself."""
    values: list[float] = json.loads(_run(code))
    return values


def _wall(code: str) -> float:
    """Seconds from the start of an interpreter to its end."""
    start = time.perf_counter()
    _run(code)
    return time.perf_counter() - start
