# SPDX-License-Identifier: Apache-2.0
"""The servers' processes, as whoever measures them sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from tools.bench.servers.child import Order
from tools.errors import ToolError

__all__ = ["ServerProcess", "processors", "running"]

_CODE: Final = "from tools.bench.servers.child import main; main()"
_END: Final = 30.0


def processors() -> list[int]:
    """Those that this process may use."""
    return sorted(os.sched_getaffinity(0))


class ServerProcess:
    """One server."""

    def __init__(self, order: Order, log: Path) -> None:
        self._log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CODE, msgspec.json.encode(order).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
            )

    def wait(self) -> list[str]:
        """Until it serves: the EIDs of the cards in its reach."""
        eids: list[str] = self._line()
        return eids

    def cpu(self) -> float:
        """Seconds that it has computed so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return float(self._line())

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            last = (self._log.read_text("utf-8", "replace").strip().splitlines() or ["no reason given"])[-1]
            raise ToolError(f"a server of the benchmark ended: {last}")
        return json.loads(line)


@contextmanager
def running(*orders: Order) -> Iterator[list[ServerProcess]]:
    """Servers, for as long as they are needed; they begin together."""
    processes: list[ServerProcess] = []
    try:
        for order in orders:
            processes.append(ServerProcess(order, Path(order.lab) / "log" / f"{order.server}.log"))
        yield processes
    finally:
        for process in processes:
            process.stop()
