# SPDX-License-Identifier: Apache-2.0
"""`euicc` as a program in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.require import ROOT
from tests.support.smsc import wait_for

__all__ = ["Program"]

_EUICC = "from tools.cli import main; main(prog_name='euicc')"


class Program:
    """`euicc` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._out = folder / f"{arguments[0]}.out"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _EUICC, *arguments],
                cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def text(self) -> str:
        return self._out.read_text("utf-8")

    def until(self, words: str) -> None:
        def said() -> bool:
            assert self.process.poll() is None, self.text
            return words in self.text

        wait_for(said, 20)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)
