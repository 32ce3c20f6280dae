# SPDX-License-Identifier: Apache-2.0
"""The worked values in these tests are those of the foreign program that computed them."""

from __future__ import annotations

import subprocess
import sys

from tests.require import SHARED, require
from tests.unit.channel.test_scp03t import (
    ANCHOR_84,
    ANCHOR_85,
    ANCHOR_86,
    ANCHOR_86_ANSWER,
    ANCHOR_CHALLENGE,
    ANCHOR_CRYPTOGRAM,
)
from tests.unit.keys.vectors_sgp02 import (
    CI_POINT,
    ECASD_POINT,
    EPHEMERAL_POINT,
    KEYS,
    KEYS_DR,
    RECEIPT,
    RECEIPT_DR,
    SHARED_SECRET,
)


def test_worked_values() -> None:
    require("vectors")
    program = [sys.executable, str(SHARED / "spec" / "vectors.py")]
    result = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout
    shown = [line.rpartition("= ")[2] for line in result.stdout.splitlines() if line.startswith("SELF")]
    anchors = (ANCHOR_84, ANCHOR_85, ANCHOR_86, ANCHOR_86_ANSWER, ANCHOR_CHALLENGE, ANCHOR_CRYPTOGRAM)
    for value in (*anchors, CI_POINT, ECASD_POINT, EPHEMERAL_POINT, SHARED_SECRET, RECEIPT, RECEIPT_DR):
        assert value.hex().upper() in shown
    for keys in (KEYS, KEYS_DR):
        assert any(line.endswith(b"".join(keys).hex().upper()) for line in shown)
