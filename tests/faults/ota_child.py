# SPDX-License-Identifier: Apache-2.0
"""A process with SM-SR, SM-DP and card that works on a provisioning until it is killed, or done.

    python -m tests.faults.ota_child FOLDER sms|https WRITE

The card is an image and the SM-SR's journal a file in the folder; WRITE is the write of the journal at which the
process kills itself, 0 for never.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

from apdu.keys.secret import KeySet, SecretKey
from smsr.ota.carrier import Way
from tests.e2e.test_ota_jobs import Provisioner, Saboteur
from tests.support.air import Air


def main(folder: Path, way: Way, at: int) -> None:
    air = Air(way=way, image=folder / "card", journal=str(folder / "journal"))
    air.settle()
    provisioner = Provisioner(air)
    keys = folder / "keys"
    if keys.exists():
        raw = keys.read_bytes()
        provisioner.keys = KeySet(raw[0], *(SecretKey(raw[1 + at : 17 + at]) for at in (0, 16, 32)))
    provisioner.kept = lambda made: _keep(keys, made)
    saboteur = Saboteur(air.keeper, at, partial(os.kill, os.getpid(), signal.SIGKILL))
    provisioner.process()
    states = ",".join(f"{aid.hex()[24:]}={state}" for aid, state in sorted(air.states().items()))
    print(states, air.present, saboteur.writes, len(air.recorder.errors))


def _keep(path: Path, keys: KeySet) -> None:
    path.write_bytes(bytes((keys.kvn,)) + keys.enc.reveal() + keys.mac.reveal() + keys.dek.reveal())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Way(sys.argv[2]), int(sys.argv[3]))
