# SPDX-License-Identifier: Apache-2.0
"""Starts the servers of a lab, each in a process of its own that can be killed and started again within a moment.

    python -m tests.faults.server_child LAB

Reads which one to start, `sm-sr` or `sm-dp`, and writes the number of its process. The lab's cards are in reach of the
SM-SR: whoever kills it cuts their power, too. This process has imported everything, and forks.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from threading import Event

import msgspec

from apdu.ids import Eid
from smdp.config import SmDpConfig
from smdp.service import SmDpService
from smsr.config import SmSrConfig
from smsr.service import SmSrService
from smsr.serving.config import load_config
from smsr.serving.logs import log_to
from tools.entropy import SystemEntropy
from tools.lab.layout import Lab, open_lab
from tools.servers.inreach import CardInReach

LEASE = 1.5


def _sm_sr(lab: Lab) -> SmSrService:
    config = load_config(lab.sm_sr, SmSrConfig)
    server = msgspec.structs.replace(config.server, lease=LEASE)
    service = SmSrService(msgspec.structs.replace(config, ota=None, server=server), lab.path, SystemEntropy())
    for card in lab.file.cards:
        held = CardInReach.from_image(lab.image(card.eid), SystemEntropy())
        service.reach.attach(Eid.from_string(card.eid), held.bearer)
    return service


def _sm_dp(lab: Lab) -> SmDpService:
    config = load_config(lab.sm_dp, SmDpConfig)
    server = msgspec.structs.replace(config.server, lease=LEASE)
    return SmDpService(msgspec.structs.replace(config, server=server), lab.path, SystemEntropy())


def _serve(name: str, lab: Lab) -> None:
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.set())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = lab.log(name).open("a", encoding="utf-8", buffering=1)
    log_to(log)
    try:
        service = _sm_sr(lab) if name == "sm-sr" else _sm_dp(lab)
        service.start()
        stopped.wait()
        service.stop()
    except BaseException:
        traceback.print_exc(file=log)
        raise


def main(path: Path) -> None:
    lab = open_lab(path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them, so nothing of them stays
    started: dict[str, int] = {}
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                _serve(line.strip(), lab)
            finally:
                os._exit(0)
        started[line.strip()] = child
        print(child, flush=True)
    for child in started.values():
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
