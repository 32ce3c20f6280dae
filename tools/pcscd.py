# SPDX-License-Identifier: Apache-2.0
"""A private pcscd with a virtual reader of two slots, beside whatever runs on the machine.

pcscd knows one place for its socket only, so it gets a mount namespace with a folder of ours in that place; clients are
told by an environment variable. That takes root. It runs in the foreground and is ended by its own process identifier.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from tools.errors import ToolError

__all__ = ["SOCKET_VARIABLE", "PrivatePcscd", "obstacle"]

SOCKET_VARIABLE: Final = "PCSCLITE_CSOCK_NAME"
"""Read by every PC/SC client at its first call."""
_DRIVER: Final = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
_START: Final = (
    'mkdir -p /run/pcscd && mount --bind "$1" /run/pcscd && conf=$2 && shift 2 && '
    'exec pcscd --foreground --config "$conf" "$@"'
)
_PATIENCE: Final = 15.0
_POLL: Final = 0.02


def obstacle() -> str | None:
    """Why it cannot be started here; None when it can."""
    if shutil.which("pcscd") is None:
        return "pcscd is not installed (Debian package pcscd)"
    if not _DRIVER.exists():
        return "pcscd has no virtual reader (Debian package vsmartcard-vpcd)"
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode
    ):
        return "a pcscd of one's own takes root and mount namespaces, which this sandbox does not allow"
    return None


class PrivatePcscd:
    """One pcscd; `start` and `stop` as often as needed. The card of slot n connects to `port` + n."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        """`folder` is made, and with it the socket's place; `name` is that of the reader, `arguments` are pcscd's."""
        self.port = _free_pair()
        self.socket = folder / "run" / "pcscd.comm"
        self._config = folder / "conf"
        self.arguments = arguments
        self.log = folder / "pcscd.log"
        """What it writes to standard output and standard error."""
        for each in (self.socket.parent, self._config):
            each.mkdir(parents=True)
        (self._config / "vpcd").write_text(
            f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{self.port:#x}\n'
            f"LIBPATH {_DRIVER}\nCHANNELID {self.port:#x}\n",
            "ascii",
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find it."""
        return {**os.environ, SOCKET_VARIABLE: str(self.socket)}

    def start(self) -> None:
        """Start it and wait until it answers; ToolError when it does not."""
        folders = [str(self.socket.parent), str(self._config)]
        command = ["unshare", "-m", "sh", "-c", _START, "sh", *folders, *self.arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                last = (self.log.read_text("utf-8", "replace").strip().splitlines() or ["it says nothing"])[-1]
                raise ToolError(f"pcscd does not start: {last}")
            time.sleep(_POLL)

    def stop(self) -> None:
        """End it, whether it runs or not."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.socket.unlink(missing_ok=True)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0


def _free_pair() -> int:
    """A port that is free with its successor, below those that the kernel hands out by itself."""
    for port in range(20_000 + os.getpid() % 5_000 * 2, 32_000, 2):
        try:
            for number in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("0.0.0.0", number))
        except OSError:
            continue
        return port
    raise ToolError("no two ports in a row are free between 20000 and 32000")
