# SPDX-License-Identifier: Apache-2.0
"""Programs around a private pcscd: clients, and `euicc card serve` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.require import ROOT

READER: Final = "eUICC Test"
PATIENCE: Final = 15.0
_EUICC: Final = "from tools.cli import main; main(prog_name='euicc')"


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds} s not yet {what}"
        time.sleep(0.02)


def client(*command: object, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a program; the environment names the private pcscd."""
    return subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


class Server:
    """`euicc card serve` in a process of its own."""

    def __init__(self, image: Path, port: int) -> None:
        command = [sys.executable, "-c", _EUICC, "card", "serve", str(image), "--vpcd", f"127.0.0.1:{port}"]
        self._out = image.with_name(image.name + ".out")
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def lines(self) -> list[str]:
        """What it has printed so far."""
        return self._out.read_text("utf-8").splitlines()

    def inserted(self) -> Server:
        """Wait until the card is in the reader."""
        return self.until("in the reader")

    def until(self, line: str) -> Server:
        """Wait until the last line begins like this."""

        def said() -> bool:
            assert self.process.poll() is None, self.lines()
            return bool(self.lines()) and self.lines()[-1].startswith(line)

        wait_for(said, line)
        return self

    def end(self, number: int) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)
