# SPDX-License-Identifier: Apache-2.0
"""Parts of a lab as processes: started one after the other, watched, started again when they die, ended together."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tools.ending import Ending
from tools.errors import ToolError
from tools.lab.child import GRACE
from tools.text import printable

__all__ = ["Part", "Stopped", "Supervisor"]

_LOOK: Final = 0.1
_READY: Final = 60.0
"""Seconds that a part has to be ready."""
_RESTARTS: Final = 5
_FIRST_PAUSE: Final = 1.0
_LONG_ENOUGH: Final = 60.0
"""Seconds of life after which an earlier death does not count any more."""
_TAIL: Final = 4000
_WORDS: Final = 300


class Stopped(Exception):
    """Somebody ends the lab."""


@dataclass(slots=True)
class Part:
    """One process: `euicc` with arguments."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    ready: Callable[[int], bool]
    """Whether the process with this number does its work."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    restarts: int = 0
    """Since it lived long enough the last time."""
    started: float = 0.0
    again: float | None = None
    """When it is started again."""

    @property
    def pid(self) -> int | None:
        """Of the process that lives."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    @property
    def last_words(self) -> str:
        """The last line of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - _TAIL))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return printable(next((line.strip() for line in reversed(lines) if line.strip()), ""), _WORDS)


class Supervisor:
    """Runs parts until its block ends; SIGINT and SIGTERM end them all. For the main thread."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.parts: list[Part] = []
        self._say = say
        self._ending = Ending()
        self._read, self._write = os.pipe()

    def __enter__(self) -> Self:
        self._ending.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()
        os.close(self._read)
        os.close(self._write)
        self._ending.__exit__()

    def start(self, *parts: Part) -> None:
        """Start parts and wait until all are ready; ToolError when one ends or takes too long, Stopped."""
        for part in parts:
            self.parts.append(part)
            self._launch(part)
        end = time.monotonic() + _READY
        for part in parts:
            while not self._is_ready(part):
                if time.monotonic() > end:
                    raise ToolError(f"{part.name} is not ready after {_READY:g} s: {part.last_words} ({part.log})")
                self._wait(_LOOK)

    def check(self) -> None:
        """Stopped when somebody ends the lab."""
        self._wait(0)

    def watch(self) -> None:
        """Start again what dies, until Stopped."""
        while True:
            for part in self.parts:
                self._look(part)
            self._wait(_LOOK)

    def figures(self) -> Mapping[str, object]:
        """How every part is, from any thread."""
        return {"parts": {part.name: {"pid": part.pid, "restarts": part.restarts} for part in list(self.parts)}}

    # ---

    def _wait(self, seconds: float) -> None:
        if self._ending.wait(seconds):
            raise Stopped

    def _is_ready(self, part: Part) -> bool:
        pids = {each.name: each.pid for each in self.parts}
        for each in self.parts:
            if pids[each.name] is None:
                raise ToolError(f"{each.name} ended: {each.last_words or 'it said nothing'} ({each.log})")
        pid = pids[part.name]
        return pid is not None and part.ready(pid)

    def _launch(self, part: Part) -> None:
        command = [sys.executable, "-P", "-m", "tools.lab.child", str(self._read), *part.arguments]
        with part.log.open("ab") as log:
            part.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                pass_fds=(self._read,),
                process_group=0,  # Ctrl-C at the terminal is this process's affair
            )
        part.started, part.again = time.monotonic(), None

    def _look(self, part: Part) -> None:
        now = time.monotonic()
        if part.pid is not None:
            if part.restarts and now - part.started > _LONG_ENOUGH:
                part.restarts = 0
            return
        if part.again is not None:
            if now >= part.again:
                self._launch(part)
                self._say(f"{part.name} is started again, process {part.pid}")
        elif part.process is not None:
            self._died(part, now)

    def _died(self, part: Part, now: float) -> None:
        assert part.process is not None
        code, part.process = part.process.returncode, None
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code} ({part.last_words})"
        if part.restarts >= _RESTARTS:
            self._say(f"{part.name} {how}; it died {_RESTARTS + 1} times and is left alone")
            return
        pause = _FIRST_PAUSE * 2**part.restarts
        part.restarts += 1
        part.again = now + pause
        self._say(f"{part.name} {how}; again in {pause:g} s")

    def _stop(self) -> None:
        """SIGTERM, some seconds, SIGKILL; a second Ctrl-C cuts the seconds short."""
        while self._ending.wait(0):  # what came until now has its effect
            pass
        living = [part.process for part in self.parts if part.process is not None and part.process.poll() is None]
        for process in living:
            process.terminate()
        end = time.monotonic() + GRACE
        while any(process.poll() is None for process in living) and time.monotonic() < end:
            if self._ending.wait(_LOOK):
                break
        for process in living:
            if process.poll() is None:
                process.kill()
            process.wait()
