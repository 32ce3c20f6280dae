# SPDX-License-Identifier: Apache-2.0
"""Starts the servers of a lab, each in a process of its own that can be killed and started again within a moment.

    python -m tests.faults.server_child LAB [air]

Reads which one to start, `sm-sr` or `sm-dp`, and writes the number of its process. The lab's cards are in reach of the
SM-SR, and whoever kills it cuts their power, too; with `air` they are somewhere else, and it calls them over the lab's
SMSC. This process has imported everything, and forks.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final

from msgspec.structs import replace

from apdu.ids import Eid
from apdu.ota.trigger import RetryPolicy
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
_TIMES: Final = {"sms_timeout": 2, "reach": 5, "patience": 10, "notification": 2, "pause": 0.5}
"""Seconds, as the SM-SR has them here: what a process that ended waited for, another one waits for in vain."""
_RETRY: Final = RetryPolicy.after(30, 1)
"""How cards come back when their SM-SR has gone."""


def _sm_sr(lab: Lab, by_air: bool) -> SmSrService:
    config = load_config(lab.sm_sr, SmSrConfig)
    assert config.ota is not None
    ota = replace(config.ota, **_TIMES) if by_air else None
    server = replace(config.server, lease=LEASE)
    service = SmSrService(replace(config, ota=ota, server=server), lab.path, SystemEntropy())
    if service.air is not None:
        https = service.air.ota.https
        assert https is not None
        https.settings = dataclasses.replace(https.settings, retry=_RETRY)
        return service
    for card in lab.file.cards:
        held = CardInReach.from_image(lab.image(card.eid), SystemEntropy())
        service.reach.attach(Eid.from_string(card.eid), held.bearer)
    return service


def _sm_dp(lab: Lab) -> SmDpService:
    config = load_config(lab.sm_dp, SmDpConfig)
    server = replace(config.server, lease=LEASE)
    return SmDpService(replace(config, server=server), lab.path, SystemEntropy())


def _serve(name: str, lab: Lab, by_air: bool) -> None:
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.set())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = lab.log(name).open("a", encoding="utf-8", buffering=1)
    log_to(log)
    try:
        service = _sm_sr(lab, by_air) if name == "sm-sr" else _sm_dp(lab)
        service.start()
        stopped.wait()
        service.stop()
    except BaseException:
        traceback.print_exc(file=log)
        raise


def main(path: Path, *, by_air: bool) -> None:
    lab = open_lab(path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them, so nothing of them stays
    started: dict[str, int] = {}
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                _serve(line.strip(), lab, by_air)
            finally:
                os._exit(0)
        started[line.strip()] = child
        print(child, flush=True)
    for child in started.values():
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), by_air=sys.argv[2:] == ["air"])
