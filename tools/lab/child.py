# SPDX-License-Identifier: Apache-2.0
"""`euicc` as a part of a lab: it ends when the process that started it does, however that ended.

The first argument is a descriptor, the end of a pipe that the other process has open as long as it lives; the others
are those of `euicc`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from threading import Thread
from typing import Final

__all__ = ["GRACE", "main"]

GRACE: Final = 10.0
"""Seconds that a part has to end by itself."""


def main() -> None:
    """Run the command."""
    descriptor = int(sys.argv[1])
    Thread(target=_watch, args=(descriptor,), name="watch", daemon=True).start()
    from tools.cli import main as command

    command(sys.argv[2:], prog_name="euicc")


def _watch(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    main()
